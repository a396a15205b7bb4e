"""Which slice the networks of Nowak 2021 look at."""

from __future__ import annotations

import numpy as np

from LiverAILib.data.assessment import CaseWarning, ChosenSlice
from LiverAILib.errors import UserError
from LiverAILib.imaging.geometry import AxisOrder
from LiverAILib.imaging.image import Image
from LiverAILib.segmentation.caudate_level import caudate_level


def choose_slice(
    image: Image, canonical: Image, order: AxisOrder, liver: np.ndarray, slice_index: int | None
) -> tuple[ChosenSlice, int, tuple[CaseWarning, ...]]:
    """The slice at the level of the caudate lobe, or the one asked for.

    Args:
        image: The input.
        canonical: The input in canonical axis order, as `order` says.
        order: Axis order of the input.
        liver: Boolean mask in canonical order.
        slice_index: Slice number along the input's own slice axis, or None to choose.

    Returns:
        The slice in the input's numbering, its canonical number, and warnings.

    Raises:
        UserError: There is no liver to choose by, or none in the slice asked for, or no such slice.
    """
    slices = canonical.array.shape[0]
    name = image.meta.get("path", "image")
    warnings: list[CaseWarning] = []
    if slice_index is not None:
        if not 0 <= slice_index < slices:
            raise UserError(f"{name}: slice {slice_index} does not exist. Use 0 to {slices - 1}.")
        position, source = order.canonical_slice(slice_index, image), "given"
    elif not liver.any():
        raise UserError(
            f"{name}: no liver was found. Check that the image shows the upper abdomen, or give a liver mask."
        )
    elif slices == 1:
        position, source = 0, "the only slice"
        warnings.append(
            CaseWarning(
                "single_slice", "The image is a single slice: that it lies at the level of the caudate lobe is assumed."
            )
        )
    else:
        position, source = caudate_level(liver), "level of the caudate lobe, from the liver mask"
    if not liver[position].any():
        raise UserError(
            f"{name}: slice {order.canonical_slice(position, image)} shows no liver. Choose another slice or mask."
        )
    columns, rows, _ = canonical.size
    center = canonical.index_to_lps @ [(columns - 1) / 2, (rows - 1) / 2, position, 1.0]
    x, y, z = (float(v) for v in center[:3])
    index = order.canonical_slice(position, image)
    return ChosenSlice(index, order.slice_axis, (x, y, z), source), position, tuple(warnings)
