"""The tables and figures of Byra 2021 itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from LiverAILib.evaluation.agreement import BlandAltman
from LiverAILib.evaluation.bootstrap import resample_patients
from LiverAILib.evaluation.curves import Curve
from LiverAILib.evaluation.delong import auc_value, compare_paired
from LiverAILib.evaluation.estimate import Comparison, Estimate
from LiverAILib.evaluation.figures.curves import roc_panels
from LiverAILib.evaluation.figures.style import TWO_COLUMNS, new_figure, styled
from LiverAILib.evaluation.figures.values import draw_bland_altman, draw_scatter
from LiverAILib.evaluation.paper_tests import welch_bonferroni
from LiverAILib.evaluation.report.content import Picture, Section, comparisons_table, estimates_table, plain
from LiverAILib.evaluation.report.options import Options, PaperSection
from LiverAILib.evaluation.report.paper import in_sample_metrics, short_legend
from LiverAILib.evaluation.report.predictions import Predictions
from LiverAILib.evaluation.report.tasks import Result
from LiverAILib.evaluation.thresholds import Rule
from LiverAILib.methods.byra2021 import COMPOSITE, SPEC

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def byra_section(predictions: Predictions, options: Options, result: Result) -> tuple[Section, dict[str, Any]]:
    """Bootstrap AUC with SD, nearest corner, Welch-Bonferroni with DeLong beside it, figures 3 and 4.

    Figure 5, the signed maps of the views, is in the section on explanations.
    """
    found, panels, labels = {}, {}, {}
    tests: list[Comparison] = []
    what: list[str] = []
    for diagnosis in result.diagnoses.values():
        truth, scores = diagnosis.question.truth, diagnosis.question.scores
        areas = partial(_areas, truth, tuple(scores.values()))
        drawn = resample_patients(areas, truth, replicates=options.replicates, seed=options.seed)
        in_sample = in_sample_metrics(diagnosis, Rule("nearest-corner"), options)
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
        panels[diagnosis.question.title], labels[diagnosis.question.title] = diagnosis.roc, short_legend(diagnosis)
    tables, pictures = [], []
    if found:
        tables.append(estimates_table("paper_metrics", "Diagnosis as in tables 1 and 2", found))
        picture = figure3(panels, labels=labels)
        pictures.append(Picture("paper_figure3", picture, "Layout of figure 3: ROC at each cut-off."))
    if tests:
        note = "The p values of Welch's test are multiplied by the number of pairs; DeLong's are not adjusted."
        tables.append(comparisons_table("paper_comparisons", "AUCs", tests, what=what, note=note))
    if result.agreement:
        # The paper shows the mean of the views and the model of all features together.
        method, *others = result.agreement
        shown = [method, COMPOSITE] if COMPOSITE in others else [method, *others[:1]]
        models = {name: (predictions.scores[name], predictions.truth, result.agreement[name]) for name in shown}
        picture = figure4(models, quantity=options.quantity, unit=options.unit)
        pictures.append(Picture("paper_figure4", picture, "Layout of figure 4: correlation and Bland-Altman plots."))
    from_classifiers = ", from the probabilities of the classifiers" if predictions.cutoff_scores else ""
    text = (
        f"Diagnosis at each cut-off{from_classifiers}. Thresholds by the nearest corner of the ROC curve on the same cases, as "
        "the paper did, which flatters the method. "
        "Correlations and Meng's test are given under Agreement.",
    )
    section = Section("As in the paper: Byra 2021", text, tuple(tables), tuple(pictures))
    return section, {"paper": "byra2021", "metrics": plain(found), "comparisons": plain(tests)}


def _areas(truth: np.ndarray, scores: Sequence[np.ndarray], index: np.ndarray) -> list[float]:
    """AUC of each score on the patients `index`."""
    return [auc_value(truth[index], own[index]) for own in scores]


def figure3(
    panels: Mapping[str, Mapping[str, Curve]], *, labels: Mapping[str, Mapping[str, str]] | None = None
) -> Figure:
    """Byra 2021, figure 3: ROC for a fat fraction of at least 5 % and 10 %."""
    return roc_panels(panels, labels=labels)


@styled
def figure4(
    models: Mapping[str, tuple[ArrayLike, ArrayLike, BlandAltman]], *, quantity: str = "PDFF", unit: str = "%"
) -> Figure:
    """Byra 2021, figure 4: for each model predicted over reference values, and the Bland-Altman plot.

    Args:
        models: Name of each model with predicted values (n,), reference values (n,) and the analysis.
        quantity: What was measured.
        unit: Its unit.
    """
    figure = new_figure(TWO_COLUMNS, TWO_COLUMNS * 0.44 * len(models))
    grid = figure.subplots(len(models), 2, squeeze=False)
    for i, (name, (predicted, reference, result)) in enumerate(models.items()):
        title = f"{chr(65 + i)}  {name}"
        draw_scatter(grid[i][0], predicted, reference, quantity=quantity, unit=unit, title=title)
        draw_bland_altman(grid[i][1], result, quantity=quantity, unit=unit, title="")
    return figure


SECTION = PaperSection("byra2021", ("values", "binary"), byra_section, SPEC.answer.cutoffs)
