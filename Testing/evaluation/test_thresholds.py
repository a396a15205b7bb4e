import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from LiverAILib.evaluation.thresholds import Rule, choose_threshold, cross_fitted_calls, in_sample_calls, parse_rule

SCORED = st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), min_size=2, max_size=40).filter(
    lambda rows: 0 < sum(row[0] for row in rows) < len(rows)
)


def rates(truth, scores, threshold):
    calls = scores >= threshold
    return calls[truth].mean(), (~calls[~truth]).mean()


@given(SCORED)
@settings(deadline=None)
def test_youden_and_corner_are_the_best_points_of_scikit_learns_curve(rows):
    truth, scores = np.array([row[0] for row in rows]), np.array([float(row[1]) for row in rows])
    fpr, tpr, _ = roc_curve(truth, scores, drop_intermediate=False)
    sensitivity, specificity = rates(truth, scores, choose_threshold(truth, scores, rule=Rule("youden")))
    assert sensitivity + specificity - 1 == pytest.approx(np.max(tpr - fpr))
    sensitivity, specificity = rates(truth, scores, choose_threshold(truth, scores, rule=Rule("nearest-corner")))
    assert np.hypot(1 - sensitivity, 1 - specificity) == pytest.approx(np.min(np.hypot(1 - tpr, fpr)))


@given(SCORED, st.floats(0.05, 1.0))
@settings(deadline=None)
def test_target_sensitivity_is_reached_at_the_best_specificity(rows, target):
    truth, scores = np.array([row[0] for row in rows]), np.array([float(row[1]) for row in rows])
    rule = Rule("sensitivity", target)
    sensitivity, specificity = rates(truth, scores, choose_threshold(truth, scores, rule=rule))
    assert sensitivity >= target - 1e-9
    others = [rates(truth, scores, t) for t in np.append(scores, np.inf)]
    assert specificity == pytest.approx(max(spec for sens, spec in others if sens >= target - 1e-9))


def test_a_threshold_lies_between_the_scores_it_parts():
    assert choose_threshold([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.8], rule=Rule("youden")) == pytest.approx(0.4)


def test_neighbouring_floats_are_parted():
    upper = np.nextafter(1.0, 2.0)
    threshold = choose_threshold([0, 1], [1.0, upper], rule=Rule("youden"))
    assert rates(np.array([False, True]), np.array([1.0, upper]), threshold) == (1, 1)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("youden", Rule("youden")),
        ("nearest-corner", Rule("nearest-corner")),
        ("fixed:0.5", Rule("fixed", 0.5)),
        ("0.5", Rule("fixed", 0.5)),
        ("sensitivity:.95", Rule("sensitivity", 0.95)),
    ],
)
def test_rules_from_text(text, rule):
    assert parse_rule(text) == rule
    assert parse_rule(str(rule)) == rule


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("best", "not understood; use youden"),
        ("sensitivity", "needs a value"),
        ("youden:3", "takes no value"),
        ("sensitivity:95", "target sensitivity 95.0 is impossible"),
    ],
)
def test_rules_that_make_no_sense(text, message):
    with pytest.raises(ValueError, match=message):
        parse_rule(text)


def test_each_case_is_called_with_a_threshold_of_the_other_folds(binary):
    truth, scores, _ = binary
    folds = np.arange(60) % 3
    calls = cross_fitted_calls(truth, scores, rule=Rule("youden"), folds=folds)
    for fold in range(3):
        expected = choose_threshold(truth[folds != fold], scores[folds != fold], rule=Rule("youden"))
        assert calls.thresholds[fold] == expected
        assert (calls.calls[folds == fold] == (scores[folds == fold] >= expected)).all()
    assert not calls.in_sample
    assert calls.note.startswith("cross-fitted")


def test_drawn_folds_keep_a_patient_together():
    patients = np.repeat(np.arange(20), 3)
    truth = np.repeat(np.arange(20) < 10, 3)
    calls = cross_fitted_calls(truth, np.arange(60.0), rule=Rule("youden"), patients=patients, seed=4)
    assert len(calls.thresholds) == 5
    for patient in range(20):
        assert len(set(calls.folds[patients == patient].tolist())) == 1


def test_in_sample_flatters_pure_noise_and_cross_fitting_does_not():
    """On noise Youden's index is 0: in-sample it looks like skill."""
    flattered, honest = [], []
    for seed in range(40):
        scores = np.random.default_rng(seed).normal(size=40)
        truth = np.arange(40) < 20
        for found, calls in (
            (flattered, in_sample_calls(truth, scores, rule=Rule("youden"))),
            (honest, cross_fitted_calls(truth, scores, rule=Rule("youden"))),
        ):
            found.append(calls.calls[truth].mean() - calls.calls[~truth].mean())
    assert np.mean(flattered) > 0.15
    assert abs(np.mean(honest)) < 0.1


def test_in_sample_says_as_in_the_paper_and_a_fixed_threshold_does_not(binary):
    truth, scores, _ = binary
    assert "as in the paper" in in_sample_calls(truth, scores, rule=Rule("youden")).note
    fixed = cross_fitted_calls(truth, scores, rule=Rule("fixed", 0.5))
    assert fixed.note == "fixed beforehand"
    assert (fixed.calls == (scores >= 0.5)).all()
    assert not fixed.in_sample


def test_the_cut_off_itself_is_a_rule_for_measured_values_only():
    assert str(parse_rule("cut-off")) == "cut-off"
    with pytest.raises(ValueError, match="cut-off is for measured values"):
        choose_threshold([0, 1], [0.1, 0.2], rule=Rule("cut-off"))


def test_degenerate_folds():
    with pytest.raises(ValueError, match="a class has a single patient"):
        cross_fitted_calls([1, 0, 0], [0.3, 0.1, 0.2], rule=Rule("youden"))
    with pytest.raises(ValueError, match="only one class left"):
        cross_fitted_calls([1, 1, 0, 0], [1, 2, 3, 4], rule=Rule("youden"), folds=[0, 0, 1, 1])
    with pytest.raises(ValueError, match="only one fold"):
        cross_fitted_calls([1, 0], [1, 2], rule=Rule("youden"), folds=[0, 0])
    with pytest.raises(ValueError, match="choosing a threshold needs"):
        choose_threshold([1, 1], [1, 2], rule=Rule("youden"))
    assert math.isinf(choose_threshold([0, 1], [1, 0], rule=Rule("youden")))
