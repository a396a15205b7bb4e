"""The section of the report on explanations: tables, verdicts, box plots, and maps grouped by who was right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from LiverAILib.data.outcome import HEATMAP_TITLES
from LiverAILib.evaluation.estimate import format_number, format_p
from LiverAILib.evaluation.figures.explanation import Panel, explanation_figure
from LiverAILib.evaluation.figures.values import box_figure
from LiverAILib.evaluation.report.content import Addition, Picture, Section, Table
from LiverAILib.explain.faithfulness import Faithfulness
from LiverAILib.explain.parenchyma import SCALES, box_plot_data
from LiverAILib.explain.summary import ExplanationReport, explanation_report
from LiverAILib.jobs.cohort_evaluation.case_results import CaseResult
from LiverAILib.jobs.cohort_evaluation.labels import ClassLabels
from LiverAILib.jobs.cohort_evaluation.readers import call_columns, location_report_table, read_maps, reader_tables
from LiverAILib.jobs.cohort_evaluation.right_and_wrong import right_and_wrong

TITLES = {
    "explanation_verdicts": "How far the maps can be trusted",
    "explanation_regions": "Regions highlighted (Nowak 2021, table 3)",
    "explanation_evidence": "Mass of the maps on known evidence, against chance",
    "explanation_parenchyma": "Mean weight in the liver parenchyma (Yin 2021, figure 5)",
    "explanation_parenchyma_tests": "Mean weight, first against last class (Mann-Whitney U)",
    "explanation_surface_center": "Surface against center of the liver",
    "explanation_randomization": "Cascading randomization of the weights",
}
LEFT_OUT = ("rule", "excluded", "edges_mm")
PANELS = 4


def explanation_addition(
    results: Sequence[CaseResult], labels: ClassLabels, faithfulness: Sequence[Faithfulness], *, reader: str = ""
) -> Addition | None:
    """The section and its numbers; None where no case has maps.

    Args:
        results: Cases without an error.
        labels: Classes of the model and labels of the cohort.
        faithfulness: Checks of each map family; may be empty.
        reader: Reader whom the maps grouped by who was right compare with; "" for the first of the manifest.

    Raises:
        UserError: A reader's entry of regions cannot be understood.
    """
    if not any(one.arrays for one in results):
        return None
    cases = (case for one in results for case in one.explained(labels.of_row(one.test.row)))
    compared = (labels.model_classes[0], labels.model_classes[-1])
    report = explanation_report(cases, faithfulness, compared=compared)
    found = report.tables()
    order = [*(name for name in TITLES if name in found), *(name for name in found if name not in TITLES)]
    tables = [_table(name, found[name]) for name in order if name != "explanation_locations"]
    if report.locations:
        title = "Location maps by true class (Yin 2021)"
        note = f"Rules: {report.settings['location maps']}."
        tables.append(location_report_table("explanation_locations", title, report.locations, note=note))
    tables += reader_tables(read_maps(results, labels))
    text = (*_text(report), *_target_text(results))
    pictures = _pictures(results, labels, report, reader)
    section = Section("Explanation", text, tuple(tables), tuple(pictures))
    record = {name: rows for name, rows in found.items() if not name.endswith("_cases")}
    return Addition("explanation", section, {"settings": dict(report.settings), **record})


def _target_text(results: Sequence[CaseResult]) -> tuple[str, ...]:
    """Which class the maps explain: one for all cases, or each case's predicted one."""
    targets = {target for one in results for target in one.record["targets"].values()}
    asked = {one.record["target_class"] for one in results}
    if asked == {None}:
        if len(targets) < 2:
            return ()
        return (
            "Each map explains the class that the network predicts. Nowak 2021's table 3 is of the maps for cirrhosis in both "
            "patient groups: --target-class cirrhosis.",
        )
    return (f"All maps explain the class {', '.join(sorted(targets))}, whatever the network predicts.",)


def _text(report: ExplanationReport) -> tuple[str, ...]:
    text = [
        "Raw maps, not scaled between cases. "
        + "; ".join(f"{name}: {value}" for name, value in report.settings.items())
        + "."
    ]
    for family in report.faithfulness:
        answers = ", ".join(f"{check.question}: {check.answer}" for check in family.checks)
        cases = len(family.curves)
        text.append(f"Verdict on {family.family} ({cases} cases): passes all checks: {family.verdict} ({answers}).")
    if not report.faithfulness:
        text.append("Faithfulness of the maps was not checked; a map that was not checked shows where, not why.")
    if not report.evidence:
        text.append("Mass on known evidence: not assessed, the manifest has no mask:evidence.")
    return tuple(text)


def _table(name: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = [column for column in rows[0] if column not in LEFT_OUT]
    cells = tuple(tuple(_cell(column, row[column]) for column in columns) for row in rows)
    rules = {str(row["rule"]) for row in rows if row.get("rule")}
    note = "" if name == "explanation_verdicts" or len(rules) != 1 else f"Highlighted: {rules.pop()}."
    if name == "explanation_verdicts":
        note = "; ".join(dict.fromkeys(f"{row['question']}: {row['rule']}" for row in rows)) + "."
    title = TITLES.get(name, name.removeprefix("explanation_").replace("_", " ").capitalize())
    heads = tuple(column.replace("_", " ") for column in columns)
    compact = _as_in_the_paper(name, title, rows, note) if name == "explanation_regions" else None
    return Table(name, title, heads, cells, note, compact, folded=name.endswith("_cases") or len(rows) > 40)


def _as_in_the_paper(name: str, title: str, rows: Sequence[Mapping[str, Any]], note: str) -> Table:
    """One row a region, one column a pipeline and true class, as in Nowak 2021's table 3."""
    columns = list(dict.fromkeys((row["pipeline"], row["true_class"]) for row in rows))
    text = {(row["region"], row["pipeline"], row["true_class"]): row["text"] for row in rows}
    regions = dict.fromkeys(row["region"] for row in rows)
    cells = tuple(
        (region.replace("_", " "), *(text.get((region, *column), "") for column in columns)) for region in regions
    )
    note = (
        f"Share of cases with exact interval and counts. {note} Not assessed: no mask. Empty: not in the paper's table."
    )
    return Table(name, title, ("region", *(", ".join(column) for column in columns)), cells, note)


def _cell(column: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column == "p":
        return format_p(float(value))
    if isinstance(value, float):
        return format_number(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell("", one) for one in value)
    return str(value)


def _pictures(
    results: Sequence[CaseResult], labels: ClassLabels, report: ExplanationReport, reader: str
) -> list[Picture]:
    pictures = []
    for number, pipeline in enumerate(dict.fromkeys(group.pipeline for group in report.groups)):
        for scale in SCALES:
            found = box_plot_data(report.groups, pipeline=pipeline, scale=scale)
            groups = {name: found[name] for name in labels.model_classes if name in found}
            if not groups:
                continue
            test = next((one for one in report.tests if (one.pipeline, one.scale) == (pipeline, scale)), None)
            p_text = "" if test is None else f"{test.first} vs {test.second}: p {format_p(test.p)}"
            unit = "raw" if scale == "raw" else "relative to all that is seen"
            figure = box_figure(groups, label=f"mean weight in the liver ({unit})", p_text=p_text)
            caption = f"Mean weight of the maps of {pipeline} in the liver parenchyma by predicted class ({scale})."
            pictures.append(Picture(f"explanation_box_{number}_{scale.replace('/', '_')}", figure, caption))
    return [*_overlays(results, labels, reader), *pictures]


def _overlays(results: Sequence[CaseResult], labels: ClassLabels, reader: str) -> list[Picture]:
    """Maps grouped by who was right (Nowak 2021, figure 4), for each pipeline."""
    shown = [one for one in results if one.arrays is not None]
    pictures = []
    for pipeline in shown[0].record["pipelines"] if shown else ():
        groups: dict[str, list[Panel]] = {}
        for one in shown:
            group = groups.setdefault(right_and_wrong(one, labels, reader), [])
            if len(group) < PANELS:
                group.append(_panel(one, labels, pipeline))
        ordered = {title: groups[title] for title in sorted(groups)}
        label = f"{HEATMAP_TITLES[shown[0].record['heatmap']]}\n(0 = no influence or not computed)"
        figure = explanation_figure(list(ordered.items()), label=label, with_image=False)
        target = shown[0].record["target_class"] or "the predicted class"
        caption = f"Maps of {pipeline} for {target}, first cases of each group; outline: liver. One color scale."
        compared = (
            "" if labels.stages else reader or next((name for one in shown for name in call_columns(one.test.row)), "")
        )
        caption += f" Reader: {compared}." if compared else ""
        pictures.append(Picture(f"explanation_maps_{pipeline}", figure, caption))
    return pictures


def _panel(one: CaseResult, labels: ClassLabels, pipeline: str) -> Panel:
    with one.load_arrays() as arrays:
        image, liver = arrays["panel_image"], arrays["panel_liver"]
        heat, spacing = arrays[f"panel_heat_{pipeline}"], float(arrays["panel_spacing"])
    probability = max(one.record["pipelines"][pipeline].values())
    title = f"{one.test.row.case_id}\n{one.record['predicted'][pipeline]} {probability:.2f}"
    window = _body(image)
    return Panel(image[window], heat[window], title, liver[window], spacing)


def _body(image: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns that hold the body, so that panels do not show air."""
    inside = image > image.min() + 0.1 * (np.percentile(image, 99) - image.min())
    found = []
    for axis in (0, 1):
        places = np.flatnonzero(inside.mean(axis=1 - axis) > 0.02)
        found.append(slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(None))
    return found[0], found[1]
