"""Scores of heat maps on regions, against counted answers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from LiverAILib.explain.region_scores import evidence_score, evidence_table, region_score
from Testing.explain.planted import a_case


def test_an_even_map_scores_chance_and_a_pointed_one_its_share():
    support = np.zeros((4, 6), bool)
    support[1:3] = True
    region = np.zeros_like(support)
    region[:, :3] = True
    even = region_score(np.ones(support.shape), region, support)
    assert even.share == even.chance == 0.5
    assert even.ratio == 1
    pointed = np.zeros(support.shape)
    pointed[1, 0], pointed[2, 5], pointed[0, 0] = 3, 1, 100  # what lies outside the support does not count
    assert region_score(pointed, region, support).share == 0.75


def test_without_evidence_or_mass_there_is_no_score():
    support = np.ones((2, 2), bool)
    assert region_score(np.ones((2, 2)), np.zeros((2, 2), bool), support) is None
    assert region_score(np.zeros((2, 2)), support, support) is None


def test_signed_maps_and_other_shapes_are_refused():
    support = np.ones((2, 2), bool)
    with pytest.raises(ValueError, match="signed"):
        region_score(np.array([[1.0, -1.0], [0, 0]]), support, support)
    with pytest.raises(ValueError, match="shapes"):
        region_score(np.ones((2, 3)), support, support)


def test_evidence_is_scored_against_the_input_and_within_the_organ():
    organ = np.zeros((10, 10), bool)
    organ[:5] = True
    evidence = np.zeros_like(organ)
    evidence[:, :2] = True  # half of it lies where the network sees nothing
    case = a_case(1.0 * organ, mask_evidence=evidence, support=organ)
    found = evidence_score(case)
    # A map that merely finds the organ beats chance in the input twofold, and within the organ not at all.
    assert (found.in_input.share, found.in_input.chance, found.in_input.ratio) == (0.2, 0.1, 2.0)
    assert (found.in_organ.share, found.in_organ.chance, found.in_organ.ratio) == (0.2, 0.2, 1.0)


def test_the_energy_based_pointing_game_is_the_share_of_all_mass():
    rng = np.random.default_rng(0)
    heatmap, evidence = rng.random((12, 14)), rng.random((12, 14)) < 0.1
    found = evidence_score(a_case(heatmap, mask_evidence=evidence))
    inside = sum(float(v) for v, hit in zip(heatmap.ravel(), evidence.ravel(), strict=True) if hit)
    assert found.in_input.share == pytest.approx(inside / heatmap.sum())
    assert found.in_input.chance == pytest.approx(evidence.mean())
    assert found.in_organ is None


def test_what_lies_outside_of_the_input_counts_neither_for_nor_against():
    seen = np.zeros((6, 6), bool)
    seen[:3] = True
    evidence = np.zeros_like(seen)
    evidence[2:5, :3] = True
    found = evidence_score(a_case(np.ones((6, 6)), mask_evidence=evidence, seen=seen))
    assert (found.in_input.share, found.in_input.chance) == pytest.approx((3 / 18, 3 / 18))
    assert evidence_score(a_case(np.ones((6, 6)), mask_evidence=~seen, seen=seen)) is None
    assert evidence_score(a_case(np.ones((6, 6)))) is None


def test_the_table_gives_both_definitions_their_names_and_bounds():
    organ = np.zeros((4, 10), bool)
    organ[:2] = True
    evidence = organ.copy()
    evidence[:, 5:] = False
    maps = [np.where(evidence, 3.0, 1.0) * organ, np.where(evidence, 1.0, 0.0)]
    scores = [evidence_score(a_case(heatmap, mask_evidence=evidence, support=organ)) for heatmap in maps]
    rows = {row.chance_in: row for row in evidence_table(scores)}
    assert (rows["organ"].share, rows["organ"].chance) == pytest.approx((0.875, 0.5))
    assert (rows["organ"].times_chance, rows["organ"].largest_possible) == pytest.approx((1.75, 2.0))
    assert rows["network input"].times_chance == pytest.approx(3.5)
    expected = stats.ttest_1samp([3.0, 4.0], 0).confidence_interval()
    assert (rows["network input"].low, rows["network input"].high) == pytest.approx(tuple(expected))
