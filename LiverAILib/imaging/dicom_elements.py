"""A walk over the data elements of a DICOM file (PS3.5, section 7), far enough to tell whether its pixel data are whole.

GDCM fills missing pixels with zeros and says nothing, so the length that the element states is compared with the file.
The elements are walked from the start: the bytes of the pixel data tag may stand anywhere in compressed pixels or in an icon.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Literal

PIXEL_DATA = (0x7FE0, 0x0010)
TRANSFER_SYNTAX = (0x0002, 0x0010)
ITEM, ITEM_END, SEQUENCE_END = (0xFFFE, 0xE000), (0xFFFE, 0xE00D), (0xFFFE, 0xE0DD)
UNDEFINED_LENGTH = 0xFFFFFFFF
LONG_FORM = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
"""Value representations whose length has 32 bits (PS3.5, table 7.1-1)."""

IMPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"

PixelDataState = Literal["whole", "cut_off", "absent", "not_dicom"]


class _CutOffError(Exception):
    """The file ends within an element."""


class _NoElementError(Exception):
    """What stands here is no data element."""


@dataclass(frozen=True)
class _Element:
    tag: tuple[int, int]
    vr: bytes
    length: int


def pixel_data_state(path: str | Path) -> PixelDataState:
    """Whether the pixel data of a DICOM file are all there.

    Returns:
        "whole"; "cut_off" where the file ends before an element does; "absent" where it ends without pixel data;
        "not_dicom" where the bytes are no data elements.
    """
    with Path(path).open("rb") as stream:
        try:
            return _state(stream)
        except (_CutOffError, zlib.error):
            return "cut_off"
        except _NoElementError:
            return "not_dicom"


def _state(stream: BinaryIO) -> PixelDataState:
    reader = _Reader(stream)
    if stream.read(132)[128:] == b"DICM":
        syntax = _transfer_syntax(reader)
        if syntax == DEFLATED:
            inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            content = inflater.decompress(stream.read()) + inflater.flush()
            if not inflater.eof:
                raise _CutOffError
            reader = _Reader(BytesIO(content))
        reader.big_endian, reader.explicit = syntax == EXPLICIT_BIG, syntax != IMPLICIT_LITTLE
    else:  # a bare data set, as old archives hold it: little endian, the letters of a VR tell which form
        stream.seek(4)
        reader.explicit = stream.read(2).isalpha()
        stream.seek(0)
    previous = (0, 0)
    while not reader.at_end():
        element = reader.element()
        if element.tag <= previous and element.tag[0] != 0xFFFE:
            raise _NoElementError  # tags ascend (PS3.5, 7.1): what was read is something else
        previous = element.tag
        reader.skip_value(element)
        if element.tag == PIXEL_DATA:
            return "whole"
    return "absent"


def _transfer_syntax(reader: _Reader) -> str:
    """UID of the transfer syntax from the file meta information (group 2, explicit little endian); stops behind it."""
    syntax = ""
    while (group := reader.stream.read(2)) == b"\2\0":
        reader.stream.seek(-2, 1)
        element = reader.element()
        if element.tag == TRANSFER_SYNTAX:
            syntax = reader.stream.read(element.length).rstrip(b"\0 ").decode("ascii", "replace")
        else:
            reader.skip_value(element)
    reader.stream.seek(-len(group), 1)
    return syntax


class _Reader:
    """Reads element after element from a stream; pixel data are skipped, not read."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        here = stream.tell()
        self.size = stream.seek(0, 2)
        stream.seek(here)
        self.explicit = True
        self.big_endian = False

    def at_end(self) -> bool:
        return self.stream.tell() >= self.size

    def element(self) -> _Element:
        """Tag, VR and length of the next element; the stream then stands at its value."""
        group, number = self._unpack("HH")
        if group == 0xFFFE or not self.explicit:
            return _Element((group, number), b"", *self._unpack("I"))
        vr = self._take(2)
        if not (vr.isalpha() and vr.isupper()):
            raise _NoElementError
        if vr not in LONG_FORM:
            return _Element((group, number), vr, *self._unpack("H"))
        self._take(2)
        return _Element((group, number), vr, *self._unpack("I"))

    def skip_value(self, element: _Element) -> None:
        """Go behind the value of `element`, through its items where its length is undefined."""
        if element.length != UNDEFINED_LENGTH:
            if self.stream.tell() + element.length > self.size:
                raise _CutOffError
            self.stream.seek(element.length, 1)
            return
        explicit = self.explicit
        if element.vr == b"UN":
            self.explicit = False  # an unknown VR of undefined length is in implicit form (PS3.5, 6.2.2)
        while (inner := self.element()).tag != SEQUENCE_END:
            if inner.tag != ITEM:
                raise _NoElementError
            if inner.length == UNDEFINED_LENGTH:
                while (nested := self.element()).tag != ITEM_END:
                    self.skip_value(nested)
            else:
                self.skip_value(inner)
        self.explicit = explicit

    def _take(self, count: int) -> bytes:
        value = self.stream.read(count)
        if len(value) < count:
            raise _CutOffError
        return value

    def _unpack(self, form: str) -> tuple[int, ...]:
        form = (">" if self.big_endian else "<") + form
        return struct.unpack(form, self._take(struct.calcsize(form)))
