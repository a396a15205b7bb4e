"""Dividing a cohort: a new manifest with splits, or with the folds of a cross-validation."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from LiverAILib.atomic_write import atomic_csv
from LiverAILib.data.cohort import FOLD, UNSTATED, Cohort, CohortRow, read_cohort
from LiverAILib.data.label_kinds import LABEL_KINDS
from LiverAILib.data.manifest_table import moved, read_table
from LiverAILib.errors import UserError
from LiverAILib.methods import list_papers
from LiverAILib.output_paths import check_keeps_inputs, check_output_file
from LiverAILib.training.cohort_split import PUBLISHED_SHARES, patient_splits
from LiverAILib.training.folds import patient_folds


def split_cohort(
    manifest: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    shares: Sequence[float] = PUBLISHED_SHARES,
    folds: int | None = None,
    labels: str | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> Cohort:
    """Write a manifest with the column split, or with `folds` the column fold, drawn by patient with the classes in like shares.

    All other columns stay; paths are rewritten where the new manifest lies in another folder.

    Args:
        manifest: The manifest. Splits that it has are replaced; with `folds` they stay, and test cases get no fold.
        output: CSV file to write, whole or not at all.
        shares: Of training, validation and test.
        folds: Number of folds; None for splits.
        labels: What the column "label" holds, "stage" or "cirrhosis".
        seed: Seed of the draw.
        overwrite: Replace an `output` that exists.

    Returns:
        The new cohort.

    Raises:
        UserError: The manifest cannot be used or divided, or the output cannot be written.
    """
    output = Path(output)
    cohort = read_any_cohort(Path(manifest), labels)
    check_new_manifest(output, cohort.files(), overwrite=overwrite)
    if folds is None:
        column, cells = "split", patient_splits(cohort.rows, shares, seed=seed)
    else:
        column, cells = FOLD, _folds(cohort, folds, seed)
    columns, table = read_table(cohort.path)
    if column not in columns:
        columns.insert(2, column)
    written = [
        {**moved(row, cohort.path.parent, output.parent), column: cell} for row, cell in zip(table, cells, strict=True)
    ]
    atomic_csv(output, columns, ([row.get(name, "") for name in columns] for row in written), read_back=True)
    return read_any_cohort(output, labels)


def check_new_manifest(output: Path, sources: Iterable[str | os.PathLike[str]], *, overwrite: bool) -> None:
    """Refuse to write a manifest where that cannot be done, or would replace a file that it is made of or, unasked, any.

    Raises:
        UserError: Says which.
    """
    check_output_file(output, (".csv",))
    check_keeps_inputs([output], sources)
    if output.exists() and not overwrite:
        raise UserError(f"{output}: exists already. Choose another --output, or give --overwrite.")


def counts(cohort: Cohort, column: str) -> dict[str, Counter[str]]:
    """Number of cases by split (column "split") or fold (column "fold"), and by label within it."""
    found: dict[str, Counter[str]] = {}
    for row in cohort:
        part = row.split if column == "split" else row.fold
        found.setdefault(part or "(none)", Counter())[_label(row)] += 1
    return dict(sorted(found.items(), key=lambda item: (len(item[0]), item[0]) if column == FOLD else (0, item[0])))


def _label(row: CohortRow) -> str:
    if row.stage is not None:
        return f"F{row.stage}"
    if row.cirrhosis is not None:
        return "cirrhosis" if row.cirrhosis else "no cirrhosis"
    return "measured" if row.value is not None else "no label"


def read_any_cohort(path: Path, labels: str | None) -> Cohort:
    """The cohort with whatever labels it has: stages, cirrhosis, or the quantity of a method."""
    quantities = dict.fromkeys(spec.answer.quantity_column for spec in list_papers().values())
    named: Mapping[str, object] = {}
    if path.is_file():
        named = dict.fromkeys(read_table(path)[0])
    if labels is None and not any(name in named for name in (*LABEL_KINDS, UNSTATED)):
        quantity = next((name for name in quantities if name and name in named), "")
        return read_cohort(path, quantity=quantity)
    return read_cohort(path, labels=labels)


def _folds(cohort: Cohort, folds: int, seed: int) -> list[str]:
    """Fold of each case, "" for those of split test."""
    kept = [row for row in cohort if row.split != "test"]
    if not kept:
        raise UserError(f'{cohort.path}: every case is of split "test", which is in no fold. Empty the column split.')
    numbers = dict(zip((row.case_id for row in kept), patient_folds(kept, folds, seed=seed), strict=True))
    return [str(numbers.get(row.case_id, "")) for row in cohort]
