"""From scores to calls: which threshold, and on which cases it was chosen.

A threshold chosen on the cases it is judged on overstates the method. So the default is to cross-fit: every case is
called with a threshold chosen on the other folds. The papers chose theirs in-sample; that is there on request and says
so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from LiverAILib.evaluation.held_out import fold_numbers
from LiverAILib.evaluation.validate import both_classes, labels_and_scores, same_length

RULES = ("youden", "nearest-corner", "fixed", "sensitivity", "cut-off")
IN_SAMPLE_NOTE = "as in the paper: the threshold was chosen on the cases it is judged on, which overstates the method"


@dataclass(frozen=True)
class Rule:
    """How a threshold is chosen.

    Attributes:
        name: ``"youden"``, ``"nearest-corner"``, ``"fixed"``, ``"sensitivity"``, or for measured values ``"cut-off"``: a value
            is called by the cut-off that defines the positive cases.
        value: The threshold for ``"fixed"``, the least sensitivity for ``"sensitivity"``, otherwise None.
    """

    name: str
    value: float | None = None

    def __post_init__(self) -> None:
        if self.name not in RULES:
            raise ValueError(f"threshold rule {self.name!r} is unknown; use one of {', '.join(RULES)}")
        if (self.name in ("fixed", "sensitivity")) != (self.value is not None):
            raise ValueError(
                f"threshold rule {self.name!r} {'needs a value' if self.value is None else 'takes no value'}"
            )
        if self.name == "sensitivity" and not 0 < self.number <= 1:
            raise ValueError(f"target sensitivity {self.value} is impossible; give a number above 0 and up to 1")

    @property
    def number(self) -> float:
        """The value of a rule that has one."""
        if self.value is None:
            raise ValueError(f"threshold rule {self.name!r} has no value")
        return self.value

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}:{self.value:g}"


def parse_rule(text: str) -> Rule:
    """A rule from text: ``youden``, ``nearest-corner``, ``fixed:0.5``, ``sensitivity:0.95``, ``cut-off`` or just a number."""
    name, _, value = text.strip().partition(":")
    is_number = not value and name not in RULES
    try:
        number = float(name) if is_number else float(value) if value else None
    except ValueError:
        raise ValueError(
            f"threshold {text!r} is not understood; use youden, nearest-corner, fixed:0.5, sensitivity:0.95 or a number"
        ) from None
    return Rule("fixed" if is_number else name, number)


@dataclass(frozen=True)
class Calls:
    """Calls of all cases, and the thresholds they were made with.

    Attributes:
        calls: Shape (n,), True where score >= threshold.
        thresholds: Threshold of each fold; one entry when there are no folds.
        folds: Shape (n,), fold of each case; zeros when there are no folds.
        rule: The rule.
        note: How the threshold was chosen, for the reader of the report.
        in_sample: True where threshold and result come from the same cases.
    """

    calls: NDArray[np.bool_]
    thresholds: tuple[float, ...]
    folds: NDArray[np.int64]
    rule: Rule
    note: str
    in_sample: bool


def choose_threshold(labels: ArrayLike, scores: ArrayLike, *, rule: Rule, positive: object | None = None) -> float:
    """Threshold by a rule; a case is called positive where its score >= threshold.

    Candidates lie midway between neighboring scores, and at -inf and inf. Among equally good ones the lowest is taken,
    the one with the highest sensitivity. Youden: largest sensitivity + specificity - 1 (Xue 2020, a stated default);
    nearest corner: least distance to (0, 1) (Byra 2021, Statistical Analysis).

    Raises:
        ValueError: One class only (for every rule but ``fixed``).
    """
    if rule.name == "fixed":
        return float(rule.number)
    if rule.name == "cut-off":
        raise ValueError("the threshold rule cut-off is for measured values; use youden or another rule")
    truth, values = labels_and_scores(labels, scores, positive=positive)
    both_classes(truth, "choosing a threshold")
    unique = np.unique(values)
    # Neighbouring floats may have no number between them: then the upper one is the threshold.
    middle = unique[:-1] / 2 + unique[1:] / 2
    candidates = np.concatenate([[-math.inf], np.where(middle > unique[:-1], middle, unique[1:]), [math.inf]])
    positives, negatives = np.sort(values[truth]), np.sort(values[~truth])
    sensitivity = 1 - np.searchsorted(positives, candidates) / positives.size
    specificity = np.searchsorted(negatives, candidates) / negatives.size
    if rule.name == "sensitivity":
        # The highest threshold that still reaches the target; -inf always does.
        return float(candidates[np.flatnonzero(sensitivity >= rule.number - 1e-12)[-1]])
    corner = -np.hypot(1 - sensitivity, 1 - specificity)
    gain = sensitivity + specificity if rule.name == "youden" else corner
    return float(candidates[np.flatnonzero(gain >= gain.max() - 1e-12)[0]])


def in_sample_calls(labels: ArrayLike, scores: ArrayLike, *, rule: Rule, positive: object | None = None) -> Calls:
    """Calls with a threshold chosen on the same cases, as the papers did; optimistic, except for a fixed threshold."""
    truth, values = labels_and_scores(labels, scores, positive=positive)
    threshold = choose_threshold(truth, values, rule=rule)
    fixed = rule.name == "fixed"
    note = "fixed beforehand" if fixed else IN_SAMPLE_NOTE
    return Calls(values >= threshold, (threshold,), np.zeros(values.size, dtype=np.int64), rule, note, not fixed)


def cross_fitted_calls(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    rule: Rule,
    folds: ArrayLike | None = None,
    patients: ArrayLike | None = None,
    n_folds: int = 5,
    seed: int = 0,
    positive: object | None = None,
) -> Calls:
    """Calls where each case's threshold was chosen on the other folds.

    Args:
        labels: Shape (n,), binary.
        scores: Shape (n,).
        rule: How the threshold is chosen; ``fixed`` needs no folds.
        folds: Shape (n,), given folds (of a cross-validation); None: stratified folds of patients are drawn.
        patients: Shape (n,), identifiers; a patient is never in two drawn folds.
        n_folds: Number of folds to draw; fewer are drawn where a class has fewer patients.
        seed: Seed of the draw.
        positive: Label of the positive class where it is not 1 or True.

    Raises:
        ValueError: A class with fewer than two patients, given folds that leave one class only, or a patient in two
            given folds.
    """
    truth, values = labels_and_scores(labels, scores, positive=positive)
    if rule.name == "fixed":
        return in_sample_calls(truth, values, rule=rule)
    both_classes(truth, "choosing a threshold")
    if folds is None:
        n_folds = min(n_folds, _least(truth, patients))
    fold_of_case, origin = fold_numbers(truth, folds=folds, patients=patients, n_folds=n_folds, seed=seed)
    called = np.zeros(values.size, dtype=bool)
    thresholds = []
    for fold in range(fold_of_case.max() + 1):
        own, others = fold_of_case == fold, fold_of_case != fold
        if truth[others].all() or not truth[others].any():
            raise ValueError(
                "without one of the folds there is only one class left; use fewer folds, or in-sample thresholds"
            )
        thresholds.append(choose_threshold(truth[others], values[others], rule=rule))
        called[own] = values[own] >= thresholds[-1]
    note = f"cross-fitted: each case is called with a threshold chosen on the other cases, over {origin}"
    return Calls(called, tuple(thresholds), fold_of_case, rule, note, False)


def _least(truth: NDArray[np.bool_], patients: ArrayLike | None) -> int:
    """Patients of the smaller class: more folds cannot be drawn."""
    groups = np.arange(truth.size) if patients is None else np.asarray(patients).astype(str)
    same_length(labels=truth, patients=groups)
    least = min(np.unique(groups[truth]).size, np.unique(groups[~truth]).size)
    if least < 2:
        raise ValueError(
            "a class has a single patient, so no threshold can be cross-fitted; use a fixed threshold, or ask "
            "for in-sample"
        )
    return least
