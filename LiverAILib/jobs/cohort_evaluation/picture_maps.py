"""Heat maps of single images in an evaluation: their mass on known evidence, and pictures of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from LiverAILib.data.assessment import Assessment
from LiverAILib.data.case import Case
from LiverAILib.data.cohort import CohortRow
from LiverAILib.data.outcome import HEATMAP_TITLES, SIGNED_CAM, HeatMap
from LiverAILib.evaluation.estimate import format_number
from LiverAILib.evaluation.figures.explanation import Panel, explanation_figure
from LiverAILib.evaluation.report.content import Addition, Picture, Section, Table
from LiverAILib.explain.intervals import mean
from LiverAILib.explain.region_scores import region_score
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.ultrasound import without_burned_in
from LiverAILib.jobs.cohort_evaluation.labels import Labels
from LiverAILib.methods.base import Examination
from LiverAILib.methods.view import View

if TYPE_CHECKING:
    from LiverAILib.jobs.cohort_evaluation.case_results import CaseResult

EVIDENCE = "evidence"
CASES_SHOWN = 4


def picture_maps(
    examination: Examination, assessment: Assessment, case: Case, row: CohortRow
) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
    """Arrays of the pictures by name, and an entry for each outcome and role.

    Entries: "outcome", "role", "target", "share" of the maps' mass on the manifest's `mask:evidence:<role>` and its "chance",
    both means over the images of the role that have a score (None where none has). Of a signed map the positive part is
    scored. Arrays ``image_<n>`` and ``heat_<n>`` (rows, columns) show the first image of the entry n, cut to what was seen.

    Args:
        examination: What the networks saw.
        assessment: What came out.
        case: Its images.
        row: Row of the manifest, for the masks.
    """
    arrays: dict[str, np.ndarray] = {}
    entries: list[dict[str, Any]] = []
    for outcome, views in examination.views.items():
        by_role: dict[str, list[tuple[View, HeatMap]]] = {}
        for view, heatmap in zip(views, assessment.outcomes[outcome].heatmaps, strict=False):
            by_role.setdefault(heatmap.role, []).append((view, heatmap))
        for role, pairs in by_role.items():
            scores = [_score(view, heatmap, case, row) for view, heatmap in pairs]
            known = [score for score in scores if score is not None]
            share, chance = np.mean(known, axis=0).tolist() if known else (None, None)
            view, heatmap = pairs[0]
            number = len(entries)
            image, heat = _cut(view, heatmap)
            arrays |= {f"image_{number}": image, f"heat_{number}": heat}
            entry = {"outcome": outcome, "role": role, "target": heatmap.target, "share": share, "chance": chance}
            entries.append(entry)
    return arrays, entries


def evidence_masks(case: Case, row: CohortRow) -> Iterator[tuple[str, int, np.ndarray]]:
    """Role, number and boolean mask (k, j, i) of every image whose known evidence the manifest has."""
    for role, images in case.images.items():
        for number, image in enumerate(images):
            mask = row.read_role_mask(role, EVIDENCE, image, number=number)
            if mask is not None:
                yield role, number, mask


def _score(view: View, heatmap: HeatMap, case: Case, row: CohortRow) -> tuple[float, float] | None:
    """Share and chance of a map on the evidence, within what the network saw."""
    image = case.image(heatmap.role, heatmap.number)
    evidence = row.read_role_mask(heatmap.role, EVIDENCE, image, number=heatmap.number)
    if evidence is None:
        return None
    found = region_score(np.maximum(heatmap.image.array, 0), evidence, view.seen())
    return None if found is None else (found.share, found.chance)


def _cut(view: View, heatmap: HeatMap) -> tuple[np.ndarray, np.ndarray]:
    """Gray values and raw map (rows, columns) of the bounding box of what the network saw."""
    seen = view.seen()[0]
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    # Names that are burned in beside the tissue belong into no report.
    return _gray(without_burned_in(view.image))[box].astype(np.float32), heatmap.image.array[0][box].astype(np.float32)


def _gray(image: Image) -> np.ndarray:
    return image.array[0].mean(-1) if image.color else image.array[0]


def picture_maps_addition(results: Sequence[CaseResult], labels: Labels) -> Addition | None:
    """The section and its numbers; None where no case has maps."""
    shown = [one for one in results if one.record.get("maps")]
    if not shown:
        return None
    kind = shown[0].record["heatmap"]
    rows = _evidence_rows(shown)
    text = ["Raw maps within what the network saw, each shown with the first image of its role."]
    if not rows:
        text.append("Mass on known evidence: not assessed, the manifest has no column mask:evidence:<role>.")
    tables = (_table(rows, signed=kind == SIGNED_CAM),) if rows else ()
    section = Section("Explanation", tuple(text), tables, tuple(_pictures(shown, labels, kind)))
    return Addition("explanation", section, {"evidence": rows})


def _evidence_rows(results: Sequence[CaseResult]) -> list[dict[str, Any]]:
    scores: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for one in results:
        for entry in one.record["maps"]:
            if entry["share"] is not None:
                scores.setdefault((entry["outcome"], entry["role"]), []).append((entry["share"], entry["chance"]))
    rows = []
    for (outcome, role), found in scores.items():
        share, chance = np.array(found).T
        ratio = mean(share / chance)
        rows.append(
            {
                "outcome": outcome,
                "role": role,
                "cases": ratio.n,
                "share": float(share.mean()),
                "chance": float(chance.mean()),
                "times_chance": ratio.value,
                "low": ratio.low,
                "high": ratio.high,
            }
        )
    return rows


def _table(rows: Sequence[dict[str, Any]], *, signed: bool) -> Table:
    cells = tuple(
        (
            row["outcome"].replace("_", " "),
            row["role"].replace("_", " "),
            str(row["cases"]),
            format_number(row["share"]),
            format_number(row["chance"]),
            f"{row['times_chance']:.2f} ({row['low']:.2f} to {row['high']:.2f})",
        )
        for row in rows
    )
    part = "positive mass of the signed map" if signed else "mass of the map"
    note = (
        f"Share: {part} on mask:evidence; chance: the evidence's share of what the network saw. Cases without evidence are left "
        "out."
    )
    heads = ("outcome", "image", "cases", "share", "chance", "times chance (95 % CI)")
    return Table("explanation_evidence", "Mass of the maps on known evidence, against chance", heads, cells, note)


def _pictures(results: Sequence[CaseResult], labels: Labels, kind: str) -> list[Picture]:
    """Maps of the first cases, one row a case; outcomes that explain other images share a picture (Byra 2021, figure 5)."""
    groups: list[list[str]] = []
    roles: list[set[str]] = []
    for one in results:
        for entry in one.record["maps"]:
            outcome = entry["outcome"]
            if any(outcome in group for group in groups):
                continue
            own = {other["role"] for other in one.record["maps"] if other["outcome"] == outcome}
            place = next((n for n, taken in enumerate(roles) if not taken & own), None)
            if place is None:
                groups.append([outcome])
                roles.append(own)
            else:
                groups[place].append(outcome)
                roles[place] |= own
    signed = kind == SIGNED_CAM
    label = f"{HEATMAP_TITLES[kind]}: " + ("red positive, blue negative, 0 none" if signed else "0 none")
    pictures = []
    for number, group in enumerate(groups, 1):
        lines = [(_title(one, labels), _panels(one, group)) for one in results[:CASES_SHOWN]]
        lines = [(title, panels) for title, panels in lines if panels]
        if not lines:
            continue
        figure = explanation_figure(lines, signed=signed, label=label, shared_scale=False)
        caption = f"Maps of {', '.join(name.replace('_', ' ') for name in group)}: the first cases, image above map."
        pictures.append(Picture(f"explanation_maps_{number}", figure, caption))
    return pictures


def _title(one: CaseResult, labels: Labels) -> str:
    answer = one.record["predicted"][one.record["primary"]]
    return f"{one.test.row.case_id}: reference {labels.of_row(one.test.row)}, answer {answer}"


def _panels(one: CaseResult, group: Sequence[str]) -> list[Panel]:
    with one.load_arrays() as arrays:
        return [
            Panel(
                arrays[f"image_{number}"],
                arrays[f"heat_{number}"],
                f"{entry['role'].replace('_', ' ')}\n{one.record['predicted'][entry['outcome']]}",
            )
            for number, entry in enumerate(one.record["maps"])
            if entry["outcome"] in group
        ]
