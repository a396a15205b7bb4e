"""The tests and figures of Nowak 2021 itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from LiverAILib.evaluation.comparisons import mcnemar
from LiverAILib.evaluation.curves import Curve
from LiverAILib.evaluation.estimate import Comparison
from LiverAILib.evaluation.figures.curves import Reader, draw_pr, draw_roc
from LiverAILib.evaluation.figures.style import TWO_COLUMNS, new_figure, styled
from LiverAILib.evaluation.paper_tests import goodness_of_fit
from LiverAILib.evaluation.report.content import Picture, Section, comparisons_table, estimates_table, plain
from LiverAILib.evaluation.report.diagnosis_section import legend, reader_points
from LiverAILib.evaluation.report.options import Options, PaperSection
from LiverAILib.evaluation.report.paper import in_sample_metrics
from LiverAILib.evaluation.report.predictions import Predictions
from LiverAILib.evaluation.report.tasks import Result
from LiverAILib.evaluation.thresholds import Rule

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def nowak_section(predictions: Predictions, options: Options, result: Result) -> tuple[Section, dict[str, Any]]:
    """Threshold 0.5, Clopper-Pearson, goodness of fit with McNemar beside it, figure 3."""
    diagnosis = result.diagnoses["diagnosis"]
    truth, method = diagnosis.question.truth, diagnosis.method
    found = in_sample_metrics(diagnosis, Rule("fixed", 0.5), options)
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
    picture = figure3(
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


@styled
def figure3(
    roc: Mapping[str, Curve],
    pr: Mapping[str, Curve],
    *,
    readers: Sequence[Reader] = (),
    roc_labels: Mapping[str, str] | None = None,
    pr_labels: Mapping[str, str] | None = None,
) -> Figure:
    """Nowak 2021, figure 3: ROC and precision-recall curves side by side, with the readers' points."""
    figure = new_figure(TWO_COLUMNS, TWO_COLUMNS / 2 * (1.05 + 0.055 * (len(roc) + len(readers))))
    left, right = figure.subplots(1, 2)
    draw_roc(left, roc, labels=roc_labels, readers=readers, title="Receiver operating characteristic")
    draw_pr(right, pr, labels=pr_labels, readers=readers, title="Precision-recall")
    return figure


SECTION = PaperSection("nowak2021", ("binary",), nowak_section)
