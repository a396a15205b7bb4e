"""The tables and figures of Yin 2021 itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from LiverAILib.evaluation.curves import Curve, curve
from LiverAILib.evaluation.delong import auc_value
from LiverAILib.evaluation.estimate import Estimate, format_number
from LiverAILib.evaluation.figures.curves import draw_roc
from LiverAILib.evaluation.figures.style import TWO_COLUMNS, new_figure, styled
from LiverAILib.evaluation.report.content import Picture, Section, Table, estimates_table, plain
from LiverAILib.evaluation.report.diagnosis import Diagnosis
from LiverAILib.evaluation.report.diagnosis_section import legend
from LiverAILib.evaluation.report.options import Options, PaperSection
from LiverAILib.evaluation.report.paper import in_sample_metrics
from LiverAILib.evaluation.report.predictions import Predictions
from LiverAILib.evaluation.report.tasks import Result
from LiverAILib.evaluation.thresholds import Rule

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def yin_section(predictions: Predictions, options: Options, result: Result) -> tuple[Section, dict[str, Any]]:
    """AUC, specificity, sensitivity, accuracy at >=F2, >=F3, F4 (table 2), fold means, figure 3."""
    cuts: list[str] = [key for key in ("f2", "f3", "f4") if key in result.diagnoses]
    found: dict[str, dict[str, Estimate]] = {}
    for key in cuts:
        diagnosis = result.diagnoses[key]
        own = in_sample_metrics(diagnosis, Rule("youden"), options)[diagnosis.method]
        metrics = {name: own[name] for name in ("specificity", "sensitivity", "accuracy")}
        found[diagnosis.question.title] = {"auc": diagnosis.metrics[diagnosis.method]["auc"], **metrics}
    tables = [estimates_table("paper_metrics", "Pooled results as in table 2", found)]
    folds = _fold_means(result, cuts)
    if folds is not None:
        tables.append(folds)
    curves = {result.diagnoses[key].question.title: result.diagnoses[key].roc[options.method_name] for key in cuts}
    labels = {
        result.diagnoses[key].question.title: legend(result.diagnoses[key], "auc")[options.method_name].replace(
            options.method_name, result.diagnoses[key].question.title.split("(")[-1].rstrip(")")
        )
        for key in cuts
    }
    text = (
        "The paper does not say how its operating points were chosen: here by Youden's index on the same cases, "
        "which flatters "
        "the method; the cross-fitted results are given above.",
    )
    if predictions.probabilities is None:
        picture = figure3(curves, {}, cut_labels=labels)
    else:
        hot = predictions.truth[:, None] == np.asarray(predictions.stages)[None, :]
        micro = curve(hot.ravel(), predictions.probabilities.ravel(), replicates=0)
        averages = {"micro-average": micro, "macro-average": _macro_curve(hot, predictions.probabilities)}
        overall = result.record["stages"]["metrics"][options.method_name]
        names = {
            f"{kind}-average": f"{kind}-average, AUC {overall[f'{kind}_auc']['value']:.2f}"
            for kind in ("micro", "macro")
        }
        picture = figure3(curves, averages, cut_labels=labels, average_labels=names)
    caption = "Layout of figure 3: ROC of the severity groups, and averages over the stages."
    section = Section("As in the paper: Yin 2021", text, tuple(tables), (Picture("paper_figure3", picture, caption),))
    return section, {"paper": "yin2021", "metrics": plain(found), "fold_means": None if folds is None else plain(folds)}


def _macro_curve(hot: np.ndarray, probabilities: np.ndarray) -> Curve:
    """Mean height of the one-against-rest curves over a grid, as scikit-learn's example draws it."""
    grid = np.linspace(0, 1, 201)
    heights = []
    for i in range(hot.shape[1]):
        if 0 < hot[:, i].sum() < len(hot):
            own = curve(hot[:, i], probabilities[:, i], replicates=0)
            last = np.searchsorted(own.x, np.unique(own.x), side="right") - 1
            heights.append(np.interp(grid, own.x[last], own.y[last]))
    mean = np.mean(heights, axis=0)
    empty = np.empty(0)
    return Curve("roc", np.append(0.0, grid), np.append(0.0, mean), empty, empty, empty, 0.95, float(hot.mean()))


def _fold_means(result: Result, cuts: list[str]) -> Table | None:
    """AUC, sensitivity, specificity and accuracy of each fold, their mean and SD; the paper reports the mean of five."""
    rows = []
    for key in cuts:
        diagnosis = result.diagnoses[key]
        question = diagnosis.question
        if question.folds is None:
            return None
        names = sorted(np.unique(question.folds).tolist(), key=lambda name: (len(name), name))
        each = np.array([_fold_metrics(diagnosis, question.folds == name) for name in names])
        for name, values in zip(names, each, strict=True):
            own = question.folds == name
            cells = (format_number(value) for value in values)
            rows.append((question.title, name, f"{int(question.truth[own].sum())}/{int(own.sum())}", *cells))
        known = int(np.isfinite(each[:, 0]).sum())
        rows.append(
            (question.title, "mean (SD)", f"{known} of {len(names)}", *(_mean_and_spread(one) for one in each.T))
        )
    note = (
        "Thresholds as in the sections of the cut-offs. The spread over folds is not a confidence interval: the folds share "
        "their training data. In the rows of means: folds with both classes."
    )
    columns = ("cut-off", "fold", "positive/n", "AUC", "sensitivity", "specificity", "accuracy")
    return Table("paper_folds", "Each fold, and the mean over folds", columns, tuple(rows), note)


def _fold_metrics(diagnosis: Diagnosis, own: np.ndarray) -> list[float]:
    """AUC, sensitivity, specificity and accuracy of the method on the cases of a fold; nan where undefined."""
    truth = diagnosis.question.truth[own]
    calls = diagnosis.calls[diagnosis.method].calls[own]
    area = auc_value(truth, diagnosis.question.scores[diagnosis.method][own])
    rates = [float(np.mean(calls[side] == truth[side])) if side.any() else np.nan for side in (truth, ~truth)]
    return [area, *rates, float(np.mean(calls == truth))]


def _mean_and_spread(values: np.ndarray) -> str:
    known = values[np.isfinite(values)]
    if not known.size:
        return "undefined"
    spread = f" ({known.std(ddof=1):.3f})" if known.size > 1 else ""
    return f"{known.mean():.3f}{spread}"


@styled
def figure3(
    cuts: Mapping[str, Curve],
    averages: Mapping[str, Curve],
    *,
    cut_labels: Mapping[str, str] | None = None,
    average_labels: Mapping[str, str] | None = None,
) -> Figure:
    """Yin 2021, figure 3: (a) ROC of >=F2, >=F3 and F4, (b) macro- and micro-averaged ROC."""
    figure = new_figure(TWO_COLUMNS, TWO_COLUMNS / 2 * (1.05 + 0.055 * max(len(cuts), len(averages))))
    left, right = figure.subplots(1, 2)
    draw_roc(left, cuts, labels=cut_labels, title="a  Fibrosis severity")
    draw_roc(right, averages, labels=average_labels, title="b  Averages over F0 to F4")
    return figure


SECTION = PaperSection("yin2021", ("stages",), yin_section)
