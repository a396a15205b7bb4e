import numpy as np
import pytest

from LiverAILib.evaluation.validate import (
    binary_labels,
    both_classes,
    calls_vector,
    finite_vector,
    probabilities,
    same_length,
)


def test_missing_score_is_named_by_its_index():
    with pytest.raises(ValueError, match=r"1 missing or infinite values, the first at index 2.*remove these cases"):
        finite_vector([0.1, 0.2, np.nan])


def test_scores_must_be_numbers_in_one_dimension():
    with pytest.raises(ValueError, match="not numbers"):
        finite_vector(["a", "b"])
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        finite_vector([[1, 2], [3, 4]])


@pytest.mark.parametrize("labels", [[0, 1, 1], [0.0, 1.0, 1.0], ["0", "1", "1"], [False, True, True]])
def test_zero_and_one_need_no_positive_label(labels):
    assert binary_labels(labels).tolist() == [False, True, True]


def test_text_labels_need_the_positive_one():
    labels = ["control", "cirrhosis", "control"]
    assert binary_labels(labels, positive="cirrhosis").tolist() == [False, True, False]
    with pytest.raises(ValueError, match="name the positive one"):
        binary_labels(labels)
    with pytest.raises(ValueError, match="'cirrosis' does not occur"):
        binary_labels(labels, positive="cirrosis")


def test_a_number_and_its_text_are_the_same_label():
    assert binary_labels([4, 0, 4], positive="4").tolist() == [True, False, True]
    assert binary_labels([4.0, 0.0], positive=4).tolist() == [True, False]


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([], "no cases"),
        ([0, 1, np.nan], "missing value at index 2"),
        (["a", "", "b"], "missing value at index 1"),
        ([0, 1, 2], "3 classes"),
        ([[0, 1]], "shape"),
    ],
)
def test_faulty_labels_say_what_to_do(labels, text):
    with pytest.raises(ValueError, match=text):
        binary_labels(labels)


def test_one_class_is_an_error_that_counts():
    with pytest.raises(ValueError, match="all 3 cases are positive; an AUC needs"):
        both_classes(np.array([True, True, True]), "an AUC")


def test_probability_outside_0_to_1_names_value_and_fix():
    with pytest.raises(ValueError, match=r"first \(1.5\) at index 1.*sigmoid"):
        probabilities([0.2, 1.5])


def test_calls_are_zero_or_one():
    assert calls_vector([0, 1.0]).tolist() == [False, True]
    with pytest.raises(ValueError, match=r"0.5 at index 0.*threshold first"):
        calls_vector([0.5, 1])


def test_lengths_stand_in_the_message():
    with pytest.raises(ValueError, match="labels 2, scores 3"):
        same_length(labels=[1, 2], scores=[1, 2, 3])
