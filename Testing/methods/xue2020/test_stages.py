"""From the scores of three binary models to probabilities of stages."""

import itertools

import numpy as np
import pytest
from sklearn.isotonic import isotonic_regression

from LiverAILib.methods.xue2020.stages import stage_probabilities


def test_scores_in_order_are_differences():
    assert stage_probabilities((0.9, 0.6, 0.25)) == pytest.approx({"S0-S1": 0.1, "S2": 0.3, "S3": 0.35, "S4": 0.25})


def test_scores_that_contradict_each_other_share_their_mean():
    """S4 (.7) more likely than >=S3 (.3): both become .5, and nothing is left for S3."""
    assert stage_probabilities((0.8, 0.3, 0.7)) == pytest.approx({"S0-S1": 0.2, "S2": 0.3, "S3": 0.0, "S4": 0.5})


@pytest.mark.parametrize("scores", list(itertools.product((0.0, 0.2, 0.7, 1.0), repeat=3)))
def test_they_are_the_nearest_falling_scores(scores):
    found = np.array(list(stage_probabilities(scores).values()))
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1)
    falling = 1 - np.cumsum(found)[:3]
    np.testing.assert_allclose(falling, isotonic_regression(np.array(scores), increasing=False), atol=1e-12)
