"""Means over the folds of a cross-validation, with their spread and a bootstrap interval: Yin 2021, table 2.

The paper's table is not pooled: its sensitivities and specificities imply other accuracies than it prints, and the interval of
the sensitivity for >=F2 is wider than that of the pooled counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from LiverAILib.evaluation.bootstrap import resample_patients
from LiverAILib.evaluation.delong import auc_value
from LiverAILib.evaluation.estimate import Interval

METRICS = ("auc", "specificity", "sensitivity", "accuracy")
"""In the order of the paper's table."""


@dataclass(frozen=True)
class FoldMean:
    """A metric over the folds.

    Attributes:
        values: The metric in each fold, by name of the fold; nan where it is undefined.
        mean: Mean of the folds in which it is defined; nan where there is none.
        sd: Standard deviation over these folds; nan with fewer than two.
        interval: Percentile interval of the mean, patients resampled within fold and class; None where all draws are equal.
    """

    values: Mapping[str, float]
    mean: float
    sd: float
    interval: Interval | None


def fold_means(
    truth: NDArray[np.bool_],
    scores: NDArray[np.float64],
    calls: NDArray[np.bool_],
    *,
    folds: NDArray,
    patients: NDArray | None = None,
    replicates: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, FoldMean]:
    """Mean over folds of each of `METRICS`.

    Args:
        truth: Shape (n,).
        scores: Shape (n,).
        calls: Shape (n,): the same calls that the pooled results are from.
        folds: Shape (n,).
        patients: Shape (n,), identifiers where patients have several rows.
        replicates: Bootstrap draws.
        seed: Of the bootstrap.
        level: Confidence level.
    """
    names = sorted(np.unique(folds).tolist(), key=lambda name: (len(str(name)), str(name)))
    codes = np.array([names.index(name) for name in folds.tolist()])

    def each(index: NDArray[np.intp]) -> NDArray[np.float64]:
        """Metrics (folds, metrics) of the rows of an index."""
        found = np.full((len(names), len(METRICS)), np.nan)
        for number in range(len(names)):
            own = index[codes[index] == number]
            if own.size:
                found[number] = _metrics(truth[own], scores[own], calls[own])
        return found

    def means(index: NDArray[np.intp]) -> NDArray[np.float64]:
        return _mean(each(index))

    whole = each(np.arange(truth.size))
    strata = codes * 2 + truth.astype(int)
    drawn = resample_patients(means, strata, patients=patients, replicates=replicates, seed=seed)
    found = {}
    for column, metric in enumerate(METRICS):
        known = whole[np.isfinite(whole[:, column]), column]
        found[metric] = FoldMean(
            dict(zip(map(str, names), whole[:, column].tolist(), strict=True)),
            float(known.mean()) if known.size else np.nan,
            float(known.std(ddof=1)) if known.size > 1 else np.nan,
            drawn.interval(column, level=level),
        )
    return found


def _mean(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each column over what is defined."""
    known = np.isfinite(table)
    total = np.where(known, table, 0).sum(axis=0)
    return np.divide(total, known.sum(axis=0), out=np.full(table.shape[1], np.nan), where=known.any(axis=0))


def _metrics(
    truth: NDArray[np.bool_], scores: NDArray[np.float64], calls: NDArray[np.bool_]
) -> tuple[float, float, float, float]:
    right = calls == truth
    specificity, sensitivity = (float(right[side].mean()) if side.any() else np.nan for side in (~truth, truth))
    return auc_value(truth, scores), specificity, sensitivity, float(right.mean())
