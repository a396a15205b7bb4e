import numpy as np
import pytest

from LiverAILib.evaluation.delong import auc
from LiverAILib.evaluation.intervals import proportion_interval
from LiverAILib.evaluation.patients import (
    aggregate,
    clustered_auc,
    clustered_proportion,
    require_one_row_a_patient,
)


def test_one_row_a_patient():
    require_one_row_a_patient(["a", "b"])
    with pytest.raises(ValueError, match=r"patient 'b' has 3\).*Aggregate.*or ask for clustered"):
        require_one_row_a_patient(["a", "b", "b", "b"])


@pytest.mark.parametrize(("how", "expected"), [("mean", [0.5, 0.3]), ("max", [0.8, 0.3]), ("median", [0.6, 0.3])])
def test_scores_of_a_patient_become_one(how, expected):
    found = aggregate(["p2", "p1", "p2", "p2"], [1, 0, 1, 1], scores=[0.1, 0.3, 0.6, 0.8], how=how)
    assert found.patients.tolist() == ["p2", "p1"]
    assert found.labels.tolist() == [1, 0]
    assert found.scores.tolist() == pytest.approx(expected)
    assert found.n_images.tolist() == [3, 1]


def test_several_columns_are_aggregated_together():
    found = aggregate(["a", "a", "b"], [4, 4, 0], scores=[[0, 1], [2, 3], [4, 5]])
    assert found.scores.tolist() == [[1, 2], [4, 5]]


def test_a_patient_with_two_labels_cannot_be_aggregated():
    with pytest.raises(ValueError, match="patient 'a' has different labels"):
        aggregate(["a", "a"], [0, 1], scores=[0.1, 0.9])
    with pytest.raises(ValueError, match="'mode' is unknown"):
        aggregate(["a"], [0], scores=[0.1], how="mode")


def test_one_image_a_patient_is_the_plain_wilson_interval():
    hits = np.arange(50) < 40
    found = clustered_proportion("sensitivity", hits, patients=np.arange(50))
    plain = proportion_interval(40, 50, method="wilson")
    # The ratio estimator's factor n / (n - 1) is a design effect of 50/49.
    assert found.interval.low == pytest.approx(plain.low, abs=0.002)
    assert found.interval.high == pytest.approx(plain.high, abs=0.002)


def test_copies_of_an_image_add_no_information():
    hits = np.arange(50) < 40
    copied = clustered_proportion("sensitivity", np.repeat(hits, 6), patients=np.repeat(np.arange(50), 6))
    single = clustered_proportion("sensitivity", hits, patients=np.arange(50))
    assert copied.interval.low == pytest.approx(single.interval.low, abs=1e-9)
    assert copied.interval.high == pytest.approx(single.interval.high, abs=1e-9)
    assert "300 images of 50 patients" in copied.note


def test_perfect_images_count_their_patients():
    found = clustered_proportion("sensitivity", np.ones(40), patients=np.repeat(np.arange(8), 5))
    assert found.value == 1
    assert found.interval.low == pytest.approx(proportion_interval(8, 8, method="wilson").low)


def test_nothing_and_one_patient():
    assert clustered_proportion("x", [], patients=[]).interval is None
    assert "one patient" in clustered_proportion("x", [1, 0], patients=["a", "a"]).note


def test_clustered_auc_with_one_image_a_patient_is_delong(rng):
    truth = np.arange(120) < 50
    scores = rng.normal(size=120) + truth
    clustered = clustered_auc(truth, scores, patients=np.arange(120))
    plain = auc(truth, scores)
    assert clustered.value == pytest.approx(plain.value)
    assert clustered.standard_error == pytest.approx(plain.standard_error, rel=1e-9)


def test_clustered_auc_of_copies_is_that_of_the_patients(rng):
    truth = np.arange(120) < 50
    scores = rng.normal(size=120) + truth
    copied = clustered_auc(np.repeat(truth, 4), np.repeat(scores, 4), patients=np.repeat(np.arange(120), 4))
    assert copied.standard_error == pytest.approx(auc(truth, scores).standard_error, rel=1e-9)
    assert auc(np.repeat(truth, 4), np.repeat(scores, 4)).standard_error < 0.6 * copied.standard_error


def test_clustered_auc_with_both_classes_in_a_patient_matches_simulation():
    """Obuchowski's covariance of positives and negatives of the same patient: against 400 redrawn studies."""
    values, errors = [], []
    for seed in range(400):
        generator = np.random.default_rng(seed)
        shift = np.repeat(generator.normal(size=40), 4)  # a patient's four images share a shift
        truth = np.tile([True, True, False, False], 40)
        scores = generator.normal(size=160) + truth + 1.5 * shift
        found = clustered_auc(truth, scores, patients=np.repeat(np.arange(40), 4))
        values.append(found.value)
        errors.append(found.standard_error)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.12)


def test_degenerate_clusters():
    one = clustered_auc([1, 1, 0, 0], [3, 4, 1, 2], patients=["a", "a", "b", "b"])
    assert one.value == 1
    assert one.interval is None
    perfect = clustered_auc([1, 1, 0, 0], [3, 4, 1, 2], patients=["a", "b", "c", "d"])
    assert perfect.interval.low < 1
