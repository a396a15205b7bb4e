"""What is checked of an output before the work begins: its ending, its folder, and that it is no input."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from LiverAILib.errors import UserError

PICTURE_SUFFIXES = (".png",)
"""Endings of the pictures that are written."""


def check_ending(path: Path, endings: Sequence[str]) -> None:
    """Raise where the name of a file to write has none of the endings.

    Raises:
        UserError: As said.
    """
    if not path.name.lower().endswith(tuple(endings)) or path.name.lower() in endings:
        raise UserError(f"{path}: a file with this ending cannot be written. Use one of {', '.join(endings)}.")


def check_output_file(path: Path, endings: Sequence[str]) -> None:
    """Raise where the file cannot be written: its ending, a folder of this name, or a folder that is not writable.

    Raises:
        UserError: As said.
    """
    check_ending(path, endings)
    if path.is_dir():
        raise UserError(f"{path}: is a folder. Give the name of a file to write.")
    _check_writable(path, path.parent)


def check_output_folder(folder: Path) -> None:
    """Raise where the folder cannot be written, or not be made where it is missing; nothing is made yet.

    Raises:
        UserError: As said.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file, not a folder. Choose another output folder.")
    _check_writable(folder, folder)


def _check_writable(output: Path, folder: Path) -> None:
    """Raise where nothing can be written to `folder`, or to the folder that it would be made in."""
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise UserError(f"{output}: cannot be written ({there} is a file). Choose another output folder.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"{output}: cannot be written ({there} is not writable). Choose a folder that is writable.")


def check_keeps_inputs(outputs: Iterable[Path], inputs: Iterable[str | os.PathLike[str] | None]) -> None:
    """Raise where writing an output would overwrite an input, also through links.

    Args:
        outputs: Files that are written, and folders that are replaced as a whole.
        inputs: Files and folders that are read; None is skipped. A DICOM file inside an input folder is an input too.

    Raises:
        UserError: As said.
    """
    sources = [Path(one) for one in inputs if one is not None and Path(one).exists()]
    by_identity = {_identity(source): source for source in sources}
    inside = {parent: source for source in sources for parent in source.resolve().parents}
    folders = {source.resolve(): source for source in sources if source.is_dir()}
    for output in outputs:
        if not output.exists():
            continue
        place = output.resolve()
        source = by_identity.get(_identity(output)) or (inside.get(place) if output.is_dir() else None)
        if source is None and _is_dicom(output):
            source = next((folders[parent] for parent in place.parents if parent in folders), None)
        if source is not None:
            raise UserError(f"{output}: would overwrite the input {source}. Choose another output.")


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _is_dicom(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"
