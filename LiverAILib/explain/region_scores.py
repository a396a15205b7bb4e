"""How much of a heat map lies on a region, against what chance would put there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from LiverAILib.explain.explained_case import ExplainedCase
from LiverAILib.explain.intervals import CONFIDENCE, mean

INPUT, ORGAN = "network input", "organ"


@dataclass(frozen=True)
class RegionScore:
    """Share of a heat map's mass on a region.

    Attributes:
        share: Mass on the region over the mass on the support, 0..1.
        chance: Size of the region over that of the support: the share of a map that is equal everywhere.
    """

    share: float
    chance: float

    @property
    def ratio(self) -> float:
        """How many times chance the share is."""
        return self.share / self.chance


@dataclass(frozen=True)
class EvidenceScore:
    """Mass of one case's map on its known evidence, by both definitions of chance.

    Attributes:
        case_id: The case.
        pipeline: Network input that the map explains.
        true_class: Class by the reference standard.
        in_input: Energy-based pointing game: mass on the evidence over all mass; chance is the evidence's share of the
            network input's area or volume.
        in_organ: The stricter one: both inside the organ or body only, so that a map which merely finds the organ scores
            1; None where no support is known.
    """

    case_id: str
    pipeline: str
    true_class: str | None
    in_input: RegionScore
    in_organ: RegionScore | None


@dataclass(frozen=True)
class EvidenceRow:
    """Evidence scores of many cases.

    Attributes:
        pipeline: Network input that the maps explain.
        true_class: Class by the reference standard.
        chance_in: "network input" (energy-based pointing game) or "organ" (the stricter one).
        n: Cases with mass and evidence in view.
        share: Mean share of the mass on the evidence.
        chance: Mean share by chance.
        times_chance: share / chance.
        mean_ratio: Mean of the cases' ratios.
        low: Lower limit of the mean ratio (t interval).
        high: Upper limit.
        largest_possible: 1 / chance: what a map would reach that puts all its mass on the evidence.
    """

    pipeline: str
    true_class: str
    chance_in: str
    n: int
    share: float
    chance: float
    times_chance: float
    mean_ratio: float
    low: float
    high: float
    largest_possible: float


def region_score(heatmap: np.ndarray, region: np.ndarray, support: np.ndarray) -> RegionScore | None:
    """Score of an unsigned heat map on a region of known evidence.

    Args:
        heatmap: Map >= 0, any shape.
        region: Boolean, same shape; counted inside the support only.
        support: Boolean, same shape: where the map could have put its mass (the liver, the body, the network input).

    Returns:
        The score, or None where the map or the region is empty within the support: there is nothing to compare then.

    Raises:
        ValueError: The shapes differ or the map is signed.
    """
    if not heatmap.shape == region.shape == support.shape:
        raise ValueError(f"shapes differ: map {heatmap.shape}, region {region.shape}, support {support.shape}")
    if heatmap.min() < 0:
        raise ValueError("the map is signed: score its positive and negative parts separately")
    inside = support & region
    mass = float(heatmap[support].sum(dtype=np.float64))
    if not inside.any() or mass == 0:
        return None
    return RegionScore(float(heatmap[inside].sum(dtype=np.float64)) / mass, float(inside.sum() / support.sum()))


def evidence_score(case: ExplainedCase, *, evidence: str = "evidence") -> EvidenceScore | None:
    """Mass on the mask named `evidence`, against chance in the network input and in the organ.

    Evidence that the network cannot see (outside of its input, or outside of the liver where it sees the liver only) does
    not count, by either definition. The first is the energy-based pointing game (Wang 2020, Score-CAM, section 4.3), with
    the mask instead of a box.

    Returns:
        The score, or None without an evidence mask, without evidence in view, or where the map has no mass.
    """
    region = case.mask(evidence)
    if region is None:
        return None
    support = None if case.support is None else case.support.astype(bool) & case.view
    visible = region & (case.view if support is None else support)
    in_input = region_score(case.heatmap, visible, case.view)
    if in_input is None:
        return None
    in_organ = None if support is None else region_score(case.heatmap, visible, support)
    return EvidenceScore(case.case_id, case.pipeline, case.true_class, in_input, in_organ)


def evidence_table(scores: Iterable[EvidenceScore], *, confidence: float = CONFIDENCE) -> list[EvidenceRow]:
    """Evidence scores by pipeline, true class and definition of chance, sorted; an unknown true class prints as ""."""
    groups: dict[tuple[str, str, str], list[RegionScore]] = {}
    for score in scores:
        for name, found in ((INPUT, score.in_input), (ORGAN, score.in_organ)):
            if found is not None:
                groups.setdefault((score.pipeline, score.true_class or "", name), []).append(found)
    rows = []
    for (pipeline, true_class, name), group in sorted(groups.items()):
        share = float(np.mean([score.share for score in group]))
        chance = float(np.mean([score.chance for score in group]))
        ratio = mean([score.ratio for score in group], confidence=confidence)
        rows.append(
            EvidenceRow(
                pipeline,
                true_class,
                name,
                len(group),
                share,
                chance,
                share / chance,
                ratio.value,
                ratio.low,
                ratio.high,
                1 / chance,
            )
        )
    return rows
