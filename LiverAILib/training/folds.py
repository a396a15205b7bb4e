"""Cross-validation: folds of patients, and the cohort of each fold."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from LiverAILib.atomic_write import atomic_csv
from LiverAILib.data.cohort import Cohort, CohortRow
from LiverAILib.errors import UserError
from LiverAILib.training import distributed

COLUMNS = ("case_id", "patient_id", "fold")
MOST_QUANTILES = 5
"""Strata of the values of a quantity."""


def patient_folds(rows: Sequence[CohortRow], folds: int, *, seed: int = 0) -> list[int]:
    """Fold of each case, 1 to `folds`: every group of patients in one fold only, labels and kinds of image in like shares.

    Reference values of a quantity count as labels by the quantile that they are in. The same seed gives the same folds.

    Raises:
        UserError: There are fewer patients than folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    patients = {row.group for row in rows}
    if not 2 <= folds <= len(patients):
        raise UserError(
            f"--folds {folds}: {len(patients)} patients cannot be split into {folds} folds. Use 2 to {len(patients)}."
        )
    labels = strata(rows, folds)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    numbers = [0] * len(rows)
    with warnings.catch_warnings():
        # A label with fewer cases than folds cannot be in each of them.
        warnings.filterwarnings("ignore", message="The least populated class")
        for number, (_, held_out) in enumerate(splitter.split(labels, labels, [row.group for row in rows]), 1):
            for index in held_out:
                numbers[index] = number
    empty = sorted(set(range(1, folds + 1)) - set(numbers))
    if empty:
        raise UserError(f"--folds {folds}: fold {empty[0]} would have no case. Use fewer folds.")
    return numbers


def strata(rows: Sequence[CohortRow], parts: int) -> list[str]:
    """The stratum of each case, of which each of `parts` shall have its share: its label, and what it has images of.

    Of a quantity, the quantile of its value; as many quantiles as leave each part a case of each.
    """
    return [
        f"{label}:{','.join(sorted(row.images))}" for row, label in zip(rows, _label_strata(rows, parts), strict=True)
    ]


def _label_strata(rows: Sequence[CohortRow], folds: int) -> list[str]:
    values = np.array([row.value for row in rows if row.value is not None])
    quantiles = max(1, min(MOST_QUANTILES, len(values) // folds))
    edges = np.quantile(values, np.arange(1, quantiles) / quantiles) if len(values) else values
    labels = ("" if row.label is None else str(row.label) for row in rows)
    return [
        label if row.value is None else f"quantile {np.searchsorted(edges, row.value, side='right')}"
        for row, label in zip(rows, labels, strict=True)
    ]


def given_folds(cohort: Cohort, rows: Sequence[CohortRow], folds: int) -> list[int] | None:
    """Fold of each of `rows` as the manifest has it; None where it has no folds.

    Raises:
        UserError: Some rows have a fold and others have none, or they are not 1 to `folds`.
    """
    if not any(row.fold for row in rows):
        return None
    expected = {str(number) for number in range(1, folds + 1)}
    for row in rows:
        if row.fold not in expected:
            raise UserError(
                f"{cohort.path}: case {row.case_id}: its fold is '{row.fold}', and --folds {folds} needs 1 to {folds}. Correct "
                "the column fold, or remove it to have folds drawn."
            )
    lacking = sorted(expected - {row.fold for row in rows})
    if lacking:
        raise UserError(
            f"{cohort.path}: no case is in fold {lacking[0]} of the column fold. Give --folds the number of folds that it has."
        )
    return [int(row.fold) for row in rows]


def split_by_folds(
    cohort: Cohort, folds: int, path: Path, *, seed: int = 0, validation: bool = True
) -> list[tuple[int, Cohort]]:
    """The cohort of each fold: its cases are the test, a part of the other patients the validation, the rest trains.

    Cases of split "test" stay out of all folds. The folds are those of the manifest's column "fold" where it has one, and
    drawn otherwise. The validation part is as large as a fold, drawn by patient too.

    Args:
        cohort: The manifest.
        folds: Number of folds.
        path: CSV file to write: case_id, patient_id, fold.
        seed: Seed of the draw.
        validation: Whether there is a validation part; otherwise all other patients train.

    Raises:
        UserError: There are too few patients, or the manifest has other folds.
    """
    rows = [row for row in cohort if row.split != "test"]
    numbers = given_folds(cohort, rows, folds) or patient_folds(rows, folds, seed=seed)
    if distributed.is_main_process():
        written = [(row.case_id, row.patient_id, n) for row, n in zip(rows, numbers, strict=True)]
        atomic_csv(path, COLUMNS, written, read_back=True)
    parts = []
    for fold in range(1, folds + 1):
        others = [row for row, number in zip(rows, numbers, strict=True) if number != fold]
        # One part of the others, about the size of a fold.
        parts_of_others = max(2, min(folds - 1, len({row.group for row in others})))
        inner = patient_folds(others, parts_of_others, seed=seed) if validation else [0] * len(others)
        of_case = {row.case_id: "validation" if n == 1 else "train" for row, n in zip(others, inner, strict=True)}
        new = (replace(row, split=of_case.get(row.case_id, "test")) for row in rows)
        parts.append((fold, replace(cohort, rows=tuple(new))))
    return parts
