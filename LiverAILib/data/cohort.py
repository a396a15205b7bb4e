"""Cohorts: many cases with labels, from a CSV manifest (columns in the README, "Cohort manifest")."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from LiverAILib.data.masks import read_mask, split_choice
from LiverAILib.data.structures import LIVER
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image
from LiverAILib.imaging.image import Image

SPLITS = ("train", "validation", "test", "")
REQUIRED = ("case_id", "patient_id")


@dataclass(frozen=True)
class CohortRow:
    """One case of a cohort, its files not yet read.

    Attributes:
        case_id: Unique in the manifest.
        patient_id: Cases of one patient never stand on both sides of a split.
        split: "train", "validation", "test" or "".
        label: Stage 0-4, or 0/1 for cirrhosis; None where the manifest has none.
        images: Role ("t2", "ct", ...) to files.
        masks: Structure ("liver", "spleen", ...) to `file`, `file#name` or `file#label`.
        covariates: The other columns.
    """

    case_id: str
    patient_id: str
    split: str = ""
    label: int | None = None
    images: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    masks: Mapping[str, str] = field(default_factory=dict)
    covariates: Mapping[str, str] = field(default_factory=dict)

    def read_images(self, role: str, modality: str | None = None) -> tuple[Image, ...]:
        """The images of `role`, of `modality` where the files do not say.

        Raises:
            UserError: There is none, or a file cannot be read.
        """
        if role not in self.images:
            raise UserError(
                f"case {self.case_id}: no image:{role} in the manifest. Add the column or choose another model."
            )
        read = (read_image(path) for path in self.images[role])
        return tuple(image if image.modality else replace(image, modality=modality) for image in read)

    def read_image(self, role: str, modality: str | None = None) -> Image:
        """The first image of `role`; see `read_images`."""
        return replace(self, images={role: self.images[role][:1]} if role in self.images else {}).read_images(
            role, modality
        )[0]

    def read_mask(self, structure: str, reference: Image) -> np.ndarray:
        """The boolean mask of `structure` on the grid of `reference`; errors as in `read_mask_image`."""
        return self.read_mask_image(structure, reference).array > 0

    def read_mask_image(self, structure: str, reference: Image) -> Image:
        """The mask of `structure` (uint8 0/1) on the grid of `reference`, with what its reader found.

        Only the liver must have a voxel: evidence of disease is empty where there is none, and organs may be removed.

        Raises:
            UserError: The file cannot be read, several segments could be meant, or it does not fit the image.
        """
        empty_allowed = structure != LIVER.name
        return read_mask(self.masks[structure], structure, reference=reference, empty_allowed=empty_allowed)


@dataclass(frozen=True)
class Cohort:
    """The cases of a manifest, in its order."""

    path: Path
    rows: tuple[CohortRow, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[CohortRow]:
        return iter(self.rows)

    def split(self, *names: str) -> tuple[CohortRow, ...]:
        """The rows of the named splits."""
        return tuple(row for row in self.rows if row.split in names)


def read_cohort(path: str | os.PathLike[str]) -> Cohort:
    """The cohort that a CSV manifest lists.

    Raises:
        UserError: One message with every fault of the manifest by line and column: a missing column, a missing file, a
            doubled case, an unknown split, a label that is no stage, or a patient on both sides of a split.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such manifest. Give the CSV file of the cohort.")
    with path.open(newline="", encoding="utf-8-sig") as stream:
        table = list(csv.DictReader(stream))
    if not table:
        raise UserError(f"{path}: the manifest has no rows. It needs a header line and one line a case.")
    missing = [column for column in REQUIRED if column not in table[0]]
    if missing:
        raise UserError(f"{path}: column {', '.join(missing)} missing. A manifest needs {', '.join(REQUIRED)}.")
    faults: list[str] = []
    rows = tuple(_row(line, cells, path.parent, faults) for line, cells in enumerate(table, 2))
    _check_rows(rows, faults)
    if faults:
        shown = "; ".join(faults[:20]) + (f"; and {len(faults) - 20} more" if len(faults) > 20 else "")
        raise UserError(f"{path}: {len(faults)} fault{'s' * (len(faults) > 1)}. {shown}")
    return Cohort(path, rows)


def _row(line: int, cells: dict[str, str], folder: Path, faults: list[str]) -> CohortRow:
    images: dict[str, tuple[Path, ...]] = {}
    masks: dict[str, str] = {}
    covariates: dict[str, str] = {}
    for column, cell in cells.items():
        cell = (cell or "").strip()
        if not column or not cell:
            continue
        kind, _, name = column.partition(":")
        if kind == "image":
            images[name] = tuple(folder / part.strip() for part in cell.split(";"))
            faults += [
                f"line {line}, column {column}: {file} does not exist" for file in images[name] if not file.exists()
            ]
        elif kind == "mask":
            masks[name] = str(folder / cell)
            file, choice = split_choice(folder / cell)
            if not file.exists():
                faults.append(f"line {line}, column {column}: {file} does not exist")
            elif choice is not None and not choice.strip():
                faults.append(f"line {line}, column {column}: there is nothing behind the '#'")
        elif column not in ("case_id", "patient_id", "split", "label"):
            covariates[column] = cell
    for column in REQUIRED:
        if not (cells[column] or "").strip():
            faults.append(f"line {line}, column {column}: empty")
    label = (cells.get("label") or "").strip()
    if label and label not in ("0", "1", "2", "3", "4"):
        faults.append(f"line {line}, column label: '{label}' is no stage 0-4")
        label = ""
    split = (cells.get("split") or "").strip()
    if split not in SPLITS:
        faults.append(f"line {line}, column split: '{split}' is none of train, validation, test")
    return CohortRow(
        (cells["case_id"] or "").strip(),
        (cells["patient_id"] or "").strip(),
        split,
        int(label) if label else None,
        images,
        masks,
        covariates,
    )


def _check_rows(rows: tuple[CohortRow, ...], faults: list[str]) -> None:
    seen: set[str] = set()
    splits: dict[str, str] = {}
    for line, row in enumerate(rows, 2):
        if row.case_id in seen:
            faults.append(f"line {line}, column case_id: '{row.case_id}' stands twice")
        seen.add(row.case_id)
        if splits.setdefault(row.patient_id, row.split) != row.split:
            faults.append(
                f"line {line}, column split: patient '{row.patient_id}' stands in '{splits[row.patient_id]}' and "
                f"'{row.split}'; a patient belongs to one split"
            )
