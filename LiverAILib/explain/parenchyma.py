"""Mean weight of a map in the liver parenchyma, by predicted stage: Yin 2021, "Location map analysis" and Fig. 5."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from LiverAILib.explain.explained_case import ExplainedCase

NOT_PARENCHYMA = ("vessels", "lesions")
SCALES = ("raw", "raw/mean")


@dataclass(frozen=True)
class ParenchymaWeight:
    """Mean of one case's map in the liver parenchyma.

    Attributes:
        case_id: The case.
        pipeline: Network input that the map explains.
        predicted_class: The group of the paper's box plot.
        raw: Mean of the raw map, in the map's own units (class score per feature position).
        relative: `raw` over the mean of the map in all that the network sees (1: the parenchyma gets its share); None
            where the map is 0 everywhere.
        voxels: Voxels of parenchyma in view.
        excluded: Structures that were taken out of the liver, of those in `NOT_PARENCHYMA`.
    """

    case_id: str
    pipeline: str
    predicted_class: str
    raw: float
    relative: float | None
    voxels: int
    excluded: tuple[str, ...]

    def value(self, scale: str) -> float | None:
        """`raw` for scale "raw", `relative` for "raw/mean"."""
        return {"raw": self.raw, "raw/mean": self.relative}[scale]


@dataclass(frozen=True)
class GroupSummary:
    """Median and quartiles of a group; `values` are the group's cases, for a box plot."""

    pipeline: str
    scale: str
    group: str
    n: int
    median: float
    q1: float
    q3: float
    values: tuple[float, ...]


@dataclass(frozen=True)
class GroupTest:
    """Mann-Whitney U test, two-sided, of two groups.

    Attributes:
        superiority: U / (n1 n2): chance that a case of the second group has a larger value than one of the first.
    """

    pipeline: str
    scale: str
    first: str
    second: str
    n_first: int
    n_second: int
    u: float
    p: float
    superiority: float


def parenchyma_weight(case: ExplainedCase) -> ParenchymaWeight | None:
    """Mean weight in the parenchyma: the liver without vessels and lesions, where masks of those are given.

    Returns:
        The weight, or None where there is no liver mask or no parenchyma in view.
    """
    liver = case.mask("liver")
    if liver is None:
        return None
    excluded = tuple(name for name in NOT_PARENCHYMA if name in case.masks)
    inside = liver & case.view
    for name in excluded:
        inside &= ~case.masks[name].astype(bool)
    if not inside.any():
        return None
    raw = float(case.heatmap[inside].mean(dtype=np.float64))
    everywhere = float(case.heatmap[case.view].mean(dtype=np.float64))
    relative = raw / everywhere if everywhere > 0 else None
    return ParenchymaWeight(
        case.case_id, case.pipeline, case.predicted_class, raw, relative, int(inside.sum()), excluded
    )


def parenchyma_table(weights: Iterable[ParenchymaWeight]) -> list[GroupSummary]:
    """Median and quartiles by pipeline, scale ("raw", "raw/mean") and predicted class, sorted."""
    groups: dict[tuple[str, int, str], list[float]] = {}
    for weight in weights:
        for order, scale in enumerate(SCALES):
            value = weight.value(scale)
            if value is not None:
                groups.setdefault((weight.pipeline, order, weight.predicted_class), []).append(value)
    return [
        summarize(values, pipeline=pipeline, scale=SCALES[order], group=group)
        for (pipeline, order, group), values in sorted(groups.items())
    ]


def summarize(values: Sequence[float], *, pipeline: str, scale: str, group: str) -> GroupSummary:
    """Median and quartiles (linear interpolation) of a group."""
    q1, median, q3 = (float(q) for q in np.percentile(values, (25, 50, 75)))
    return GroupSummary(pipeline, scale, group, len(values), median, q1, q3, tuple(map(float, values)))


def compare_groups(summaries: Iterable[GroupSummary], first: str = "F0", second: str = "F4") -> list[GroupTest]:
    """The paper's comparison of F0 with F4, for each pipeline and scale in which both groups have cases."""
    found: dict[tuple[str, str], dict[str, GroupSummary]] = {}
    for summary in summaries:
        found.setdefault((summary.pipeline, summary.scale), {})[summary.group] = summary
    return [_test(groups[first], groups[second]) for groups in found.values() if first in groups and second in groups]


def _test(first: GroupSummary, second: GroupSummary) -> GroupTest:
    result = stats.mannwhitneyu(second.values, first.values, alternative="two-sided")
    u = float(result.statistic)
    return GroupTest(
        first.pipeline,
        first.scale,
        first.group,
        second.group,
        first.n,
        second.n,
        u,
        float(result.pvalue),
        u / (first.n * second.n),
    )


def box_plot_data(summaries: Iterable[GroupSummary], *, pipeline: str, scale: str) -> Mapping[str, tuple[float, ...]]:
    """Values by predicted class, in the order of the table."""
    return {s.group: s.values for s in summaries if s.pipeline == pipeline and s.scale == scale}
