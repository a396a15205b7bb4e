"""AUC with its variance, and the tests of DeLong, in O(n log n).

DeLong, DeLong and Clarke-Pearson, Biometrics 1988;44:837-845, by the midranks of Sun and Xu, IEEE Signal Process Lett
2014;21:1389-1393. Names and signs follow pROC (Robin et al., BMC Bioinformatics 2011), which the tests reproduce.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2, norm, rankdata, t

from LiverAILib.evaluation.estimate import Comparison, Estimate, Interval
from LiverAILib.evaluation.intervals import logit_interval, normal_interval
from LiverAILib.evaluation.newcombe import newcombe_interval
from LiverAILib.evaluation.validate import binary_labels, both_classes, finite_vector, same_length

SOURCE = "DeLong, DeLong and Clarke-Pearson 1988; midranks of Sun and Xu 2014"
AUC_METHODS = ("delong", "delong-logit", "newcombe")


@dataclass(frozen=True)
class DelongResult:
    """AUCs of one or several scores on the same cases.

    Attributes:
        auc: Shape (k,).
        covariance: Shape (k, k); ``nan`` with fewer than two cases in a class.
        n_positive: Number of positive cases.
        n_negative: Number of negative cases.
    """

    auc: NDArray[np.float64]
    covariance: NDArray[np.float64]
    n_positive: int
    n_negative: int


def components(
    labels: NDArray[np.bool_], scores: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Structural components V10 of the positives (m,) and V01 of the negatives (n,); either averages to the AUC."""
    positive, negative = scores[labels], scores[~labels]
    ranks = rankdata(np.concatenate([positive, negative]))
    m, n = positive.size, negative.size
    v10 = (ranks[:m] - rankdata(positive)) / n
    v01 = 1 - (ranks[m:] - rankdata(negative)) / m
    return v10, v01


def auc_value(labels: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """Area under the ROC curve (ties count one half) by ranks; no checks, for use in loops."""
    m = int(labels.sum())
    n = labels.size - m
    if m == 0 or n == 0:
        return math.nan
    return float((rankdata(scores)[labels].sum() - m * (m + 1) / 2) / (m * n))


def delong(labels: ArrayLike, scores: ArrayLike, *, positive: object | None = None) -> DelongResult:
    """AUCs and their covariance matrix.

    Args:
        labels: Shape (n,), binary.
        scores: Shape (n,) or (n, k) for k scores of the same cases; larger means positive.
        positive: Label of the positive class where it is not 1 or True.

    Raises:
        ValueError: Missing values, one class only, lengths that differ.
    """
    truth = binary_labels(labels, positive=positive)
    both_classes(truth, "an AUC")
    table = np.asarray(scores, dtype=float)
    columns = [table] if table.ndim == 1 else list(table.T)
    columns = [finite_vector(column) for column in columns]
    same_length(labels=truth, scores=columns[0])
    parts = [components(truth, column) for column in columns]
    v10, v01 = (np.stack([part[side] for part in parts]) for side in (0, 1))
    m, n = v10.shape[1], v01.shape[1]
    covariance = np.full((len(parts), len(parts)), math.nan)
    if m >= 2 and n >= 2:
        covariance = np.atleast_2d(np.cov(v10)) / m + np.atleast_2d(np.cov(v01)) / n
    return DelongResult(v10.mean(axis=1), covariance, m, n)


def auc(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    level: float = 0.95,
    method: str = "delong-logit",
    positive: object | None = None,
) -> Estimate:
    """AUC with its interval.

    Args:
        labels: Shape (n,), binary.
        scores: Shape (n,); larger means positive.
        level: Confidence level.
        method: ``"delong-logit"`` (the default: DeLong's variance on the logit scale, which keeps its level),
            ``"delong"`` (the papers' and pROC's symmetric interval, cut at 0 and 1; at 100 cases and an AUC of .95 it
            covers about 89 % instead of 95 %) or ``"newcombe"`` (Stat Med 2006, method 5: the only one defined at
            perfect separation, so both others fall back on it where their variance is 0).
        positive: Label of the positive class where it is not 1 or True.

    Examples:
        >>> from LiverAILib.evaluation.delong import auc
        >>> cirrhosis = [0, 0, 0, 0, 1, 1, 1, 1]
        >>> auc(cirrhosis, [0.1, 0.3, 0.4, 0.6, 0.5, 0.7, 0.8, 0.9]).text()
        '0.938 (0.438 to 0.997)'
    """
    if method not in AUC_METHODS:
        raise ValueError(f"AUC interval {method!r} is unknown; use one of {', '.join(AUC_METHODS)}")
    result = delong(labels, scores, positive=positive)
    value, variance = float(result.auc[0]), float(result.covariance[0, 0])
    error = math.sqrt(variance) if variance >= 0 else math.nan
    n = result.n_positive + result.n_negative
    degenerate = not variance > 1e-15
    if method == "newcombe" or degenerate:
        note = ""
        if degenerate and method != "newcombe":
            note = "DeLong's variance is 0 or undefined here (perfect separation, ties only, or one case in a class)"
        interval = newcombe_interval(value, result.n_positive, result.n_negative, level=level)
        return Estimate("AUC", value, interval, None, n, note, error)
    if method == "delong-logit":
        interval = logit_interval(value, error, level=level, method="DeLong, logit scale")
    else:
        interval = normal_interval(value, error, level=level, method="DeLong", low=0, high=1)
    return Estimate("AUC", value, interval, None, n, "", error)


def compare_paired(
    labels: ArrayLike,
    first: ArrayLike,
    *,
    second: ArrayLike,
    names: tuple[str, str] = ("first", "second"),
    level: float = 0.95,
    positive: object | None = None,
) -> Comparison:
    """DeLong's test of two AUCs on the same cases.

    Examples:
        >>> from LiverAILib.evaluation.delong import compare_paired
        >>> cirrhosis = [0, 0, 0, 0, 1, 1, 1, 1]
        >>> network = [0.1, 0.3, 0.4, 0.6, 0.5, 0.7, 0.8, 0.9]
        >>> elastography = [0.2, 0.5, 0.1, 0.7, 0.4, 0.6, 0.3, 0.8]
        >>> test = compare_paired(cirrhosis, network, second=elastography)
        >>> round(test.difference, 4), round(test.p_value, 4)
        (0.25, 0.1573)
    """
    result = delong(labels, np.column_stack([finite_vector(first), finite_vector(second)]), positive=positive)
    difference = float(result.auc[0] - result.auc[1])
    c = result.covariance
    variance = float(c[0, 0] + c[1, 1] - 2 * c[0, 1])
    z, p = _z_test(difference, variance)
    interval = None
    if variance > 1e-15:
        interval = normal_interval(difference, math.sqrt(variance), level=level, method="DeLong", low=-1, high=1)
    limits = (
        "Compares areas, not operating points; it needs one score per patient, and is too cautious for nested models "
        "and small classes."
    )
    return Comparison("DeLong, paired", *names, difference, interval, z, "Z", None, p, limits, SOURCE)


def compare_unpaired(
    first: tuple[ArrayLike, ArrayLike],
    second: tuple[ArrayLike, ArrayLike],
    *,
    names: tuple[str, str] = ("first", "second"),
    level: float = 0.95,
) -> Comparison:
    """DeLong's test of two AUCs on different cases: t distribution with Welch's degrees of freedom, as pROC does.

    Args:
        first: Labels and scores of the first group of cases.
        second: Labels and scores of the second group.
        names: Names for the result.
        level: Confidence level.
    """
    one, two = delong(*first), delong(*second)
    v1, v2 = float(one.covariance[0, 0]), float(two.covariance[0, 0])
    n1, n2 = one.n_positive + one.n_negative, two.n_positive + two.n_negative
    difference, variance = float(one.auc[0] - two.auc[0]), v1 + v2
    statistic, df, p, interval = math.nan, math.nan, math.nan, None
    if variance > 1e-15:
        statistic = difference / math.sqrt(variance)
        df = variance**2 / (v1**2 / (n1 - 1) + v2**2 / (n2 - 1))
        p = float(2 * t.sf(abs(statistic), df))
        half = t.ppf(0.5 + level / 2, df) * math.sqrt(variance)
        interval = Interval(max(-1.0, difference - half), min(1.0, difference + half), level, "DeLong, Welch's df")
    limits = "For different patients only; on the same patients the paired test is right and more powerful."
    return Comparison("DeLong, unpaired", *names, difference, interval, statistic, "D", df, p, limits, SOURCE)


def compare_several(
    labels: ArrayLike, scores: ArrayLike, *, names: Sequence[str] | None = None, positive: object | None = None
) -> Comparison:
    """DeLong's chi-square test that all AUCs of several scores on the same cases are equal.

    Args:
        labels: Shape (n,), binary.
        scores: Shape (n, k), k >= 2.
        names: k names.
        positive: Label of the positive class where it is not 1 or True.
    """
    result = delong(labels, scores, positive=positive)
    k = result.auc.size
    if k < 2:
        raise ValueError("one curve cannot be compared; give scores of shape (n, k) with k of at least 2")
    contrast = np.column_stack([np.ones(k - 1), -np.eye(k - 1)])
    gap = contrast @ result.auc
    spread = contrast @ result.covariance @ contrast.T
    statistic = p = math.nan
    df = 0
    if np.isfinite(spread).all():
        # Curves that are copies of each other make the matrix singular: its rank is the number of real contrasts.
        df = int(np.linalg.matrix_rank(spread, tol=1e-12))
        statistic = float(gap @ np.linalg.pinv(spread, rcond=1e-10, hermitian=True) @ gap) if df else 0.0
        p = float(chi2.sf(statistic, df)) if df else 1.0
    label = list(names) if names is not None else [f"score {i + 1}" for i in range(k)]
    limits = "Says that some AUC differs, not which one; go on with pairs and adjust their p values (Holm)."
    return Comparison(
        "DeLong, several curves",
        label[0],
        ", ".join(label[1:]),
        math.nan,
        None,
        statistic,
        "chi-square",
        df,
        p,
        limits,
        SOURCE,
    )


def _z_test(difference: float, variance: float) -> tuple[float, float]:
    """Z and two-sided p; equal AUCs without variance are p = 1, different ones without variance are undefined."""
    if variance > 1e-15:
        z = difference / math.sqrt(variance)
        return z, float(2 * norm.sf(abs(z)))
    return (0.0, 1.0) if difference == 0 and not math.isnan(variance) else (math.nan, math.nan)
