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


def shown_slice(assessment: Assessment) -> ShownSlice:
    """The slice that the method looked at; where it looked at a volume, the one with the largest area of liver."""
    order = axis_order(assessment.image)
    chosen = assessment.chosen_slice
    if chosen is not None:
        return ShownSlice(
            order.canonical_slice(chosen.index, assessment.image), chosen.index, chosen.axis, chosen.source
        )
    area = (order.apply(assessment.segmentation.image.array) == LIVER.label).sum(axis=(1, 2))
    position = int(np.argmax(area))
    return ShownSlice(
        position, order.canonical_slice(position, assessment.image), order.slice_axis, "largest area of liver"
    )
