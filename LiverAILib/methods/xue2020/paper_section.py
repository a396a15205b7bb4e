"""The tables and figures of Xue 2020 itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from LiverAILib.evaluation.curves import Curve
from LiverAILib.evaluation.delong import compare_paired
from LiverAILib.evaluation.estimate import Comparison
from LiverAILib.evaluation.figures.curves import roc_panels
from LiverAILib.evaluation.report.content import Picture, Section, comparisons_table, estimates_table, plain
from LiverAILib.evaluation.report.options import Options, PaperSection
from LiverAILib.evaluation.report.paper import in_sample_metrics, short_legend
from LiverAILib.evaluation.report.predictions import Predictions
from LiverAILib.evaluation.report.tasks import Result
from LiverAILib.evaluation.thresholds import Rule

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def xue_section(predictions: Predictions, options: Options, result: Result) -> tuple[Section, dict[str, Any]]:
    """AUC, sensitivity, specificity, PPV, NPV, LR at S4, >=S3, >=S2 (table 3), DeLong, figure 4."""
    keys = [key for key in ("f4", "f3", "f2", "diagnosis") if key in result.diagnoses]
    found, panels, labels = {}, {}, {}
    tests: list[Comparison] = []
    what: list[str] = []
    for key in keys:
        diagnosis = result.diagnoses[key]
        title = {"f4": "S4", "f3": ">=S3", "f2": ">=S2"}.get(key, diagnosis.question.title)
        own = in_sample_metrics(diagnosis, Rule("youden"), options)
        wanted = ("sensitivity", "specificity", "ppv", "npv", "lr_positive", "lr_negative")
        for name in diagnosis.question.scores:
            metrics = {metric: own[name][metric] for metric in wanted}
            found[f"{title}: {name}"] = {"auc": diagnosis.metrics[name]["auc"], **metrics}
        panels[title], labels[title] = diagnosis.roc, short_legend(diagnosis)
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
    picture = Picture("paper_figure4", figure4(panels, labels=labels), "Layout of figure 4: ROC by stage.")
    section = Section("As in the paper: Xue 2020", text, tuple(tables), (picture,))
    return section, {"paper": "xue2020", "metrics": plain(found), "comparisons": plain(tests)}


def figure4(
    panels: Mapping[str, Mapping[str, Curve]], *, labels: Mapping[str, Mapping[str, str]] | None = None
) -> Figure:
    """Xue 2020, figure 4: ROC of all methods for S4, >=S3 and >=S2, one panel each."""
    return roc_panels(panels, labels=labels)


SECTION = PaperSection("xue2020", ("stages", "binary"), xue_section)
