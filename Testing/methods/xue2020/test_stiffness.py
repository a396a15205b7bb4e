"""GM + LSM: what is fitted is found again where it was planted."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from LiverAILib.methods.xue2020.settings import StiffnessSettings
from LiverAILib.methods.xue2020.stiffness import combined, confidence, fit_stiffness


def drawn(count, seed=0):
    """Gray-scale confidences, stiffness values and labels with a known cut-off of 11 kPa and scale of 2 kPa."""
    rng = np.random.default_rng(seed)
    stiffness = rng.uniform(3, 25, count)
    truth = rng.random(count) < 1 / (1 + np.exp(-(stiffness - 11) / 2))
    gray = np.clip(0.5 + 0.2 * (truth - 0.5) + rng.normal(0, 0.2, count), 0, 1)
    return gray, stiffness, truth


def test_the_confidence_is_a_half_at_the_cutoff():
    settings = StiffnessSettings(11, 2, 0, 0, 0)
    assert confidence(np.array([11.0, 13.0]), settings) == pytest.approx([0.5, 1 / (1 + np.exp(-1))])


def test_the_planted_cutoff_and_scale_are_found():
    found = fit_stiffness(*drawn(20000))
    assert found.cutoff_kpa == pytest.approx(11, abs=0.2)
    assert found.scale_kpa == pytest.approx(2, rel=0.05)


def test_both_confidences_are_joined_by_a_logistic_regression():
    gray, stiffness, truth = drawn(500)
    found = fit_stiffness(gray, stiffness, truth)
    features = np.column_stack([gray, confidence(stiffness, found)])
    expected = LogisticRegression(C=1e3, max_iter=1000).fit(features, truth).predict_proba(features)[:, 1]
    np.testing.assert_allclose(combined(gray, stiffness, found), expected, atol=1e-4)
    assert found.gray_scale_weight > 0 < found.stiffness_weight


def test_separable_values_end_with_finite_numbers():
    found = fit_stiffness(
        np.array([0.1, 0.2, 0.8, 0.9]), np.array([4.0, 5, 20, 22]), np.array([False, False, True, True])
    )
    assert np.isfinite(list(vars(found).values())).all()
    assert 5 < found.cutoff_kpa < 20
