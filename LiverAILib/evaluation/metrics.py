"""Binary metrics, each with an interval by a named method.

`binary_metrics` (of calls) and `score_metrics` (of scores) share these arguments: ``patients``, shape (n,), identifiers,
with which a patient with several rows is an error, unless ``clustered`` says that rows are images and intervals have to
allow for it; ``level``, ``replicates`` and ``seed`` of the intervals; ``positive``, the label of the positive class where
it is not 1 or True.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from LiverAILib.evaluation import bootstrap
from LiverAILib.evaluation.delong import auc, auc_value
from LiverAILib.evaluation.estimate import Estimate
from LiverAILib.evaluation.intervals import (
    mean_of_two_proportions,
    normal_interval,
    proportion,
    ratio_of_two_proportions,
)
from LiverAILib.evaluation.patients import clustered_auc, clustered_proportion, rows_are_images
from LiverAILib.evaluation.validate import binary_labels, both_classes, calls_vector, labels_and_scores, same_length


@dataclass(frozen=True)
class Counts:
    """A 2x2 table: true and false positives and negatives."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def n(self) -> int:
        """Number of cases."""
        return self.tp + self.fp + self.fn + self.tn


def counts(labels: ArrayLike, calls: ArrayLike, *, positive: object | None = None) -> Counts:
    """The 2x2 table of binary labels (n,) and calls (n,)."""
    truth, called = binary_labels(labels, positive=positive), calls_vector(calls)
    same_length(labels=truth, calls=called)
    return Counts(
        int(np.sum(truth & called)),
        int(np.sum(~truth & called)),
        int(np.sum(truth & ~called)),
        int(np.sum(~truth & ~called)),
    )


def metrics_from_counts(table: Counts, *, level: float = 0.95, method: str = "clopper-pearson") -> dict[str, Estimate]:
    """All metrics of a 2x2 table.

    Args:
        table: Counts of independent cases (patients).
        level: Confidence level.
        method: Interval of the proportions, ``"clopper-pearson"`` or ``"wilson"``.

    Returns:
        ``sensitivity, specificity, ppv, npv, accuracy, balanced_accuracy, lr_positive, lr_negative, kappa``. A metric
        whose denominator is empty is ``nan`` with a note, never an exception.
    """
    positives, negatives = table.tp + table.fn, table.tn + table.fp
    pairs = {
        "sensitivity": (table.tp, positives),
        "specificity": (table.tn, negatives),
        "ppv": (table.tp, table.tp + table.fp),
        "npv": (table.tn, table.tn + table.fn),
        "accuracy": (table.tp + table.tn, table.n),
    }
    found = {name: proportion(name, *pair, level=level, method=method) for name, pair in pairs.items()}
    found["balanced_accuracy"] = _balanced_accuracy(table, level)
    found["lr_positive"] = _ratio("lr_positive", (table.tp, positives), (table.fp, negatives), level)
    found["lr_negative"] = _ratio("lr_negative", (table.fn, positives), (table.tn, negatives), level)
    found["kappa"] = kappa_from_table(np.array([[table.tn, table.fp], [table.fn, table.tp]]), level=level)
    return found


def binary_metrics(
    labels: ArrayLike,
    calls: ArrayLike,
    *,
    level: float = 0.95,
    method: str = "clopper-pearson",
    patients: ArrayLike | None = None,
    clustered: bool = False,
    replicates: int = 2000,
    seed: int = 0,
    positive: object | None = None,
) -> dict[str, Estimate]:
    """All metrics of binary calls.

    Args:
        labels: Shape (n,), binary.
        calls: Shape (n,), 0/1.
        level: Confidence level.
        method: Interval of the proportions.
        patients: Identifiers, see above.
        clustered: Intervals of proportions by Rao and Scott, those of likelihood ratios, balanced accuracy and kappa
            are percentiles over resampled patients.
        replicates: Bootstrap replicates, used only when clustered.
        seed: Seed of the bootstrap.
        positive: Label of the positive class.

    Raises:
        ValueError: Images would be counted as patients, or inputs that do not fit.

    Examples:
        >>> from LiverAILib.evaluation.metrics import binary_metrics
        >>> found = binary_metrics([0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1, 1, 1])
        >>> found["specificity"].text()
        '0.750 (0.194 to 0.994), 3/4'
    """
    table = counts(labels, calls, positive=positive)
    found = metrics_from_counts(table, level=level, method=method)
    if not rows_are_images(patients, clustered):
        return found
    truth, called = binary_labels(labels, positive=positive), calls_vector(calls)
    ids = np.asarray(patients).astype(str)
    same_length(labels=truth, patients=ids)
    right = truth == called
    chosen = {"sensitivity": truth, "specificity": ~truth, "ppv": called, "npv": ~called, "accuracy": truth | ~truth}
    result = {
        name: clustered_proportion(name, right[mask], patients=ids[mask], level=level) for name, mask in chosen.items()
    }
    result.update(_resampled(truth, called, patients=ids, values=found, level=level, replicates=replicates, seed=seed))
    return result


def _resampled(
    truth: NDArray[np.bool_],
    called: NDArray[np.bool_],
    *,
    patients: NDArray,
    values: dict[str, Estimate],
    level: float,
    replicates: int,
    seed: int,
) -> dict[str, Estimate]:
    """Balanced accuracy, likelihood ratios and kappa of images, with percentile intervals by resampling the patients."""
    names = ("balanced_accuracy", "lr_positive", "lr_negative", "kappa")

    def all_four(index: NDArray[np.intp]) -> tuple[float, ...]:
        own, calls = truth[index], called[index]
        m, n = own.sum(), own.size - own.sum()
        tpr, fpr = (own & calls).sum() / m, (~own & calls).sum() / n
        agreed, chance = np.mean(own == calls), own.mean() * calls.mean() + (1 - own.mean()) * (1 - calls.mean())
        return (tpr + 1 - fpr) / 2, tpr / fpr, (1 - tpr) / (1 - fpr), (agreed - chance) / (1 - chance)

    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = bootstrap.resample_patients(all_four, truth, patients=patients, replicates=replicates, seed=seed)
    found = {}
    for i, name in enumerate(names):
        value = values[name].value
        interval = drawn.interval(i, level=level) if math.isfinite(value) else None
        note = f"{truth.size} images of {drawn.n_patients} patients"
        if interval is None:
            note += f"; no interval from resampling{', undefined' if math.isnan(value) else ''}"
        found[name] = Estimate(name, value, interval, None, truth.size, note)
    return found


def score_metrics(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    level: float = 0.95,
    auc_method: str = "delong-logit",
    patients: ArrayLike | None = None,
    clustered: bool = False,
    replicates: int = 2000,
    seed: int = 0,
    positive: object | None = None,
) -> dict[str, Estimate]:
    """AUC and average precision of a score.

    Average precision is the step sum of scikit-learn (no interpolation); its interval is by stratified patient
    bootstrap. It depends on the prevalence, so the prevalence is given in its note. Nowak 2021's AP lies below
    the AUC at 77 % prevalence, so it was probably drawn for the control class: ``average_precision_negative`` gives
    that one.

    Args:
        labels: Shape (n,), binary, both classes present.
        scores: Shape (n,), any real numbers; larger means positive.
        level: Confidence level.
        auc_method: Interval of the AUC: those of `delong.auc`, or ``"bootstrap"``. Clustered AUCs take Obuchowski's.
        patients: Identifiers, see above.
        clustered: Bootstrap intervals resample patients, and the AUC has Obuchowski's clustered variance.
        replicates: Bootstrap replicates.
        seed: Seed of the bootstrap.
        positive: Label of the positive class.
    """
    truth, values = labels_and_scores(labels, scores, positive=positive)
    both_classes(truth, "an AUC")
    groups = patients if rows_are_images(patients, clustered) else None

    def three(index: np.ndarray) -> tuple[float, float, float]:
        return (
            auc_value(truth[index], values[index]),
            average_precision_value(truth[index], values[index]),
            average_precision_value(~truth[index], -values[index]),
        )

    drawn = bootstrap.resample_patients(three, truth, patients=groups, replicates=replicates, seed=seed)
    observed = three(np.arange(truth.size))
    if auc_method == "bootstrap":
        area = drawn.estimate("AUC", observed[0], column=0, level=level)
    elif groups is not None:
        area = clustered_auc(truth, values, patients=groups, level=level)
    else:
        area = auc(truth, values, level=level, method=auc_method)
    found = {"auc": area}
    shares = {"average_precision": truth.mean(), "average_precision_negative": 1 - truth.mean()}
    for i, (name, share) in enumerate(shares.items(), start=1):
        note = f"prevalence {share:.3f}"
        found[name] = drawn.estimate(name, float(observed[i]), column=i, level=level, note=note)
    return found


def average_precision_value(labels: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """Average precision as scikit-learn's `average_precision_score`, but ten times faster, for use in a bootstrap."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order])
    if hits.size == 0 or hits[-1] == 0:
        return math.nan
    ends = np.append(np.flatnonzero(np.diff(scores[order])), hits.size - 1)
    return float(np.sum(np.diff(hits[ends], prepend=0) * hits[ends] / (ends + 1)) / hits[-1])


def kappa_from_table(table: ArrayLike, *, weights: str | None = None, level: float = 0.95) -> Estimate:
    """Cohen's kappa of a square table (rows truth, columns calls): unweighted, ``"linear"`` or ``"quadratic"``.

    The large-sample standard error is that of Fleiss, Cohen and Everitt (Psychol Bull 1969;72:323-327).
    """
    if weights not in (None, "linear", "quadratic"):
        raise ValueError(f"kappa weights {weights!r} are unknown; use None, 'linear' or 'quadratic'")
    square = np.asarray(table, dtype=float)
    name = "kappa" if weights is None else f"{weights}_weighted_kappa"
    n = int(square.sum())
    if n == 0 or len(square) < 2 or (np.count_nonzero(square.sum(0)) < 2 and np.count_nonzero(square.sum(1)) < 2):
        return Estimate(name, math.nan, None, None, n, "undefined: truth and calls have one class only")
    value, variance = _kappa(square / n, _agreement_weights(len(square), weights))
    error = math.sqrt(max(variance, 0.0) / n)
    if not error > 1e-6:
        return Estimate(name, value, None, None, n, "no interval: the large-sample variance is 0 here")
    interval = normal_interval(value, error, level=level, method="Fleiss-Cohen-Everitt", low=-1, high=1)
    return Estimate(name, value, interval, None, n, "", error)


def _agreement_weights(k: int, weights: str | None) -> NDArray[np.float64]:
    """Weights (k, k) of agreement: 1 on the diagonal, 0 for the largest disagreement."""
    if weights is None:
        return np.eye(k)
    distance = np.abs(np.subtract.outer(np.arange(k), np.arange(k))) / (k - 1)
    return 1 - distance ** {"linear": 1, "quadratic": 2}[weights]


def _kappa(shares: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[float, float]:
    """Weighted kappa and n times its variance, from shares (k, k) that add up to 1 and weights of agreement (k, k)."""
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    observed, expected = float((weights * shares).sum()), float(rows @ weights @ columns)
    kappa = (observed - expected) / (1 - expected)
    mean_weights = (weights @ columns)[:, None] + (rows @ weights)[None, :]
    spread = float((shares * (weights - mean_weights * (1 - kappa)) ** 2).sum())
    variance = (spread - (kappa - expected * (1 - kappa)) ** 2) / (1 - expected) ** 2
    return kappa, variance


def _balanced_accuracy(table: Counts, level: float) -> Estimate:
    first, second = (table.tp, table.tp + table.fn), (table.tn, table.tn + table.fp)
    interval = mean_of_two_proportions(first, second, level=level)
    if interval is None:
        return Estimate("balanced_accuracy", math.nan, None, None, table.n, "undefined: one class has no case")
    value = (first[0] / first[1] + second[0] / second[1]) / 2
    return Estimate("balanced_accuracy", value, interval, None, table.n)


def _ratio(name: str, first: tuple[int, int], second: tuple[int, int], level: float) -> Estimate:
    interval = ratio_of_two_proportions(first, second, level=level)
    n = first[1] + second[1]
    if interval is None:
        return Estimate(name, math.nan, None, None, n, "undefined: 0/0, or one class has no case")
    value = math.inf if second[0] == 0 else (first[0] / first[1]) / (second[0] / second[1])
    return Estimate(name, value, interval, None, n, "no case in the denominator" if second[0] == 0 else "")
