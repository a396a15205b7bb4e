"""The tables and figures of Yin 2021 itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from LiverAILib.evaluation.curves import Curve, curve
from LiverAILib.evaluation.estimate import Estimate, format_number
from LiverAILib.evaluation.figures.curves import draw_roc
from LiverAILib.evaluation.figures.style import TWO_COLUMNS, new_figure, styled
from LiverAILib.evaluation.report.content import PRETTY, Picture, Section, Table, estimates_table, plain
from LiverAILib.evaluation.report.diagnosis import Diagnosis
from LiverAILib.evaluation.report.diagnosis_section import legend
from LiverAILib.evaluation.report.options import Options, PaperSection
from LiverAILib.evaluation.report.paper import in_sample_metrics
from LiverAILib.evaluation.report.predictions import Predictions
from LiverAILib.evaluation.report.tasks import Result
from LiverAILib.evaluation.thresholds import Rule, in_sample_calls
from LiverAILib.methods.yin2021.fold_means import METRICS, FoldMean, fold_means

if TYPE_CHECKING:
    from matplotlib.figure import Figure


CUTS = ("f2", "f3", "f4")
RULE = Rule("youden")


def yin_section(predictions: Predictions, options: Options, result: Result) -> tuple[Section, dict[str, Any]]:
    """AUC, specificity, sensitivity, accuracy at >=F2, >=F3, F4 (table 2): fold means, and pooled beside them; figure 3."""
    cuts = {key: result.diagnoses[key] for key in CUTS if key in result.diagnoses}
    pooled = {key: _pooled(diagnosis, options) for key, diagnosis in cuts.items()}
    means = {key: found for key, one in cuts.items() if (found := _fold_means(one, options)) is not None}
    titles = {key: one.question.title for key, one in cuts.items()}
    tables = []
    if means:
        tables.append(_table2(titles, means, pooled, options.level))
        tables.append(_each_fold(cuts, means))
    else:
        tables.append(
            estimates_table("paper_metrics", "Table 2, pooled", {titles[key]: one for key, one in pooled.items()})
        )
    text = [
        "The paper does not say how its operating points were chosen: here by Youden's index on all these cases, one threshold a "
        "cut-off for the folds and for the pooled results alike. This flatters the method; the cross-fitted results are given "
        "above."
    ]
    if not means:
        text.append("The paper's table 2 is of means over five folds: these predictions have no folds.")
    picture = _figure3(predictions, options, result, cuts)
    record = {
        "paper": "yin2021",
        "metrics": plain({titles[key]: one for key, one in pooled.items()}),
        "fold_means": plain({titles[key]: one for key, one in means.items()}) if means else None,
    }
    return Section("As in the paper: Yin 2021", tuple(text), tuple(tables), (picture,)), record


def _pooled(diagnosis: Diagnosis, options: Options) -> dict[str, Estimate]:
    own = in_sample_metrics(diagnosis, RULE, options)[diagnosis.method]
    areas = {"auc": diagnosis.metrics[diagnosis.method]["auc"]}
    return {**areas, **{name: own[name] for name in METRICS if name != "auc"}}


def _fold_means(diagnosis: Diagnosis, options: Options) -> dict[str, FoldMean] | None:
    """Means over the folds, by the same calls as the pooled results; None without folds."""
    question = diagnosis.question
    if question.folds is None:
        return None
    scores = question.scores[diagnosis.method]
    calls = in_sample_calls(question.truth, scores, rule=RULE).calls
    return fold_means(
        question.truth,
        scores,
        calls,
        folds=question.folds,
        patients=question.patients,
        replicates=options.replicates,
        seed=options.seed,
        level=options.level,
    )


def _table2(
    titles: Mapping[str, str],
    means: Mapping[str, Mapping[str, FoldMean]],
    pooled: Mapping[str, Mapping[str, Estimate]],
    level: float,
) -> Table:
    """Table 2: a row a metric and cut-off; on the page a row a metric, as in the paper."""
    rows, short = [], []
    for metric in METRICS:
        cells = [PRETTY.get(metric, metric)]
        for key, title in titles.items():
            mean, whole = means[key][metric], pooled[key][metric]
            limits = (
                ("", "")
                if mean.interval is None
                else tuple(map(format_number, (mean.interval.low, mean.interval.high)))
            )
            known = sum(np.isfinite(value) for value in mean.values.values())
            rows.append(
                (
                    PRETTY.get(metric, metric),
                    title,
                    format_number(mean.mean),
                    *limits,
                    format_number(mean.sd),
                    f"{known}/{len(mean.values)}",
                    whole.text(),
                )
            )
            reach = f" [{limits[0]}, {limits[1]}]" if limits[0] else ""
            cells.append(f"{format_number(mean.mean)}{reach}, SD {format_number(mean.sd)}; pooled {whole.text()}")
        short.append(tuple(cells))
    note = (
        f"Mean over the folds with a {100 * level:g} % interval (patients resampled within fold and class), and the standard "
        "deviation over the folds, which is no confidence interval: the folds share their training data. Beside it the pooled "
        "out-of-fold result with its own interval."
    )
    columns = ("metric", "cut-off", "fold mean", "low", "high", "SD over folds", "folds", "pooled")
    compact = Table("paper_table2", "Table 2: means over the folds", ("metric", *titles.values()), tuple(short), note)
    return Table("paper_table2", compact.title, columns, tuple(rows), note, compact)


def _each_fold(cuts: Mapping[str, Diagnosis], means: Mapping[str, Mapping[str, FoldMean]]) -> Table:
    """AUC, specificity, sensitivity and accuracy of each fold."""
    rows = []
    for key, diagnosis in cuts.items():
        question = diagnosis.question
        assert question.folds is not None  # there are means
        for name in means[key]["auc"].values:
            own = question.folds.astype(str) == name
            cells = (format_number(means[key][metric].values[name]) for metric in METRICS)
            rows.append((question.title, name, f"{int(question.truth[own].sum())}/{int(own.sum())}", *cells))
    columns = ("cut-off", "fold", "positive/n", "AUC", "specificity", "sensitivity", "accuracy")
    note = "Thresholds as in table 2."
    return Table("paper_folds", "Each fold", columns, tuple(rows), note, folded=True)


def _figure3(predictions: Predictions, options: Options, result: Result, cuts: Mapping[str, Diagnosis]) -> Picture:
    """ROC of the cut-offs, and the averages over the stages where there are probabilities."""
    method = options.method_name
    curves = {one.question.title: one.roc[method] for one in cuts.values()}
    labels = {
        one.question.title: legend(one, "auc")[method].replace(method, one.question.title.split("(")[-1].rstrip(")"))
        for one in cuts.values()
    }
    averages: dict[str, Curve] = {}
    names: dict[str, str] = {}
    if predictions.probabilities is not None:
        hot = predictions.truth[:, None] == np.asarray(predictions.stages)[None, :]
        micro = curve(hot.ravel(), predictions.probabilities.ravel(), replicates=0)
        averages = {"micro-average": micro, "macro-average": _macro_curve(hot, predictions.probabilities)}
        overall = result.record["stages"]["metrics"][method]
        names = {
            f"{kind}-average": f"{kind}-average, AUC {overall[f'{kind}_auc']['value']:.2f}"
            for kind in ("micro", "macro")
        }
    picture = figure3(curves, averages, cut_labels=labels, average_labels=names)
    return Picture(
        "paper_figure3", picture, "Layout of figure 3: ROC of the severity groups, and averages over the stages."
    )


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
