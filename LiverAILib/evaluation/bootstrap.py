"""Stratified resampling of patients: the unit drawn is the patient, never the image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from LiverAILib.evaluation.estimate import Estimate, Interval
from LiverAILib.evaluation.intervals import logit_interval
from LiverAILib.evaluation.validate import same_length

METHOD = "stratified patient bootstrap"


@dataclass(frozen=True)
class Replicates:
    """Bootstrap replicates of one or several statistics.

    Attributes:
        values: Shape (replicates, statistics).
        n_patients: Number of patients that were resampled.
        seed: Seed of the random generator.
    """

    values: NDArray[np.float64]
    n_patients: int
    seed: int

    def interval(self, column: int = 0, *, level: float = 0.95) -> Interval | None:
        """Percentile interval of one statistic.

        None where fewer than half of the replicates are defined, or all are equal: the replicates then carry no information
        them.
        """
        values = self.values[:, column]
        values = values[np.isfinite(values)]
        if values.size < max(2, self.values.shape[0] / 2) or np.ptp(values) <= 1e-12:
            return None
        low, high = np.quantile(values, [0.5 - level / 2, 0.5 + level / 2])
        return Interval(float(low), float(high), level, METHOD)

    def standard_deviation(self, column: int = 0) -> float:
        """Standard deviation of the replicates, as Byra 2021 prints it beside the AUC (tables 1 and 2)."""
        return float(np.nanstd(self.values[:, column], ddof=1))

    def estimate(self, name: str, value: float, *, column: int = 0, level: float = 0.95, note: str = "") -> Estimate:
        """An `Estimate` between 0 and 1 (AUC, average precision) with the replicates' error on the logit scale.

        At 100 patients and an AUC of .95 the percentile interval covers 92 %, this one 95 % (simulated, see the tests).
        """
        if not 0 < value < 1 or self.interval(column) is None:
            reason = "no interval: the value is at its bound, or all bootstrap replicates are equal"
            return Estimate(name, value, None, None, self.n_patients, f"{note}; {reason}" if note else reason)
        error = self.standard_deviation(column)
        interval = logit_interval(value, error, level=level, method=f"{METHOD}, logit scale")
        return Estimate(name, value, interval, None, self.n_patients, note, error)


def resample_patients(
    statistic: Callable[[NDArray[np.intp]], ArrayLike],
    strata: ArrayLike,
    *,
    patients: ArrayLike | None = None,
    replicates: int = 2000,
    seed: int = 0,
) -> Replicates:
    """Draw patients with replacement inside each stratum and compute a statistic of their rows each time.

    Stratifying by class keeps the class sizes of the study, so that a replicate never lacks a class (Efron and
    Tibshirani, An Introduction to the Bootstrap, 1993; pROC's default).

    Args:
        statistic: Called with the drawn row indices (with repeats); returns one or several numbers, ``nan`` if
            undefined.
        strata: Shape (n,), usually the labels. A patient whose rows have several labels forms a stratum with its like.
        patients: Shape (n,), patient identifiers; None when every row is another patient.
        replicates: Number of draws, at least 2.
        seed: Seed; the same seed gives the same replicates.

    Raises:
        ValueError: No cases, too few replicates, or lengths that differ.
    """
    strata = np.asarray(strata)
    if replicates < 2:
        raise ValueError(f"{replicates} bootstrap replicates are too few; use at least 2, better 2000")
    if strata.size == 0:
        raise ValueError("there are no cases to resample")
    if patients is not None:
        same_length(strata=strata, patients=np.asarray(patients))
    rows, groups = _rows_of_patients(strata, patients)
    generator = np.random.default_rng(seed)
    values = []
    for _ in range(replicates):
        drawn = [members[generator.integers(0, members.size, members.size)] for members in groups]
        chosen = np.concatenate(drawn)
        index = chosen if rows is None else np.concatenate([rows[patient] for patient in chosen])
        values.append(np.atleast_1d(np.asarray(statistic(index), dtype=float)))
    return Replicates(np.stack(values), int(sum(members.size for members in groups)), seed)


def _rows_of_patients(
    strata: NDArray, patients: ArrayLike | None
) -> tuple[list[NDArray[np.intp]] | None, list[NDArray[np.intp]]]:
    """Rows of each patient (None: one row each) and the patients of each stratum."""
    if patients is None:
        return None, [np.flatnonzero(strata == value) for value in np.unique(strata)]
    _, patient_of_row = np.unique(np.asarray(patients).astype(str), return_inverse=True)
    order = np.argsort(patient_of_row, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(patient_of_row))[:-1])
    members: dict[tuple, list[int]] = {}
    for patient, own_rows in enumerate(rows):
        members.setdefault(tuple(np.unique(strata[own_rows]).tolist()), []).append(patient)
    return rows, [np.array(members[key]) for key in sorted(members)]
