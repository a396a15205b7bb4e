"""One reader of masks: which segment of a file is a structure, and where it lies in the image."""

from LiverAILib.data.masks.label_names import stated_names
from LiverAILib.data.masks.read import MASK_SOURCE, read_mask, split_choice, united
from LiverAILib.data.masks.segment_choice import SegmentName, Terminology, choose_segment, find_segment

__all__ = [
    "MASK_SOURCE",
    "SegmentName",
    "Terminology",
    "choose_segment",
    "find_segment",
    "read_mask",
    "split_choice",
    "stated_names",
    "united",
]
