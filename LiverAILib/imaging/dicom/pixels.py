"""The stored values of DICOM frames, read natively where they are uncompressed and decoded by pydicom or GDCM where not."""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Sequence
from io import FileIO
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_modality_lut, pixel_array
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000TransferSyntaxes,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEGTransferSyntaxes,
    RLELossless,
    generate_uid,
)

from LiverAILib.errors import UserError
from LiverAILib.imaging.dicom.elements import UNREADABLE_ERRORS
from LiverAILib.imaging.dicom.header import DicomFile, DicomFrame
from LiverAILib.imaging.dicom.layout import CUT_OFF, PixelLayout

GDCM_SYNTAXES = frozenset({*JPEGTransferSyntaxes, *JPEG2000TransferSyntaxes})
"""JPEG and JPEG 2000: pydicom would need plug-ins, GDCM decodes them within SimpleITK."""

PYDICOM_SYNTAXES = frozenset({RLELossless, JPEGLSLossless, JPEGLSNearLossless})
"""What pydicom decodes itself (RLE) and with the JPEG-LS package that highdicom depends on."""

NATIVE_SYNTAXES = frozenset(
    {"", ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian}
)

SECONDARY_CAPTURE, MULTI_FRAME_WORDS = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.7.3"
ITEM, SEQUENCE_END = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)


def same_pixels(first: DicomFrame, second: DicomFrame) -> bool:
    """Whether two frames hold the same values; False where one of them cannot be read."""
    if (first.slope, first.intercept) != (second.slope, second.intercept):
        return False
    try:
        return bool(np.array_equal(stored_values(first), stored_values(second)))
    except UserError:
        return False


def stored_values(frame: DicomFrame) -> np.ndarray:
    """The stored values (rows, columns) of one frame, without unused bits; signed, unsigned or floating point.

    Raises:
        UserError: The file is damaged or cut off, or compressed in a way that cannot be decoded.
    """
    return stored_frames(frame.file, [frame.index])[0]


def stored_frames(file: DicomFile, indices: Sequence[int]) -> list[np.ndarray]:
    """As `stored_values`, for several frames of one file."""
    layout = file.pixels
    if layout is None or file.fault:
        raise UserError(f"{file.path}: {file.fault or CUT_OFF}.")
    check_syntax(file.path, layout)
    try:
        frames = _decoded(file.path, layout, indices)
    except OSError as error:
        raise UserError(f"{file.path}: cannot be read ({error.strerror or error}). Check its permissions.") from None
    except (*UNREADABLE_ERRORS, RuntimeError):
        raise UserError(f"{file.path}: {CUT_OFF}.") from None
    if any(frame.shape != (layout.rows, layout.columns) for frame in frames):
        raise UserError(
            f"{file.path}: the compressed image has another size than Rows and Columns. Export the series again."
        )
    return frames if layout.lookup_table else [_used_bits(frame, layout) for frame in frames]


def check_syntax(path: Path, layout: PixelLayout) -> None:
    """Raise where the pixels are stored in a way that cannot be decoded."""
    known = GDCM_SYNTAXES | PYDICOM_SYNTAXES if layout.encapsulated else NATIVE_SYNTAXES
    if layout.syntax not in known:
        name = UID(layout.syntax).name if layout.syntax else "not stated"
        raise UserError(
            f"{path}: its pixels cannot be decoded (transfer syntax {name}). Export the series uncompressed (Explicit VR Little "
            "Endian)."
        )


def _decoded(path: Path, layout: PixelLayout, indices: Sequence[int]) -> list[np.ndarray]:
    if layout.encapsulated:
        check_fragments(path, layout)
        if layout.syntax in GDCM_SYNTAXES:
            return _decoded_by_gdcm(path, layout, indices)
    if layout.lookup_table:
        dataset = pydicom.dcmread(path)
        return [apply_modality_lut(pixel_array(dataset, index=index, raw=True), dataset) for index in indices]
    dtype = _native_type(layout)
    if layout.encapsulated or layout.offset is None or dtype is None:
        dataset = pydicom.dcmread(path, force=True)
        return [pixel_array(dataset, index=index, raw=True) for index in indices]
    with path.open("rb", buffering=0) as stream:
        return [_native_frame(stream, layout, dtype, index) for index in indices]


def _native_type(layout: PixelLayout) -> np.dtype | None:
    """Type of uncompressed values; None where they need unpacking or swapping that pydicom does."""
    whole_words = layout.bits_allocated == 8 * layout.dtype.itemsize and layout.samples == 1
    if not whole_words or (layout.bits_allocated == 8 and not layout.little_endian):
        return None
    return layout.dtype.newbyteorder("<" if layout.little_endian else ">")


def _native_frame(stream: FileIO, layout: PixelLayout, dtype: np.dtype, index: int) -> np.ndarray:
    frame = np.empty((layout.rows, layout.columns), dtype)
    assert layout.offset is not None
    stream.seek(layout.offset + index * layout.frame_bytes)
    if stream.readinto(frame.view(np.uint8).data) != frame.nbytes:
        raise EOFError
    return frame.astype(dtype.newbyteorder("="), copy=False)


def _used_bits(frame: np.ndarray, layout: PixelLayout) -> np.ndarray:
    """The values without what else lies in their bits (overlays of old archives), signed ones with their sign."""
    if frame.dtype.kind == "f":
        return frame
    width = 8 * frame.dtype.itemsize
    above, below = width - layout.high_bit - 1, layout.high_bit + 1 - layout.bits_stored
    if above <= 0 and below == 0:
        return frame
    return (frame << above) >> (above + below)  # the right shift of a signed type repeats the sign


def check_fragments(path: Path, layout: PixelLayout) -> None:
    """Raise EOFError where the fragments of compressed pixels do not end as they have to (PS3.5, A.4)."""
    assert layout.offset is not None
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(layout.offset)
        fragments = -1  # the first item is the offset table
        while True:
            group, element, length = struct.unpack("<HHI", stream.read(8))
            if (group, element) == SEQUENCE_END:
                break
            if (group, element) != ITEM or stream.tell() + length > size:
                raise EOFError
            stream.seek(length, os.SEEK_CUR)
            fragments += 1
    if fragments < layout.frames:
        raise EOFError


def _decoded_by_gdcm(path: Path, layout: PixelLayout, indices: Sequence[int]) -> list[np.ndarray]:
    """Frames as GDCM decodes them from a copy that holds the compressed pixels alone.

    Of the whole file GDCM would also apply rescale and inversion, by rules of its own for each kind of object.
    """
    source = pydicom.dcmread(path, force=True)
    copy = Dataset()
    copy.file_meta = FileMetaDataset()
    kind = MULTI_FRAME_WORDS if layout.frames > 1 else SECONDARY_CAPTURE
    copy.SOPClassUID = copy.file_meta.MediaStorageSOPClassUID = UID(kind)
    copy.SOPInstanceUID = copy.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    copy.StudyInstanceUID, copy.SeriesInstanceUID = generate_uid(), generate_uid()
    copy.file_meta.TransferSyntaxUID = UID(layout.syntax)
    copy.SamplesPerPixel, copy.PhotometricInterpretation = 1, "MONOCHROME2"
    copy.Rows, copy.Columns = layout.rows, layout.columns
    copy.BitsAllocated, copy.BitsStored, copy.HighBit = layout.bits_allocated, layout.bits_stored, layout.high_bit
    copy.PixelRepresentation = int(layout.signed)
    if layout.frames > 1:
        copy.NumberOfFrames = layout.frames
    copy.PixelData = source.PixelData
    copy["PixelData"].is_undefined_length = True
    warnings_on = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "pixels.dcm"
            copy.save_as(file, enforce_file_format=True)
            array = sitk.GetArrayFromImage(sitk.ReadImage(str(file)))
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(warnings_on)
    frames = array.reshape(-1, *array.shape[-2:])
    return [frames[index] for index in indices]
