import numpy as np
import pytest

from LiverAILib.evaluation.held_out import Labeled, fold_numbers, require_apart, rounds
from LiverAILib.evaluation.thresholds import Rule, cross_fitted_calls


@pytest.fixture
def cases(rng):
    """60 images of 30 patients, three classes."""
    table = rng.dirichlet([1, 1, 1], 60)
    return Labeled(table, np.arange(60) // 2 % 3, np.arange(60) // 2)


def test_drawn_folds_keep_patients_together_and_test_every_case_once(cases):
    found, note = rounds(cases, n_folds=4, seed=1)
    assert sorted(np.concatenate([one.test for one in found]).tolist()) == list(range(60))
    for one in found:
        assert not set(one.fit.patients) & set(cases.patients[one.test])
        assert one.fit.n + len(one.test) == 60
    assert "4 stratified folds of patients" in note


def test_calibration_cases_are_fitted_on_alone(cases, rng):
    other = Labeled(rng.dirichlet([1, 1, 1], 9), np.zeros(9, int), [f"other {i}" for i in range(9)])
    found, note = rounds(cases, calibration=other)
    assert len(found) == 1
    assert found[0].fit is other
    assert "9 other patients" in note


def test_a_planted_patient_on_both_sides_is_refused(cases, rng):
    leaking = Labeled(rng.dirichlet([1, 1, 1], 3), np.zeros(3, int), ["a", "b", 17])
    with pytest.raises(ValueError, match="leakage: patient '17' would be used for the fit and tested"):
        rounds(cases, calibration=leaking)
    with pytest.raises(ValueError, match="leakage"):
        rounds(cases, folds=np.arange(60) % 5)  # two images of a patient, in two folds
    with pytest.raises(ValueError, match="2"):
        require_apart(["1", "2"], [2, 3])


def test_a_threshold_with_a_patient_in_two_folds_is_refused():
    truth, scores = np.arange(8) < 4, np.linspace(0, 1, 8)
    patients = [0, 0, 1, 2, 3, 4, 5, 6]
    folds = [0, 1, 0, 1, 0, 1, 0, 1]
    with pytest.raises(ValueError, match=r"leakage: patient '0'"):
        cross_fitted_calls(truth, scores, rule=Rule("youden"), folds=folds, patients=patients)


def test_given_folds_are_numbered_as_they_are_named():
    numbers, note = fold_numbers([0, 1, 0, 1], folds=["b", "a", "a", "b"], patients=[1, 2, 3, 4])
    assert numbers.tolist() == [1, 0, 0, 1]
    assert note == "the 2 folds of the predictions"


def test_a_rare_class_does_not_stop_the_draw():
    numbers, _ = fold_numbers([0] * 10 + [1], n_folds=5)
    assert set(numbers.tolist()) == {0, 1, 2, 3, 4}
    numbers, _ = fold_numbers([0, 0, 0, 1, 1, 1, 1], n_folds=5)
    assert set(numbers.tolist()) == {0, 1, 2, 3}
    with pytest.raises(ValueError, match="only one patient"):
        fold_numbers([0, 1], patients=["a", "a"])
    with pytest.raises(ValueError, match="only one fold"):
        fold_numbers([0, 1], folds=[1, 1])


@pytest.mark.parametrize(
    ("table", "labels", "words"),
    [
        ([[0.5, 0.4]], [0], "do not add up"),
        ([[1.2, -0.2]], [0], "negative"),
        ([[0.5, 0.5]], [2], "index of a class, 0 to 1"),
        ([0.5, 0.5], [0, 1], "one column per class"),
        ([[0.5, 0.5]], [0, 1], "lengths differ"),
    ],
)
def test_what_is_no_table_of_probabilities_is_refused(table, labels, words):
    with pytest.raises(ValueError, match=words):
        Labeled(np.array(table), np.array(labels), ["p"] * len(table))
