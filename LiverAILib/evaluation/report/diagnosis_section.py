"""The section of the report for one binary question."""

from __future__ import annotations

from typing import Any

import numpy as np

from LiverAILib.evaluation.estimate import format_number
from LiverAILib.evaluation.figures.calibration import decision_figure, reliability_figure
from LiverAILib.evaluation.figures.curves import Reader, pr_figure, roc_figure
from LiverAILib.evaluation.figures.matrix import confusion_figure
from LiverAILib.evaluation.metrics import counts
from LiverAILib.evaluation.report.content import (
    Picture,
    Section,
    Table,
    comparisons_table,
    estimates_table,
    plain,
)
from LiverAILib.evaluation.report.diagnosis import Diagnosis

BAND = "Bands are pointwise bootstrap intervals of the evaluated method; crosshairs are the readers' intervals."


def diagnosis_section(result: Diagnosis, names: tuple[str, ...], case_ids: np.ndarray) -> Section:
    """Tables, pictures and text of one question; ``names`` are those of the negative and the positive class."""
    question, method = result.question, result.method
    positives = int(question.truth.sum())
    rows = question.truth.size
    text = [
        f"{positives} of {rows} are positive ({100 * positives / rows:.1f} %).",
        f"Thresholds ({result.calls[method].rule}): {result.calls[method].note}. "
        f"Used: {', '.join(format_number(value, 4) for value in result.calls[method].thresholds)}.",
        *result.notes,
    ]
    key = question.key
    tables = [estimates_table(f"{key}_metrics", "Metrics", result.metrics)]
    if result.comparisons:
        note = "Two-sided p values; Holm and false discovery rate over all tests of this table."
        tables.append(
            comparisons_table(
                f"{key}_comparisons",
                "Comparisons",
                result.comparisons,
                what=result.compared,
                adjusted=result.adjusted,
                note=note,
            )
        )
    if result.calibration:
        tables += _calibration_tables(result)
    if result.subgroups:
        tables.append(_subgroups(result))
    tables.append(_errors(result, case_ids))
    return Section(question.title, tuple(text), tuple(tables), tuple(_pictures(result, names)))


def diagnosis_record(result: Diagnosis) -> dict[str, Any]:
    """The numbers of one question, ready for JSON."""
    comparisons = []
    for i, one in enumerate(result.comparisons):
        adjusted = {key.lower(): values[i] for key, values in result.adjusted.items()}
        comparisons.append({"compared": result.compared[i], **plain(one), "p_adjusted": plain(adjusted)})
    table = counts(result.question.truth, result.calls[result.method].calls)
    return {
        "title": result.question.title,
        "n": int(result.question.truth.size),
        "n_positive": int(result.question.truth.sum()),
        "counts": plain(table),
        "thresholds": {
            name: {"rule": str(own.rule), "values": plain(own.thresholds), "in_sample": own.in_sample, "note": own.note}
            for name, own in result.calls.items()
        },
        "metrics": plain(result.metrics),
        "calibration": plain(result.calibration),
        "comparisons": comparisons,
        "subgroups": plain(result.subgroups),
        "notes": list(result.notes),
    }


def reader_points(result: Diagnosis) -> list[Reader]:
    """Operating points of the readers for ROC and precision-recall figures."""
    return [
        Reader(name, *(result.metrics[name][metric] for metric in ("sensitivity", "specificity", "ppv")))
        for name in result.question.readers
    ]


def legend(result: Diagnosis, metric: str) -> dict[str, str]:
    """Legend texts: name with its AUC or average precision and interval."""
    short = {"auc": "AUC", "average_precision": "AP"}[metric]
    return {name: f"{name}, {short} {result.metrics[name][metric].text(2)}" for name in result.question.scores}


def _pictures(result: Diagnosis, names: tuple[str, ...]) -> list[Picture]:
    key, title, method = result.question.key, result.question.title, result.method
    readers = reader_points(result)
    table = counts(result.question.truth, result.calls[method].calls)
    found = [
        Picture(
            f"{key}_roc",
            roc_figure(result.roc, labels=legend(result, "auc"), readers=readers),
            f"ROC curves, {title}. {BAND}",
        ),
        Picture(
            f"{key}_pr",
            pr_figure(result.pr, labels=legend(result, "average_precision"), readers=readers),
            f"Precision-recall curves, {title}; the dotted line is the prevalence. {BAND}",
        ),
        Picture(
            f"{key}_confusion",
            confusion_figure([[table.tn, table.fp], [table.fn, table.tp]], names, title=method),
            f"Confusion matrix of {method}, {title}. Threshold {result.calls[method].note}.",
        ),
    ]
    if result.calibration:
        caption = f"Reliability, {title}: observed share over mean predicted probability, with Wilson intervals."
        found.append(Picture(f"{key}_reliability", reliability_figure(result.calibration), caption))
        caption = (
            f"Decision curves, {title}: net benefit at this study's prevalence "
            f"({result.question.truth.mean():.2f}); it does "
            "not apply where patients were sampled by outcome."
        )
        found.append(Picture(f"{key}_decision", decision_figure(result.decision), caption))
    return found


def _calibration_tables(result: Diagnosis) -> list[Table]:
    numbers, bins = {}, []
    for name, one in result.calibration.items():
        numbers[name] = {
            "Brier score": one.brier,
            "calibration slope": one.slope,
            "calibration intercept": one.intercept,
        }
        for own in one.bins:
            cells = (own.low, own.high, own.predicted, own.observed, own.interval.low, own.interval.high)
            bins.append((name, *(format_number(cell) for cell in cells), f"{own.n_positive}/{own.n}"))
    expected = "; ".join(f"{name} {one.expected_error:.3f}" for name, one in result.calibration.items())
    reference = next(iter(result.calibration.values())).brier_reference
    note = f"Brier score of always predicting the prevalence: {reference:.3f}. Expected calibration error: {expected}."
    columns = ("method", "from", "to", "mean predicted", "observed", "low", "high", "count")
    return [
        estimates_table(f"{result.question.key}_calibration", "Calibration", numbers, note=note),
        Table(f"{result.question.key}_reliability", "Reliability bins", columns, tuple(bins), folded=True),
    ]


def _subgroups(result: Diagnosis) -> Table:
    def text(estimate) -> str:
        return "" if estimate is None else estimate.text()

    rows = [
        (
            one.variable,
            one.group,
            str(one.n),
            str(one.n_positive),
            text(one.auc),
            text(one.sensitivity),
            text(one.specificity),
            one.note,
        )
        for one in result.subgroups
    ]
    columns = ("variable", "group", "n", "positive", "AUC", "sensitivity", "specificity", "note")
    note = "Calls use the thresholds of all patients. Subgroups were not tested against each other."
    return Table(f"{result.question.key}_subgroups", "Subgroups", columns, tuple(rows), note)


def _errors(result: Diagnosis, case_ids: np.ndarray) -> Table:
    """Every case the method got wrong, for a failure analysis."""
    question, method = result.question, result.method
    calls = result.calls[method].calls
    wrong = np.flatnonzero(calls != question.truth)
    rows = []
    for i in wrong:
        kind = "false positive" if calls[i] else "false negative"
        others = [f"{name}: {'positive' if own[i] else 'negative'}" for name, own in question.readers.items()]
        score = format_number(float(question.scores[method][i]), 4)
        rows.append((str(case_ids[i]), str(question.patients[i]), kind, score, ", ".join(others)))
    columns = ("case_id", "patient_id", "error", "score", "readers")
    note = f"{len(rows)} of {question.truth.size} were called wrongly by {method}; review these images."
    return Table(f"{question.key}_errors", "Cases called wrongly", columns, tuple(rows), note, folded=True)
