"""Separates what is fitted (a threshold, a temperature, a conformal quantile) from what it is tested on, by patient.

Everything in this package that fits something goes through `rounds` or `fold_numbers`, which return disjoint patients for the
fit and the test, or raise.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from LiverAILib.evaluation.validate import same_length


@dataclass(frozen=True)
class Labeled:
    """Probabilities with their reference standard, one row per case.

    Attributes:
        probabilities: Shape (n, k), rows add up to 1.
        labels: Shape (n,), index of the true class, 0..k-1.
        patients: Shape (n,), identifiers.
    """

    probabilities: NDArray[np.float64]
    labels: NDArray[np.int64]
    patients: NDArray

    def __post_init__(self) -> None:
        table = np.asarray(self.probabilities, dtype=float)
        labels = np.asarray(self.labels)
        if table.ndim != 2 or table.shape[1] < 2:
            raise ValueError(f"probabilities have shape {table.shape}; give (n, k), one column per class")
        if not np.isfinite(table).all() or table.min() < 0 or np.abs(table.sum(axis=1) - 1).max() > 1e-3:
            raise ValueError("probabilities are negative, missing, or do not add up to 1 in every row")
        if labels.dtype.kind not in "iub" or labels.min() < 0 or labels.max() >= table.shape[1]:
            raise ValueError(f"labels have to be the index of a class, 0 to {table.shape[1] - 1}")
        same_length(probabilities=table, labels=labels, patients=np.asarray(self.patients))
        object.__setattr__(self, "probabilities", table)
        object.__setattr__(self, "labels", labels.astype(np.int64))
        object.__setattr__(self, "patients", np.asarray(self.patients).astype(str))

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.labels)

    def take(self, index: NDArray) -> Labeled:
        """The rows of an index or a mask."""
        return Labeled(self.probabilities[index], self.labels[index], self.patients[index])


@dataclass(frozen=True)
class Round:
    """One fit and its test: the rows to fit on, and the places of the rows to test."""

    fit: Labeled
    test: NDArray[np.intp]


def require_apart(fit_patients: ArrayLike, test_patients: ArrayLike, what: str = "the fit") -> None:
    """Raise where a patient is both in the fit and in the test.

    Args:
        fit_patients: Identifiers of the patients that something is fitted on.
        test_patients: Identifiers of those it is tested on.
        what: What is fitted, for the message.

    Raises:
        ValueError: Names a patient and the rule.
    """
    both = np.intersect1d(np.asarray(fit_patients).astype(str), np.asarray(test_patients).astype(str))
    if both.size:
        raise ValueError(
            f"leakage: patient {str(both[0])!r}{f' and {both.size - 1} more' if both.size > 1 else ''} would be used for {what} "
            "and tested with it; keep each patient in one of the two"
        )


def fold_numbers(
    labels: ArrayLike,
    *,
    folds: ArrayLike | None = None,
    patients: ArrayLike | None = None,
    n_folds: int = 5,
    seed: int = 0,
) -> tuple[NDArray[np.int64], str]:
    """Fold of each case, a patient in one fold only, and a text that says where the folds come from.

    Args:
        labels: Shape (n,), classes to stratify by.
        folds: Shape (n,), given folds (of a cross-validation); None: stratified folds of patients are drawn.
        patients: Shape (n,), identifiers; None where every row is another patient.
        n_folds: Number of folds to draw.
        seed: Seed of the draw.

    Raises:
        ValueError: Fewer than two folds or patients, or a patient in two given folds.
    """
    truth = np.asarray(labels)
    groups = np.arange(truth.size) if patients is None else np.asarray(patients).astype(str)
    same_length(labels=truth, patients=groups)
    if folds is not None:
        same_length(labels=truth, folds=np.asarray(folds))
        names, numbers = np.unique(np.asarray(folds).astype(str), return_inverse=True)
        if names.size < 2:
            raise ValueError(
                "there is only one fold and cross-fitting needs two; leave the folds out, or use in-sample thresholds"
            )
        for number, name in enumerate(names.tolist()):
            require_apart(groups[numbers != number], groups[numbers == number], f"the folds other than {name}")
        return numbers.astype(np.int64), f"the {names.size} folds of the predictions"
    patients_there = np.unique(groups).size
    if patients_there < 2:
        raise ValueError("there is only one patient; cross-fitting needs at least two")
    # scikit-learn refuses more folds than the largest class has cases.
    largest = int(np.unique(truth, return_counts=True)[1].max())
    numbers = _draw(truth, groups, max(2, min(n_folds, patients_there, largest)), seed)
    return numbers, f"{numbers.max() + 1} stratified folds of patients (seed {seed})"


def rounds(
    test: Labeled,
    *,
    calibration: Labeled | None = None,
    folds: ArrayLike | None = None,
    n_folds: int = 5,
    seed: int = 0,
    what: str = "the fit",
) -> tuple[list[Round], str]:
    """The fits and tests: one fit on the calibration cases, or cross-fitting over folds of patients without them.

    Every row of ``test`` is tested exactly once.

    Args:
        test: Rows to be tested.
        calibration: Rows of other patients to fit on; None: cross-fitting.
        folds: Shape (n,), given folds for cross-fitting.
        n_folds: Number of folds to draw where none are given.
        seed: Seed of the draw.
        what: What is fitted, for messages and the text.

    Returns:
        The rounds, and a sentence that says what was fitted on what.

    Raises:
        ValueError: A patient would be both in the fit and in the test.
    """
    if calibration is not None:
        require_apart(calibration.patients, test.patients, what)
        return [Round(calibration, np.arange(test.n))], f"fitted on {calibration.n} other patients (calibration cases)"
    numbers, origin = fold_numbers(test.labels, folds=folds, patients=test.patients, n_folds=n_folds, seed=seed)
    found = []
    for number in range(int(numbers.max()) + 1):
        own = numbers == number
        if not own.any():
            continue
        require_apart(test.patients[~own], test.patients[own], what)
        found.append(Round(test.take(~own), np.flatnonzero(own)))
    return found, f"cross-fitted: for each case on the patients of the other folds, over {origin}"


def _draw(truth: NDArray, groups: NDArray, n_folds: int, seed: int) -> NDArray[np.int64]:
    """Stratified folds of patients by scikit-learn."""
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    folds = np.empty(truth.size, dtype=np.int64)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")  # a rare stage: not in every fold
        for number, (_, own) in enumerate(splitter.split(truth, truth, groups)):
            folds[own] = number
    return folds
