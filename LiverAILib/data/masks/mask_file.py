"""What every kind of mask file offers: its segments, and the mask and volume of each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from LiverAILib.data.masks.segment_choice import SegmentName, same_name
from LiverAILib.imaging.image import Image


class MaskFile(ABC):
    """A mask file that was read.

    Attributes:
        name: The file as the user wrote it, for messages.
        segments: What it holds, in its order.
        named: Whether the segments have names; otherwise their labels are all there is.
        names_from: Where the names come from, for a person; "" for the file itself.
    """

    name: str
    segments: Sequence[SegmentName]
    named: bool
    names_from: str = ""

    @abstractmethod
    def mask(self, segment: SegmentName) -> Image:
        """Where the segment is: uint8 0/1 on the file's own grid, with the warnings of the reading in `read_warnings`."""

    def volume_ml(self, segment: SegmentName) -> float:
        """Volume of the segment in mL."""
        mask = self.mask(segment)
        return float(np.count_nonzero(mask.array)) * mask.voxel_volume_ml

    def describe(self, segment: SegmentName) -> str:
        """The segment in a list for a person: name, label and volume."""
        volume = f"{self.volume_ml(segment):.4g} mL"
        if not self.named:
            return f"label {segment.label} ({volume})"
        label = "" if segment.label is None else f"label {segment.label}, "
        others = [one for one in self.segments if one is not segment and same_name(one.name, segment.name)]
        segment_id = f"ID {segment.segment_id}, " if others else ""
        return f"'{segment.name}' ({segment_id}{label}{volume})"
