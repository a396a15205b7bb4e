"""The DICOM instances that an assessed image came from, as headers that DICOM objects can refer to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from highdicom.utils import is_multiframe_image
from pydicom.dataset import Dataset

from LiverAILib.errors import UserError
from LiverAILib.imaging.dicom import is_dicom, matching_volumes
from LiverAILib.imaging.dicom.elements import UNREADABLE_ERRORS, quiet_pydicom
from LiverAILib.imaging.dicom.header import DicomFrame
from LiverAILib.imaging.image import SOURCE_FILES, Image
from LiverAILib.imaging.values import fill_not_measured

NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
"""Without these nothing can refer to an image."""

MAY_BE_EMPTY = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
"""Attributes of patient and study (type 2) that every object holds, empty where the source has none."""


@dataclass(frozen=True, eq=False)
class SourceImage:
    """An assessed image and its DICOM instances.

    Attributes:
        image: The image.
        headers: One for each slice, in slice order; of a multi-frame object one, whose frames are the slices in their order.
        frame_numbers: For a multi-frame object, the number (from 1) in the stored object of each slice, else empty.
        frames: The slices.
        patient: Header of the first instance with the elements of patient and study as they are stored, which may break the
            standard; `headers` have them empty.
    """

    image: Image
    headers: tuple[Dataset, ...]
    frame_numbers: tuple[int, ...]
    frames: tuple[DicomFrame, ...]
    patient: Dataset

    @property
    def first(self) -> Dataset:
        """The header of the first instance."""
        return self.headers[0]

    @property
    def placed(self) -> bool:
        """Whether its slices lie in a frame of reference: only then there are segmentations and maps of them."""
        return all(frame.position is not None and frame.orientation is not None for frame in self.frames)

    def slices(self, first: int, end: int) -> SourceImage:
        """The slices from `first` to before `end`, where they are instances of their own."""
        if self.frame_numbers:
            chosen = pydicom.Dataset()
            chosen.update(self.headers[0])
            chosen.file_meta = self.headers[0].file_meta
            chosen.PerFrameFunctionalGroupsSequence = list(chosen.PerFrameFunctionalGroupsSequence[first:end])
            chosen.NumberOfFrames = end - first
            return SourceImage(
                self.image, (chosen,), self.frame_numbers[first:end], self.frames[first:end], self.patient
            )
        return SourceImage(self.image, self.headers[first:end], (), self.frames[first:end], self.patient)


def check_sources(images: Sequence[Image]) -> None:
    """Raise where DICOM objects cannot be made of these images because they were not read from DICOM.

    Raises:
        UserError: As said.
    """
    for image in images:
        if not image.meta.get(SOURCE_FILES):
            path = image.meta.get("path") or image.meta.get("name") or "the image"
            raise UserError(
                f"{path}: not read from DICOM files, so there is no study for DICOM objects to belong to. Give the DICOM series, "
                "or leave --dicom out."
            )


def source_of(image: Image, files: Sequence[str | os.PathLike[str]] | None = None) -> SourceImage:
    """The DICOM instances of an image.

    Args:
        image: It, with its voxels.
        files: Files and folders to look in; where None, the files that the image was read from.

    Raises:
        UserError: The files are not DICOM, hold another image, or lack what a reference to them needs.
    """
    if files is None:
        check_sources([image])
    places = [Path(file) for file in (image.meta[SOURCE_FILES] if files is None else files)]
    _check_dicom(places)
    filled = image.array
    for found, frames in matching_volumes(places, image):
        if np.array_equal(fill_not_measured(found).array, filled):
            return _source(image, tuple(frames))
    raise UserError(
        f"{places[0] if len(places) == 1 else places[0].parent}: holds no DICOM volume with the geometry and the voxels of the "
        "assessed image. Give the files that it was read from."
    )


def _check_dicom(places: Sequence[Path]) -> None:
    for place in places:
        if not place.exists():
            raise UserError(
                f"{place}: no such file or folder. DICOM objects need the files that the image was read from."
            )
        if place.is_file() and not is_dicom(place):
            raise UserError(
                f"{place}: not a DICOM file, so there is no study for DICOM objects to belong to. Give the DICOM series, or "
                "leave --dicom out."
            )


def _source(image: Image, frames: tuple[DicomFrame, ...]) -> SourceImage:
    paths = list(dict.fromkeys(frame.file.path for frame in frames))
    headers = [_header(path, decode=not number) for number, path in enumerate(paths)]
    patient = deepcopy(headers[0])
    for header in headers:
        for keyword in MAY_BE_EMPTY:
            setattr(header, keyword, "")
    if not is_multiframe_image(headers[0]):
        if len(headers) != len(frames):
            raise UserError(
                f"{paths[0]}: {len(frames)} slices in {len(headers)} files of a kind that no segmentation can refer to frame by "
                "frame. Export the series as single or enhanced images."
            )
        return SourceImage(image, tuple(headers), (), frames, patient)
    if len(headers) > 1:
        raise UserError(
            f"{paths[0].parent}: the volume is spread over {len(headers)} multi-frame files, which one DICOM segmentation cannot "
            "refer to. Export the series as one enhanced object or as single images, or leave --dicom out."
        )
    numbers = tuple(frame.index + 1 for frame in frames)
    header = headers[0]
    if "PerFrameFunctionalGroupsSequence" in header:
        groups = header.PerFrameFunctionalGroupsSequence
        header.PerFrameFunctionalGroupsSequence = [groups[number - 1] for number in numbers]
        header.NumberOfFrames = len(numbers)
    return SourceImage(image, (header,), numbers, frames, patient)


def _header(path: Path, *, decode: bool) -> Dataset:
    """The header of a file.

    Args:
        path: The file.
        decode: Whether values are decoded by the character set of the file, so that they can move to another data set.

    Raises:
        UserError: It lacks what a reference needs, or cannot be read.
    """
    try:
        with quiet_pydicom():
            header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
            if decode:
                header.decode()
            missing = [keyword for keyword in NEEDED if not str(header.get(keyword) or "")]
    except UNREADABLE_ERRORS:
        raise UserError(f"{path}: its header cannot be read. Export the series again.") from None
    if missing:
        raise UserError(
            f"{path}: has no {missing[0]}, so nothing can refer to it. Export the series again, or leave --dicom out."
        )
    return header
