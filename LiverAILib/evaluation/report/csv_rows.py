"""A CSV file as rows of text, with faults named by row (the header is row 1) and column."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from LiverAILib.errors import UserError

REQUIRED = ("case_id", "patient_id", "label")
MISSING = {"", "na", "n/a", "nan", "none", "null"}


@dataclass
class Rows:
    """Raw text of the file, and the faults found so far."""

    path: Path
    columns: list[str]
    cells: list[list[str]]
    numbers: list[int]
    faults: list[str] = field(default_factory=list)

    def column(self, name: str) -> list[str]:
        """Text of a column, without blanks around it."""
        place = self.columns.index(name)
        return [row[place].strip() for row in self.cells]

    def fault(self, row: int, name: str, text: str) -> None:
        """Note a fault of the row-th case (from 0) in a column."""
        self.faults.append(f"row {self.numbers[row]}, column {name!r}: {text}")

    def stop(self) -> None:
        """Raise the first fault, with the number of further ones.

        Raises:
            UserError: There is a fault.
        """
        if self.faults:
            more = f" (and {len(self.faults) - 1} more faults)" if len(self.faults) > 1 else ""
            raise UserError(f"{self.path.name}: {self.faults[0]}{more}")


def load_rows(path: Path) -> tuple[Rows, str]:
    """Rows and checksum (sha256) of a CSV file with at least the columns `REQUIRED`.

    Raises:
        UserError: No such file, not UTF-8, no header, wrong separator, missing or repeated columns, ragged rows.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; give the predictions as a CSV file")
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path.name}: is not UTF-8 text; save it as 'CSV UTF-8'") from None
    reader = csv.reader(io.StringIO(text, newline=""))
    # Blank lines are not cases, but messages count them: the number is that of the line in the file.
    numbered = [(reader.line_num, line) for line in reader if any(cell.strip() for cell in line)]
    lines = [line for _, line in numbered]
    if not lines:
        raise UserError(f"{path.name}: is empty; the first row names the columns ({', '.join(REQUIRED)}, score)")
    columns = [name.strip() for name in lines[0]]
    if len(columns) == 1 and (";" in columns[0] or "\t" in columns[0]):
        raise UserError(f"{path.name}: row 1: columns are not separated by commas; save it with commas")
    for name in REQUIRED:
        if name not in columns:
            raise UserError(
                f"{path.name}: row 1: column {name!r} is missing; needed are {', '.join(REQUIRED)} and score"
            )
    twice = [name for name in columns if columns.count(name) > 1]
    if twice:
        raise UserError(f"{path.name}: row 1: column {twice[0]!r} is a duplicate; rename or remove one")
    rows = Rows(path, columns, lines[1:], [number for number, _ in numbered[1:]])
    for i, cells in enumerate(rows.cells):
        if len(cells) != len(columns):
            rows.faults.append(
                f"row {rows.numbers[i]}: has {len(cells)} cells for {len(columns)} columns; check commas and quotes"
            )
    rows.stop()
    if not rows.cells:
        raise UserError(f"{path.name}: has no rows below the header; there is nothing to evaluate")
    return rows, hashlib.sha256(raw).hexdigest()


def numbers(rows: Rows, name: str) -> NDArray[np.float64]:
    """A column as numbers; a cell that is not a number becomes a fault."""
    values = []
    for i, cell in enumerate(rows.column(name)):
        value = number(cell)
        if value is None:
            if cell.lower() in MISSING:
                text = "is empty; give a score for every case, or leave the case out and report it as a failure"
            else:
                text = f"{cell!r} is not a finite number; use a decimal point"
            rows.fault(i, name, text)
            value = math.nan
        values.append(value)
    return np.array(values)


def number(text: str) -> float | None:
    """A finite number, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
