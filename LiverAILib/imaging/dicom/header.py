"""The header of one DICOM file: what the object is, how its pixels are stored, and where its frames lie."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag
from pydicom.uid import UID, MediaStorageDirectoryStorage

from LiverAILib.errors import UserError
from LiverAILib.imaging.dicom.attributes import EXPLAINING, PRIVATE_TAGS, SEPARATING, FunctionalGroups, attributes_of
from LiverAILib.imaging.dicom.deflated import check_deflated
from LiverAILib.imaging.dicom.descriptors import IDENTIFYING, cleaned, identifying_words
from LiverAILib.imaging.dicom.elements import (
    UNREADABLE_ERRORS,
    BadValueError,
    get_value,
    quiet_pydicom,
    to_numbers,
    value_text,
)
from LiverAILib.imaging.dicom.layout import CUT_OFF, PixelLayout, layout_of, length_fault
from LiverAILib.imaging.dicom.regions import UltrasoundRegion, calibrated_spacing, regions_of

SEGMENTATION_CLASSES = frozenset({"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"})
"""Segmentation Storage and Label Map Segmentation Storage."""

NOT_IMAGES = SEGMENTATION_CLASSES | {"1.2.840.10008.5.1.4.1.1.481.2"}
"""Objects with pixel data that are no images of a patient: segmentations and radiotherapy dose."""

PICTURE_MODALITIES = ("US", "IVUS", "XC", "OT")
"""Modalities of pictures without a place in the patient: ultrasound, photographs, screenshots of unstated origin."""

MOST_FRAMES = 100_000
"""Frames of a damaged file that are listed, so that the message can name its volume."""

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
"""Start of the UIDs of Secondary Capture objects."""

DICOM_ROOT = "1.2.840.10008."
"""Start of all UIDs that the standard assigns: one that pydicom does not know is cut off."""

DICOM_SUFFIXES = (".dcm", ".ima", ".dicom")

_KEYWORDS = (
    "SpecificCharacterSet",
    "SOPInstanceUID",
    "PatientID",
    "PatientName",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "InstanceNumber",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "NumberOfFrames",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PhotometricInterpretation",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "NominalScannedPixelSpacing",
    "SequenceOfUltrasoundRegions",
    "SpacingBetweenSlices",
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "DimensionIndexSequence",
    "DiffusionBValue",
    "BurnedInAnnotation",
)
HEADER_TAGS: list[BaseTag | int] = [
    *(tag for keyword in (*_KEYWORDS, *IDENTIFYING) if (tag := tag_for_keyword(keyword)) is not None),
    *(tag for one in (*SEPARATING, *EXPLAINING) if (tag := tag_for_keyword(one.keyword)) is not None),
    *PRIVATE_TAGS,
]


@dataclass(frozen=True, eq=False)
class DicomFrame:
    """One image of a DICOM file.

    Attributes:
        file: The file it is in.
        index: Its number in the file, from 0.
        position: ImagePositionPatient, LPS mm; None where the file has none.
        orientation: ImageOrientationPatient: directions of the row (x) and the column (y); None where there is none.
        spacing: Distance of rows and of columns in mm (PixelSpacing); None where there is none.
        slice_step: SpacingBetweenSlices, else SliceThickness, in mm; None where there is neither.
        slope: Stored values times this, plus `intercept`, are the values.
        intercept: See `slope`.
        attributes: Label to text, see `attributes.py`.
    """

    file: DicomFile
    index: int
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, ...] | None
    slice_step: float | None
    slope: float
    intercept: float
    attributes: dict[str, str]


@dataclass(frozen=True, eq=False)
class DicomFile:
    """A DICOM file without its pixels.

    Attributes:
        path: Where it lies.
        sop_class: UID of what kind of object it is.
        instance_uid, patient_id, patient_name, study_uid, series_uid, modality: As in the header, "" if absent.
        description: SeriesDescription without what identifies a patient.
        identifying: Words of the header that identify somebody, in lower case.
        burned_in: Text is burned into the pixels, or may be: a screenshot that does not say that there is none.
        instance_number: InstanceNumber, None if absent.
        contrast_agent: ContrastBolusAgent, "" if absent.
        pixels: How its pixels are stored; None where it has none.
        regions: Calibrated regions of an ultrasound image.
        fault: Why it cannot be read as an image, with the fix; "" where it can.
        frames: Its images.
    """

    path: Path
    sop_class: str
    instance_uid: str = ""
    patient_id: str = ""
    patient_name: str = ""
    study_uid: str = ""
    series_uid: str = ""
    modality: str = ""
    description: str = ""
    instance_number: int | None = None
    contrast_agent: str = ""
    identifying: frozenset[str] = frozenset()
    burned_in: bool = False
    pixels: PixelLayout | None = None
    regions: tuple[UltrasoundRegion, ...] = ()
    fault: str = ""
    frames: list[DicomFrame] = field(default_factory=list, repr=False)

    @property
    def is_picture(self) -> bool:
        """Whether its images are pictures of their own (ultrasound, photographs), not slices of a volume."""
        return self.modality in PICTURE_MODALITIES

    @property
    def is_image(self) -> bool:
        """Whether it is an image of a patient, be it a damaged one."""
        return self.sop_class not in NOT_IMAGES and (self.pixels is not None or bool(self.fault))


def is_dicom(path: str | os.PathLike[str]) -> bool:
    """Whether a file is DICOM: it has the DICOM prefix, or starts with the elements of a data set, as old archives store it."""
    with Path(path).open("rb") as stream:
        head = stream.read(132)
    if head[128:] == b"DICM":
        return True
    if len(head) < 132 or head[:2] not in (b"\x02\0", b"\x08\0"):
        return False
    element, vr, short, length = struct.unpack("<2xH2sH", head[:8]) + struct.unpack("<4xI", head[:8])
    return element <= 0x60 and ((vr.isalpha() and vr.isupper() and short <= 1024) or length <= 1024)


def sop_class(path: str | os.PathLike[str]) -> str:
    """The SOP Class UID of a DICOM file; "" where the file is not DICOM or does not say."""
    if not is_dicom(path):
        return ""
    try:
        check_deflated(path)
        with quiet_pydicom(), Path(path).open("rb") as stream:
            dataset = read_partial(stream, lambda tag, vr, length: tag > 0x00080016, force=True)
            return value_text(get_value(dataset, "SOPClassUID")) or _media_class(dataset)
    except UNREADABLE_ERRORS:
        return ""


def _media_class(dataset: Dataset) -> str:
    return value_text(get_value(dataset.file_meta, "MediaStorageSOPClassUID"))


def read_header(path: Path) -> DicomFile | None:
    """The header of a DICOM file, read once and without the pixels.

    Returns:
        None where the file is not DICOM (whatever its name says) or a DICOMDIR. A damaged file has a `fault`.
    """
    if not is_dicom(path):
        fault = _fault_of_other_bytes(path)
        return DicomFile(path, "", fault=fault) if fault else None
    found: list[tuple[int, str | None, int]] = []

    def at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
        if tag >> 16 == 0x7FE0 and tag & 0xFFFF in (0x0008, 0x0009, 0x0010):
            found.append((int(tag), vr, length))
        return bool(found)

    try:
        check_deflated(path)
    except UserError as error:
        return DicomFile(path, "", fault=str(error).partition(": ")[2].rstrip("."))
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            dataset = read_partial(stream, at_pixels, force=True, specific_tags=HEADER_TAGS)
            place = (*found[0], stream.tell()) if found else None
            return _file_of(path, dataset, place, size)
    except UNREADABLE_ERRORS:
        return DicomFile(path, "", fault=CUT_OFF)


def _fault_of_other_bytes(path: Path) -> str:
    """What is wrong with a file that is not DICOM, where its name says that it should be."""
    suffix = path.suffix.lower()
    if path.stat().st_size == 0 and suffix in (*DICOM_SUFFIXES, ""):
        return "the file is empty (0 bytes), the DICOM file is damaged. Export or copy it again"
    return (
        "no DICOM file, though its name says so: it is damaged. Export or copy it again"
        if suffix in DICOM_SUFFIXES
        else ""
    )


def _file_of(
    path: Path, dataset: Dataset, place: tuple[int, str | None, int, int] | None, size: int
) -> DicomFile | None:
    kind = value_text(get_value(dataset, "SOPClassUID")) or _media_class(dataset)
    if kind == MediaStorageDirectoryStorage:
        return None
    number = value_text(get_value(dataset, "InstanceNumber"))
    identifying = identifying_words(dataset)
    known: dict[str, Any] = {
        "instance_uid": value_text(get_value(dataset, "SOPInstanceUID")),
        "patient_id": value_text(get_value(dataset, "PatientID")),
        "patient_name": value_text(get_value(dataset, "PatientName")).rstrip("^= "),
        "study_uid": value_text(get_value(dataset, "StudyInstanceUID")),
        "series_uid": value_text(get_value(dataset, "SeriesInstanceUID")),
        "modality": value_text(get_value(dataset, "Modality")),
        "description": cleaned(value_text(get_value(dataset, "SeriesDescription")), identifying),
        "identifying": identifying,
        "burned_in": _is_burned_in(kind, value_text(get_value(dataset, "BurnedInAnnotation"))),
        "instance_number": int(number) if number.lstrip("-").isdigit() else None,
        "contrast_agent": cleaned(value_text(get_value(dataset, "ContrastBolusAgent")), identifying),
    }
    if place is None:
        return _without_pixels(path, kind, known, has_size=get_value(dataset, "Rows") is not None)
    if kind in NOT_IMAGES:
        return DicomFile(path, kind, **known)
    try:
        known["regions"] = regions_of(dataset)
        layout = layout_of(dataset, place)
        fault = length_fault(layout, size)
        file = DicomFile(path, kind, pixels=layout, fault=fault, **known)
        if not fault or layout.frames <= MOST_FRAMES:  # a damaged header may state any number
            file.frames.extend(_frames(file, dataset, layout.frames))
    except BadValueError as error:
        return DicomFile(path, kind, fault=f"{error}. Export the series again", **known)
    return file


def _is_burned_in(kind: str, stated: str) -> bool:
    return stated == "YES" or (stated != "NO" and kind.startswith(SECONDARY_CAPTURE))


def _without_pixels(path: Path, kind: str, known: dict[str, Any], *, has_size: bool) -> DicomFile | None:
    """A file without pixel data: an object that is no image, or an image that is cut off within its header."""
    if has_size or "Image Storage" in UID(kind).name:
        fault = "the DICOM file has no pixel data, it is damaged or cut off. Export the series again"
        # What was read of the series UID may itself be cut off, unless later elements are there.
        return DicomFile(path, kind, fault=fault, **(known if has_size else known | {"series_uid": ""}))
    registered = UID(kind).name != kind
    if kind and (registered or not kind.startswith(DICOM_ROOT[: len(kind)])):
        return DicomFile(path, kind, **known)
    if _has_prefix(path) or path.suffix.lower() in DICOM_SUFFIXES:
        return DicomFile(path, "", fault=CUT_OFF)
    return None


def _has_prefix(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def _frames(file: DicomFile, dataset: Dataset, count: int) -> Iterator[DicomFrame]:
    own = get_value(dataset, "PerFrameFunctionalGroupsSequence")
    shared = get_value(dataset, "SharedFunctionalGroupsSequence")
    if own is not None and not isinstance(own, str) and len(own) != count:
        raise BadValueError(f"NumberOfFrames is {count}, but {len(own)} frames are described")
    first_shared = shared[0] if shared is not None and not isinstance(shared, str) else None
    for index in range(count):
        item = own[index] if own is not None and not isinstance(own, str) else None
        yield _frame(file, FunctionalGroups(dataset, item, first_shared), index)


def _frame(file: DicomFile, groups: FunctionalGroups, index: int) -> DicomFrame:
    def numbers(keyword: str, sequence: str, count: int) -> tuple[float, ...] | None:
        return to_numbers(groups.get(keyword, (sequence, keyword)), keyword, count)

    orientation = numbers("ImageOrientationPatient", "PlaneOrientationSequence", 6)
    step = numbers("SpacingBetweenSlices", "PixelMeasuresSequence", 1) or (0.0,)
    thickness = numbers("SliceThickness", "PixelMeasuresSequence", 1) or (0.0,)
    slope = numbers("RescaleSlope", "PixelValueTransformationSequence", 1)
    intercept = numbers("RescaleIntercept", "PixelValueTransformationSequence", 1)
    if slope == (0.0,):
        raise BadValueError("RescaleSlope is 0, the values are lost")
    return DicomFrame(
        file,
        index,
        position=numbers("ImagePositionPatient", "PlanePositionSequence", 3),
        orientation=None if orientation is None else _orthonormal(orientation),
        spacing=_pixel_spacing(groups, file.regions),
        slice_step=abs(step[0]) or abs(thickness[0]) or None,
        slope=slope[0] if slope else 1.0,
        intercept=intercept[0] if intercept else 0.0,
        attributes=attributes_of(groups),
    )


def _orthonormal(orientation: tuple[float, ...]) -> tuple[float, ...]:
    """The directions of row and column at right angles and of length 1; they are rounded in the file."""
    row, column = orientation[:3], orientation[3:]
    lengths = math.hypot(*row), math.hypot(*column)
    cosine = sum(a * b for a, b in zip(row, column, strict=True))
    if max(abs(one - 1) for one in lengths) > 0.01 or abs(cosine) > 0.005:
        raise BadValueError("ImageOrientationPatient does not hold two unit vectors at right angles")
    row = tuple(one / lengths[0] for one in row)
    cosine = sum(a * b for a, b in zip(row, column, strict=True))
    column = tuple(b - cosine * a for a, b in zip(row, column, strict=True))
    length = math.hypot(*column)
    return (*row, *(one / length for one in column))


def _pixel_spacing(groups: FunctionalGroups, regions: Sequence[UltrasoundRegion]) -> tuple[float, ...] | None:
    for keyword, sequence in (
        ("PixelSpacing", "PixelMeasuresSequence"),
        ("ImagerPixelSpacing", ""),
        ("NominalScannedPixelSpacing", ""),
    ):
        spacing = to_numbers(groups.get(keyword, (sequence, keyword) if sequence else None), keyword, 2)
        if spacing is not None:
            if min(spacing) <= 0:
                raise BadValueError(f"{keyword} is not positive")
            return spacing
    return calibrated_spacing(regions)
