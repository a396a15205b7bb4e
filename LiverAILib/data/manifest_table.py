"""The cells of a manifest as they were written, for commands that make a new manifest of it."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path

from LiverAILib.data.masks import split_choice


def read_table(manifest: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The columns of a manifest that can be read as a cohort, and its rows."""
    with manifest.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        return list(reader.fieldnames or ()), [{name: cell or "" for name, cell in row.items()} for row in reader]


def moved(cells: Mapping[str, str], old: Path, new: Path) -> dict[str, str]:
    """The cells of a row, the paths in them relative to the folder `new` instead of `old`."""
    return {column: _moved(column, cell, old, new) for column, cell in cells.items()}


def _moved(column: str, cell: str, old: Path, new: Path) -> str:
    kind = column.partition(":")[0]
    if kind not in ("image", "mask") or not cell.strip() or old.resolve() == new.resolve():
        return cell
    if kind == "image":
        return ";".join(_relative(old / part.strip(), new) for part in cell.split(";"))
    file, choice = split_choice(old / cell.strip())
    return _relative(file, new) + ("" if choice is None else f"#{choice}")


def _relative(file: Path, folder: Path) -> str:
    try:
        return os.path.relpath(file.resolve(), folder.resolve())
    except ValueError:  # another drive
        return str(file.resolve())
