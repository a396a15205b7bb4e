import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from statsmodels.stats.inter_rater import cohens_kappa

from LiverAILib.evaluation.metrics import (
    Counts,
    average_precision_value,
    binary_metrics,
    counts,
    kappa_from_table,
    metrics_from_counts,
    score_metrics,
)

TABLES = st.integers(2, 5).flatmap(
    lambda k: st.lists(st.lists(st.integers(0, 20), min_size=k, max_size=k), min_size=k, max_size=k)
)
PAIRS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("table", "accuracy", "balanced", "sensitivity", "specificity"),
    [
        (Counts(tp=80, fp=4, fn=0, tn=20), 0.96, 0.92, 1.00, 0.83),  # segmented liver
        (Counts(tp=80, fp=5, fn=0, tn=19), 0.95, 0.90, 1.00, 0.79),  # full image
        (Counts(tp=71, fp=1, fn=9, tn=23), 0.90, 0.92, 0.89, 0.96),  # board-certified
        # Resident: the paper prints .92, the mean of the rounded .91 and .92; its counts give .9146.
        (Counts(tp=73, fp=2, fn=7, tn=22), 0.91, 0.9146, 0.91, 0.92),
    ],
)
def test_nowak_2021_table_1(table, accuracy, balanced, sensitivity, specificity):
    found = metrics_from_counts(table)
    printed = {"accuracy": accuracy, "sensitivity": sensitivity, "specificity": specificity}
    for name, value in printed.items():
        assert round(found[name].value, 2) == value
    assert found["balanced_accuracy"].value == pytest.approx(balanced, abs=0.005)


@given(PAIRS)
@settings(deadline=None)
def test_metrics_are_scikit_learns(pairs):
    truth, calls = (np.array(side) for side in zip(*pairs, strict=True))
    found = binary_metrics(truth, calls)
    table = counts(truth, calls)
    assert table.n == len(pairs)
    assert found["accuracy"].value == pytest.approx(sk.accuracy_score(truth, calls))
    if truth.any() and not truth.all():
        assert found["sensitivity"].value == pytest.approx(sk.recall_score(truth, calls))
        assert found["specificity"].value == pytest.approx(sk.recall_score(~truth, ~calls))
        assert found["balanced_accuracy"].value == pytest.approx(sk.balanced_accuracy_score(truth, calls))
        if calls.any() and not calls.all():
            assert found["ppv"].value == pytest.approx(sk.precision_score(truth, calls))
        if table.fp > 0 and table.tn > 0:
            ratios = sk.class_likelihood_ratios(truth, calls)
            assert found["lr_positive"].value == pytest.approx(ratios[0])
            assert found["lr_negative"].value == pytest.approx(ratios[1])
        assert found["kappa"].value == pytest.approx(sk.cohen_kappa_score(truth, calls), abs=1e-12)


@given(PAIRS)
@settings(deadline=None)
def test_every_metric_is_defined_or_says_why_not(pairs):
    truth, calls = (np.array(side) for side in zip(*pairs, strict=True))
    for found in binary_metrics(truth, calls).values():
        if math.isnan(found.value):
            assert found.interval is None
            assert "undefined" in found.note
        elif found.interval is None:
            assert "no interval" in found.note
        else:
            assert found.interval.low - 1e-12 <= found.value <= found.interval.high + 1e-12


def test_text_labels():
    found = binary_metrics(["F4", "F0", "F4"], [1, 0, 0], positive="F4")
    assert (found["sensitivity"].numerator, found["sensitivity"].denominator) == (1, 2)


def test_images_are_not_counted_as_patients():
    patients = ["a", "a", "b", "c"]
    with pytest.raises(ValueError, match=r"1 of 3 patients have several rows \(patient 'a' has 2\)"):
        binary_metrics([1, 1, 0, 1], [1, 1, 0, 0], patients=patients)
    with pytest.raises(ValueError, match="several rows"):
        score_metrics([1, 1, 0, 1], [0.9, 0.8, 0.1, 0.4], patients=patients, replicates=10)
    with pytest.raises(ValueError, match="give patients"):
        binary_metrics([1, 0], [1, 0], clustered=True)


def test_clustered_intervals_are_wider_for_repeated_images(rng):
    truth = np.repeat(np.arange(40) < 20, 5)
    patients = np.repeat(np.arange(40), 5)
    calls = np.repeat(rng.random(40) < np.where(np.arange(40) < 20, 0.8, 0.3), 5)  # all images of a patient alike
    images = binary_metrics(truth, calls)["sensitivity"]
    clustered = binary_metrics(truth, calls, patients=patients, clustered=True, replicates=300)
    assert clustered["sensitivity"].value == images.value
    width = clustered["sensitivity"].interval.high - clustered["sensitivity"].interval.low
    assert width > 1.8 * (images.interval.high - images.interval.low)
    for name in ("balanced_accuracy", "lr_positive", "kappa"):
        own, plain = clustered[name], binary_metrics(truth, calls)[name]
        assert own.value == plain.value
        assert own.value in own.interval
        assert own.interval.high - own.interval.low > 1.4 * (plain.interval.high - plain.interval.low)


def test_auc_and_both_average_precisions(binary):
    truth, good, _ = binary
    found = score_metrics(truth, good, replicates=200)
    assert found["auc"].value == pytest.approx(sk.roc_auc_score(truth, good))
    assert found["average_precision"].value == pytest.approx(sk.average_precision_score(truth, good))
    assert found["average_precision_negative"].value == pytest.approx(sk.average_precision_score(~truth, -good))
    assert "prevalence 0.417" in found["average_precision"].note
    for one in found.values():
        assert one.interval.low < one.value < one.interval.high
    assert "bootstrap" in score_metrics(truth, good, auc_method="bootstrap", replicates=200)["auc"].interval.method


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=50))
def test_fast_average_precision_is_scikit_learns(pairs):
    truth = np.array([pair[0] for pair in pairs])
    scores = np.array([float(pair[1]) for pair in pairs])
    if truth.any():
        assert average_precision_value(truth, scores) == pytest.approx(sk.average_precision_score(truth, scores))
    else:
        assert math.isnan(average_precision_value(truth, scores))


def test_kappa_by_hand():
    """140 of 200 agree, 95 by chance (120 x 130 + 60 x 50 + 20 x 20, over 200)."""
    found = kappa_from_table([[106, 10, 4], [22, 28, 10], [2, 12, 6]])
    assert found.value == pytest.approx((140 - 95) / (200 - 95), abs=1e-12)


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
@given(TABLES)
@settings(deadline=None)
def test_kappa_and_its_standard_error_are_those_of_statsmodels(weights, rows):
    table = np.array(rows)
    found = kappa_from_table(table, weights=weights)
    if found.interval is None:
        assert found.note
        return
    oracle = cohens_kappa(table, wt=weights)
    assert found.value == pytest.approx(oracle.kappa, abs=1e-12)
    assert found.standard_error == pytest.approx(oracle.std_kappa, abs=1e-9)


def test_quadratic_kappa_is_scikit_learns_and_perfect_has_no_interval(rng):
    truth = rng.integers(0, 5, 80)
    calls = np.clip(truth + rng.integers(-1, 2, 80), 0, 4)
    table = sk.confusion_matrix(truth, calls)
    found = kappa_from_table(table, weights="quadratic")
    assert found.value == pytest.approx(sk.cohen_kappa_score(truth, calls, weights="quadratic"))
    assert found.interval.low < found.value < found.interval.high
    perfect = kappa_from_table(np.diag([5, 5]))
    assert perfect.value == 1
    assert "variance is 0" in perfect.note
    with pytest.raises(ValueError, match="'cubic' are unknown"):
        kappa_from_table(table, weights="cubic")
