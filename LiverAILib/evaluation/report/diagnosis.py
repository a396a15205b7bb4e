"""One binary question (cirrhosis or not, >=F2 or below, PDFF >=5 %): all numbers of all methods and readers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from LiverAILib.evaluation.calibration import Calibration, calibration
from LiverAILib.evaluation.comparisons import adjust, mcnemar, paired_bootstrap
from LiverAILib.evaluation.curves import Curve, curve
from LiverAILib.evaluation.decision import DecisionCurve, decision_curve
from LiverAILib.evaluation.delong import auc_value, compare_paired, compare_several
from LiverAILib.evaluation.estimate import Comparison, Estimate
from LiverAILib.evaluation.metrics import average_precision_value, binary_metrics, score_metrics
from LiverAILib.evaluation.report.options import Options
from LiverAILib.evaluation.subgroups import Subgroup, subgroup_table
from LiverAILib.evaluation.thresholds import Calls, Rule, cross_fitted_calls, in_sample_calls


@dataclass(frozen=True)
class Question:
    """A binary question about all rows.

    Attributes:
        key: Short name for files and JSON, for example ``"f2"``.
        title: For people, for example ``"significant fibrosis (>=F2)"``.
        truth: Shape (n,), bool.
        scores: The method first, then those it is compared with; each shape (n,).
        readers: Calls, each shape (n,), bool.
        patients: Shape (n,).
        folds: Shape (n,), or None.
        subgroups: Text, each shape (n,).
        probabilistic: False where scores are measurements even when they lie in 0..1: no calibration then.
    """

    key: str
    title: str
    truth: NDArray[np.bool_]
    scores: dict[str, NDArray[np.float64]]
    readers: dict[str, NDArray[np.bool_]]
    patients: NDArray
    folds: NDArray | None
    subgroups: dict[str, NDArray]
    probabilistic: bool = True


@dataclass(frozen=True)
class Diagnosis:
    """The answer to a `Question`.

    Attributes:
        question: The question.
        calls: Thresholded calls of each score.
        metrics: All metrics of each method and reader, by name.
        roc: ROC curve of each score, the method's with a band.
        pr: Precision-recall curve of each score.
        calibration: Calibration of each score that is a probability.
        decision: Decision curve of each score that is a probability.
        comparisons: Tests of the method against the others.
        compared: What each comparison compares, for example ``"AUC"``.
        adjusted: Adjusted p values of the comparisons, by Holm and by false discovery rate.
        subgroups: Results by subgroup.
        notes: What could not be computed, with the reason.
    """

    question: Question
    calls: dict[str, Calls]
    metrics: dict[str, dict[str, Estimate]]
    roc: dict[str, Curve]
    pr: dict[str, Curve]
    calibration: dict[str, Calibration]
    decision: dict[str, DecisionCurve]
    comparisons: list[Comparison]
    compared: list[str]
    adjusted: dict[str, NDArray[np.float64]]
    subgroups: list[Subgroup]
    notes: list[str]

    @property
    def method(self) -> str:
        """Name of the evaluated method."""
        return next(iter(self.question.scores))


def diagnose(question: Question, options: Options) -> Diagnosis:
    """All metrics, curves and tests of one question.

    Raises:
        ValueError: One class only, or thresholds that cannot be cross-fitted; the message says what to do.
    """
    calls, metrics, roc, pr = {}, {}, {}, {}
    clusters = question.patients if options.clustered else None
    for i, (name, scores) in enumerate(question.scores.items()):
        calls[name] = call(question, scores, options)
        metrics[name] = _metrics(question, scores, calls[name].calls, options)
        band = {**options.band, "patients": clusters} if i == 0 else {"replicates": 0}
        roc[name] = curve(question.truth, scores, kind="roc", **band)
        pr[name] = curve(question.truth, scores, kind="pr", **band)
    for name, own in question.readers.items():
        metrics[name] = _binary(question, own, options)
    reliable, decision, notes = _probabilities(question, options)
    comparisons, compared = _compare(question, calls, options)
    p_values = [one.p_value for one in comparisons]
    adjusted = {"Holm": adjust(p_values), "FDR": adjust(p_values, method="fdr")} if comparisons else {}
    groups: list[Subgroup] = []
    if question.subgroups and options.clustered:
        notes.append(
            "Subgroups are not reported over images; aggregate the images of a patient (--images mean) for them."
        )
    elif question.subgroups:
        groups = _subgroups(question, calls, options)
    return Diagnosis(
        question, calls, metrics, roc, pr, reliable, decision, comparisons, compared, adjusted, groups, notes
    )


def call(question: Question, scores: NDArray[np.float64], options: Options, rule: Rule | None = None) -> Calls:
    """Calls of a score (n,) by the rule of the options or another one, cross-fitted unless in-sample was asked for."""
    rule = rule or options.rule
    if options.in_sample:
        return in_sample_calls(question.truth, scores, rule=rule)
    return cross_fitted_calls(
        question.truth,
        scores,
        rule=rule,
        folds=question.folds,
        patients=question.patients,
        n_folds=options.folds,
        seed=options.seed,
    )


def _subgroups(question: Question, calls: dict[str, Calls], options: Options) -> list[Subgroup]:
    method = next(iter(question.scores))
    groups: list[Subgroup] = []
    for variable, values in question.subgroups.items():
        groups += subgroup_table(
            question.truth,
            question.scores[method],
            groups=values,
            variable=variable,
            calls=calls[method].calls,
            level=options.level,
        )
    return groups


def _rows(question: Question, options: Options) -> dict[str, Any]:
    """What every metric has to know of rows and intervals."""
    return {"patients": question.patients, "clustered": options.clustered, **options.resampling}


def _binary(question: Question, calls: NDArray[np.bool_], options: Options) -> dict[str, Estimate]:
    return binary_metrics(question.truth, calls, method=options.interval, **_rows(question, options))


def _metrics(
    question: Question, scores: NDArray[np.float64], calls: NDArray[np.bool_], options: Options
) -> dict[str, Estimate]:
    areas = score_metrics(question.truth, scores, auc_method=options.auc_interval, **_rows(question, options))
    return {**areas, **_binary(question, calls, options)}


def _probabilities(
    question: Question, options: Options
) -> tuple[dict[str, Calibration], dict[str, DecisionCurve], list[str]]:
    """Calibration and decision curves of the scores that are probabilities; a note for each that is not."""
    reliable: dict[str, Calibration] = {}
    decision: dict[str, DecisionCurve] = {}
    notes: list[str] = []
    if not question.probabilistic:
        return reliable, decision, notes
    if options.clustered:
        note = (
            "Calibration and decision curves are not reported over images; aggregate the images of a patient for them."
        )
        return reliable, decision, [note]
    for name, scores in question.scores.items():
        if scores.min() < 0 or scores.max() > 1:
            notes.append(
                f"{name}: scores lie outside 0..1, so they are not probabilities: no calibration and no decision curve."
            )
            continue
        reliable[name] = calibration(question.truth, scores, patients=question.patients, **options.resampling)
        decision[name] = decision_curve(question.truth, scores, patients=question.patients, **options.band)
    return reliable, decision, notes


def _compare(question: Question, calls: dict[str, Calls], options: Options) -> tuple[list[Comparison], list[str]]:
    """The method against every other score and reader; over images everything by resampling patients."""
    method, *others = question.scores
    tests: list[tuple[str, Comparison]] = []
    for other in others:
        names = (method, other)
        pair = (question.scores[method], question.scores[other])
        if not options.clustered:
            test = compare_paired(question.truth, pair[0], second=pair[1], names=names, level=options.level)
            tests.append(("AUC", test))
        else:
            tests.append(("AUC", _by_bootstrap(question, pair, auc_value, names, "AUC", options)))
        by_ap = _by_bootstrap(question, pair, average_precision_value, names, "average precision", options)
        tests.append(("average precision", by_ap))
    if len(question.scores) > 2 and not options.clustered:
        table = np.column_stack(list(question.scores.values()))
        tests.append(("AUC", compare_several(question.truth, table, names=list(question.scores))))
    rivals = {name: calls[name].calls for name in others} | question.readers
    own = calls[method].calls == question.truth
    masks = {
        "accuracy": np.ones(question.truth.size, dtype=bool),
        "sensitivity": question.truth,
        "specificity": ~question.truth,
    }
    for name, rival in rivals.items():
        right = rival == question.truth
        for metric, mask in masks.items():
            if options.clustered:
                pair = (own[mask].astype(float), right[mask].astype(float))
                test = paired_bootstrap(
                    partial(_means, pair),
                    question.truth[mask],
                    names=(method, name),
                    patients=question.patients[mask],
                    metric=metric,
                    **options.resampling,
                )
            else:
                test = mcnemar(own[mask], right[mask], names=(method, name), level=options.level)
            tests.append((metric, test))
    return [test for _, test in tests], [what for what, _ in tests]


def _means(pair: tuple[NDArray[np.float64], NDArray[np.float64]], index: NDArray[np.intp]) -> tuple[float, float]:
    return float(pair[0][index].mean()), float(pair[1][index].mean())


def _by_bootstrap(
    question: Question,
    pair: tuple[NDArray[np.float64], NDArray[np.float64]],
    function: Callable[[NDArray, NDArray], float],
    names: tuple[str, str],
    metric: str,
    options: Options,
) -> Comparison:
    """Difference of a metric of two scores, by resampling patients."""
    return paired_bootstrap(
        lambda index: tuple(function(question.truth[index], scores[index]) for scores in pair),
        question.truth,
        names=names,
        patients=question.patients if options.clustered else None,
        metric=metric,
        **options.resampling,
    )
