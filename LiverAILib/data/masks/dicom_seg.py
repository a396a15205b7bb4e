"""DICOM SEG objects as masks, read by highdicom: binary, fractional and label map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from LiverAILib.data.masks.label_values import PROBABILITY_THRESHOLD
from LiverAILib.data.masks.mask_file import MaskFile
from LiverAILib.data.masks.segment_choice import CodedTerm, SegmentName, Terminology
from LiverAILib.errors import UserError
from LiverAILib.imaging.dicom.deflated import check_deflated
from LiverAILib.imaging.dicom.elements import UNREADABLE_ERRORS
from LiverAILib.imaging.image import FRAME_OF_REFERENCE, Image

if TYPE_CHECKING:
    from pydicom import Dataset

SEGMENTATION_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Segmentation Storage and Label Map Segmentation Storage."""

OTHER_OBJECTS = {"RTSTRUCT": "an RT structure set", "SR": "a structured report", "PR": "a presentation state"}


def find_dicom_seg(path: Path, name: str) -> Path | None:
    """The DICOM SEG that `path` is, or that the folder holds; None where there is none.

    Raises:
        UserError: Several are in the folder, or the file is a DICOM object that holds no mask.
    """
    if path.is_dir():
        found = [file for file, header in _headers(path) if header.get("SOPClassUID") in SEGMENTATION_CLASSES]
        if len(found) > 1:
            names = ", ".join(sorted(file.name for file in found)[:10])
            raise UserError(f"{name}: {len(found)} DICOM SEG files are in this folder: {names}. Give one of them.")
        return found[0] if found else None
    header = _header(path)
    if header is None:
        return None
    modality = str(header.get("Modality", ""))
    if modality in OTHER_OBJECTS:
        raise UserError(
            f"{name}: {OTHER_OBJECTS[modality]} ({modality}) is no mask. Convert it to a segmentation (in Slicer: load it, "
            "then save it as .seg.nrrd)."
        )
    return path if header.get("SOPClassUID") in SEGMENTATION_CLASSES else None


class DicomSegFile(MaskFile):
    """A DICOM SEG object; a segment's `label` is its number.

    Args:
        path: The file.
        name: As the user wrote it, for messages.

    Raises:
        UserError: It cannot be read, or its frames make no volume.
    """

    named = True

    def __init__(self, path: Path, name: str) -> None:
        import highdicom
        import pydicom

        self.name = name
        try:
            dataset = pydicom.dcmread(path, force=True)  # some files have no preamble
            self._object = highdicom.seg.Segmentation.from_dataset(dataset, copy=False)
            descriptions = {n: self._object.get_segment_description(n) for n in self._object.segment_numbers}
        except (*UNREADABLE_ERRORS, OSError) as error:
            raise _unreadable(name, error) from None
        self.segments = [
            SegmentName(str(n), str(one.get("SegmentLabel", "")).strip(), _terminology(one), label=int(n))
            for n, one in descriptions.items()
        ]

    def mask(self, segment: SegmentName) -> Image:
        try:
            volume = self._object.get_volume(segment_numbers=[int(segment.segment_id)], combine_segments=False)
        except (*UNREADABLE_ERRORS, RuntimeError) as error:
            raise _unreadable(self.name, error) from None
        values = volume.array[..., 0]
        image = _image(np.zeros(values.shape, np.uint8), volume.affine, self._meta())
        if values.dtype.kind == "f":
            text = f"{self.name}: a fractional DICOM SEG; the mask is where the fraction is at least {PROBABILITY_THRESHOLD:g}."
            image = image.with_read_warning("mask_from_fractions", text)
            values = values >= PROBABILITY_THRESHOLD
        return image.with_array((values > 0).astype(np.uint8))

    def _meta(self) -> dict[str, Any]:
        return {"path": self.name, FRAME_OF_REFERENCE: str(self._object.get("FrameOfReferenceUID", "")) or None}


def _image(array: np.ndarray, affine: np.ndarray, meta: Mapping[str, Any]) -> Image:
    """Of a highdicom volume, whose affine takes (slice, row, column) to LPS mm."""
    steps = affine[:3, 2::-1]
    spacing = np.linalg.norm(steps, axis=0)
    return Image(array, tuple(spacing), tuple(affine[:3, 3]), steps / spacing, meta=meta)


def _terminology(description: Dataset) -> Terminology:
    kinds = description.get("SegmentedPropertyTypeCodeSequence") or [None]
    modifiers = (kinds[0].get("SegmentedPropertyTypeModifierCodeSequence") if kinds[0] is not None else None) or [None]
    regions = description.get("AnatomicRegionSequence") or [None]
    return Terminology(_term(kinds[0]), _term(modifiers[0]), _term(regions[0]))


def _term(item: Dataset | None) -> CodedTerm:
    if item is None:
        return CodedTerm()
    return CodedTerm(*(str(item.get(key, "")) for key in ("CodingSchemeDesignator", "CodeValue", "CodeMeaning")))


def _headers(folder: Path) -> Iterator[tuple[Path, Dataset]]:
    for file in sorted(folder.iterdir()):
        header = _header(file) if file.is_file() and not file.name.startswith(".") else None
        if header is not None:
            yield file, header


def _header(file: Path) -> Dataset | None:
    """Class and modality of a DICOM file; None for every other file."""
    import pydicom

    with file.open("rb") as stream:
        preamble = stream.read(132)[128:] == b"DICM"
    if not preamble and file.suffix.lower() != ".dcm":
        return None
    check_deflated(file)
    try:
        return pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["SOPClassUID", "Modality"], force=True)
    except (*UNREADABLE_ERRORS, OSError):
        return None  # The reader of DICOM images says what is wrong with it.


def _unreadable(name: str, error: Exception) -> UserError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return UserError(
        f"{name}: the DICOM SEG cannot be read as a volume ({reason}). Save the segmentation again or as .seg.nrrd."
    )
