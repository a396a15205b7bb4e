import numpy as np
import pytest

from LiverAILib.evaluation.decision import decision_curve


def test_net_benefit_by_hand():
    truth, scores = [1, 1, 1, 0, 0], [0.9, 0.6, 0.2, 0.7, 0.1]
    found = decision_curve(truth, scores, thresholds=[0.5], replicates=20)
    # At .5: two true positives, one false positive, odds 1.
    assert found.net_benefit[0] == pytest.approx(2 / 5 - 1 / 5)
    assert found.treat_all[0] == pytest.approx(3 / 5 - 2 / 5)


def test_a_low_threshold_acts_on_all_and_perfect_scores_gain_the_prevalence(rng):
    truth = np.arange(50) < 20
    scores = np.where(truth, 0.99, 0.02)
    found = decision_curve(truth, scores, thresholds=[0.01, 0.5], replicates=50)
    assert found.net_benefit[0] == pytest.approx(found.treat_all[0])
    assert found.net_benefit[1] == pytest.approx(0.4)


def test_a_score_at_the_threshold_is_acted_on():
    found = decision_curve([1, 0], [0.5, 0.4], thresholds=[0.5], replicates=10)
    assert found.net_benefit[0] == pytest.approx(0.5)


def test_the_band_holds_the_curve(binary):
    truth, good, _ = binary
    found = decision_curve(truth, good, replicates=300)
    assert (found.low <= found.net_benefit + 1e-9).mean() > 0.95
    assert (found.high >= found.net_benefit - 1e-9).mean() > 0.95


def test_faults():
    with pytest.raises(ValueError, match=r"outside 0\.\.1"):
        decision_curve([0, 1], [2.0, 3.0])
    with pytest.raises(ValueError, match="strictly between"):
        decision_curve([0, 1], [0.2, 0.3], thresholds=[0.0])
    with pytest.raises(ValueError, match="images would be counted"):
        decision_curve([0, 1], [0.2, 0.3], patients=["a", "a"])
