"""A DICOM volume as an image: values of every frame, on the grid of their positions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage

from LiverAILib.errors import UserError
from LiverAILib.imaging.dicom.attributes import DESCRIPTION
from LiverAILib.imaging.dicom.colors import color_frames
from LiverAILib.imaging.dicom.elements import quiet_pydicom
from LiverAILib.imaging.dicom.folder import DicomVolume, choose_volume, scan_dicom
from LiverAILib.imaging.dicom.header import DicomFile, DicomFrame
from LiverAILib.imaging.dicom.pixels import same_pixels, stored_frames
from LiverAILib.imaging.dicom.split import instance_key, slice_levels
from LiverAILib.imaging.dicom.stack import Grid, grid_of
from LiverAILib.imaging.image import (
    DICOM_MODALITY,
    FRAME_OF_REFERENCE,
    IDENTIFIERS,
    MODALITY_SOURCE,
    READ_WARNINGS,
    REGIONS,
    SERIES_UID,
    SOURCE_FILES,
    Image,
)
from LiverAILib.imaging.stored_bytes import check_expansion

THREADS = 4
BURNED_IN = (
    "Text is burned into the image (BurnedInAnnotation), or may be, as in a screenshot; it may name the patient, and pictures "
    "and reports show it."
)
QUANTITIES = ("CT", "PT", "NM")
"""Modalities whose values are measurements: MONOCHROME1 inverts their display only."""


def read_dicom(source: str | os.PathLike[str], *, series: str | None = None) -> Image:
    """One volume of a DICOM folder (searched to any depth) or file.

    Args:
        source: Folder or file.
        series: Which volume where there are several, see `choose_volume`.

    Raises:
        UserError: As `scan_dicom`, `choose_volume` and `read_volume`.
    """
    found = scan_dicom(source)
    image = read_volume(choose_volume(found, series))
    return replace(image, meta={**image.meta, "path": str(source)})


def read_volume(volume: DicomVolume) -> Image:
    """The image of a volume: integers where rescale slope and intercept are (int16, or int32 where they need it), else float32.

    Pictures in color (RGB, YBR, palette) are uint8 (k, j, i, 3), red, green and blue.

    Slices lie in the order of their positions, k along the normal of the image plane.

    Raises:
        UserError: A file of the volume is damaged or cut off, it is in color, positions are missing, repeated or sheared.
    """
    frames, grid, notes = placed_frames(volume)
    first = frames[0].file
    meta: dict[str, Any] = {
        "path": str(first.path if len(volume.files) == 1 else first.path.parent),
        "series_description": volume.description,
        SERIES_UID: volume.series_uid,
        SOURCE_FILES: tuple(str(path) for path in dict.fromkeys(frame.file.path for frame in frames)),
    }
    meta[IDENTIFIERS] = _identifiers(volume)
    if volume.modality:
        meta[MODALITY_SOURCE] = DICOM_MODALITY
    if frame_of_reference := frames[0].attributes.get("frame of reference"):
        meta[FRAME_OF_REFERENCE] = frame_of_reference
    if first.contrast_agent:
        meta["contrast_agent"] = first.contrast_agent
    if first.regions:
        meta[REGIONS] = tuple((*one.box, one.spatial_format, one.data_type) for one in first.regions)
    if any(frame.file.burned_in for frame in frames):
        notes.append(BURNED_IN)
    warnings = [("uneven_slices", " ".join(grid.warnings))] if grid.warnings else []
    warnings += [("burned_in_annotation" if note == BURNED_IN else "reading_note", note) for note in notes]
    if warnings:
        meta[READ_WARNINGS] = tuple(warnings)
    with quiet_pydicom():
        values = _colors(frames) if first.pixels and first.pixels.color else _values(frames)
    return Image(values, grid.spacing, grid.origin, grid.direction, volume.modality or None, meta)


def placed_frames(volume: DicomVolume) -> tuple[Sequence[DicomFrame], Grid, list[str]]:
    """The frames of a volume in the order of its slices, each position once, their grid, and what a person should know of them.

    Raises:
        UserError: As `read_volume`.
    """
    name = _name(volume)
    if volume.color:
        raise UserError(f"{name}: the images of '{volume.description}' are in color. Export the gray-scale series.")
    if any("MOSAIC" in frame.attributes.get("image type", "") for frame in volume.frames):
        raise UserError(
            f"{name}: each image of '{volume.description}' is a mosaic of many slices. Export it as slices."
        )
    for frame in volume.frames:
        if frame.file.fault:
            raise UserError(f"{frame.file.path}: {frame.file.fault}.")
    for path, fault in volume.damaged.items():
        raise UserError(f"{path}: {fault}.")
    with quiet_pydicom():
        frames, notes = _without_duplicates(volume, name)
    grid = grid_of(frames, name)
    notes = [*volume.notes, *notes]
    if any(_is_inverted(frame) for frame in frames):
        notes.append("The values are stored inverted (MONOCHROME1) and were inverted back.")
    if len(frames) == 1 and volume.modality in ("CT", "MR", ""):
        notes.append("The volume is one single slice. Give the folder of the whole series where there are more.")
    return frames, grid, notes


def _identifiers(volume: DicomVolume) -> dict[str, str]:
    """What leads from a result back to the archive, for `--keep-identifiers`."""
    attributes = volume.frames[0].attributes
    found = {
        "PatientID": volume.patient_id,
        "StudyInstanceUID": volume.study_uid,
        "SeriesInstanceUID": volume.series_uid,
        "SeriesDescription": attributes.get(DESCRIPTION, ""),
        "FrameOfReferenceUID": attributes.get("frame of reference", ""),
    }
    return {keyword: text for keyword, text in found.items() if text}


def _name(volume: DicomVolume) -> str:
    """The file of the volume, or the folder that holds all its files."""
    files = volume.files
    return str(files[0]) if len(files) == 1 else os.path.commonpath([file.parent for file in files])


def _without_duplicates(volume: DicomVolume, name: str) -> tuple[Sequence[DicomFrame], list[str]]:
    """Each position once; what is dropped holds the same values as what is kept."""
    levels = slice_levels(volume.frames)
    if levels is None:
        return volume.frames, []
    kept: dict[int, DicomFrame] = {}
    dropped = []
    for frame, level in zip(volume.frames, levels, strict=True):
        first = kept.setdefault(level, frame)
        if first is not frame:
            dropped.append((frame, first))
    originals = {instance_key(one): one for one in volume.frames}
    dropped += [(copy, originals[instance_key(copy)]) for copy in volume.copies]
    for frame, first in dropped:
        if not same_pixels(frame, first):
            names = " and ".join(f"{one.file.path.name} (frame {one.index + 1})" for one in (first, frame))
            raise UserError(
                f"{name}: several images at the same position with different values, {names}, and nothing in the headers "
                "tells them apart. Export one volume alone."
            )
    notes = [f"{len(dropped)} repeated images with the same values were left out."] if dropped else []
    return list(kept.values()), notes


def _is_inverted(frame: DicomFrame) -> bool:
    file = frame.file
    quantity = file.modality in QUANTITIES or file.sop_class in (CTImageStorage, EnhancedCTImageStorage)
    hounsfield = frame.attributes.get("unit of the values", "").upper() == "HU"
    return bool(file.pixels and file.pixels.inverted) and not quantity and not hounsfield


# --- values ---------------------------------------------------------------------------------------------------------


def _values(frames: Sequence[DicomFrame]) -> np.ndarray:
    """The values (slices, rows, columns) of frames of one size. Memory: at most the stored values and the result."""
    stored = _stored(frames)
    whole = stored.dtype.kind != "f" and all(
        frame.slope.is_integer() and frame.intercept.is_integer() for frame in frames
    )
    dtype = _integer_type(frames, stored) if whole else np.dtype(np.float32)
    if dtype == np.int16 and stored.dtype.itemsize == 2 and all(_is_shift(frame) for frame in frames):
        values = stored.view(np.int16)
        for frame, one in zip(frames, values, strict=True):
            one += np.int16(frame.intercept)  # all results fit into the type, so that a wrap on the way cancels out
        return values
    values = np.empty(stored.shape, dtype)
    for frame, one, out in zip(frames, stored, values, strict=True):
        if whole and dtype.kind == "i":
            out[:] = one.astype(np.int64) * int(frame.slope) + int(frame.intercept)
        else:
            out[:] = one * np.float64(frame.slope) + frame.intercept
    return values


def _colors(frames: Sequence[DicomFrame]) -> np.ndarray:
    """The colors (frames, rows, columns, 3) of the frames of one file."""
    return np.stack(color_frames(frames[0].file, [frame.index for frame in frames]))


def _is_shift(frame: DicomFrame) -> bool:
    return frame.slope == 1 and abs(frame.intercept) < 2**15


def _stored(frames: Sequence[DicomFrame]) -> np.ndarray:
    """The stored values of frames of one size, inverted back where they are stored inverted."""
    by_file: dict[DicomFile, list[int]] = {}
    for number, frame in enumerate(frames):
        by_file.setdefault(frame.file, []).append(number)
    layouts = [file.pixels for file in by_file if file.pixels is not None]
    dtype = np.result_type(*{layout.dtype for layout in layouts})
    shape = (len(frames), layouts[0].rows, layouts[0].columns)
    on_disk = sum(file.path.stat().st_size for file in by_file)
    check_expansion(int(np.prod(shape, dtype=object)) * dtype.itemsize, on_disk, frames[0].file.path)
    stored = np.empty(shape, dtype)

    def load(file: DicomFile) -> None:
        numbers = by_file[file]
        for number, array in zip(numbers, stored_frames(file, [frames[n].index for n in numbers]), strict=True):
            stored[number] = _inverted(array, file) if _is_inverted(frames[number]) else array

    with ThreadPoolExecutor(THREADS) as threads:
        for _ in threads.map(load, by_file):
            pass
    return stored


def _inverted(stored: np.ndarray, file: DicomFile) -> np.ndarray:
    """Stored values counted from the other end of their range."""
    assert file.pixels is not None
    if stored.dtype.kind == "f":
        return stored.max() + stored.min() - stored
    if stored.dtype.kind == "i":
        return -1 - stored
    return stored.dtype.type(2**file.pixels.bits_stored - 1) - stored


def _integer_type(frames: Sequence[DicomFrame], stored: np.ndarray) -> np.dtype:
    """int16 where all values fit, else int32, else float32."""
    ends = [
        int(end) * int(frame.slope) + int(frame.intercept)
        for frame, one in zip(frames, stored, strict=True)
        for end in (one.min(), one.max())
    ]
    for dtype in (np.int16, np.int32):
        limits = np.iinfo(dtype)
        if limits.min <= min(ends) and max(ends) <= limits.max:
            return np.dtype(dtype)
    return np.dtype(np.float32)
