import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import norm
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from LiverAILib.evaluation.calibration import calibration


@pytest.fixture
def calibrated(rng):
    scores = rng.uniform(0.02, 0.98, 2000)
    return rng.random(2000) < scores, scores


def test_bins_are_scikit_learns(calibrated):
    truth, scores = calibrated
    found = calibration(truth, scores, n_bins=8, strategy="uniform", replicates=20)
    observed, predicted = calibration_curve(truth, scores, n_bins=8, strategy="uniform")
    assert [one.observed for one in found.bins] == pytest.approx(observed)
    assert [one.predicted for one in found.bins] == pytest.approx(predicted)
    assert sum(one.n for one in found.bins) == 2000
    assert sum(one.n_positive for one in found.bins) == truth.sum()


def test_brier_score_is_scikit_learns(calibrated):
    truth, scores = calibrated
    found = calibration(truth, scores, replicates=200)
    assert found.brier.value == pytest.approx(brier_score_loss(truth, scores))
    assert found.brier.value in found.brier.interval
    assert found.brier.value < found.brier_reference


def test_good_probabilities_have_slope_1_and_intercept_0(calibrated):
    truth, scores = calibrated
    found = calibration(truth, scores, replicates=20)
    assert 1 in found.slope.interval
    assert 0 in found.intercept.interval
    assert found.expected_error < 0.05


def test_too_extreme_probabilities_have_a_slope_below_1(calibrated):
    truth, scores = calibrated
    logit = np.log(scores / (1 - scores))
    extreme = 1 / (1 + np.exp(-2 * logit))
    found = calibration(truth, extreme, replicates=20)
    assert found.slope.value == pytest.approx(0.5, abs=0.06)
    oracle = LogisticRegression(C=1e9, tol=1e-8).fit(2 * logit[:, None], truth).coef_[0, 0]
    assert found.slope.value == pytest.approx(oracle, rel=1e-3)
    too_high = calibration(truth, 1 / (1 + np.exp(-logit - 1)), replicates=20)
    assert too_high.intercept.value == pytest.approx(-1, abs=0.15)


@pytest.mark.parametrize(("n", "sharpness"), [(30, 1.0), (200, 0.3), (2000, 2.0)])
def test_slope_and_intercept_with_their_intervals_are_those_of_statsmodels(rng, n, sharpness):
    logit = rng.normal(0, 1.5, n)
    truth = rng.random(n) < 1 / (1 + np.exp(-logit - 0.4))
    scores = 1 / (1 + np.exp(-sharpness * logit))
    found = calibration(truth, scores, replicates=20)
    binomial, predictor = sm.families.Binomial(), np.log(scores / (1 - scores))
    with_slope = sm.GLM(truth.astype(float), sm.add_constant(predictor), family=binomial).fit(tol=1e-12)
    at_slope_1 = sm.GLM(truth.astype(float), np.ones((n, 1)), family=binomial, offset=predictor).fit(tol=1e-12)
    for own, fit in ((found.slope, with_slope), (found.intercept, at_slope_1)):
        assert own.value == pytest.approx(fit.params[-1], rel=1e-6)
        assert own.standard_error == pytest.approx(fit.bse[-1], rel=1e-6)
        assert own.interval.high == pytest.approx(fit.params[-1] + norm.ppf(0.975) * fit.bse[-1], rel=1e-6)


def test_degenerate_input():
    perfect = calibration([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], replicates=20)
    assert math.isnan(perfect.slope.value)
    assert "separate the classes" in perfect.slope.note
    one_class = calibration([1, 1], [0.7, 0.9], replicates=20)
    assert math.isnan(one_class.intercept.value)
    constant = calibration([0, 1, 1, 0], [0.5] * 4, replicates=20)
    assert len(constant.bins) == 1
    assert math.isnan(constant.slope.value)
    assert "all scores are equal" in constant.slope.note
    exact = calibration([0, 1, 1, 0, 1], [0.0, 1.0, 0.0, 1.0, 1.0], replicates=20)
    assert math.isfinite(exact.brier.value)
    with pytest.raises(ValueError, match=r"outside 0\.\.1"):
        calibration([0, 1], [-2.0, 3.0])
    with pytest.raises(ValueError, match="images would be counted"):
        calibration([0, 1], [0.2, 0.3], patients=["a", "a"])
    with pytest.raises(ValueError, match="are unknown"):
        calibration([0, 1], [0.2, 0.3], strategy="kmeans")
