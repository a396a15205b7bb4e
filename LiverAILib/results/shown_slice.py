"""Which slice of an assessment is shown to a person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from LiverAILib.data.assessment import Assessment
from LiverAILib.data.structures import LIVER
from LiverAILib.imaging.geometry import axis_order


@dataclass(frozen=True)
class ShownSlice:
    """The axial slice that pictures and slice views show.

    Attributes:
        position: Number of the slice from the lowest one, the first axis of a canonical array.
        index: Number of the slice (from 0) along the slice axis of the input.
        axis: The slice axis, 0..2 for (i, j, k) of the input.
        source: Why this one.
    """

    position: int
    index: int
    axis: int
    source: str


def shown_slice(assessment: Assessment, role: str | None = None, number: int = 0) -> ShownSlice:
    """The slice of an image that is shown, of the assessment's main image where `role` is None.

    That is the slice that the method looked at; where it looked at a volume, the one with the largest area of liver; without a
    segmentation, the one with the most evidence in its heat maps.
    """
    main = next(iter(assessment.images))
    role = role or main
    image = assessment.images[role][number]
    order = axis_order(image)
    is_main = (role, number) == (main, 0)
    chosen = assessment.chosen_slice if is_main else None
    if chosen is not None:
        return ShownSlice(order.canonical_slice(chosen.index, image), chosen.index, chosen.axis, chosen.source)
    if is_main and assessment.segmentation is not None:
        weight = order.apply(assessment.segmentation.image.array) == LIVER.label
        source = "largest area of liver"
    else:
        maps = [np.abs(h.image.array) for h in assessment.heatmaps if (h.role or main, h.number) == (role, number)]
        weight = order.apply(sum(maps, np.zeros(image.array.shape[:3], np.float32)))
        source = "most evidence in the heat maps" if image.size[order.slice_axis] > 1 else "the only slice"
    position = int(np.argmax(weight.sum(axis=(1, 2))))
    return ShownSlice(position, order.canonical_slice(position, image), order.slice_axis, source)
