"""How the pixels of a DICOM file are stored, and whether all of them are there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from LiverAILib.imaging.dicom.elements import BadValueError, get_value, to_count, value_text

PIXEL_DATA, FLOAT_PIXEL_DATA, DOUBLE_FLOAT_PIXEL_DATA = 0x7FE00010, 0x7FE00008, 0x7FE00009
PALETTE_COLOR, YBR_422 = "PALETTE COLOR", "YBR_FULL_422"
UNDEFINED_LENGTH = 0xFFFFFFFF
CUT_OFF = "the DICOM file is damaged or cut off. Export the series again"


@dataclass(frozen=True)
class PixelLayout:
    """How the pixels of a file are stored.

    Attributes:
        syntax: Transfer syntax UID, "" where the file does not say.
        little_endian: Byte order of native pixels.
        tag: Pixel Data, Float Pixel Data or Double Float Pixel Data.
        offset: Where the value of that element starts; None where the data set is deflated.
        length: Its length in bytes, `UNDEFINED_LENGTH` where it is encapsulated.
        rows, columns, samples, frames: Size.
        bits_allocated, bits_stored, high_bit, signed: See PS3.5, 8.1.1.
        photometric: What the samples mean (PhotometricInterpretation).
        inverted: MONOCHROME1: the smallest value is shown white.
        lookup_table: Values become meaningful through a Modality LUT Sequence.
    """

    syntax: str
    little_endian: bool
    tag: int
    offset: int | None
    length: int
    rows: int
    columns: int
    samples: int
    frames: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str
    inverted: bool
    lookup_table: bool

    @property
    def encapsulated(self) -> bool:
        return self.length == UNDEFINED_LENGTH

    @property
    def color(self) -> bool:
        """Whether its pixels are colors: several samples, or indices of a palette."""
        return self.samples > 1 or self.photometric == PALETTE_COLOR

    @property
    def dtype(self) -> np.dtype:
        """Type that holds the stored values; what a lookup table gives has at most 16 bits, whatever is stored."""
        if self.tag != PIXEL_DATA:
            return np.dtype(f"f{self.bits_allocated // 8}")
        if self.lookup_table:
            return np.dtype(np.int32)
        size = next(size for size in (1, 2, 4, 8) if self.bits_allocated <= 8 * size)
        return np.dtype(f"{'i' if self.signed else 'u'}{size}")

    @property
    def frame_bytes(self) -> int:
        """Bytes of one native frame."""
        return self.bytes_of(1)

    def bytes_of(self, frames: int) -> int:
        """Bytes of so many native frames."""
        samples = 2 if self.photometric == YBR_422 else self.samples  # two pixels share a blue and a red difference
        return -(-self.rows * self.columns * samples * frames * self.bits_allocated // 8)


def layout_of(dataset: Dataset, place: tuple[int, str | None, int, int]) -> PixelLayout:
    tag, vr, length, start = place
    syntax = value_text(get_value(dataset.file_meta, "TransferSyntaxUID"))
    implicit, little_endian = dataset.original_encoding
    rows, columns = to_count(dataset, "Rows"), to_count(dataset, "Columns")
    is_float = {FLOAT_PIXEL_DATA: 32, DOUBLE_FLOAT_PIXEL_DATA: 64}.get(tag)
    bits = is_float or to_count(dataset, "BitsAllocated")
    stored = is_float or to_count(dataset, "BitsStored", bits)
    high = to_count(dataset, "HighBit", stored - 1, least=0)
    if not 0 < stored <= high + 1 <= bits <= 64:
        raise BadValueError(f"BitsAllocated {bits}, BitsStored {stored} and HighBit {high} contradict each other")
    photometric = value_text(get_value(dataset, "PhotometricInterpretation"))
    header_bytes = 12 if not implicit and vr in ("OB", "OW", "OF", "OD", "UN", "OL", "OV") else 8
    return PixelLayout(
        syntax=syntax,
        little_endian=little_endian is not False,
        tag=tag,
        offset=None if syntax == DeflatedExplicitVRLittleEndian else start + header_bytes,
        length=length,
        rows=rows,
        columns=columns,
        samples=to_count(dataset, "SamplesPerPixel", 1),
        frames=to_count(dataset, "NumberOfFrames", 1),
        bits_allocated=bits,
        bits_stored=stored,
        high_bit=high,
        signed=not is_float and to_count(dataset, "PixelRepresentation", 0, least=0) == 1,
        photometric=photometric,
        inverted=photometric == "MONOCHROME1",
        lookup_table=get_value(dataset, "ModalityLUTSequence") is not None,
    )


def length_fault(layout: PixelLayout, size: int) -> str:
    if layout.encapsulated:  # its fragments are walked when it is read; each begins with 8 bytes
        return CUT_OFF if layout.frames * 8 > size else ""
    needed = layout.bytes_of(layout.frames)
    beyond = layout.offset is not None and layout.offset + layout.length > size
    if beyond or layout.length < needed:
        return CUT_OFF
    if layout.length >= needed + max(layout.frame_bytes, 2):
        return "there are more pixel data than Rows, Columns and NumberOfFrames describe. Export the series again"
    return ""
