"""Masks, label maps and probability maps of every image format."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from LiverAILib.data.masks.label_values import Labels, labels_of
from LiverAILib.data.masks.mask_file import MaskFile
from LiverAILib.data.masks.nifti_labels import label_names
from LiverAILib.data.masks.segment_choice import SegmentName
from LiverAILib.errors import SeveralValuesError, UserError
from LiverAILib.imaging.files import read_image
from LiverAILib.imaging.image import Image


class LabelMapFile(MaskFile):
    """A mask, label map or probability map without segments of its own."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        try:
            self.labels: Labels = labels_of(read_image(path, constant_allowed=True, fill=False, color=False), name)
        except SeveralValuesError:
            raise UserError(
                f"{name}: several values per voxel (a color or vector image); a mask has one label per voxel. Save it as a label "
                "map or as a Slicer segmentation."
            ) from None
        known = label_names(path)
        self.named = bool(known)
        self.segments = [SegmentName(str(label), known.get(label, ""), label=label) for label in self.labels.counts]

    def mask(self, segment: SegmentName) -> Image:
        image = self.labels.image
        return image.with_array((image.array == segment.label).astype(np.uint8), modality=None)

    def volume_ml(self, segment: SegmentName) -> float:
        count = self.labels.counts.get(int(segment.segment_id), 0)
        return count * self.labels.image.voxel_volume_ml
