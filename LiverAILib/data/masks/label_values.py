"""What the values of a mask file are: labels, one mask, or probabilities with a threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image

PROBABILITY_THRESHOLD = 0.5

MANY_LABELS = 1000
"""More different values are no labels; the largest atlases of whole-body anatomy have some hundred."""

ROUNDING = 1e-3
"""Floating-point labels may lie so far beside whole numbers, as scaled or compressed files have them."""

COUNTED_RANGE = 1 << 16


@dataclass(frozen=True, eq=False)
class Labels:
    """A label map.

    Attributes:
        image: Whole numbers, (k, j, i), 0 where there is nothing; its `read_warnings` hold what was found.
        counts: Number of voxels by label, without 0.
        from_probabilities: Whether the labels (0 and 1) come from a probability map and its threshold.
    """

    image: Image
    counts: Mapping[int, int]
    from_probabilities: bool = False


def labels_of(image: Image, name: str) -> Labels:
    """The label map that the values of `image` are.

    Args:
        image: As it was read, of any scalar type.
        name: Of the file, for messages.

    Raises:
        UserError: The values are neither labels nor probabilities.
    """
    array = image.array
    if array.dtype.kind == "f":
        image, from_probabilities = _whole_numbers(image, name)
    elif array.dtype.kind == "b":
        image, from_probabilities = image.with_array(array.astype(np.uint8)), False
    else:
        from_probabilities = False
    counts = label_counts(image.array)
    if len(counts) > MANY_LABELS:
        raise UserError(
            f"{name}: {len(counts)} different values: this is an image, not a mask. Give a mask, a label map, or a probability "
            "map from 0 to 1."
        )
    if len(counts) > 1 and min(counts) < 0:
        raise UserError(
            f"{name}: the values go from {min(counts)} to {max(counts)}; labels are not negative. Give a mask of 0 and 1 or a "
            "label map."
        )
    return Labels(image, counts, from_probabilities)


def label_counts(array: np.ndarray) -> dict[int, int]:
    """Number of voxels of every value of a whole-number array but 0."""
    if array.size == 0:
        return {}
    low, high = int(array.min()), int(array.max())
    if high - low >= COUNTED_RANGE:
        values, numbers = np.unique(array, return_counts=True)
        return {int(value): int(number) for value, number in zip(values, numbers, strict=True) if value != 0}
    counts = np.zeros(high - low + 1, np.int64)
    for part in array.reshape(array.shape[0], -1):  # slice by slice: `bincount` makes 8 bytes of every voxel
        counts += np.bincount(part.astype(np.int64) - low, minlength=counts.size)
    return {low + int(n): int(counts[n]) for n in np.flatnonzero(counts) if low + n != 0}


def _whole_numbers(image: Image, name: str) -> tuple[Image, bool]:
    """A floating-point mask as whole numbers, and whether it was a probability map."""
    array, missing = image.array, ~np.isfinite(image.array)
    if missing.any():
        array = np.where(missing, array.dtype.type(0), array)
        image = image.with_read_warning(
            "mask_not_a_number",
            f"{name}: {100 * missing.mean():.2g} % of the voxels of the mask are NaN or infinite; they count as outside.",
        )
    low, high = float(array.min()), float(array.max())
    rounded = np.rint(array)
    if float(np.abs(array - rounded).max()) <= ROUNDING and max(-low, high) < np.iinfo(np.int32).max:
        return image.with_array(rounded.astype(np.int32)), False
    inside = array[array != 0]
    if float(inside.min()) == float(inside.max()):
        return image.with_array((array != 0).astype(np.uint8)), False
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise UserError(
            f"{name}: the values go from {low:g} to {high:g} and are not whole numbers: neither labels nor probabilities from "
            "0 to 1. Save the mask with whole numbers (nearest neighbor where it was resampled)."
        )
    image = image.with_read_warning(
        "mask_from_probabilities",
        f"{name}: a probability map from {low:g} to {high:g}; the mask is where it is at least {PROBABILITY_THRESHOLD:g}.",
    )
    return image.with_array((array >= PROBABILITY_THRESHOLD).astype(np.uint8)), True
