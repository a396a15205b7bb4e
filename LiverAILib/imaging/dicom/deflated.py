"""Deflated DICOM files, which pydicom unpacks as a whole into memory, however large that becomes."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

from pydicom.uid import DeflatedExplicitVRLittleEndian

from LiverAILib.imaging.stored_bytes import BLOCK, LARGEST_RATIO, LARGEST_UNPACKED, check_expansion

META_BYTES = 1 << 12
GROUP_LENGTH = struct.Struct("<4s2sHI")
"""(0002,0000) File Meta Information Group Length: how many bytes follow until the data set."""


def check_deflated(path: str | os.PathLike[str]) -> None:
    """Raise where a deflated file was made to fill the memory; it is unpacked here bit by bit to know.

    Raises:
        UserError: As said.
    """
    path = Path(path)
    size = path.stat().st_size
    if size * LARGEST_RATIO <= LARGEST_UNPACKED:
        return
    with path.open("rb") as stream:
        head = stream.read(META_BYTES)
        if DeflatedExplicitVRLittleEndian.encode() not in head:
            return
        _, vr, _, length = GROUP_LENGTH.unpack_from(head, 132)
        stream.seek(132 + GROUP_LENGTH.size + (length if vr == b"UL" else 0))
        unpacker, unpacked = zlib.decompressobj(-zlib.MAX_WBITS), 0
        try:
            while block := unpacker.unconsumed_tail or stream.read(BLOCK):
                unpacked += len(unpacker.decompress(block, BLOCK))
                check_expansion(unpacked, size, path)
        except zlib.error:
            return  # whoever reads it says that it is damaged
