"""Cohorts: many cases with labels, from a CSV manifest (columns in docs/cohort.md)."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from LiverAILib.data.label_kinds import CIRRHOSIS, LABEL_KINDS, STAGES
from LiverAILib.data.mask_columns import mask_columns, read_structure_mask
from LiverAILib.data.masks import split_choice
from LiverAILib.data.regions import Region, Regions, parse_regions
from LiverAILib.errors import UserError
from LiverAILib.evaluation.report.score_columns import STAGE
from LiverAILib.imaging.files import read_image
from LiverAILib.imaging.image import Image

SPLITS = ("train", "validation", "test", "")
REQUIRED = ("case_id", "patient_id")
REST = "\0"
"""Name of what a row holds behind its last column; no column can have it."""
GROUP, FOLD, SLICE = "group_id", "fold", "slice"
"""Optional columns: who stays together in splits and folds, a given fold, and a slice that was picked by hand."""
UNSTATED = "label"
"""Column whose labels are either; `--labels` has to say which."""


@dataclass(frozen=True)
class CohortRow:
    """One case of a cohort, its files not yet read.

    Attributes:
        case_id: Unique in the manifest.
        patient_id: Who is counted as one in the statistics. Cases of one patient are all on one side of a split.
        split: "train", "validation", "test" or "".
        label: Label as the manifest has it; None where it has none. Use `stage` and `cirrhosis`, which know what it means.
        images: Role ("t2", "ct", ...) to files.
        masks: Structure ("liver", "spleen", ...) to `file`, `file#name` or `file#label`.
        role_masks: Role to structure to such a mask for each image of the role, where masks belong to single images.
        regions: Rectangles that were drawn by hand, by name; see `Case`.
        covariates: The other columns.
        label_kind: What the label is, one of `LABEL_KINDS`; None where the manifest does not say.
        value: Reference value where the labels are those of a quantity; None where it is not known.
        on_read: Called with the file of every image and what was read from it.
        slice_index: Slice that was picked by hand, from 0 along the input's own slice axis; None where none was.
        group_id: Patients of one group are all on one side of a split (two livers of one person); "" where the patient stands
            alone.
        fold: Fold that the manifest gives the case; "" where it gives none.
    """

    case_id: str
    patient_id: str
    split: str = ""
    label: int | None = None
    images: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    masks: Mapping[str, str] = field(default_factory=dict)
    role_masks: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    covariates: Mapping[str, str] = field(default_factory=dict)
    label_kind: str | None = None
    value: float | None = None
    on_read: Callable[[Path, Image], None] | None = field(default=None, compare=False, repr=False)
    slice_index: int | None = None
    group_id: str = ""
    fold: str = ""
    regions: Regions = field(default_factory=dict)

    @property
    def group(self) -> str:
        """What is never divided between splits or folds: the group, or the patient where there is none."""
        return self.group_id or self.patient_id

    @property
    def stage(self) -> int | None:
        """Fibrosis stage 0-4; None where it is not known."""
        return self.label if self.label_kind == STAGES else None

    @property
    def cirrhosis(self) -> bool | None:
        """Whether the patient has cirrhosis, which is stage 4; None where it is not known."""
        if self.label is None or self.label_kind is None:
            return None
        return self.label == (4 if self.label_kind == STAGES else 1)

    def read_images(self, role: str, modality: str | None = None, *, color: bool = True) -> tuple[Image, ...]:
        """The images of `role`, of `modality` where the files do not say; color images among them unless `color` is False.

        Raises:
            UserError: There is none, or a file cannot be read.
        """
        if role not in self.images:
            raise UserError(
                f"case {self.case_id}: no image:{role} in the manifest. Add the column or choose another model."
            )
        images = []
        for path in self.images[role]:
            image = read_image(path, color=color)
            if self.on_read is not None:
                self.on_read(path, image)
            images.append(image if image.modality else replace(image, modality=modality))
        return tuple(images)

    def read_image(self, role: str, modality: str | None = None, *, color: bool = True) -> Image:
        """The first image of `role`; see `read_images`."""
        return replace(self, images={role: self.images[role][:1]} if role in self.images else {}).read_images(
            role, modality, color=color
        )[0]

    def files(self) -> list[Path]:
        """Every image and mask of the case."""
        of_roles = (mask for by_name in self.role_masks.values() for some in by_name.values() for mask in some)
        masks = (split_choice(mask)[0] for mask in (*self.masks.values(), *of_roles))
        return [*(file for files in self.images.values() for file in files), *masks]

    def read_mask(self, structure: str, reference: Image) -> np.ndarray:
        """The boolean mask of `structure` on the grid of `reference`; errors as in `read_mask_image`."""
        return self.read_mask_image(structure, reference).array > 0

    def read_mask_image(self, structure: str, reference: Image) -> Image:
        """The mask of `structure` (uint8 0/1) on the grid of `reference`, with what its reader found.

        Only the liver must have a voxel: evidence of disease is empty where there is none, and organs may be removed.

        Raises:
            UserError: The file cannot be read, several segments could be meant, or it does not fit the image.
        """
        return read_structure_mask(self.masks[structure], structure, reference)

    def read_role_mask(self, role: str, structure: str, reference: Image, *, number: int = 0) -> np.ndarray | None:
        """The boolean mask of `structure` of image `number` of a role, on the grid of that image; None where there is none.

        Raises:
            UserError: See `read_mask_image`.
        """
        masks = self.role_masks.get(role, {}).get(structure)
        return None if masks is None else read_structure_mask(masks[number], structure, reference).array > 0


@dataclass(frozen=True)
class Cohort:
    """The cases of a manifest, in its order.

    Attributes:
        path: The manifest.
        rows: The cases.
        label_kind: What the labels are: one of `LABEL_KINDS`, or the column of a quantity; None where the manifest has none or
            does not say.
    """

    path: Path
    rows: tuple[CohortRow, ...]
    label_kind: str | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[CohortRow]:
        return iter(self.rows)

    def files(self) -> list[Path]:
        """The manifest and every image and mask that it names."""
        return [self.path, *(file for row in self.rows for file in row.files())]

    def split(self, *names: str) -> tuple[CohortRow, ...]:
        """The rows of the named splits."""
        return tuple(row for row in self.rows if row.split in names)

    def check_labels(self, allowed: Collection[str] = LABEL_KINDS) -> str:
        """What the labels are, one of `allowed`.

        Raises:
            UserError: There are no labels, the manifest does not say what they are, or they are something else.
        """
        if self.label_kind is None:
            if all(row.label is None for row in self.rows) or not set(allowed) & set(LABEL_KINDS):
                raise UserError(f"{self.path}: no labels. Add a column {' or '.join(map(_described, allowed))}.")
            raise UserError(
                f"{self.path}: column {UNSTATED} does not say whether it holds stages or cirrhosis. Rename the column to "
                f"{' or '.join(map(_described, LABEL_KINDS))}, or give --labels {' or --labels '.join(LABEL_KINDS)}."
            )
        if self.label_kind not in allowed:
            raise UserError(
                f"{self.path}: the labels are {_described(self.label_kind)}, but {' or '.join(map(_described, allowed))} is "
                "needed. Give another manifest."
            )
        return self.label_kind

    def check_labeled(self, *splits: str) -> None:
        """Check that every case of the named splits has a label.

        Raises:
            UserError: Names the first case without one.
        """
        lacking = [row.case_id for row in self.split(*splits) if row.label is None and row.value is None]
        if lacking:
            more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
            raise UserError(
                f"{self.path}: case {lacking[0]}{more}: no label in the manifest. Fill the column {self.label_kind}, or remove "
                "the row."
            )


def _described(kind: str) -> str:
    return {STAGES: "stage (0-4)", CIRRHOSIS: "cirrhosis (0 or 1)"}.get(kind, f"{kind} (a number)")


def read_cohort(path: str | os.PathLike[str], *, labels: str | None = None, quantity: str = "") -> Cohort:
    r"""The cohort that a CSV manifest lists.

    Args:
        path: The manifest.
        labels: What its column "label" holds, one of `LABEL_KINDS`; not needed for the columns "stage" and "cirrhosis", which
            say it themselves.
        quantity: Column whose numbers are the labels, where a quantity is asked for. The columns of `LABEL_KINDS` are then
            covariates.

    Raises:
        UserError: One message with every fault of the manifest by line and column: a missing column, a missing file, a
            duplicate case_id, an unknown split, a wrong label, or a patient on both sides of a split.

    Examples:
        >>> from pathlib import Path
        >>> from LiverAILib.data.cohort import read_cohort
        >>> rows = ["case_id,patient_id,split,stage,image:t2", "a,7,train,4,t2.nii.gz"]
        >>> _ = Path("cohort.csv").write_text("\n".join(rows))
        >>> cohort = read_cohort("cohort.csv")
        >>> [(row.case_id, row.stage, row.cirrhosis) for row in cohort.split("train")]
        [('a', 4, True)]
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such manifest. Give the CSV file of the cohort.")
    table = _table(path)
    if not table:
        raise UserError(f"{path}: the manifest has no rows. It needs a header line and one line per case.")
    missing = [column for column in REQUIRED if column not in table[0]]
    if missing:
        raise UserError(f"{path}: column {', '.join(missing)} missing. A manifest needs {', '.join(REQUIRED)}.")
    column, kind = _quantity_column(table[0], labels, quantity) if quantity else _label_column(path, table[0], labels)
    faults = [f"line {line}: more cells than columns" for line, cells in enumerate(table, 2) if cells.pop(REST, None)]
    rows = tuple(_row(line, cells, path.parent, faults, column, kind) for line, cells in enumerate(table, 2))
    _check_rows(rows, faults)
    if faults:
        shown = "; ".join(faults[:20]) + (f"; and {len(faults) - 20} more" if len(faults) > 20 else "")
        raise UserError(f"{path}: {len(faults)} fault{'s' * (len(faults) > 1)}. {' '.join(shown.split())}")
    return Cohort(path, rows, kind)


def _table(path: Path) -> list[dict[str, str]]:
    """The rows by column; cells behind the last column are under `REST`.

    Raises:
        UserError: It is no CSV file in UTF-8.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            return list(csv.DictReader(stream, restkey=REST))
    except (UnicodeDecodeError, csv.Error) as error:
        reason = "not in UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise UserError(f"{path}: not a readable manifest ({reason}). Save it as CSV in UTF-8.") from None


def _label_column(path: Path, columns: Collection[str], labels: str | None) -> tuple[str | None, str | None]:
    """The column that holds the labels, and what they are; each None where the manifest does not have or say it."""
    if labels is not None and labels not in LABEL_KINDS:
        raise UserError(f"--labels {labels}: unknown. Use one of {', '.join(LABEL_KINDS)}.")
    found = [name for name in (*LABEL_KINDS, UNSTATED) if name in columns]
    if len(found) > 1:
        raise UserError(
            f"{path}: columns {' and '.join(found)}: only one of them can hold the labels. Remove the others."
        )
    if not found:
        return None, None
    if found[0] == UNSTATED:
        return UNSTATED, labels
    if labels not in (None, found[0]):
        raise UserError(f"--labels {labels}: the column {found[0]} of {path} says otherwise. Leave the option out.")
    return found[0], found[0]


def _quantity_column(columns: Collection[str], labels: str | None, quantity: str) -> tuple[str | None, str | None]:
    """The column of a quantity, as `_label_column`."""
    if labels is not None:
        raise UserError(f"--labels {labels}: the labels are numbers, column {quantity}. Leave the option out.")
    return (quantity, quantity) if quantity in columns else (None, None)


def _value(line: int, cell: str, column: str, faults: list[str]) -> float | None:
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        faults.append(f"line {line}, column {column}: '{cell}' is no number")
        return None
    return value


def _label(line: int, cell: str, column: str, kind: str | None, faults: list[str]) -> int | None:
    if not cell:
        return None
    stage = STAGE.match(cell)
    if kind == CIRRHOSIS and cell not in ("0", "1"):
        faults.append(f"line {line}, column {column}: '{cell}' is neither 0 nor 1")
    elif stage is None:
        faults.append(f"line {line}, column {column}: '{cell}' is no stage 0-4")
    else:
        return int(stage.group(1))
    return None


def _row(
    line: int, cells: dict[str, str], folder: Path, faults: list[str], label_column: str | None, label_kind: str | None
) -> CohortRow:
    images: dict[str, tuple[Path, ...]] = {}
    covariates: dict[str, str] = {}
    regions: dict[str, tuple[Region, ...]] = {}
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
        elif kind == "roi":
            try:
                regions[name] = parse_regions(cell)
            except ValueError as error:
                faults.append(f"line {line}, column {column}: {error}")
        elif kind != "mask" and column not in (*REQUIRED, "split", GROUP, FOLD, SLICE, label_column):
            covariates[column] = cell
    masks, role_masks = mask_columns(line, cells, folder, images, faults)
    for column in REQUIRED:
        if not (cells[column] or "").strip():
            faults.append(f"line {line}, column {column}: empty")
    split = (cells.get("split") or "").strip()
    if split not in SPLITS:
        faults.append(f"line {line}, column split: '{split}' is none of train, validation, test")
    label, value = None, None
    if label_column:
        cell = (cells[label_column] or "").strip()
        if label_kind is None or label_kind in LABEL_KINDS:
            label = _label(line, cell, label_column, label_kind, faults)
        else:
            value = _value(line, cell, label_column, faults)
    return CohortRow(
        (cells["case_id"] or "").strip(),
        (cells["patient_id"] or "").strip(),
        split,
        label,
        images,
        masks,
        role_masks,
        covariates,
        label_kind,
        value,
        slice_index=_slice_index(line, (cells.get(SLICE) or "").strip(), faults),
        group_id=(cells.get(GROUP) or "").strip(),
        fold=(cells.get(FOLD) or "").strip(),
        regions=regions,
    )


def _slice_index(line: int, cell: str, faults: list[str]) -> int | None:
    if not cell:
        return None
    if not cell.isdecimal():
        faults.append(f"line {line}, column {SLICE}: '{cell}' is no slice number; slices are counted from 0")
        return None
    return int(cell)


def _check_rows(rows: tuple[CohortRow, ...], faults: list[str]) -> None:
    seen: set[str] = set()
    groups: dict[str, str] = {}
    splits: dict[str, str] = {}
    folds: dict[str, str] = {}
    for line, row in enumerate(rows, 2):
        if row.case_id in seen:
            faults.append(f"line {line}, column case_id: '{row.case_id}' is a duplicate")
        seen.add(row.case_id)
        if groups.setdefault(row.patient_id, row.group) != row.group:
            faults.append(
                f"line {line}, column {GROUP}: patient '{row.patient_id}' is in '{groups[row.patient_id]}' and "
                f"'{row.group}'; a patient belongs to one group"
            )
        kind = "group" if row.group_id else "patient"
        for column, of_group, own in (("split", splits, row.split), (FOLD, folds, row.fold)):
            if of_group.setdefault(row.group, own) != own:
                faults.append(
                    f"line {line}, column {column}: {kind} '{row.group}' is in '{of_group[row.group]}' and '{own}'; a {kind} "
                    f"belongs to one {column}"
                )
