"""Slicer's segmentation files: NRRD label maps in layers, whose header names and codes the segments.

Format: vtkMRMLSegmentationStorageNode of 3D Slicer. Segments that overlap are in several layers, a first axis of the file that
is none of space. Files written before Slicer 4.11 have a layer for every segment and no label values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from LiverAILib.data.masks.label_values import PROBABILITY_THRESHOLD
from LiverAILib.data.masks.mask_file import MaskFile
from LiverAILib.data.masks.segment_choice import SegmentName, Terminology
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.nrrd_file import read_nrrd_header, read_nrrd_layers

FRACTIONAL = "Fractional labelmap"
FRACTIONAL_RANGE = (-108.0, 108.0)
"""Slicer's fractional label maps go from -108, nothing of the voxel, to 108, all of it
(vtkClosedSurfaceToFractionalLabelmapConversionRule)."""

SEGMENT_FIELD = re.compile(r"Segment(\d+)_(\w+)")


@dataclass(frozen=True)
class SlicerSegment(SegmentName):
    """A segment of a Slicer segmentation file, and in which layer its label is."""

    layer: int = 0


def slicer_fields(path: Path, name: str) -> dict[str, str]:
    """The `Segment...` fields of an NRRD header; empty where the file is no Slicer segmentation.

    Raises:
        UserError: The file cannot be read.
    """
    try:
        pairs = read_nrrd_header(path).pairs
    except UserError:
        raise UserError(f"{name}: not a readable NRRD file. Save the segmentation again.") from None
    if not any(SEGMENT_FIELD.fullmatch(key) for key in pairs):
        return {}
    return {key: value for key, value in pairs.items() if key.startswith("Segment")}


class SlicerSegmentationFile(MaskFile):
    """A `.seg.nrrd` file.

    Args:
        path: The file.
        name: As the user wrote it, for messages.
        fields: From `slicer_fields`.
    """

    named = True

    def __init__(self, path: Path, name: str, fields: Mapping[str, str]) -> None:
        self.name = name
        self._layers = read_nrrd_layers(path)
        self._fractional = any(FRACTIONAL in fields.get(key, "") for key in _REPRESENTATION_FIELDS)
        self.segments = _segments(fields, len(self._layers))
        deepest = max(segment.layer for segment in self.segments)
        if deepest >= len(self._layers):
            raise UserError(
                f"{name}: the header names layer {deepest}, the file has {len(self._layers)} (numbered from 0). Save the "
                "segmentation again."
            )

    def mask(self, segment: SegmentName) -> Image:
        assert isinstance(segment, SlicerSegment)
        layer = self._layers[segment.layer]
        if not self._fractional:
            return layer.with_array((layer.array == segment.label).astype(np.uint8), modality=None)
        threshold = _fraction_threshold(layer.array, self.name)
        text = (
            f"{self.name}: a fractional segmentation; the mask is where a voxel belongs to the segment by at least "
            f"{100 * PROBABILITY_THRESHOLD:.0f} % (value {threshold:g})."
        )
        inside = (layer.array >= threshold).astype(np.uint8)
        return layer.with_array(inside, modality=None).with_read_warning("mask_from_fractions", text)


_REPRESENTATION_FIELDS = (
    "Segmentation_SourceRepresentation",
    "Segmentation_MasterRepresentation",
    "Segmentation_ContainedRepresentationNames",
)


def _segments(fields: Mapping[str, str], layers: int) -> list[SlicerSegment]:
    """The segments in the order of their numbers."""
    numbers = sorted({int(match[1]) for key in fields if (match := SEGMENT_FIELD.fullmatch(key))})
    segments = []
    for number in numbers:
        prefix = f"Segment{number}_"
        entry = next(
            (
                value
                for key, _, value in (tag.partition(":") for tag in fields.get(f"{prefix}Tags", "").split("|"))
                if key in ("TerminologyEntry", "Segmentation.TerminologyEntry")
            ),
            "",
        )
        segments.append(
            SlicerSegment(
                segment_id=fields.get(f"{prefix}ID", f"Segment_{number + 1}"),
                name=fields.get(f"{prefix}Name", "").strip(),
                terminology=Terminology.from_slicer(entry),
                label=_number(fields, f"{prefix}LabelValue", 1),
                layer=_number(fields, f"{prefix}Layer", number if layers > 1 else 0),
            )
        )
    return segments


def _number(fields: Mapping[str, str], key: str, default: int) -> int:
    value = fields.get(key, "").strip()
    return int(value) if re.fullmatch(r"\d+", value) else default


def _fraction_threshold(array: np.ndarray, name: str) -> float:
    """The value of one half.

    Raises:
        UserError: The range of the values is not known.
    """
    low, high = float(array.min()), float(array.max())
    ranges = ((0.0, 1.0), FRACTIONAL_RANGE)
    for bottom, top in ranges:
        if bottom <= low and high <= top and (low < 0 or top == 1.0):
            return bottom + PROBABILITY_THRESHOLD * (top - bottom)
    raise UserError(
        f"{name}: a fractional segmentation with values from {low:g} to {high:g}, whose range is not known. Convert it to a "
        "binary label map in the module Segmentations, section Representations."
    )
