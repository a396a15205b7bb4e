"""The bytes of a file, gzipped or not, read once and complete."""

from __future__ import annotations

import bz2
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
LARGEST_UNPACKED, SUSPICIOUS_RATIO = 2 << 30, 100
"""Bytes that a file may become whatever its size, and how many times its size it may become beyond that. An empty mask becomes a
thousand times its size, but hardly 2 GB; a scan becomes two to four times its size."""

LARGEST_REST = 1 << 26
"""Bytes behind those that a header promises within a compressed stream; a file that goes on longer is no image."""
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
    if packed:
        check_expansion(count, on_disk, path)
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
        read_to_the_end(stream, path)
    return content


def read_to_the_end(stream: Stream | bz2.BZ2File, path: Path) -> None:
    """Unpack what follows the image in a compressed stream, whose checksum and end show whether all of it is there.

    Raises:
        UserError: It is cut off or damaged, or more follows than any writer leaves there.
    """
    rest = 0
    try:
        while read := stream.read(BLOCK):
            rest += len(read)
            if rest > LARGEST_REST:
                raise UserError(
                    f"{path}: the compressed data go on far behind the image that its header describes. Export it again."
                )
    except gzip.BadGzipFile as error:
        if "Not a gzipped file" not in str(error):  # that is something behind a complete stream
            raise damaged(path) from None
    except (EOFError, zlib.error):
        raise damaged(path) from None


def check_expansion(count: int, on_disk: int, path: Path) -> None:
    """Raise where `count` bytes would be unpacked from a file so small that it was made to fill the memory.

    Raises:
        UserError: As said.
    """
    if count > LARGEST_UNPACKED and count > SUSPICIOUS_RATIO * on_disk:
        raise UserError(
            f"{path}: {on_disk / 1e6:.3g} MB on disk would become {count / 1e9:.3g} GB in memory, {count // max(on_disk, 1)} "
            "times as much, which no scan does. If it is right, save it uncompressed."
        )


def beside(header: Path, name: str) -> Path:
    """The data file that a header names, in the folder of the header or below it; a link only where the header is one too.

    Raises:
        UserError: It lies elsewhere: a header from elsewhere must not have other files of this computer read.
    """
    if not name.isprintable():
        raise UserError(
            f"{header}: the name of its data file has control characters ({name[:80]!r}). Export the image again."
        )
    path = header.parent / name
    outside = Path(name).is_absolute() or ".." in Path(name).parts or "\\" in name
    linked = header.parent.resolve() not in path.resolve().parents and not header.is_symlink()
    if outside or linked:
        raise UserError(
            f"{header}: names a data file outside of its folder ({name[:80]}). Put both into one folder, or save the image as "
            "one file."
        )
    return path


def damaged(path: Path) -> UserError:
    """The error of a compressed stream that ends early or does not fit its checksum."""
    return UserError(f"{path}: the file is cut off or damaged. Copy or export it again.")


def cut_off(path: Path, got: int, count: int) -> UserError:
    """The error of a file that holds fewer bytes than its header promises."""
    return UserError(
        f"{path}: the file is cut off ({got} of {count} bytes that its header promises). Copy or export it again."
    )
