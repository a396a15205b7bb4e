"""Calibration of probabilities: reliability bins, Brier score, calibration slope and intercept."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit

from LiverAILib.evaluation import bootstrap
from LiverAILib.evaluation.estimate import Estimate, Interval
from LiverAILib.evaluation.intervals import binomial_interval, normal_interval
from LiverAILib.evaluation.patients import require_one_row_a_patient
from LiverAILib.evaluation.validate import binary_labels, probabilities, same_length


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability diagram.

    Attributes:
        low: Lowest probability in the bin.
        high: Highest probability in the bin.
        predicted: Mean probability.
        observed: Share of positive cases.
        n: Number of cases.
        n_positive: Number of positive cases.
        interval: Wilson interval of ``observed``.
    """

    low: float
    high: float
    predicted: float
    observed: float
    n: int
    n_positive: int
    interval: Interval


@dataclass(frozen=True)
class Calibration:
    """Calibration of probabilities.

    Attributes:
        bins: Bins with at least one case.
        brier: Brier score, 0 is best; interval by stratified patient bootstrap.
        brier_reference: Brier score of always predicting the prevalence.
        expected_error: Mean gap of predicted and observed share over the bins, weighted by their cases (ECE).
        slope: Slope of a logistic regression on the logit, 1 is best; below 1 the probabilities are too extreme.
        intercept: Intercept with the slope fixed at 1 (calibration in the large), 0 is best.
    """

    bins: tuple[Bin, ...]
    brier: Estimate
    brier_reference: float
    expected_error: float
    slope: Estimate
    intercept: Estimate


def calibration(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    n_bins: int = 10,
    strategy: str = "quantile",
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
    patients: ArrayLike | None = None,
    positive: object | None = None,
) -> Calibration:
    """Calibration of probabilities against binary labels.

    Van Calster et al., BMC Med 2019;17:230, for the levels of calibration; Brier score by scikit-learn,
    regressions by maximum likelihood.

    Args:
        labels: Shape (n,), binary.
        scores: Shape (n,), probabilities in 0..1 of the positive class.
        n_bins: Number of bins; with ``"quantile"`` fewer where scores are tied.
        strategy: ``"quantile"`` (equal counts) or ``"uniform"`` (equal width).
        level: Confidence level.
        replicates: Bootstrap draws for the Brier score.
        seed: Seed.
        patients: Shape (n,), identifiers; several rows per patient are an error.
        positive: Label of the positive class where it is not 1 or True.

    Raises:
        ValueError: Scores outside 0..1, unknown strategy.
    """
    from sklearn.metrics import brier_score_loss

    truth, values = binary_labels(labels, positive=positive), probabilities(scores)
    same_length(labels=truth, scores=values)
    if patients is not None:
        require_one_row_a_patient(patients)
    if strategy not in ("quantile", "uniform") or n_bins < 1:
        raise ValueError(f"bins {strategy!r} x {n_bins} are unknown; use 'quantile' or 'uniform' and at least one bin")
    bins = _bins(truth, values, n_bins, strategy, level)
    gap = sum(one.n * abs(one.predicted - one.observed) for one in bins) / truth.size

    def score(index: NDArray[np.intp]) -> float:
        return float(np.mean((truth[index] - values[index]) ** 2))

    drawn = bootstrap.resample_patients(score, truth, replicates=replicates, seed=seed)
    value = float(brier_score_loss(truth, values, pos_label=True, labels=[False, True]))
    brier = Estimate("brier_score", value, drawn.interval(level=level), None, truth.size)
    slope, intercept = _regressions(truth, values, level)
    return Calibration(bins, brier, float(truth.mean() * (1 - truth.mean())), float(gap), slope, intercept)


def _bins(truth: NDArray[np.bool_], values: NDArray, n_bins: int, strategy: str, level: float) -> tuple[Bin, ...]:
    if strategy == "uniform":
        edges = np.linspace(0, 1, n_bins + 1)
    else:
        edges = np.unique(np.quantile(values, np.linspace(0, 1, n_bins + 1)))
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, max(0, edges.size - 2))
    found = []
    for which in np.unique(place):
        own = place == which
        n, hits = int(own.sum()), int(truth[own].sum())
        interval = binomial_interval(hits, n, level=level, method="wilson")
        chosen = values[own]
        found.append(Bin(float(chosen.min()), float(chosen.max()), float(chosen.mean()), hits / n, n, hits, interval))
    return tuple(found)


def _regressions(truth: NDArray[np.bool_], values: NDArray, level: float) -> tuple[Estimate, Estimate]:
    """Calibration slope, and intercept at slope 1, with Wald intervals."""
    names = ("calibration_slope", "calibration_intercept")
    if truth.all() or not truth.any():
        slope, intercept = (
            Estimate(name, math.nan, None, None, truth.size, "undefined: one class only") for name in names
        )
        return slope, intercept
    # Probabilities of exactly 0 and 1 have no logit.
    inside = np.clip(values, 1e-6, 1 - 1e-6)
    logit = np.log(inside) - np.log1p(-inside)
    found = _logistic_fit(np.ones((truth.size, 1)), truth, offset=logit)
    intercept = _coefficient("calibration_intercept", *found, n=truth.size, level=level)
    note = ""
    if np.ptp(logit) == 0:
        note = "undefined: all scores are equal"
    elif values[truth].min() >= values[~truth].max() or values[truth].max() <= values[~truth].min():
        note = "undefined: the scores separate the classes completely, so the regression has no finite solution"
    if note:
        return Estimate("calibration_slope", math.nan, None, None, truth.size, note), intercept
    found = _logistic_fit(np.column_stack([np.ones(truth.size), logit]), truth, offset=np.zeros(truth.size))
    return _coefficient("calibration_slope", *found, n=truth.size, level=level), intercept


def _coefficient(name: str, value: float, error: float, *, n: int, level: float) -> Estimate:
    interval = normal_interval(value, error, level=level, method="Wald") if error > 0 else None
    return Estimate(name, value, interval, None, n, "", error)


def _logistic_fit(
    design: NDArray[np.float64], truth: NDArray[np.bool_], *, offset: NDArray[np.float64]
) -> tuple[float, float]:
    """The last coefficient of a logistic regression by maximum likelihood, and its standard error.

    The negative log likelihood is convex; the standard error comes from the Fisher information at its minimum.

    Args:
        design: Shape (n, p).
        truth: Shape (n,).
        offset: Shape (n,), added to the linear predictor.
    """
    observed = truth.astype(float)

    def loss(coefficients: NDArray) -> float:
        linear = offset + design @ coefficients
        return float(np.sum(np.logaddexp(0, linear) - observed * linear))

    def gradient(coefficients: NDArray) -> NDArray:
        return design.T @ (expit(offset + design @ coefficients) - observed)

    def information(coefficients: NDArray) -> NDArray:
        fitted = expit(offset + design @ coefficients)
        return design.T @ (design * (fitted * (1 - fitted))[:, None])

    start = np.zeros(design.shape[1])
    best = minimize(loss, start, jac=gradient, hess=information, method="trust-exact", options={"gtol": 1e-9}).x
    covariance = np.linalg.inv(information(best))
    return float(best[-1]), float(np.sqrt(covariance[-1, -1]))
