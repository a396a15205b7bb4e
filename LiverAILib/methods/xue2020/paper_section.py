"""The tables and figures of Xue 2020 itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from LiverAILib.evaluation.curves import Curve, curve
from LiverAILib.evaluation.delong import auc, compare_paired
from LiverAILib.evaluation.estimate import Comparison, Estimate, format_p
from LiverAILib.evaluation.figures.curves import roc_panels
from LiverAILib.evaluation.metrics import binary_metrics
from LiverAILib.evaluation.report.content import Picture, Section, Table, comparisons_table, estimates_table, plain
from LiverAILib.evaluation.report.diagnosis import Diagnosis
from LiverAILib.evaluation.report.options import Options, PaperSection
from LiverAILib.evaluation.report.predictions import Predictions
from LiverAILib.evaluation.report.tasks import Result
from LiverAILib.evaluation.thresholds import Rule, in_sample_calls
from LiverAILib.methods.xue2020.settings import (
    ELASTOGRAM,
    GRAY_SCALE,
    GRAY_SCALE_ELASTOGRAM,
    GRAY_SCALE_STIFFNESS,
    TITLES,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS = {
    "apri": "APRI",
    "fib4": "FIB-4",
    "stiffness": "LSM",
    **{name: TITLES[name] for name in (GRAY_SCALE, ELASTOGRAM, GRAY_SCALE_STIFFNESS, GRAY_SCALE_ELASTOGRAM)},
}
"""The rows of table 3 in their order, by the name of a score: the measurements, then the method's outcomes."""
AGAINST = (GRAY_SCALE_STIFFNESS, GRAY_SCALE_ELASTOGRAM)
"""What every row is tested against in the test cohort, in the table's order."""
METRICS = ("sensitivity", "specificity", "ppv", "npv", "lr_positive", "lr_negative")
FEWEST = 2


@dataclass(frozen=True, eq=False)
class Score:
    """A row of table 3: its values (n,) and the cases that have one (n,)."""

    values: NDArray[np.float64]
    known: NDArray[np.bool_]


def xue_section(predictions: Predictions, options: Options, result: Result) -> tuple[Section, dict[str, Any]]:
    """AUC, sensitivity, specificity, PPV, NPV, LR at S4, >=S3, >=S2 (table 3), DeLong, figure 4."""
    found: dict[str, dict[str, Estimate]] = {}
    tests: dict[str, list[Comparison]] = {}
    panels, labels, text = {}, {}, []
    for key in (key for key in ("f4", "f3", "f2", "diagnosis") if key in result.diagnoses):
        diagnosis = result.diagnoses[key]
        title = {"f4": "S4", "f3": ">=S3", "f2": ">=S2"}.get(key, diagnosis.question.title)
        scores = _scores(diagnosis, predictions)
        for name, score in scores.items():
            if not score.known.all():
                text.append(f"{title}: {_row(name)} is known of {int(score.known.sum())} of {predictions.n} patients.")
            found[f"{title}: {_row(name)}"] = _metrics(diagnosis, score, options)
        tests[title] = _tests(diagnosis, scores, options)
        panels[title] = _curves(diagnosis, scores)
        areas = {_row(name): found[f"{title}: {_row(name)}"]["auc"].value for name in scores}
        labels[title] = {name: f"{name}, AUC {area:.2f}" for name, area in areas.items()}
    tables = [_table3(found, tests), estimates_table("paper_metrics", "Metrics of table 3 with intervals", found)]
    flat = [(title, test) for title, own in tests.items() for test in own]
    if flat:
        what = [title for title, _ in flat]
        heading = "DeLong's test on patients"
        tables.append(comparisons_table("paper_comparisons", heading, [test for _, test in flat], what=what))
    text.append(
        "Thresholds by Youden's index on the same cases (a default; the paper names no rule), which flatters every row. In the "
        "paper's own table the rows of LSM, APRI and FIB-4 have sensitivity and specificity swapped."
    )
    picture = Picture("paper_figure4", figure4(panels, labels=labels), "Layout of figure 4: ROC by stage.")
    section = Section("As in the paper: Xue 2020", tuple(dict.fromkeys(text)), tuple(tables), (picture,))
    record = {"paper": "xue2020", "metrics": plain(found), "comparisons": plain([test for _, test in flat])}
    return section, record


def _row(name: str) -> str:
    return ROWS.get(name, name)


def _scores(diagnosis: Diagnosis, predictions: Predictions) -> dict[str, Score]:
    """The rows that can be judged, in the order of table 3, further methods behind them."""
    truth = diagnosis.question.truth
    given = {**predictions.baselines, **diagnosis.question.scores}
    order = [name for name in ROWS if name in given] + [name for name in diagnosis.question.scores if name not in ROWS]
    found = {name: Score(given[name], np.isfinite(given[name])) for name in order}
    return {
        name: score
        for name, score in found.items()
        if min(truth[score.known].sum(), (~truth[score.known]).sum()) >= FEWEST
    }


def _metrics(diagnosis: Diagnosis, score: Score, options: Options) -> dict[str, Estimate]:
    truth, values = diagnosis.question.truth[score.known], score.values[score.known]
    calls = in_sample_calls(truth, values, rule=Rule("youden")).calls
    metrics = binary_metrics(truth, calls, level=options.level)
    way = "delong-logit" if options.auc_interval == "bootstrap" else options.auc_interval
    area = auc(truth, values, level=options.level, method=way)
    return {"auc": area, **{name: metrics[name] for name in METRICS}}


def _tests(diagnosis: Diagnosis, scores: Mapping[str, Score], options: Options) -> list[Comparison]:
    """Every row against GM + LSM and GM + EM, on the patients that have both; against the method where it is neither."""
    against = [name for name in AGAINST if name in scores] or [diagnosis.method]
    found = []
    for rival in against:
        for name, score in scores.items():
            both = score.known & scores[rival].known
            truth = diagnosis.question.truth[both]
            # Each pair once: GM + LSM against GM + EM is the latter's.
            if name == rival or (name in against and against.index(name) > against.index(rival)):
                continue
            if min(truth.sum(), (~truth).sum()) < FEWEST:
                continue
            pair = (scores[rival].values[both], score.values[both])
            names = (_row(rival), _row(name))
            found.append(compare_paired(truth, pair[0], second=pair[1], names=names, level=options.level))
    return found


def _curves(diagnosis: Diagnosis, scores: Mapping[str, Score]) -> dict[str, Curve]:
    truth = diagnosis.question.truth
    return {
        _row(name): curve(truth[one.known], one.values[one.known], kind="roc", replicates=0)
        for name, one in scores.items()
    }


def _table3(found: Mapping[str, Mapping[str, Estimate]], tests: Mapping[str, list[Comparison]]) -> Table:
    """The layout of table 3, test cohort."""
    p_values = {(f"{title}: {one.second}", one.first): one.p_value for title, own in tests.items() for one in own}
    rivals = [ROWS[name] for name in AGAINST]
    rows = []
    for name, metrics in found.items():
        against = [format_p(p_values[name, rival]) if (name, rival) in p_values else "/" for rival in rivals]
        percent = [f"{100 * metrics[one].value:.1f}" for one in METRICS[:4]]
        ratios = [f"{metrics[one].value:.1f}" for one in METRICS[4:]]
        rows.append((*name.split(": ", 1), metrics["auc"].text(), *against, *percent, *ratios))
    columns = ("stage", "method", "AUC", *(f"p, {rival}" for rival in rivals), "sensitivity (%)", "specificity (%)")
    columns += ("PPV (%)", "NPV (%)", "LR+", "LR-")
    return Table("paper_table3", "Table 3", columns, tuple(rows), "p: DeLong's test against that row.")


def figure4(
    panels: Mapping[str, Mapping[str, Curve]], *, labels: Mapping[str, Mapping[str, str]] | None = None
) -> Figure:
    """Xue 2020, figure 4: ROC of all methods for S4, >=S3 and >=S2, one panel each."""
    return roc_panels(panels, labels=labels)


SECTION = PaperSection("xue2020", ("stages", "binary"), xue_section)
