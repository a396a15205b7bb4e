"""All that this room measures of a model's maps, as tables of plain rows for CSV files and a report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from LiverAILib.explain.depth import EDGES_MM, DepthProfile, DepthRow, depth_profile, depth_table
from LiverAILib.explain.explained_case import ExplainedCase
from LiverAILib.explain.faithfulness import Faithfulness
from LiverAILib.explain.intervals import CONFIDENCE, mean
from LiverAILib.explain.locations import (
    CENTER_MM,
    SPLEEN_CENTER_MM,
    SURFACE_MM,
    LocatedMap,
    LocationRow,
    locate,
    location_table,
)
from LiverAILib.explain.parenchyma import (
    GroupSummary,
    GroupTest,
    ParenchymaWeight,
    compare_groups,
    parenchyma_table,
    parenchyma_weight,
)
from LiverAILib.explain.region_scores import EvidenceRow, EvidenceScore, evidence_score, evidence_table
from LiverAILib.explain.region_table import BORDER_MM, NOWAK_REGIONS, HighlightRule, RegionRow, region_table

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class ExplanationReport:
    """What was measured of the maps of one model.

    Attributes:
        regions: Nowak 2021, Table 3.
        weights: Yin 2021, mean weight in the parenchyma, one entry per case.
        groups: Its median and quartiles by predicted class; `values` make the box plot (Yin 2021, Fig. 5).
        tests: Mann-Whitney U test of the first against the last class.
        profiles: Means by depth below the liver surface, one entry per case.
        depth: Surface against center by predicted class.
        evidence_scores: Mass on known evidence, one entry per case.
        evidence: Mass on known evidence against chance.
        faithfulness: Checks of every map family.
        locations: Liver surface, liver and spleen centers by true class, of pipelines that see a volume (Yin 2021).
        settings: Thresholds and their words.
    """

    regions: Sequence[RegionRow]
    weights: Sequence[ParenchymaWeight]
    groups: Sequence[GroupSummary]
    tests: Sequence[GroupTest]
    profiles: Sequence[DepthProfile]
    depth: Sequence[DepthRow]
    evidence_scores: Sequence[EvidenceScore]
    evidence: Sequence[EvidenceRow]
    faithfulness: Sequence[Faithfulness]
    locations: Sequence[LocationRow] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    def tables(self) -> dict[str, list[Row]]:
        """Every table by the name that its CSV file should have; a table without rows is left out.

        Cells are str, int, float, bool or None (nothing to state); what was not assessed says so in words.
        """
        made = {
            "explanation_regions": [_region(row) for row in self.regions],
            "explanation_parenchyma": [_without(asdict(row), "values") for row in self.groups],
            "explanation_parenchyma_tests": [asdict(row) for row in self.tests],
            "explanation_parenchyma_cases": [_without(asdict(row), "excluded") for row in self.weights],
            "explanation_surface_center": [asdict(row) for row in self.depth],
            "explanation_surface_center_cases": [_profile(profile) for profile in self.profiles],
            "explanation_locations": [{**asdict(row), "text": row.text} for row in self.locations],
            "explanation_evidence": [asdict(row) for row in self.evidence],
            "explanation_evidence_cases": [_evidence(score) for score in self.evidence_scores],
            "explanation_verdicts": [row for family in self.faithfulness for row in verdict_rows(family)],
            "explanation_perturbation_cases": [row for family in self.faithfulness for row in curve_rows(family)],
            "explanation_randomization": [row for family in self.faithfulness for row in randomization_rows(family)],
            "explanation_repeatability_cases": [asdict(row) for family in self.faithfulness for row in family.repeats],
        }
        return {name: [_finite(row) for row in rows] for name, rows in made.items() if rows}


def explanation_report(
    cases: Iterable[ExplainedCase],
    faithfulness: Iterable[Faithfulness] = (),
    *,
    rule: HighlightRule | None = None,
    regions: Mapping[str, Sequence[str]] | None = None,
    border_mm: float = BORDER_MM,
    edges_mm: Sequence[float] = EDGES_MM,
    compared: tuple[str, str] = ("F0", "F4"),
    confidence: float = CONFIDENCE,
) -> ExplanationReport:
    """Every table that the masks of the cases allow, and the verdicts.

    Cases are read one at a time, so an iterator over many volumes needs the memory of one.

    Args:
        cases: Maps with masks; one entry for each case and pipeline.
        faithfulness: Results of `check_faithfulness`, one for each map family.
        rule: When a region counts as highlighted.
        regions: Regions of the table by pipeline; by default the paper's.
        border_mm: Half width of the zone between the caudate lobe and the background.
        edges_mm: Edges of the bands of depth below the liver surface.
        compared: Predicted classes that the Mann-Whitney test compares ("no cirrhosis", "cirrhosis" for Nowak 2021).
        confidence: Of all intervals.
    """
    rule = rule or HighlightRule()
    weights: list[ParenchymaWeight] = []
    profiles: list[DepthProfile] = []
    scores: list[EvidenceScore] = []
    located: list[LocatedMap] = []

    def measured() -> Iterable[ExplainedCase]:
        for case in cases:
            weights.extend(filter(None, [parenchyma_weight(case)]))
            profiles.extend(filter(None, [depth_profile(case, edges_mm=edges_mm)]))
            scores.extend(filter(None, [evidence_score(case)]))
            if case.pipeline not in NOWAK_REGIONS:
                located.extend(filter(None, [locate(case, rule=rule)]))
            yield case

    table = region_table(measured(), rule=rule, regions=regions, border_mm=border_mm, confidence=confidence)
    groups = parenchyma_table(weights)
    return ExplanationReport(
        regions=table,
        weights=weights,
        groups=groups,
        tests=compare_groups(groups, *compared),
        profiles=profiles,
        depth=depth_table(profiles, confidence=confidence),
        evidence_scores=scores,
        evidence=evidence_table(scores, confidence=confidence),
        faithfulness=list(faithfulness),
        locations=location_table(located, confidence=confidence),
        settings=_settings(rule, border_mm, confidence),
    )


def _settings(rule: HighlightRule, border_mm: float, confidence: float) -> dict[str, str]:
    """The rules of the tables in words."""
    return {
        "highlighted": str(rule),
        "caudate border": f"within {border_mm:g} mm of the surface between the caudate lobe and what is not liver",
        "parenchyma": "liver mask without vessels and lesions where masks of those are given",
        "raw/mean": "over the mean of the map in all that the network sees",
        "location maps": f"liver surface within {SURFACE_MM:g} mm, liver center deeper than {CENTER_MM:g} mm, spleen center "
        f"deeper than {SPLEEN_CENTER_MM:g} mm; each highlighted by the rule of the regions",
        "confidence": f"{100 * confidence:g} %",
    }


def verdict_rows(family: Faithfulness) -> list[Row]:
    """One row a check, and the verdict of the family."""
    rows: list[Row] = []
    for check in family.checks:
        estimate = None if check.estimate is None else asdict(check.estimate)
        numbers = estimate or {"value": None, "low": None, "high": None, "n": 0}
        rows.append(
            {
                "family": check.family,
                "question": check.question,
                "answer": check.answer,
                **numbers,
                "measure": check.measure,
                "rule": check.rule,
            }
        )
    last = {"value": None, "low": None, "high": None, "n": len(family.curves), "measure": ""}
    rule = "yes where all answers are yes, no where one is no"
    rows.append(
        {"family": family.family, "question": "passes all checks", "answer": family.verdict, **last, "rule": rule}
    )
    return rows


def curve_rows(family: Faithfulness) -> list[Row]:
    """Areas of the deletion, insertion and random curves, one row per case."""
    return [
        {
            "family": curves.family,
            "case_id": curves.case_id,
            "target": curves.target,
            "cells": curves.cells,
            "deletion_auc": curves.deletion_auc,
            "insertion_auc": curves.insertion_auc,
            "random_auc": curves.random_auc,
            "random_orders": len(curves.random),
        }
        for curves in family.curves
    ]


def randomization_rows(family: Faithfulness) -> list[Row]:
    """Mean similarity over cases for every depth of the cascade, from the last layer on."""
    depths: dict[int, list[Any]] = {}
    for step in family.randomization:
        depths.setdefault(step.depth, []).append(step)
    rows = []
    for depth, steps in sorted(depths.items()):
        spearman = mean([step.spearman for step in steps], confidence=family.rules.confidence)
        ssim = mean([step.ssim for step in steps], confidence=family.rules.confidence)
        rows.append(
            {
                "family": family.family,
                "randomized_from": steps[0].layer,
                "depth": depth,
                "n": spearman.n,
                "spearman": spearman.value,
                "spearman_low": spearman.low,
                "spearman_high": spearman.high,
                "ssim": ssim.value,
                "ssim_low": ssim.low,
                "ssim_high": ssim.high,
                "constant_maps": sum(step.constant for step in steps),
            }
        )
    return rows


def _region(row: RegionRow) -> Row:
    return {**asdict(row), "text": row.text}


def _finite(row: Row) -> Row:
    """The row with None for what is not a number: limits of a mean of one case."""
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}


def _without(row: Row, key: str) -> Row:
    return {name: value for name, value in row.items() if name != key}


def _profile(profile: DepthProfile) -> Row:
    bands = {
        f"mean_{low:g}_to_{high:g}_mm": value if voxels else None
        for low, high, value, voxels in zip(
            profile.edges_mm, profile.edges_mm[1:], profile.means, profile.voxels, strict=False
        )
    }
    own = {"case_id": profile.case_id, "pipeline": profile.pipeline, "predicted_class": profile.predicted_class}
    return {**own, **bands, "surface_to_center": profile.surface_to_center}


def _evidence(score: EvidenceScore) -> Row:
    organ = score.in_organ
    return {
        "case_id": score.case_id,
        "pipeline": score.pipeline,
        "true_class": score.true_class,
        "share_of_input": score.in_input.share,
        "chance_in_input": score.in_input.chance,
        "share_in_organ": organ.share if organ else None,
        "chance_in_organ": organ.chance if organ else None,
    }
