"""Scores of heat maps on regions, against counted answers."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.explain.region_scores import region_score


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
