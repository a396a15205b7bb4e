"""The method against simple measurements: does the network beat what needs no training?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from LiverAILib.evaluation.comparisons import adjust
from LiverAILib.evaluation.delong import auc, compare_paired
from LiverAILib.evaluation.estimate import Comparison, Estimate, format_number, format_p
from LiverAILib.evaluation.figures.forest import forest_figure
from LiverAILib.evaluation.metrics import binary_metrics
from LiverAILib.evaluation.report.content import Picture, Section, Table, plain
from LiverAILib.evaluation.report.diagnosis import Diagnosis, Question, call
from LiverAILib.evaluation.report.options import Options
from LiverAILib.evaluation.report.predictions import Predictions
from LiverAILib.evaluation.thresholds import Rule

RULE = Rule("youden")


@dataclass(frozen=True)
class BaselineRow:
    """One measurement against the method, on the cases that have a value.

    Attributes:
        name: The measurement.
        n: Cases with a value.
        n_positive: Positive ones among them.
        auc: AUC of the measurement.
        method_auc: AUC of the method on the same cases.
        sensitivity: At a cross-fitted threshold.
        specificity: At the same threshold.
        test: DeLong's test of the method against the measurement; None where it is undefined.
        p_holm: Its p value, adjusted by Holm over all measurements.
        better: Which of the two has the larger AUC, or that no difference was shown.
    """

    name: str
    n: int
    n_positive: int
    auc: Estimate
    method_auc: Estimate
    sensitivity: Estimate
    specificity: Estimate
    test: Comparison
    p_holm: float
    better: str


def baseline_section(
    predictions: Predictions, diagnoses: dict[str, Diagnosis], options: Options
) -> tuple[Section, dict[str, Any]] | None:
    """Section and numbers: one table a binary question; None without measurements or over images."""
    if not predictions.baselines or not diagnoses or options.clustered:
        return None
    tables, pictures, record = [], [], {}
    text = [
        "Simple measurements from the same masks, none of them trained. Each is compared on the cases that have it; the "
        "thresholds are Youden's, cross-fitted. A method that does not beat them has no place.",
    ]
    for key, diagnosis in diagnoses.items():
        rows, left_out = baseline_rows(diagnosis.question, predictions.baselines, options)
        text += [f"{diagnosis.question.title}: {sentence}" for sentence in left_out]
        if not rows:
            continue
        tables.append(_table(f"{key}_baselines", diagnosis, rows))
        areas = {diagnosis.method: diagnosis.metrics[diagnosis.method]["auc"]} | {
            row.name.replace("_", " "): row.auc for row in rows
        }
        figure = forest_figure({"AUC": areas}, label="AUC", reference=0.5)
        pictures.append(
            Picture(f"{key}_baselines", figure, f"AUC of method and measurements, {diagnosis.question.title}.")
        )
        record[key] = plain(rows)
        text.append(_verdict(diagnosis, rows))
    if not tables:
        return None
    return Section("Against simple measurements", tuple(text), tuple(tables), tuple(pictures)), record


def baseline_rows(
    question: Question, baselines: dict[str, np.ndarray], options: Options
) -> tuple[list[BaselineRow], list[str]]:
    """The rows, best measurement first, and a sentence for each measurement that could not be compared."""
    method = next(iter(question.scores))
    found, left_out = [], []
    for name, values in baselines.items():
        own = np.isfinite(values)
        part = _part(question, own)
        least = min(len(set(part.patients[part.truth == side].tolist())) for side in (True, False))
        if least < 2 or np.ptp(values[own]) == 0:
            left_out.append(f"{name} has {int(own.sum())} values, too few or all equal; not compared.")
            continue
        calls = call(part, values[own], options, RULE).calls
        metrics = binary_metrics(part.truth, calls, level=options.level, method=options.interval)
        pair = (part.scores[method], values[own])
        test = compare_paired(part.truth, pair[0], second=pair[1], names=(method, name), level=options.level)
        areas = [auc(part.truth, one, level=options.level, method=_auc_method(options)) for one in pair]
        found.append((name, part, areas, metrics, test))
    adjusted: Sequence[float] | NDArray[np.float64] = adjust([one[-1].p_value for one in found]) if found else []
    rows = [
        BaselineRow(
            name,
            part.truth.size,
            int(part.truth.sum()),
            areas[1],
            areas[0],
            metrics["sensitivity"],
            metrics["specificity"],
            test,
            float(p),
            _better(test, float(p), 1 - options.level),
        )
        for (name, part, areas, metrics, test), p in zip(found, adjusted, strict=True)
    ]
    return sorted(rows, key=lambda row: -row.auc.value), left_out


def _part(question: Question, own: np.ndarray) -> Question:
    """The question about the cases that have a value; folds are drawn anew where given ones become one-sided."""
    folds = None if question.folds is None else question.folds[own]
    truth = question.truth[own]
    if folds is not None:
        names = np.unique(folds)
        one_sided = any(truth[folds != f].all() or not truth[folds != f].any() for f in names)
        folds = None if one_sided or names.size < 2 else folds
    scores = {name: values[own] for name, values in question.scores.items()}
    return Question(question.key, question.title, truth, scores, {}, question.patients[own], folds, {})


def _auc_method(options: Options) -> str:
    return "delong-logit" if options.auc_interval == "bootstrap" else options.auc_interval


def _better(test: Comparison, p: float, alpha: float) -> str:
    if not p < alpha:
        return "no difference shown"
    return test.first if test.difference > 0 else test.second


def _verdict(diagnosis: Diagnosis, rows: list[BaselineRow]) -> str:
    best, method = rows[0], diagnosis.method
    beaten = sum(row.better == method for row in rows)
    text = f"{diagnosis.question.title}: {method} beats {beaten} of {len(rows)} measurements (DeLong, Holm). "
    outcome = {
        method: f"{method} is better",
        best.name: f"the measurement is better than {method}",
    }.get(best.better, "no difference was shown")
    return f"{text}The best one, {best.name}, has an AUC of {best.auc.text()}: {outcome} (p {format_p(best.p_holm)})."


def _table(key: str, diagnosis: Diagnosis, rows: list[BaselineRow]) -> Table:
    own = diagnosis.metrics[diagnosis.method]
    n, positive = diagnosis.question.truth.size, int(diagnosis.question.truth.sum())
    cells = [
        (
            diagnosis.method,
            f"{positive}/{n}",
            own["auc"].text(),
            own["sensitivity"].text(),
            own["specificity"].text(),
            *("",) * 5,
        )
    ]
    for row in rows:
        limits = row.test.interval
        gap = format_number(row.test.difference)
        gap += f" ({format_number(limits.low)} to {format_number(limits.high)})" if limits is not None else ""
        cells.append(
            (
                row.name,
                f"{row.n_positive}/{row.n}",
                row.auc.text(),
                row.sensitivity.text(),
                row.specificity.text(),
                row.method_auc.text(),
                gap,
                format_p(row.test.p_value),
                format_p(row.p_holm),
                row.better,
            )
        )
    columns = (
        "score",
        "positive/n",
        "AUC",
        "sensitivity",
        "specificity",
        f"AUC of {diagnosis.method}, same cases",
        "difference",
        "p (DeLong)",
        "p (Holm)",
        "better",
    )
    short_columns = ("score", "positive/n", "AUC", "difference", "p (Holm)", "better", "sensitivity", "specificity")
    short = tuple((row[0].replace("_", " "), row[1], row[2], row[6], row[8], row[9], row[3], row[4]) for row in cells)
    note = f"DeLong's test, paired. Sensitivity and specificity of {diagnosis.method} at its own threshold, see its section."
    note += f" Difference: {diagnosis.method} minus measurement, on the cases that have the value."
    title = diagnosis.question.title
    return Table(key, title, columns, tuple(cells), note, Table(key, title, short_columns, short, note))
