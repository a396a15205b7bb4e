"""Verdicts on map families whose worth is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from LiverAILib.explain.faithfulness import VerdictRules, above, check_faithfulness, within
from LiverAILib.explain.intervals import Interval
from LiverAILib.explain.map_family import MapFamily
from Testing.explain.planted import CornerNetwork, PatternNetwork


@pytest.fixture
def inputs():
    noise = torch.rand(8, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    return 0.5 + noise


def answers(result):
    return {check.question: check.answer for check in result.checks}


def test_a_map_of_the_planted_evidence_beats_random_orders_but_this_one_does_not_depend_on_the_weights(inputs):
    """The corner is wired into the network: its map finds the evidence, whatever the weights are."""
    family = MapFamily("corner", CornerNetwork())
    result = check_faithfulness(family, inputs, targets=[1] * 8, baseline=torch.zeros(1), shift=1e-6)
    assert answers(result)["better than random order (deletion)"] == "yes"
    assert answers(result)["better than random order (insertion)"] == "yes"
    assert answers(result)["depends on the weights"] != "yes"
    assert result.verdict != "yes"


def test_a_random_map_passes_nothing_that_it_should_not():
    noise = torch.Generator().manual_seed(5)

    def random(network, inputs, targets):
        return torch.rand(len(inputs), 8, 8, generator=noise)

    inputs = torch.randn(8, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    result = check_faithfulness(MapFamily("random", PatternNetwork(), random), inputs)
    assert answers(result)["better than random order (deletion)"] != "yes"
    assert answers(result)["repeatable"] == "no"
    assert result.verdict == "no"


def test_the_estimate_of_a_check_is_the_mean_over_cases(inputs):
    result = check_faithfulness(MapFamily("corner", CornerNetwork()), inputs, targets=[1] * 8, baseline=torch.zeros(1))
    by_question = {check.question: check.estimate for check in result.checks}
    gains = [curves.random_auc - curves.deletion_auc for curves in result.curves]
    assert by_question["better than random order (deletion)"].value == pytest.approx(np.mean(gains))
    assert by_question["better than random order (deletion)"].n == 8
    assert by_question["repeatable"].value == pytest.approx(np.mean([entry.spearman for entry in result.repeats]))


def test_the_same_seed_gives_the_same_result(inputs):
    family = MapFamily("patterns", PatternNetwork())
    one, same, other = (check_faithfulness(family, inputs[:3], seed=seed) for seed in (0, 0, 1))
    assert one.checks == same.checks
    assert one.checks != other.checks
    assert one.settings["cases"] == 3


def test_one_case_is_not_assessed(inputs):
    result = check_faithfulness(MapFamily("corner", CornerNetwork()), inputs[:1])
    assert result.verdict == "not assessed"


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(0.1, 0.3, "yes"), (-0.1, 0.3, "undecided"), (-0.3, -0.1, "no"), (-0.3, 0.0, "no")]
)
def test_above_is_decided_by_the_whole_interval(low, high, expected):
    assert above(Interval((low + high) / 2, low, high, 9), 0.0) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-0.2, 0.2, "yes"), (-0.4, 0.2, "undecided"), (0.2, 0.4, "undecided"), (0.4, 0.6, "no"), (-0.6, -0.4, "no")],
)
def test_within_is_decided_by_the_whole_interval(low, high, expected):
    assert within(Interval((low + high) / 2, low, high, 9), VerdictRules().uncorrelated) == expected


def test_without_an_estimate_nothing_is_said():
    assert above(None, 0) == within(None, 1) == "not assessed"
    assert above(Interval(1.0, np.nan, np.nan, 1), 0) == "not assessed"
