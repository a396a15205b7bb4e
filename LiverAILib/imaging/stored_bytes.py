"""The bytes of a file, gzipped or not, read once and complete."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from pathlib import Path

import numpy as np

from LiverAILib.errors import UserError

GZIP_MAGIC = b"\x1f\x8b"
LARGEST_RATIO = 1100
"""Deflate makes nothing smaller than by 1032."""
BLOCK = 1 << 24
Stream = gzip.GzipFile | io.BufferedReader


def open_stream(path: Path) -> Stream:
    """The content of a file, decompressed where it is gzipped, whatever its name says."""
    with path.open("rb") as stream:
        packed = stream.read(2) == GZIP_MAGIC
    return gzip.open(path, "rb") if packed else path.open("rb")


def first_bytes(path: Path, count: int) -> bytes:
    """Up to `count` bytes from the beginning of the content.

    Raises:
        UserError: The compressed stream is damaged within them.
    """
    try:
        with open_stream(path) as stream:
            return stream.read(count)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise damaged(path) from None


def read_exactly(stream: Stream, count: int, path: Path) -> np.ndarray:
    """The next `count` bytes of a stream (uint8), to whose end a gzipped one is read, so that its checksum is compared.

    Args:
        stream: Of `open_stream`, or a `gzip.GzipFile`.
        count: How many bytes the header promises.
        path: The file, for messages.

    Raises:
        UserError: There are fewer, or the compressed stream is damaged.
    """
    packed = isinstance(stream, gzip.GzipFile)
    on_disk = os.stat(path).st_size
    if count > on_disk * (LARGEST_RATIO if packed else 1):
        raise cut_off(path, on_disk, count)
    content = np.empty(count, np.uint8)
    view, got = content.data, 0
    try:
        while got < count:
            read = stream.readinto(view[got : got + BLOCK])
            if not read:
                raise cut_off(path, got, count)
            got += read
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise damaged(path) from None
    if packed:
        _read_to_the_end(stream, path)
    return content


def _read_to_the_end(stream: Stream, path: Path) -> None:
    try:
        while stream.read(BLOCK):
            pass
    except gzip.BadGzipFile as error:
        if "Not a gzipped file" not in str(error):  # that is something behind a complete stream
            raise damaged(path) from None
    except (EOFError, zlib.error):
        raise damaged(path) from None


def damaged(path: Path) -> UserError:
    """The error of a compressed stream that ends early or does not fit its checksum."""
    return UserError(f"{path}: the file is cut off or damaged. Copy or export it again.")


def cut_off(path: Path, got: int, count: int) -> UserError:
    """The error of a file that holds fewer bytes than its header promises."""
    return UserError(
        f"{path}: the file is cut off ({got} of {count} bytes that its header promises). Copy or export it again."
    )
