"""In what share of patients a region is highlighted: Nowak 2021, Table 3, computed from masks instead of read by eye."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from LiverAILib.explain.explained_case import ExplainedCase
from LiverAILib.explain.intervals import CONFIDENCE, proportion

LIVER_REGIONS = ("right_lobe", "left_lobe", "caudate")
CAUDATE_BORDER = "caudate_border"
NOWAK_REGIONS: Mapping[str, tuple[str, ...]] = {
    "segmented": (*LIVER_REGIONS, CAUDATE_BORDER),
    "full": (*LIVER_REGIONS, "spleen", "stomach", "gastroesophageal_junction", "spinal_muscle"),
}
"""Regions of the paper's table by pipeline."""
ALL_REGIONS = (*LIVER_REGIONS, CAUDATE_BORDER, "spleen", "stomach", "gastroesophageal_junction", "spinal_muscle")
BORDER_MM = 5.0


@dataclass(frozen=True)
class HighlightRule:
    """When a region counts as highlighted. The paper's readers judged by eye: these numbers are defaults, not theirs.

    Attributes:
        level: A pixel is hot from this share of the map's maximum in the case upward.
        share: A region is highlighted where at least this share of its visible pixels is hot.
    """

    level: float = 0.5
    share: float = 0.25

    def __post_init__(self) -> None:
        if not (0 < self.level <= 1 and 0 < self.share <= 1):
            raise ValueError(f"level and share lie in (0, 1], got {self.level} and {self.share}")

    def __str__(self) -> str:
        return f">= {100 * self.share:g} % of the region at >= {100 * self.level:g} % of the map's maximum"


@dataclass(frozen=True)
class RegionRow:
    """One cell of the table: a region, a pipeline and a true class.

    Attributes:
        pipeline: Network input that the maps explain.
        true_class: Class by the reference standard.
        region: Region.
        highlighted: Cases in which it is highlighted; None where no case could be assessed.
        cases: Cases assessed: there is a mask, and part of the region lies in what the network sees.
        share: highlighted / cases.
        low: Lower limit of the exact interval.
        high: Upper limit.
        not_in_view: Cases with a mask whose region lies outside of what the network sees.
        without_mask: Cases without a mask.
        rule: The threshold, in words.
    """

    pipeline: str
    true_class: str
    region: str
    highlighted: int | None
    cases: int
    share: float | None
    low: float | None
    high: float | None
    not_in_view: int
    without_mask: int
    rule: str

    @property
    def text(self) -> str:
        """The cell as printed: percent with interval and counts, or "not assessed"."""
        if self.share is None or self.low is None or self.high is None:
            return "not assessed"
        return f"{100 * self.share:.1f} % ({100 * self.low:.1f}-{100 * self.high:.1f}; {self.highlighted}/{self.cases})"


def is_highlighted(heatmap: np.ndarray, region: np.ndarray, *, rule: HighlightRule | None = None) -> bool:
    """Whether a region is highlighted in a map; never where the map is 0 everywhere.

    Args:
        heatmap: Map >= 0 of what the network sees; its maximum sets the level.
        region: Boolean, same shape, not empty.
        rule: The threshold.
    """
    rule = rule or HighlightRule()
    top = heatmap.max()
    return bool(top > 0 and (heatmap[region] >= rule.level * top).mean() >= rule.share)


def caudate_border(
    caudate: np.ndarray, liver: np.ndarray, spacing: Sequence[float], *, width_mm: float = BORDER_MM
) -> np.ndarray:
    """The transition zone between the caudate lobe and what is not liver, on both sides of the surface.

    Args:
        caudate: Boolean mask, any number of axes.
        liver: Boolean mask of the whole liver, same shape; the caudate lobe is part of it.
        spacing: mm, one number an array axis.
        width_mm: Reach of the zone on either side.

    Returns:
        Boolean mask: caudate voxels within `width_mm` of the outside of the liver, and voxels outside of the liver within
        `width_mm` of the caudate lobe; empty where the lobe is.
    """
    liver = liver | caudate
    if not caudate.any() or liver.all():
        return np.zeros(caudate.shape, bool)
    to_outside = ndimage.distance_transform_edt(liver, sampling=spacing)
    to_caudate = ndimage.distance_transform_edt(~caudate, sampling=spacing)
    return (caudate & (to_outside <= width_mm)) | (~liver & (to_caudate <= width_mm))


def region_mask(case: ExplainedCase, region: str, *, border_mm: float = BORDER_MM) -> np.ndarray | None:
    """The boolean mask of a region of the table, whole; None where the masks that it needs are missing."""
    if region != CAUDATE_BORDER:
        return case.mask(region)
    caudate, liver = case.mask("caudate"), case.mask("liver")
    if caudate is None or liver is None:
        return None
    return caudate_border(caudate, liver, case.spacing, width_mm=border_mm)


def region_table(
    cases: Iterable[ExplainedCase],
    *,
    rule: HighlightRule | None = None,
    regions: Mapping[str, Sequence[str]] | None = None,
    border_mm: float = BORDER_MM,
    confidence: float = CONFIDENCE,
) -> list[RegionRow]:
    """The table: one row for each pipeline, true class and region, in this order.

    A region without a mask is "not assessed" (highlighted and share None), never 0; a case in which the region lies outside
    of what the network sees is not counted either.

    Args:
        cases: Maps with masks; cases whose true class is unknown are left out.
        rule: When a region counts as highlighted.
        regions: Regions by pipeline; by default those of the paper, and all of them for other pipelines.
        border_mm: Half width of the zone between the caudate lobe and the background.
        confidence: Of the exact (Clopper-Pearson) interval.
    """
    rule = rule or HighlightRule()
    regions = NOWAK_REGIONS if regions is None else regions
    counts: dict[tuple[str, str], dict[str, list[int]]] = {}
    for case in cases:
        if case.true_class is None:
            continue
        cells = counts.setdefault((case.pipeline, case.true_class), {})
        for region in regions.get(case.pipeline, ALL_REGIONS):
            # highlighted, assessed, not in view, without mask
            cell = cells.setdefault(region, [0, 0, 0, 0])
            mask = region_mask(case, region, border_mm=border_mm)
            visible = None if mask is None else mask & case.view
            if visible is None:
                cell[3] += 1
            elif not visible.any():
                cell[2] += 1
            else:
                cell[1] += 1
                cell[0] += is_highlighted(np.where(case.view, case.heatmap, 0), visible, rule=rule)
    return [
        _row(pipeline, true_class, region, cell, rule, confidence)
        for (pipeline, true_class), cells in sorted(counts.items())
        for region, cell in cells.items()
    ]


def _row(
    pipeline: str, true_class: str, region: str, cell: list[int], rule: HighlightRule, confidence: float
) -> RegionRow:
    highlighted, cases, not_in_view, without_mask = cell
    if not cases:
        return RegionRow(pipeline, true_class, region, None, 0, None, None, None, not_in_view, without_mask, str(rule))
    found = proportion(highlighted, cases, confidence=confidence)
    return RegionRow(
        pipeline,
        true_class,
        region,
        highlighted,
        cases,
        found.value,
        found.low,
        found.high,
        not_in_view,
        without_mask,
        str(rule),
    )
