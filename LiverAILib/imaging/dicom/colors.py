"""Color frames of DICOM pictures as red, green and blue of 8 bits: RGB, YBR, palettes; uncompressed, RLE, JPEG, JPEG 2000."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, pixel_array
from pydicom.uid import JPEGLossless, JPEGLosslessSV1

from LiverAILib.errors import UserError
from LiverAILib.imaging.dicom.elements import UNREADABLE_ERRORS
from LiverAILib.imaging.dicom.header import DicomFile
from LiverAILib.imaging.dicom.layout import CUT_OFF, PALETTE_COLOR
from LiverAILib.imaging.dicom.pixels import check_fragments, check_syntax

GDCM_ONLY = (JPEGLossless, JPEGLosslessSV1)
"""Compressions that pydicom decodes with plug-ins alone, and SimpleITK with its own GDCM."""


def color_frames(file: DicomFile, indices: Sequence[int]) -> list[np.ndarray]:
    """Frames of a file as uint8 (rows, columns, 3).

    Raises:
        UserError: The file is damaged or cut off, or its colors cannot be decoded.
    """
    layout = file.pixels
    if layout is None or file.fault:
        raise UserError(f"{file.path}: {file.fault or CUT_OFF}.")
    check_syntax(file.path, layout)
    try:
        if layout.encapsulated:
            check_fragments(file.path, layout)
        if layout.syntax in GDCM_ONLY and layout.photometric != PALETTE_COLOR:
            frames = _decoded_by_gdcm(file.path, layout.frames, indices)
        else:
            dataset = pydicom.dcmread(file.path, force=True)
            frames = [_frame(dataset, index) for index in indices]
    except OSError as error:
        raise UserError(f"{file.path}: cannot be read ({error.strerror or error}). Check its permissions.") from None
    except (*UNREADABLE_ERRORS, RuntimeError):
        raise UserError(f"{file.path}: {CUT_OFF}.") from None
    if any(frame.shape != (layout.rows, layout.columns, 3) for frame in frames):
        raise UserError(
            f"{file.path}: the image has another size or other colors than its header says. Export the series again."
        )
    bits = 16 if layout.photometric == PALETTE_COLOR else layout.bits_stored
    return [_in_8_bits(frame, bits) for frame in frames]


def _frame(dataset: Dataset, index: int) -> np.ndarray:
    """One frame, which pydicom converts from YBR to RGB, or through its palette."""
    array = pixel_array(dataset, index=index)
    if str(dataset.PhotometricInterpretation) == PALETTE_COLOR:
        return apply_color_lut(array, dataset)[..., :3]
    return array


def _in_8_bits(frame: np.ndarray, bits: int) -> np.ndarray:
    if frame.dtype == np.uint8:
        return frame
    return np.clip(frame.astype(np.int64) >> max(bits - 8, 0), 0, 255).astype(np.uint8)


def _decoded_by_gdcm(path: Path, count: int, indices: Sequence[int]) -> list[np.ndarray]:
    warnings_on = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        array = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(warnings_on)
    frames = array.reshape(count, *array.shape[-3:])
    return [frames[index] for index in indices]
