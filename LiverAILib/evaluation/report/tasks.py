"""The three kinds of reference standard, two classes, stages and measured values, become sections and numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from LiverAILib.errors import UserError
from LiverAILib.evaluation.agreement import BlandAltman, bland_altman, icc, mean_absolute_error
from LiverAILib.evaluation.comparisons import adjust
from LiverAILib.evaluation.correlations import compare_correlations, correlation
from LiverAILib.evaluation.estimate import Comparison, Estimate
from LiverAILib.evaluation.figures.matrix import confusion_figure
from LiverAILib.evaluation.figures.values import bland_altman_figure, box_figure, scatter_figure
from LiverAILib.evaluation.intervals import proportion
from LiverAILib.evaluation.metrics import kappa_from_table
from LiverAILib.evaluation.obuchowski import obuchowski_index
from LiverAILib.evaluation.report.content import Picture, Section, comparisons_table, estimates_table, plain
from LiverAILib.evaluation.report.diagnosis import Diagnosis, Question, diagnose
from LiverAILib.evaluation.report.diagnosis_section import diagnosis_record, diagnosis_section
from LiverAILib.evaluation.report.options import Options
from LiverAILib.evaluation.report.predictions import Predictions
from LiverAILib.evaluation.stages import confusion, stage_metrics
from LiverAILib.evaluation.thresholds import Rule

CUT_TITLES = {
    1: "any fibrosis (>=F1)",
    2: "significant fibrosis (>=F2)",
    3: "advanced fibrosis (>=F3)",
    4: "cirrhosis (F4)",
}


@dataclass(frozen=True)
class Result:
    """What a task found.

    Attributes:
        sections: Parts of the report.
        record: Numbers for JSON.
        headline: Name and text of the main numbers.
        diagnoses: Answers to the binary questions by key.
        agreement: Bland-Altman analysis of each method (values only).
        notes: What was left out, and why.
        validation: The cases that the model's state was chosen on, for papers that report them too; None where not given.
    """

    sections: list[Section]
    record: dict[str, Any]
    headline: list[tuple[str, str]]
    diagnoses: dict[str, Diagnosis]
    agreement: dict[str, BlandAltman]
    notes: list[str]
    validation: Predictions | None = None


def run_task(predictions: Predictions, options: Options) -> Result:
    """Evaluate by the task of the predictions.

    Raises:
        UserError: The data do not allow the analysis; the message says what to do.
    """
    function = {"binary": _binary, "stages": _stages, "values": _values}[predictions.task]
    try:
        return function(predictions, options)
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"{predictions.path.name}: {error}") from error


def _question(
    predictions: Predictions,
    key: str,
    title: str,
    truth: np.ndarray,
    scores: dict[str, np.ndarray],
    readers: dict[str, np.ndarray],
    probabilistic: bool = True,
) -> Question:
    return Question(
        key,
        title,
        truth,
        scores,
        readers,
        predictions.patient_ids,
        predictions.folds,
        predictions.subgroups,
        probabilistic,
    )


def _binary(predictions: Predictions, options: Options) -> Result:
    positive = predictions.classes[1]
    question = _question(
        predictions, "diagnosis", f"Diagnosis: {positive}", predictions.truth, predictions.scores, predictions.readers
    )
    result = diagnose(question, options)
    section = diagnosis_section(result, predictions.classes, predictions.case_ids)
    found = result.metrics[result.method]
    headline = [
        (label, found[key].text())
        for label, key in (
            ("AUC", "auc"),
            ("Sensitivity", "sensitivity"),
            ("Specificity", "specificity"),
            ("Accuracy", "accuracy"),
        )
    ]
    return Result([section], {"diagnosis": diagnosis_record(result)}, headline, {"diagnosis": result}, {}, [])


def _stages(predictions: Predictions, options: Options) -> Result:
    overall = _stages_overall(predictions, options)
    sections, record, headline = overall.sections, overall.record, overall.headline
    method, diagnoses, notes, cuts = options.method_name, {}, [], {}
    for cut, title in CUT_TITLES.items():
        if cut not in predictions.stages:
            notes.append(f"{title}: the classes do not tell these stages apart, not evaluated.")
            continue
        truth = predictions.truth >= cut
        least = min(len(set(predictions.patient_ids[truth == side].tolist())) for side in (True, False))
        if least < 2:
            notes.append(f"{title}: fewer than two patients on one side of the cut, not evaluated.")
            continue
        scores = predictions.at_least(cut)
        readers = {name: calls >= cut for name, calls in predictions.readers.items()}
        # A single score of stages (stiffness, FIB-4) is not a probability for any cut-off.
        question = _question(
            predictions,
            f"f{cut}",
            title[0].upper() + title[1:],
            truth,
            scores,
            readers,
            predictions.probabilities is not None,
        )
        result = diagnose(question, options)
        sections.append(diagnosis_section(result, (f"<F{cut}", f">=F{cut}" if cut < 4 else "F4"), predictions.case_ids))
        cuts[f"f{cut}"] = diagnosis_record(result)
        diagnoses[f"f{cut}"] = result
        headline.append((f"AUC {'>=' if cut < 4 else ''}F{cut}", result.metrics[method]["auc"].text()))
    if not diagnoses:
        raise UserError(
            f"{predictions.path.name}: no cut-off has two patients on either side; there is nothing to evaluate"
        )
    return Result(sections, {**record, "cuts": cuts}, headline, diagnoses, {}, notes)


def _stages_overall(predictions: Predictions, options: Options) -> Result:
    """Metrics over all stages: the method, the scores it is compared with, and the readers."""
    found: dict[str, dict[str, Estimate]] = {}
    pictures, names = [], list(predictions.stage_names)
    headline: list[tuple[str, str]] = []
    clustered = options.clustered
    counts = [int(np.sum(predictions.truth == stage)) for stage in predictions.stages]
    text = [f"Stages: {', '.join(f'{name} {count}' for name, count in zip(names, counts, strict=True))}."]
    if clustered:
        text.append("Metrics over all stages are not reported over images; aggregate the images of a patient for them.")
        return Result([Section("All stages", tuple(text))], {"stages": {}}, headline, {}, {}, [])
    tables = {options.method_name: predictions.probabilities, **predictions.tables}
    for i, (name, scores) in enumerate(predictions.scores.items()):
        table = tables.get(name)
        if table is not None:
            found[name] = stage_metrics(
                predictions.truth,
                table,
                stages=predictions.stages,
                method=options.interval,
                **options.resampling,
            )
            predicted = np.asarray(predictions.stages)[table.argmax(axis=1)]
            square = confusion(predictions.truth, predicted, stages=predictions.stages)
            caption = f"Stages predicted by {name} against the reference standard: counts and row percentages."
            key = "stages_confusion" if i == 0 else f"stages_confusion_{i}"
            pictures.append(Picture(key, confusion_figure(square, names, title=name), caption))
        elif np.unique(predictions.truth).size > 1:
            index = obuchowski_index(predictions.truth, scores, order=predictions.stages, level=options.level)
            found[name] = {"obuchowski_index": index}
    for name, calls in predictions.readers.items():
        square = confusion(predictions.truth, calls, stages=predictions.stages)
        used = np.flatnonzero(square.sum(0) + square.sum(1))
        span = slice(used.min(), used.max() + 1)
        right = proportion(
            "accuracy", int(np.trace(square)), predictions.n, level=options.level, method=options.interval
        )
        found[name] = {
            "accuracy": right,
            "quadratic_weighted_kappa": kappa_from_table(square[span, span], weights="quadratic", level=options.level),
        }
    own = predictions.scores[options.method_name]
    groups = {name: own[predictions.truth == s] for s, name in zip(predictions.stages, names, strict=True)}
    label = "expected stage" if predictions.probabilities is not None else "score"
    caption = f"{label.capitalize()} of {options.method_name} by true stage."
    pictures.append(Picture("stages_boxes", box_figure(groups, label=label), caption))
    section = Section(
        "All stages", tuple(text), (estimates_table("stages_metrics", "Metrics", found),), tuple(pictures)
    )
    for metric, title in (("quadratic_weighted_kappa", "Weighted kappa"), ("obuchowski_index", "Obuchowski index")):
        if metric in found.get(options.method_name, {}):
            headline.append((title, found[options.method_name][metric].text()))
    return Result([section], {"stages": {"metrics": plain(found)}}, headline, {}, {}, [])


def _values(predictions: Predictions, options: Options) -> Result:
    if options.clustered:
        raise UserError(
            "--images clustered is not available for measured values; use --images mean to get one value per patient"
        )
    truth, method = predictions.truth, options.method_name
    agreement = {
        name: bland_altman(scores, truth, level=options.level, patients=predictions.patient_ids)
        for name, scores in predictions.scores.items()
    }
    found = {name: _value_metrics(predictions.scores[name], truth, one, options) for name, one in agreement.items()}
    pictures = []
    settings = {"quantity": options.quantity, "unit": options.unit}
    pictures.append(
        Picture(
            "agreement_scatter",
            scatter_figure(predictions.scores[method], truth, title=method, **settings),
            f"Predicted over reference {options.quantity}.",
        )
    )
    pictures.append(
        Picture(
            "agreement_bland_altman",
            bland_altman_figure(agreement[method], title=method, **settings),
            "Bland-Altman plot: bias and limits of agreement, each with its interval as a band.",
        )
    )
    tests, what = _correlation_tests(predictions, options)
    tables = [estimates_table("agreement_metrics", f"Agreement{f' ({options.unit})' if options.unit else ''}", found)]
    record: dict[str, Any] = {"metrics": plain(found), "comparisons": plain(tests)}
    if tests:
        adjusted = {
            "Holm": adjust([one.p_value for one in tests]),
            "FDR": adjust([one.p_value for one in tests], method="fdr"),
        }
        tables.append(comparisons_table("agreement_comparisons", "Comparisons", tests, what=what, adjusted=adjusted))
    slope = agreement[method].slope
    text = [
        f"{predictions.n} patients; {options.quantity} from {truth.min():g} to {truth.max():g} {options.unit}.".replace(
            " .", "."
        )
    ]
    if slope.interval is not None and 0 not in slope.interval:
        text.append(
            "The difference changes with the size of the value (slope away from 0): one bias does not fit all values."
        )
    sections = [Section("Agreement", tuple(text), tuple(tables), tuple(pictures))]
    headline = [
        (title, found[method][key].text(2))
        for title, key in (
            ("Bias", "bias"),
            ("Spearman", "Spearman correlation"),
            ("Mean absolute error", "mean absolute error"),
        )
    ]
    diagnoses, notes, cuts = _cutoffs(predictions, options, sections, headline)
    return Result(sections, {"agreement": record, "cutoffs": cuts}, headline, diagnoses, agreement, notes)


def _value_metrics(
    scores: np.ndarray, truth: np.ndarray, agreement: BlandAltman, options: Options
) -> dict[str, Estimate]:
    """All metrics of one method's values against the reference."""
    return {
        "mean absolute error": mean_absolute_error(scores, truth, level=options.level),
        "bias": agreement.bias,
        "lower limit of agreement": agreement.lower,
        "upper limit of agreement": agreement.upper,
        "slope of the difference": agreement.slope,
        "Pearson correlation": correlation(scores, truth, kind="pearson", level=options.level),
        "Spearman correlation": correlation(scores, truth, kind="spearman", level=options.level),
        "ICC(2,1)": icc(np.column_stack([scores, truth]), level=options.level),
    }


def _cutoffs(
    predictions: Predictions, options: Options, sections: list[Section], headline: list[tuple[str, str]]
) -> tuple[dict[str, Diagnosis], list[str], dict[str, Any]]:
    """Diagnosis of values at or above each cut-off, by classifiers where the file has them; adds to sections and headline."""
    diagnoses, notes, record = {}, [], {}
    for cutoff in options.cutoffs:
        truth = predictions.truth >= cutoff
        title = f"{options.quantity} >= {cutoff:g} {options.unit}".strip()
        if min(truth.sum(), (~truth).sum()) < 2:
            notes.append(f"{title}: fewer than two patients on one side of the cut-off, not evaluated.")
            continue
        key = f"from_{cutoff:g}".replace(".", "_")
        # Where the method has a classifier for this cut-off, its probabilities answer, and not the value.
        classified = predictions.cutoff_scores.get(cutoff)
        scores = predictions.scores if classified is None else classified
        own_rule = Rule("fixed", cutoff if classified is None else 0.5)
        how = replace(options, rule=own_rule) if options.rule.name == "cut-off" else options
        result = diagnose(_question(predictions, key, title, truth, scores, {}, classified is not None), how)
        sections.append(diagnosis_section(result, (f"< {cutoff:g}", f">= {cutoff:g}"), predictions.case_ids))
        diagnoses[key], record[key] = result, diagnosis_record(result)
        headline.append((f"AUC, {title}", result.metrics[result.method]["auc"].text()))
    return diagnoses, notes, record


def _correlation_tests(predictions: Predictions, options: Options) -> tuple[list[Comparison], list[str]]:
    """Meng and Steiger of the method against each other prediction; copies and constants cannot be compared."""
    tests, what = [], []
    method, *others = predictions.scores
    for other in others:
        for kind in ("pearson", "spearman"):
            for test in ("meng", "steiger"):
                try:
                    found = compare_correlations(
                        predictions.truth,
                        predictions.scores[method],
                        second=predictions.scores[other],
                        kind=kind,
                        test=test,
                        names=(method, other),
                        level=options.level,
                    )
                except ValueError as error:
                    found = Comparison(
                        test.capitalize(),
                        method,
                        other,
                        math.nan,
                        None,
                        math.nan,
                        "Z",
                        None,
                        math.nan,
                        f"Undefined: {error}",
                        "",
                    )
                tests.append(found)
                what.append(f"{kind.capitalize()} correlation")
    return tests, what
