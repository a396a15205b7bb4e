"""Against scikit-learn's logistic regression, its Platt scaling, and planted temperatures and shifts."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.calibration import _SigmoidCalibration
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from LiverAILib.evaluation.calibration import calibration
from LiverAILib.evaluation.delong import auc_value
from LiverAILib.evaluation.held_out import Labeled
from LiverAILib.evaluation.recalibration import (
    TEMPERATURES,
    apply_intercept_slope,
    apply_temperature,
    fit_intercept_slope,
    fit_temperature,
    log_probabilities,
    recalibrate,
)


def drawn(rng, logits):
    """A class of each row, drawn with the probabilities that the logits state."""
    return np.array([rng.choice(len(row), p=row) for row in softmax(logits, axis=1)])


def test_temperature_of_two_classes_is_scikit_learns_logistic_regression_without_intercept(rng):
    logits = rng.normal(size=(500, 2)) * 3
    labels = drawn(rng, logits / 2.5)
    difference = (logits[:, 1] - logits[:, 0])[:, None]
    oracle = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10).fit(difference, labels)
    assert fit_temperature(logits, labels) == pytest.approx(1 / oracle.coef_[0, 0], rel=1e-4)


def test_a_planted_temperature_of_five_classes_is_found(rng):
    logits = rng.normal(size=(4000, 5)) * 2
    labels = drawn(rng, logits / 1.8)
    assert fit_temperature(logits, labels) == pytest.approx(1.8, rel=0.05)
    # Adding a number to all logits of a row changes nothing, so logarithms of probabilities do as well.
    as_logs = log_probabilities(softmax(logits, axis=1))
    assert fit_temperature(as_logs, labels) == pytest.approx(fit_temperature(logits, labels), rel=1e-5)


def test_no_other_temperature_fits_better(rng):
    logits = rng.normal(size=(80, 3)) * 4
    labels = drawn(rng, logits / 3)
    best = fit_temperature(logits, labels)
    losses = [
        log_loss(labels, apply_temperature(logits, t), labels=[0, 1, 2]) for t in (best, *np.geomspace(0.1, 30, 60))
    ]
    assert losses[0] == pytest.approx(min(losses), abs=1e-9)


def test_intercept_and_slope_are_scikit_learns_platt_scaling(rng):
    logits = rng.normal(size=(300, 2)) * 2
    labels = drawn(rng, logits)
    oracle = _SigmoidCalibration().fit(logits[:, 1] - logits[:, 0], labels)
    intercept, slope = fit_intercept_slope(logits, labels)
    assert (intercept, slope) == pytest.approx((-oracle.b_, -oracle.a_), rel=1e-3)
    np.testing.assert_allclose(
        apply_intercept_slope(logits, intercept, slope)[:, 1], oracle.predict(logits[:, 1] - logits[:, 0]), atol=1e-4
    )


def test_a_shift_is_mended_by_the_intercept_and_not_by_a_temperature(rng):
    """What was seen of the segmented pipeline: a calibration intercept of -2."""
    true = rng.normal(size=3000) * 2
    labels = (rng.random(3000) < expit(true)).astype(int)
    said = expit(true + 2)
    test = Labeled(np.column_stack([1 - said, said]), labels, np.arange(3000))
    as_is = calibration(labels, said, replicates=20)
    assert as_is.intercept.value == pytest.approx(-2, abs=0.2)
    by_temperature = recalibrate(test).probabilities[:, 1]
    by_both = recalibrate(test, method="intercept and slope").probabilities[:, 1]
    assert abs(calibration(labels, by_temperature, replicates=20).intercept.value) > 0.5
    mended = calibration(labels, by_both, replicates=20)
    assert mended.intercept.value == pytest.approx(0, abs=0.1)
    assert mended.slope.value == pytest.approx(1, abs=0.1)
    assert mended.brier.value < as_is.brier.value


def test_the_order_and_so_the_auc_stays_with_one_fit(rng):
    said = rng.random(50)
    labels = np.arange(50) % 2
    test = Labeled(np.column_stack([1 - said, said]), labels, np.arange(50))
    fit = Labeled(test.probabilities[::-1], labels, [f"validation {i}" for i in range(50)])
    for method in ("temperature", "intercept and slope"):
        found = recalibrate(test, method=method, calibration=fit)
        assert len(found.parameters) == 1
        if found.parameters[0].get("slope", 1) > 0:
            assert auc_value(labels == 1, found.probabilities[:, 1]) == auc_value(labels == 1, said)


def test_cross_fitting_is_the_fit_on_the_other_folds_one_by_one(rng):
    table = rng.dirichlet([1, 1, 1], 40)
    labels, folds = np.arange(40) % 3, np.arange(40) // 2 % 4
    test = Labeled(table, labels, np.arange(40) // 2)
    found = recalibrate(test, folds=folds)
    for i in range(40):
        others = folds != folds[i]
        temperature = fit_temperature(np.log(table[others]), labels[others])
        np.testing.assert_allclose(found.probabilities[i], softmax(np.log(table[i]) / temperature), rtol=1e-6)


def test_degenerate_input(rng):
    right = np.array([[8.0, 0.0], [0.0, 8.0]])
    assert fit_temperature(right, [0, 1]) == pytest.approx(TEMPERATURES[0], rel=0.01)
    assert np.isfinite(fit_intercept_slope(right, [0, 1])).all()
    assert np.isfinite(log_probabilities([[0.0, 1.0]])).all()
    with pytest.raises(ValueError, match="one class is missing"):
        fit_intercept_slope(right, [1, 1])
    with pytest.raises(ValueError, match="two classes, not 3"):
        fit_intercept_slope(np.zeros((2, 3)), [0, 1])
    with pytest.raises(ValueError, match="not finite"):
        fit_temperature([[0.0, -np.inf]], [0])
    with pytest.raises(ValueError, match="above 0"):
        apply_temperature(right, 0)
    with pytest.raises(ValueError, match="index of a class"):
        fit_temperature(right, [0, 2])
    test = Labeled(softmax(right, axis=1), [0, 1], ["a", "b"])
    with pytest.raises(ValueError, match="is unknown"):
        recalibrate(test, method="isotonic", calibration=Labeled(test.probabilities, [0, 1], ["c", "d"]))
    with pytest.raises(ValueError, match="leakage: patient 'a' and 1 more would be used for the temperature"):
        recalibrate(test, calibration=test)
