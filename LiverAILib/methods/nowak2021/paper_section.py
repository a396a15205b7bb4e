"""The tests, tables and figures of Nowak 2021 itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from LiverAILib.evaluation.comparisons import mcnemar
from LiverAILib.evaluation.curves import Curve, curve
from LiverAILib.evaluation.estimate import Comparison, Estimate, format_number, format_p
from LiverAILib.evaluation.figures.curves import Reader, draw_pr, draw_roc
from LiverAILib.evaluation.figures.style import TWO_COLUMNS, new_figure, styled
from LiverAILib.evaluation.metrics import binary_metrics
from LiverAILib.evaluation.paper_tests import goodness_of_fit
from LiverAILib.evaluation.report.content import Picture, Section, Table, comparisons_table, estimates_table, plain
from LiverAILib.evaluation.report.diagnosis import Diagnosis
from LiverAILib.evaluation.report.diagnosis_section import legend, reader_points
from LiverAILib.evaluation.report.options import Options, PaperSection
from LiverAILib.evaluation.report.predictions import Predictions
from LiverAILib.evaluation.report.tasks import Result
from LiverAILib.methods.nowak2021.stage_table import stage_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

THRESHOLD = 0.5
TABLE_1 = ("accuracy", "balanced_accuracy", "sensitivity", "specificity")
SHORT = {"accuracy": "ACC", "balanced_accuracy": "BACC", "sensitivity": "Sens", "specificity": "Spec"}


@dataclass(frozen=True)
class Half:
    """One half of table 1: the validation or the test cases.

    Attributes:
        metrics: Of each network and reader, the metrics of `TABLE_1`.
        tests: The paper's test and McNemar's, of each other network and reader against the method.
    """

    metrics: Mapping[str, Mapping[str, Estimate]]
    tests: Sequence[Comparison]

    def paper_p(self, name: str) -> str:
        """The p value of the paper's test against the method; "" for the method itself."""
        return next((format_p(one.p_value) for one in self.tests if one.first == name and one.as_in_paper), "")


def table1_half(
    truth: NDArray[np.bool_],
    scores: Mapping[str, NDArray[np.float64]],
    readers: Mapping[str, NDArray[np.bool_]],
    *,
    level: float = 0.95,
) -> Half:
    """Metrics and tests of a half of table 1.

    Args:
        truth: Shape (n,).
        scores: Probabilities of the networks, the method first; each shape (n,).
        readers: Calls, each shape (n,).
        level: Confidence level.
    """
    calls = {name: own >= THRESHOLD for name, own in scores.items()} | dict(readers)
    metrics = {}
    for name, own in calls.items():
        found = binary_metrics(truth, own, level=level)
        metrics[name] = {key: found[key] for key in TABLE_1}
    method, *others = calls
    right = calls[method] == truth
    tests: list[Comparison] = []
    for name in others:
        other = calls[name] == truth
        names = (name, method)
        tests.append(goodness_of_fit(int(other.sum()), int(right.sum()), n=truth.size, names=names))
        tests.append(mcnemar(other, right, names=names, level=level))
    return Half(metrics, tests)


def nowak_section(predictions: Predictions, options: Options, result: Result) -> tuple[Section, dict[str, Any]]:
    """Threshold 0.5, Clopper-Pearson, goodness of fit with McNemar beside it, tables 1 and 2, figure 3."""
    diagnosis = result.diagnoses["diagnosis"]
    question = diagnosis.question
    half = table1_half(question.truth, question.scores, question.readers, level=options.level)
    validation = _validation_half(predictions, result.validation, options)
    areas = ("auc", "average_precision", "average_precision_negative")
    table = {
        name: {**own, **({key: diagnosis.metrics[name][key] for key in areas} if name in question.scores else {})}
        for name, own in half.metrics.items()
    }
    halves = {"t": half, "v": validation}
    if options.validation:
        halves = {"t": None, "v": half}
    tables = [
        estimates_table("paper_metrics", "Metrics with intervals", table),
        _table1(diagnosis.method, halves),
    ]
    for name, own in (("", half), ("_validation", validation)):
        if own is not None and own.tests:
            of = ", validation cases" if name or options.validation else ""
            tables.append(comparisons_table(f"paper_comparisons{name}", f"Accuracy against the method{of}", own.tests))
    stages = stage_table(options.card, options.card.get("segmentation_card"))
    tables += [] if stages is None else [stages]
    pictures = _figure3(diagnosis, predictions.classes, options)
    record = {"paper": "nowak2021", "metrics": plain(table), "comparisons": plain(half.tests)}
    if validation is not None:
        record["validation"] = {"metrics": plain(validation.metrics), "comparisons": plain(validation.tests)}
    return Section("As in the paper: Nowak 2021", _text(validation, options), tuple(tables), pictures), record


def _text(validation: Half | None, options: Options) -> tuple[str, ...]:
    text = [
        "A case is positive where its probability is at least 0.5 (the larger of the two outputs). Average precision is given "
        "for both classes, because the paper does not say for which one it was drawn; figure 3 shows both."
    ]
    if validation is not None or options.validation:
        text.append(
            "The validation cases (v) chose the state of the networks: their numbers are reported because the paper does, and "
            "are too good."
        )
    return tuple(text)


def _validation_half(predictions: Predictions, validation: Predictions | None, options: Options) -> Half | None:
    """The validation half, for the networks and readers of the test; None without validation cases of two classes."""
    if validation is None or validation.task != "binary" or np.unique(validation.truth).size < 2:
        return None
    scores = {name: own for name, own in validation.scores.items() if name in predictions.scores}
    readers = {name: own for name, own in validation.readers.items() if name in predictions.readers}
    if next(iter(scores), "") != options.method_name:
        return None
    return table1_half(validation.truth, scores, readers, level=options.level)


def _table1(method: str, halves: Mapping[str, Half | None]) -> Table:
    """Table 1 in the paper's layout; empty where a half or a reader's calls in it are missing."""
    rows = []
    names = list(dict.fromkeys(name for half in halves.values() if half for name in half.metrics))
    columns = ["reader or method"]
    for key in TABLE_1:
        for letter in ("v", "t"):
            columns.append(f"{letter}{SHORT[key]}")
            if key == "accuracy":
                columns.append(f"p ({letter}ACC)")
    for name in names:
        cells = [name]
        for key in TABLE_1:
            for letter in ("v", "t"):
                half = halves[letter]
                there = half is not None and name in half.metrics
                cells.append(format_number(half.metrics[name][key].value, 2) if half is not None and there else "")
                if key == "accuracy":
                    p = half.paper_p(name) if half is not None and there else ""
                    cells.append("-" if there and name == method else p)
        rows.append(tuple(cells))
    note = (
        "v: validation cases, which chose the state of the networks; t: test cases. p: the paper's test against the method, a "
        "goodness of fit; see the comparisons for McNemar's."
    )
    return Table("paper_table1", "Table 1 in the paper's layout", tuple(columns), tuple(rows), note)


def _figure3(diagnosis: Diagnosis, classes: Sequence[str], options: Options) -> tuple[Picture, ...]:
    """ROC, and precision-recall of both classes, each with the readers' points."""
    negative = {
        name: curve(
            ~diagnosis.question.truth,
            -own,
            kind="pr",
            **(options.band if name == diagnosis.method else {"replicates": 0}),
        )
        for name, own in diagnosis.question.scores.items()
    }
    picture = figure3(
        diagnosis.roc,
        diagnosis.pr,
        negative,
        readers=reader_points(diagnosis),
        negative_readers=negative_points(diagnosis),
        classes=classes,
        roc_labels=legend(diagnosis, "auc"),
        pr_labels=legend(diagnosis, "average_precision"),
        negative_labels=_negative_legend(diagnosis),
    )
    caption = (
        "Layout of figure 3: ROC and precision-recall curves with the readers' operating points; beside the precision-recall "
        f"curve of {classes[1]} that of {classes[0]}."
    )
    return (Picture("paper_figure3", picture, caption),)


def negative_points(diagnosis: Diagnosis) -> list[Reader]:
    """The readers' operating points for the negative class: its recall is the specificity, its precision the NPV."""
    return [
        Reader(name, *(diagnosis.metrics[name][metric] for metric in ("specificity", "sensitivity", "npv")))
        for name in diagnosis.question.readers
    ]


def _negative_legend(diagnosis: Diagnosis) -> dict[str, str]:
    return {
        name: f"{name}, AP {diagnosis.metrics[name]['average_precision_negative'].text(2)}"
        for name in diagnosis.question.scores
    }


@styled
def figure3(
    roc: Mapping[str, Curve],
    pr: Mapping[str, Curve],
    negative: Mapping[str, Curve] | None = None,
    *,
    readers: Sequence[Reader] = (),
    negative_readers: Sequence[Reader] = (),
    classes: Sequence[str] = ("negative", "positive"),
    roc_labels: Mapping[str, str] | None = None,
    pr_labels: Mapping[str, str] | None = None,
    negative_labels: Mapping[str, str] | None = None,
) -> Figure:
    """Nowak 2021, figure 3: ROC and precision-recall curves with the readers' points, and those of the negative class."""
    panels = 2 if negative is None else 3
    width = TWO_COLUMNS * (1 if panels == 2 else 1.35)
    figure = new_figure(width, width / panels * (1.05 + 0.055 * (len(roc) + len(readers))))
    axes = figure.subplots(1, panels)
    draw_roc(axes[0], roc, labels=roc_labels, readers=readers, title="Receiver operating characteristic")
    of = "" if negative is None else f": {classes[1]}"
    draw_pr(axes[1], pr, labels=pr_labels, readers=readers, title=f"Precision-recall{of}")
    if negative is not None:
        title = f"Precision-recall: {classes[0]}"
        draw_pr(axes[2], negative, labels=negative_labels, readers=negative_readers, title=title)
    return figure


SECTION = PaperSection("nowak2021", ("binary",), nowak_section, validation_half=True)
