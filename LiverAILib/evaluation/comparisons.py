"""Comparing two methods or readers on the same patients, and adjusting many p values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from LiverAILib.evaluation import bootstrap
from LiverAILib.evaluation.estimate import Comparison, Interval
from LiverAILib.evaluation.patients import require_one_row_a_patient
from LiverAILib.evaluation.validate import calls_vector, finite_vector, same_length

ADJUSTMENTS = ("holm", "fdr", "bonferroni")


def mcnemar(
    first_correct: ArrayLike,
    second_correct: ArrayLike,
    *,
    names: tuple[str, str] = ("first", "second"),
    patients: ArrayLike | None = None,
    level: float = 0.95,
) -> Comparison:
    """McNemar's exact test of two proportions on the same patients: the binomial test of the discordant pairs.

    Give right/wrong of all patients to compare accuracies, of the patients with disease to compare sensitivities.

    Args:
        first_correct: Shape (n,), 0/1.
        second_correct: Shape (n,), 0/1.
        names: Names for the result.
        patients: Shape (n,), identifiers; several rows per patient are an error.
        level: Confidence level of the difference (Agresti and Min, Stat Med 2005, Wald with 0.5 added to each cell).
    """
    from scipy.stats import binomtest, norm

    one, two = calls_vector(first_correct, "first_correct"), calls_vector(second_correct, "second_correct")
    same_length(first_correct=one, second_correct=two)
    if patients is not None:
        require_one_row_a_patient(patients)
    n = one.size
    if n == 0:
        raise ValueError("there are no cases; McNemar's test needs readings of the same patients")
    b, c = int(np.sum(one & ~two)), int(np.sum(~one & two))
    p_value = float(binomtest(b, b + c).pvalue) if b + c else 1.0
    center, error = (b - c) / (n + 2), math.sqrt(b + c + 1 - (b - c) ** 2 / (n + 2)) / (n + 2)
    half = float(norm.ppf(0.5 + level / 2)) * error
    interval = Interval(max(-1.0, center - half), min(1.0, center + half), level, "Agresti-Min")
    limits = "Only patients in whom the two differ count; with few of them a large difference may go unseen."
    return Comparison(
        "McNemar, exact",
        *names,
        (b - c) / n,
        interval,
        float(b + c),
        "discordant pairs",
        None,
        p_value,
        limits,
        "McNemar 1947; the right test for paired readings",
    )


def paired_bootstrap(
    statistic: Callable[[NDArray[np.intp]], Sequence[float]],
    strata: ArrayLike,
    *,
    names: tuple[str, str] = ("first", "second"),
    patients: ArrayLike | None = None,
    replicates: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    metric: str = "",
) -> Comparison:
    """Difference of any metric of two methods on the same patients, by resampling the patients.

    Args:
        statistic: Called with row indices; returns the metric of the first and of the second method.
        strata: Shape (n,), usually the labels.
        names: Names for the result.
        patients: Shape (n,), identifiers where patients have several rows.
        replicates: Draws.
        seed: Seed.
        level: Confidence level.
        metric: Name of the metric, for the result.
    """
    observed = statistic(np.arange(len(np.asarray(strata))))
    difference = float(observed[0]) - float(observed[1])

    def gap(index: NDArray[np.intp]) -> float:
        first, second = statistic(index)
        return float(first) - float(second)

    drawn = bootstrap.resample_patients(gap, strata, patients=patients, replicates=replicates, seed=seed)
    values = drawn.values[np.isfinite(drawn.values[:, 0]), 0]
    p = math.nan
    if values.size:
        # One is added so that p is never 0: with R replicates nothing below 2 / (R + 1) can be reported.
        tail = min(np.sum(values <= 0), np.sum(values >= 0))
        p = float(min(1.0, 2 * (tail + 1) / (values.size + 1)))
    finest = 2 / (replicates + 1)
    limits = (
        f"With {replicates} replicates the smallest possible p is {finest:.4f}; needs enough patients in each class."
    )
    title = f"paired bootstrap{f' of {metric}' if metric else ''}"
    return Comparison(
        title,
        *names,
        difference,
        drawn.interval(level=level),
        difference,
        "difference",
        None,
        p,
        limits,
        "Efron and Tibshirani 1993, chapter 16",
    )


def mann_whitney(
    first: ArrayLike,
    second: ArrayLike,
    *,
    names: tuple[str, str] = ("first", "second"),
    patients: ArrayLike | None = None,
) -> Comparison:
    """Mann-Whitney U test of two groups of patients, by scipy; a stated default for Yin 2021's figure 5 (heat-map weights).

    Args:
        first: Shape (m,), values of the first group.
        second: Shape (n,), values of the second group.
        names: Names for the result.
        patients: Shape (m + n,), identifiers of both groups in order; several rows per patient are an error.

    Returns:
        The test; ``difference`` is that of the medians, in the unit of the values.
    """
    from scipy.stats import mannwhitneyu

    one, two = finite_vector(first, "first"), finite_vector(second, "second")
    if min(one.size, two.size) == 0:
        raise ValueError("a group has no case; the Mann-Whitney U test needs at least one in either")
    if patients is not None:
        require_one_row_a_patient(patients)
    result = mannwhitneyu(one, two)
    gap = float(np.median(one) - np.median(two))
    limits = "Tests whether values of one group tend to be larger, not whether the medians differ."
    source = "Mann and Whitney 1947; groups of Yin 2021, figure 5"
    return Comparison(
        "Mann-Whitney U", *names, gap, None, float(result.statistic), "U", None, float(result.pvalue), limits, source
    )


def adjust(p_values: ArrayLike, *, method: str = "holm") -> NDArray[np.float64]:
    """Adjusted p values (n,): ``"holm"`` (Holm 1979, step-down), ``"fdr"`` (Benjamini-Hochberg) or ``"bonferroni"``.

    Undefined p values (``nan``) stay undefined and do not count as tests.
    """
    from scipy.stats import false_discovery_control

    if method not in ADJUSTMENTS:
        raise ValueError(f"adjustment {method!r} is unknown; use one of {', '.join(ADJUSTMENTS)}")
    values = np.asarray(p_values, dtype=float)
    defined = ~np.isnan(values)
    finite_vector(values[defined], "p values")
    if np.any((values[defined] < 0) | (values[defined] > 1)):
        raise ValueError("p values lie between 0 and 1; check the input")
    adjusted = np.full(values.shape, math.nan)
    tests = values[defined]
    if method == "fdr" and tests.size:
        adjusted[defined] = false_discovery_control(tests)
    elif method == "bonferroni":
        adjusted[defined] = np.minimum(1, tests.size * tests)
    elif method == "holm":
        order = np.argsort(tests)
        stepped = np.maximum.accumulate(np.arange(tests.size, 0, -1) * tests[order])
        tests[order] = np.minimum(1, stepped)
        adjusted[defined] = tests
    return adjusted
