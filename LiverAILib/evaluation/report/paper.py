"""What a paper reported, in its own way: its thresholds, tests and figures, each labeled as the paper's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from LiverAILib.errors import UserError
from LiverAILib.evaluation.bootstrap import resample_patients
from LiverAILib.evaluation.comparisons import mcnemar
from LiverAILib.evaluation.curves import curve
from LiverAILib.evaluation.delong import auc_value, compare_paired
from LiverAILib.evaluation.estimate import Comparison, Estimate, format_number
from LiverAILib.evaluation.figures import papers as layouts
from LiverAILib.evaluation.metrics import binary_metrics
from LiverAILib.evaluation.paper_tests import goodness_of_fit, welch_bonferroni
from LiverAILib.evaluation.report.content import Picture, Section, Table, comparisons_table, estimates_table, plain
from LiverAILib.evaluation.report.diagnosis import Diagnosis
from LiverAILib.evaluation.report.diagnosis_section import legend, reader_points
from LiverAILib.evaluation.report.options import Options
from LiverAILib.evaluation.report.predictions import Predictions
from LiverAILib.evaluation.report.tasks import Result
from LiverAILib.evaluation.thresholds import Rule, in_sample_calls

PAPER_TASKS = {
    "nowak2021": ("binary",),
    "yin2021": ("stages",),
    "xue2020": ("stages", "binary"),
    "byra2021": ("values", "binary"),
}


def paper_section(predictions: Predictions, options: Options, result: Result) -> tuple[Section, dict[str, Any]]:
    """Section and numbers of ``options.paper``.

    Raises:
        UserError: The paper's protocol does not fit the labels, or rows are images.
    """
    paper = options.paper
    if predictions.task not in PAPER_TASKS[paper]:
        wanted = " or ".join(PAPER_TASKS[paper])
        raise UserError(
            f"--paper {paper} needs labels of the kind {wanted}, but {predictions.path.name} has {predictions.task}; "
            "leave --paper out, or give such labels (--task)"
        )
    if options.clustered:
        raise UserError(f"--paper {paper} counts patients; use --images mean to get one score per patient")
    functions: dict[str, Callable] = {"nowak2021": _nowak, "yin2021": _yin, "xue2020": _xue, "byra2021": _byra}
    return functions[paper](predictions, options, result)


def _in_sample(diagnosis: Diagnosis, rule: Rule, options: Options) -> dict[str, dict[str, Estimate]]:
    """Binary metrics of every score with an in-sample threshold, and of the readers."""
    found = {}
    for name, scores in diagnosis.question.scores.items():
        calls = in_sample_calls(diagnosis.question.truth, scores, rule=rule).calls
        found[name] = binary_metrics(diagnosis.question.truth, calls, level=options.level)
    for name, calls in diagnosis.question.readers.items():
        found[name] = binary_metrics(diagnosis.question.truth, calls, level=options.level)
    return found


def _nowak(predictions: Predictions, options: Options, result: Result) -> tuple[Section, dict[str, Any]]:
    """Threshold 0.5, Clopper-Pearson, goodness of fit with McNemar beside it, figure 3."""
    diagnosis = result.diagnoses["diagnosis"]
    truth, method = diagnosis.question.truth, diagnosis.method
    found = _in_sample(diagnosis, Rule("fixed", 0.5), options)
    keep = ("accuracy", "balanced_accuracy", "sensitivity", "specificity")
    areas = ("auc", "average_precision", "average_precision_negative")
    table = {
        name: {key: own[key] for key in keep}
        | ({key: diagnosis.metrics[name][key] for key in areas} if name in diagnosis.question.scores else {})
        for name, own in found.items()
    }
    calls = {name: scores >= 0.5 for name, scores in diagnosis.question.scores.items()} | diagnosis.question.readers
    own = calls.pop(method) == truth
    tests: list[Comparison] = []
    for name, other in calls.items():
        right = other == truth
        tests.append(goodness_of_fit(int(right.sum()), int(own.sum()), n=truth.size, names=(name, method)))
        tests.append(mcnemar(right, own, names=(name, method), level=options.level))
    picture = layouts.nowak2021_figure3(
        diagnosis.roc,
        diagnosis.pr,
        readers=reader_points(diagnosis),
        roc_labels=legend(diagnosis, "auc"),
        pr_labels=legend(diagnosis, "average_precision"),
    )
    text = (
        "A case is positive where its probability is at least 0.5 (the larger of the two outputs). Average "
        "precision is given "
        "for both classes, because the paper does not say for which one it was drawn.",
    )
    tables = [estimates_table("paper_metrics", "Metrics as in the paper (table 1)", table)]
    if tests:
        tables.append(comparisons_table("paper_comparisons", "Accuracy against the method", tests))
    caption = "Layout of figure 3: ROC and precision-recall curves with the readers' operating points."
    section = Section("As in the paper: Nowak 2021", text, tuple(tables), (Picture("paper_figure3", picture, caption),))
    return section, {"paper": "nowak2021", "metrics": plain(table), "comparisons": plain(tests)}


def _yin(predictions: Predictions, options: Options, result: Result) -> tuple[Section, dict[str, Any]]:
    """AUC, specificity, sensitivity, accuracy at >=F2, >=F3, F4 (table 2), fold means, figure 3."""
    cuts: list[str] = [key for key in ("f2", "f3", "f4") if key in result.diagnoses]
    found: dict[str, dict[str, Estimate]] = {}
    for key in cuts:
        diagnosis = result.diagnoses[key]
        own = _in_sample(diagnosis, Rule("youden"), options)[diagnosis.method]
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
        picture = layouts.yin2021_figure3(curves, {}, cut_labels=labels)
    else:
        hot = predictions.truth[:, None] == np.asarray(predictions.stages)[None, :]
        micro = curve(hot.ravel(), predictions.probabilities.ravel(), replicates=0)
        averages = {"micro-average": micro, "macro-average": _macro_curve(hot, predictions.probabilities)}
        overall = result.record["stages"]["metrics"][options.method_name]
        names = {
            f"{kind}-average": f"{kind}-average, AUC {overall[f'{kind}_auc']['value']:.2f}"
            for kind in ("micro", "macro")
        }
        picture = layouts.yin2021_figure3(curves, averages, cut_labels=labels, average_labels=names)
    caption = "Layout of figure 3: ROC of the severity groups, and averages over the stages."
    section = Section("As in the paper: Yin 2021", text, tuple(tables), (Picture("paper_figure3", picture, caption),))
    return section, {"paper": "yin2021", "metrics": plain(found), "fold_means": None if folds is None else plain(folds)}


def _macro_curve(hot: np.ndarray, probabilities: np.ndarray):
    """Mean height of the one-against-rest curves over a grid, as scikit-learn's example draws it."""
    from LiverAILib.evaluation.curves import Curve

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


def _xue(predictions: Predictions, options: Options, result: Result) -> tuple[Section, dict[str, Any]]:
    """AUC, sensitivity, specificity, PPV, NPV, LR at S4, >=S3, >=S2 (table 3), DeLong, figure 4."""
    keys = [key for key in ("f4", "f3", "f2", "diagnosis") if key in result.diagnoses]
    found, panels, labels = {}, {}, {}
    tests: list[Comparison] = []
    what: list[str] = []
    for key in keys:
        diagnosis = result.diagnoses[key]
        title = {"f4": "S4", "f3": ">=S3", "f2": ">=S2"}.get(key, diagnosis.question.title)
        own = _in_sample(diagnosis, Rule("youden"), options)
        wanted = ("sensitivity", "specificity", "ppv", "npv", "lr_positive", "lr_negative")
        for name in diagnosis.question.scores:
            metrics = {metric: own[name][metric] for metric in wanted}
            found[f"{title}: {name}"] = {"auc": diagnosis.metrics[name]["auc"], **metrics}
        panels[title], labels[title] = diagnosis.roc, _short_legend(diagnosis)
        for other in list(diagnosis.question.scores)[1:]:
            scores = diagnosis.question.scores
            names = (diagnosis.method, other)
            pair = compare_paired(diagnosis.question.truth, scores[diagnosis.method], second=scores[other], names=names)
            tests.append(pair)
            what.append(title)
    tables = [estimates_table("paper_metrics", "Metrics as in table 3", found)]
    if tests:
        tables.append(comparisons_table("paper_comparisons", "DeLong's test on patients", tests, what=what))
    text = (
        "Thresholds by Youden's index on the same cases (a default; the paper names no rule), which flatters the "
        "method. In the "
        "paper's own table the rows of LSM, APRI and FIB-4 have sensitivity and specificity swapped.",
    )
    picture = Picture(
        "paper_figure4", layouts.xue2020_figure4(panels, labels=labels), "Layout of figure 4: ROC by stage."
    )
    section = Section("As in the paper: Xue 2020", text, tuple(tables), (picture,))
    return section, {"paper": "xue2020", "metrics": plain(found), "comparisons": plain(tests)}


def _short_legend(diagnosis: Diagnosis) -> dict[str, str]:
    return {name: f"{name}, AUC {diagnosis.metrics[name]['auc'].value:.2f}" for name in diagnosis.question.scores}


def _areas(truth: NDArray[np.bool_], scores: Sequence[NDArray[np.float64]], index: NDArray[np.intp]) -> list[float]:
    return [auc_value(truth[index], own[index]) for own in scores]


def _byra(predictions: Predictions, options: Options, result: Result) -> tuple[Section, dict[str, Any]]:
    """Bootstrap AUC with SD, nearest corner, Welch-Bonferroni with DeLong beside it, figures 3 and 4."""
    found, panels, labels = {}, {}, {}
    tests: list[Comparison] = []
    what: list[str] = []
    for diagnosis in result.diagnoses.values():
        truth, scores = diagnosis.question.truth, diagnosis.question.scores
        drawn = resample_patients(
            partial(_areas, truth, list(scores.values())),
            truth,
            replicates=options.replicates,
            seed=options.seed,
        )
        in_sample = _in_sample(diagnosis, Rule("nearest-corner"), options)
        for i, name in enumerate(scores):
            area = drawn.estimate("AUC", auc_value(truth, scores[name]), column=i, level=options.level)
            note = f"bootstrap mean {drawn.values[:, i].mean():.3f} +- SD {drawn.standard_deviation(i):.3f}"
            metrics = {metric: in_sample[name][metric] for metric in ("accuracy", "sensitivity", "specificity")}
            area = Estimate("AUC", area.value, area.interval, None, truth.size, note, area.standard_error)
            found[f"{diagnosis.question.title}: {name}"] = {"auc": area, **metrics}
        if len(scores) > 1:
            own_tests = welch_bonferroni({name: drawn.values[:, i] for i, name in enumerate(scores)})
            for test in own_tests:
                names = (test.first, test.second)
                tests += [
                    test,
                    compare_paired(truth, scores[names[0]], second=scores[names[1]], names=names, level=options.level),
                ]
            what += [diagnosis.question.title] * (2 * len(own_tests))
        panels[diagnosis.question.title], labels[diagnosis.question.title] = diagnosis.roc, _short_legend(diagnosis)
    tables, pictures = [], []
    if found:
        tables.append(estimates_table("paper_metrics", "Diagnosis as in tables 1 and 2", found))
        picture = layouts.byra2021_figure3(panels, labels=labels)
        pictures.append(Picture("paper_figure3", picture, "Layout of figure 3: ROC at each cut-off."))
    if tests:
        note = "The p values of Welch's test are multiplied by the number of pairs; DeLong's are not adjusted."
        tables.append(comparisons_table("paper_comparisons", "AUCs", tests, what=what, note=note))
    if result.agreement:
        models = {
            name: (predictions.scores[name], predictions.truth, own) for name, own in list(result.agreement.items())[:2]
        }
        picture = layouts.byra2021_figure4(models, quantity=options.quantity, unit=options.unit)
        pictures.append(Picture("paper_figure4", picture, "Layout of figure 4: correlation and Bland-Altman plots."))
    text = (
        "Thresholds by the nearest corner of the ROC curve on the same cases, as the paper did, which flatters "
        "the method. "
        "Correlations and Meng's test are given under Agreement.",
    )
    section = Section("As in the paper: Byra 2021", text, tuple(tables), tuple(pictures))
    return section, {"paper": "byra2021", "metrics": plain(found), "comparisons": plain(tests)}
