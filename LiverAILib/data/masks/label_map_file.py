"""Masks, label maps and probability maps of every image format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from LiverAILib.data.masks.label_names import LabelNames, names_beside
from LiverAILib.data.masks.label_values import Labels, labels_of
from LiverAILib.data.masks.mask_file import MaskFile
from LiverAILib.data.masks.nifti_labels import label_names
from LiverAILib.data.masks.segment_choice import SegmentName
from LiverAILib.errors import SeveralValuesError, UserError
from LiverAILib.imaging.files import read_image
from LiverAILib.imaging.image import Image


@dataclass(frozen=True)
class LabelSegment(SegmentName):
    """A segment of a label map, and all of its labels; a region of nnU-Net has several."""

    labels: tuple[int, ...] = ()


class LabelMapFile(MaskFile):
    """A mask, label map or probability map without segments of its own.

    Args:
        path: The file.
        name: As the user wrote it, for messages.
        stated: Names of the labels of a file without names, as the user says; by default those of a `dataset.json` beside it.

    Raises:
        UserError: It is no mask, or has a label that contradicts the stated names.
    """

    def __init__(self, path: Path, name: str, stated: LabelNames | None = None) -> None:
        self.name = name
        try:
            self.labels: Labels = labels_of(read_image(path, constant_allowed=True, fill=False, color=False), name)
        except SeveralValuesError:
            raise UserError(
                f"{name}: several values per voxel (a color or vector image); a mask has one label per voxel. Save it as a label "
                "map or as a Slicer segmentation."
            ) from None
        own = label_names(path)
        known = LabelNames("", {text: (label,) for label, text in own.items()}) if own else stated or names_beside(path)
        self.named = known is not None
        self.names_from = known.source if known is not None else ""
        if known is not None and known.complete:
            self._check_names(known)
        self.segments = list(self._segments(known.labels if known is not None else {}))

    def _check_names(self, known: LabelNames) -> None:
        """Raise where a label is none of the source's."""
        named = {label for labels in known.labels.values() for label in labels}
        unknown = sorted(set(self.labels.counts) - named)
        if unknown:
            raise UserError(
                f"{self.name}: has the label {unknown[0]}, which {known.source} does not have (1 to {max(named)}). Give the "
                "names of the tool and task that made it (--label-names)."
            )

    def _segments(self, names: Mapping[str, tuple[int, ...]]) -> Iterator[LabelSegment]:
        """Every label of the file, and the regions of several labels that have a voxel."""
        by_label = {labels[0]: name for name, labels in names.items() if len(labels) == 1}
        for label in self.labels.counts:
            yield LabelSegment(str(label), by_label.get(label, ""), label=label, labels=(label,))
        for name, labels in names.items():
            if len(labels) > 1 and any(label in self.labels.counts for label in labels):
                yield LabelSegment(name, name, labels=labels)

    def mask(self, segment: SegmentName) -> Image:
        assert isinstance(segment, LabelSegment)
        image = self.labels.image
        return image.with_array(np.isin(image.array, segment.labels).astype(np.uint8), modality=None)

    def volume_ml(self, segment: SegmentName) -> float:
        assert isinstance(segment, LabelSegment)
        count = sum(self.labels.counts.get(label, 0) for label in segment.labels)
        return count * self.labels.image.voxel_volume_ml
