"""Mending probabilities: temperature scaling, and intercept with slope for two classes.

Guo et al., On calibration of modern neural networks, ICML 2017 (temperature); Platt 1999 and Cox 1958 (intercept and
slope). A temperature cannot shift: where a network calls too many cases positive (calibration intercept away from 0),
only the intercept corrects it. Neither changes the order of the cases, and so neither changes the AUC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax, softmax

from LiverAILib.evaluation.held_out import Labeled, rounds

METHODS = ("temperature", "intercept and slope")
TEMPERATURES = (0.25, 20.0)
"""Limits of a fitted temperature: cases that are all right would otherwise sharpen it to 0."""
SMALLEST = 1e-12
"""Probabilities below this have no usable logarithm."""


@dataclass(frozen=True)
class Recalibrated:
    """Recalibrated probabilities of cases that took no part in the fit.

    Attributes:
        method: One of `METHODS`.
        probabilities: Shape (n, k).
        parameters: Of each round: ``{"temperature": ...}``, or ``{"intercept": ..., "slope": ...}``.
        note: What was fitted on which cases.
    """

    method: str
    probabilities: NDArray[np.float64]
    parameters: tuple[dict[str, float], ...]
    note: str


def log_probabilities(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Logarithms of probabilities (n, k): logits up to a constant of each row, which softmax does not see."""
    return np.log(np.maximum(np.asarray(probabilities, dtype=float), SMALLEST))


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """The temperature T that makes ``softmax(logits / T)`` fit best (least cross-entropy; Guo 2017, section 4.2).

    Above 1 where the probabilities are too extreme. Fit it on validation cases, never on those that are tested.

    Args:
        logits: Shape (n, k), scores before softmax, or logarithms of probabilities.
        labels: Shape (n,), index of the true class.

    Returns:
        The temperature, within `TEMPERATURES`: at the lower end where all cases are right.

    Raises:
        ValueError: Shapes that do not fit, no case, or values that are not finite.
    """
    scores, truth = _checked(logits, labels)

    def cross_entropy(log_temperature: float) -> float:
        logs = log_softmax(scores / np.exp(log_temperature), axis=1)
        return -float(logs[np.arange(truth.size), truth].mean())

    # Convex in 1/T, so there is one minimum over log T.
    limits = tuple(np.log(TEMPERATURES))
    found = minimize_scalar(cross_entropy, bounds=limits, method="bounded", options={"xatol": 1e-9})
    return float(np.exp(found.x))


def apply_temperature(logits: ArrayLike, temperature: float) -> NDArray[np.float64]:
    """``softmax(logits / temperature)``, shape (n, k)."""
    if not temperature > 0:
        raise ValueError(f"temperature {temperature} is impossible; it has to be above 0")
    return softmax(np.asarray(logits, dtype=float) / temperature, axis=1)


def fit_intercept_slope(logits: ArrayLike, labels: ArrayLike) -> tuple[float, float]:
    """Intercept a and slope b that make ``expit(a + b * (logit 1 - logit 0))`` fit best, for two classes.

    With Platt's smoothed targets (Platt 1999, section 2.2), so that the fit stays finite where the classes are separable.

    Args:
        logits: Shape (n, 2), scores before softmax, or logarithms of probabilities.
        labels: Shape (n,), 0 or 1; both have to occur.

    Raises:
        ValueError: More than two classes, or one that does not occur.
    """
    scores, truth = _checked(logits, labels)
    if scores.shape[1] != 2:
        raise ValueError(f"intercept and slope are for two classes, not {scores.shape[1]}; use a temperature")
    positives, negatives = int(truth.sum()), int(truth.size - truth.sum())
    if not positives or not negatives:
        raise ValueError("one class is missing; intercept and slope need both")
    difference = scores[:, 1] - scores[:, 0]
    target = np.where(truth == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(parameters: NDArray) -> tuple[float, NDArray]:
        linear = parameters[0] + parameters[1] * difference
        gap = expit(linear) - target
        return float(np.sum(np.logaddexp(0, linear) - target * linear)), np.array([gap.sum(), gap @ difference])

    start = np.array([np.log((positives + 1) / (negatives + 1)), 0.0])
    intercept, slope = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-8}).x
    return float(intercept), float(slope)


def apply_intercept_slope(logits: ArrayLike, intercept: float, slope: float) -> NDArray[np.float64]:
    """``expit(intercept + slope * (logit 1 - logit 0))`` as probabilities of both classes, shape (n, 2)."""
    scores = np.asarray(logits, dtype=float)
    positive = expit(intercept + slope * (scores[:, 1] - scores[:, 0]))
    return np.column_stack([1 - positive, positive])


def fit_parameters(logits: ArrayLike, labels: ArrayLike) -> dict[str, float]:
    """What a model's card takes: ``{"intercept": ..., "slope": ...}`` for two classes, else ``{"temperature": ...}``."""
    if np.shape(logits)[1] == 2:
        return dict(zip(("intercept", "slope"), fit_intercept_slope(logits, labels), strict=True))
    return {"temperature": fit_temperature(logits, labels)}


def apply_parameters(logits: ArrayLike, parameters: Mapping[str, float]) -> NDArray[np.float64]:
    """Probabilities (n, k) with the parameters of `fit_parameters`; without any, the softmax as it is."""
    if "slope" in parameters:
        return apply_intercept_slope(logits, parameters["intercept"], parameters["slope"])
    return apply_temperature(logits, parameters.get("temperature", 1.0))


def recalibrate(
    test: Labeled,
    *,
    method: str = "temperature",
    calibration: Labeled | None = None,
    folds: ArrayLike | None = None,
    n_folds: int = 5,
    seed: int = 0,
) -> Recalibrated:
    """Probabilities of all test cases, each recalibrated by a fit on other patients.

    Args:
        test: Cases to recalibrate; their labels serve the fit of other patients' cases only.
        method: One of `METHODS`.
        calibration: Cases of other patients to fit on; None: cross-fitting over folds of patients.
        folds: Shape (n,), given folds for cross-fitting.
        n_folds: Number of folds to draw where none are given.
        seed: Seed of the draw.

    Raises:
        ValueError: Unknown method, or a patient would be fitted on and tested.
    """
    fit, apply = _functions(method)
    found, note = rounds(test, calibration=calibration, folds=folds, n_folds=n_folds, seed=seed, what=f"the {method}")
    out = np.empty_like(test.probabilities)
    parameters = []
    for one in found:
        parameters.append(fit(log_probabilities(one.fit.probabilities), one.fit.labels))
        out[one.test] = apply(log_probabilities(test.probabilities[one.test]), parameters[-1])
    return Recalibrated(method, out, tuple(parameters), note)


def _functions(method: str) -> tuple[Callable, Callable]:
    if method == "temperature":
        return (
            lambda logits, labels: {"temperature": fit_temperature(logits, labels)},
            apply_parameters,
        )
    if method == "intercept and slope":
        return (
            lambda logits, labels: dict(zip(("intercept", "slope"), fit_intercept_slope(logits, labels), strict=True)),
            apply_parameters,
        )
    raise ValueError(f"recalibration {method!r} is unknown; use one of {', '.join(METHODS)}")


def _checked(logits: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    scores, truth = np.asarray(logits, dtype=float), np.asarray(labels)
    if scores.ndim != 2 or truth.shape != scores.shape[:1] or not truth.size:
        raise ValueError(
            f"logits have shape {scores.shape} and labels {truth.shape}; give (n, k) and (n,), n at least 1"
        )
    if not np.isfinite(scores).all():
        raise ValueError("logits are not finite; logarithms of probabilities of 0 have to be clipped first")
    if truth.dtype.kind not in "iub" or truth.min() < 0 or truth.max() >= scores.shape[1]:
        raise ValueError(f"labels have to be the index of a class, 0 to {scores.shape[1] - 1}")
    return scores, truth.astype(np.int64)
