"""Where a location map is highlighted: liver surface, liver center, spleen center (Yin 2021, "Location map analysis").

The paper's three radiologists judged by eye: "the surface of the liver is highlighted, but the central area of the liver
parenchyma is not" in 91.0 % of the patients with F0, "both the liver and spleen (mainly central areas)" in 76.4 % of those
with F4. The depths and the rule here are defaults, not theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from LiverAILib.explain.depth import EDGES_MM, liver_depth
from LiverAILib.explain.explained_case import ExplainedCase
from LiverAILib.explain.intervals import CONFIDENCE, proportion
from LiverAILib.explain.region_table import HighlightRule, is_highlighted

LIVER_SURFACE, LIVER_CENTER, SPLEEN_CENTER = "liver_surface", "liver_center", "spleen_center"
PARTS = (LIVER_SURFACE, LIVER_CENTER, SPLEEN_CENTER)
SURFACE_MM, CENTER_MM = EDGES_MM[1], EDGES_MM[2]
SPLEEN_CENTER_MM = 10.0
"""The spleen is about half as thick as the liver."""
SURFACE_ONLY = "liver surface, not center"
CENTERS = "liver and spleen centers"
NOT_HIGHLIGHTED = "not highlighted"
OTHER = "another pattern"
PATTERNS = (SURFACE_ONLY, CENTERS, NOT_HIGHLIGHTED, OTHER)
COMPUTED = "computed"
Parts = Mapping[str, "bool | None"]
"""Whether each of `PARTS` is highlighted; None where there is no mask, or nothing of it in view."""


@dataclass(frozen=True)
class LocatedMap:
    """What is highlighted in one case's map.

    Attributes:
        case_id: The case.
        pipeline: Network input that the map explains.
        true_class: Class by the reference standard.
        parts: See `Parts`.
        who: `COMPUTED`, or the reader.
    """

    case_id: str
    pipeline: str
    true_class: str
    parts: Parts
    who: str = COMPUTED

    @property
    def pattern(self) -> str | None:
        """One of `PATTERNS`; None where a part that decides it is not known."""
        surface, center, spleen = (self.parts.get(name) for name in PARTS)
        if surface is None or center is None:
            return None
        if surface and not center:
            return SURFACE_ONLY
        if spleen is None:
            return None
        if center and spleen:
            return CENTERS
        return OTHER if center or spleen else NOT_HIGHLIGHTED


@dataclass(frozen=True)
class LocationRow:
    """How often a part or a pattern was found in the cases of a true class.

    Attributes:
        who: `COMPUTED`, or the reader.
        pipeline: Network input that the maps explain.
        true_class: Class by the reference standard.
        finding: One of `PARTS` or `PATTERNS`.
        found: Cases with it.
        cases: Cases in which it could be assessed.
        share: found / cases; None where there is none.
        low: Lower limit of the exact interval.
        high: Upper limit.
        not_assessed: Cases without the masks that it needs.
    """

    who: str
    pipeline: str
    true_class: str
    finding: str
    found: int
    cases: int
    share: float | None
    low: float | None
    high: float | None
    not_assessed: int

    @property
    def text(self) -> str:
        """The cell as printed: percent with interval and counts, or "not assessed"."""
        if self.share is None or self.low is None or self.high is None:
            return "not assessed"
        return f"{100 * self.share:.1f} % ({100 * self.low:.1f}-{100 * self.high:.1f}; {self.found}/{self.cases})"


def locate(case: ExplainedCase, *, rule: HighlightRule | None = None) -> LocatedMap | None:
    """What of a case's map is highlighted, each part by the rule of `is_highlighted`; None without a known true class."""
    if case.true_class is None:
        return None
    heatmap = np.where(case.view, case.heatmap, 0)
    parts: dict[str, bool | None] = dict.fromkeys(PARTS)
    for name, region in part_masks(case).items():
        visible = region & case.view
        if visible.any():
            parts[name] = is_highlighted(heatmap, visible, rule=rule)
    return LocatedMap(case.case_id, case.pipeline, case.true_class, parts)


def part_masks(case: ExplainedCase) -> dict[str, np.ndarray]:
    """The mask of each of `PARTS` whose organ has a mask; depths are measured from the organ's surface in mm."""
    found: dict[str, np.ndarray] = {}
    liver, spleen = case.mask("liver"), case.mask("spleen")
    if liver is not None and liver.any() and not liver.all():
        depth = liver_depth(liver, case.spacing)
        found[LIVER_SURFACE] = liver & (depth <= SURFACE_MM)
        found[LIVER_CENTER] = liver & (depth > CENTER_MM)
    if spleen is not None and spleen.any() and not spleen.all():
        found[SPLEEN_CENTER] = spleen & (liver_depth(spleen, case.spacing) > SPLEEN_CENTER_MM)
    return found


def majority(maps: Iterable[LocatedMap], *, who: str = "majority of the readers") -> list[LocatedMap]:
    """Of each case and pipeline that every reader has read, the parts that more than half of the readers found highlighted."""
    by_case: dict[tuple[str, str], list[LocatedMap]] = {}
    for one in maps:
        by_case.setdefault((one.case_id, one.pipeline), []).append(one)
    readers = {one.who for own in by_case.values() for one in own}
    whole = [own for own in by_case.values() if {one.who for one in own} == readers]
    return [
        LocatedMap(
            own[0].case_id,
            own[0].pipeline,
            own[0].true_class,
            {name: sum(bool(one.parts.get(name)) for one in own) * 2 > len(own) for name in PARTS},
            who,
        )
        for own in whole
    ]


def location_table(maps: Iterable[LocatedMap], *, confidence: float = CONFIDENCE) -> list[LocationRow]:
    """Parts and patterns by who judged, pipeline and true class, each with its exact interval."""
    groups: dict[tuple[str, str, str], list[LocatedMap]] = {}
    for one in maps:
        groups.setdefault((one.who, one.pipeline, one.true_class), []).append(one)
    order = {who: place for place, who in enumerate(dict.fromkeys(who for who, _, _ in groups))}
    rows = []
    for (who, pipeline, true_class), own in sorted(groups.items(), key=lambda item: (order[item[0][0]], *item[0][1:])):
        for name in PARTS:
            rows.append(_row((who, pipeline, true_class), name, [one.parts.get(name) for one in own], confidence))
        for name in PATTERNS:
            seen = [None if one.pattern is None else one.pattern == name for one in own]
            rows.append(_row((who, pipeline, true_class), name, seen, confidence))
    return rows


def _row(group: tuple[str, str, str], finding: str, seen: list[bool | None], confidence: float) -> LocationRow:
    known = [one for one in seen if one is not None]
    lacking = len(seen) - len(known)
    if not known:
        return LocationRow(*group, finding, 0, 0, None, None, None, lacking)
    found = proportion(sum(known), len(known), confidence=confidence)
    return LocationRow(*group, finding, sum(known), len(known), found.value, found.low, found.high, lacking)
