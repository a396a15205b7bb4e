"""Files that appear complete or not at all: a kill or a full disk leaves nothing half-written behind."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from LiverAILib.errors import UserError
from LiverAILib.spreadsheet_text import spreadsheet_text

PREFIX = ".writing-"
"""Begins the names of the temporary folders; they lie beside the target, on the same disk, and differ for every writer."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A path to write to, with the name of `path`, which takes its place when the block ends without an error.

    The folder of `path` is made where it is missing.

    Raises:
        UserError: It cannot be written. An earlier file at `path` is then still there.
    """
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=PREFIX) as folder:
            unfinished = Path(folder) / path.name
            yield unfinished
            unfinished.replace(path)


@contextmanager
def atomic_files(folder: Path, *, last: str) -> Iterator[Path]:
    """An empty folder to write files to, which move into `folder` together when the block ends without an error.

    Subfolders become subfolders of `folder`.

    Other files in `folder` stay. The file `last` says that the others are complete: an earlier one is removed before the
    others are replaced, and the new one comes at the end.

    Raises:
        UserError: They cannot be written.
    """
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=PREFIX) as temporary:
            unfinished = Path(temporary)
            yield unfinished
            names = [file.relative_to(unfinished) for file in unfinished.rglob("*") if file.is_file()]
            (folder / last).unlink(missing_ok=True)
            for name in sorted(names, key=lambda name: (name == Path(last), name)):
                (folder / name).parent.mkdir(exist_ok=True, parents=True)
                (unfinished / name).replace(folder / name)


def atomic_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, complete or not at all.

    Raises:
        UserError: It cannot be written.
    """
    with atomic_write(path) as unfinished:
        unfinished.write_bytes(content)


def atomic_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, complete or not at all; characters that no encoding knows become escapes.

    Raises:
        UserError: It cannot be written.
    """
    atomic_bytes(path, text.encode("utf-8", "backslashreplace"))


def atomic_csv(
    path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]], *, read_back: bool = False
) -> None:
    """Write a table to `path` as CSV in UTF-8, complete or not at all.

    Args:
        path: The file.
        columns: First line.
        rows: The others.
        read_back: Whether programs read it, so that every name has to stay as it is; else text that a spreadsheet would take for
            a formula gets an apostrophe.

    Raises:
        UserError: It cannot be written.
    """
    with (
        atomic_write(path) as unfinished,
        unfinished.open("w", newline="", encoding="utf-8", errors="backslashreplace") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        for row in (columns, *rows):
            writer.writerow(row if read_back else [spreadsheet_text(cell) for cell in row])


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror}). Choose a folder that exists, is writable and has space."
        ) from None
