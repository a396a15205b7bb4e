"""DeLong against pROC's printed answers (aSAH), Hanley-McNeil's ratings, exact fractions, and scikit-learn.

pROC's answers for the WFNS grade follow from ten counts and run everywhere. Those for the two continuous markers need the data
of all patients, which is GPL and therefore not in the repository: they skip without it, and the planted cases below cover the
same functions.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from LiverAILib.evaluation.delong import (
    auc,
    auc_value,
    compare_paired,
    compare_several,
    compare_unpaired,
    components,
    delong,
)

ROW = st.tuples(st.booleans(), st.integers(-4, 4), st.integers(-4, 4))
TABLES = st.lists(ROW, min_size=6, max_size=40).filter(lambda rows: 2 <= sum(row[0] for row in rows) <= len(rows) - 2)


@pytest.mark.parametrize(
    ("marker", "value", "variance", "low", "high"),
    [
        ("wfns", 0.8236788617886179, 0.00146991470882363, 0.7485349, 0.8988228),
        ("s100b", 0.731368563685637, 0.00266868245717244, 0.6301182, 0.8326189),
        ("ndka", 0.611957994579946, 0.0031908105493913, 0.501244999271703, 0.722670989888189),
    ],
)
def test_proc_auc_variance_and_interval(asah, marker, value, variance, low, high):
    found = auc(asah["outcome"], asah[marker], method="delong", positive="Poor")
    assert found.value == pytest.approx(value, abs=1e-14)
    assert found.standard_error**2 == pytest.approx(variance, abs=1e-15)
    assert found.interval.low == pytest.approx(low, abs=6e-8)
    assert found.interval.high == pytest.approx(high, abs=6e-8)


def test_proc_covariances(asah):
    table = np.column_stack([asah[name] for name in ("wfns", "ndka", "s100b")])
    covariance = delong(asah["outcome"], table, positive="Poor").covariance
    assert covariance[0, 1] == pytest.approx(-0.000532967856762438, abs=1e-15)
    assert covariance[1, 2] == pytest.approx(-0.000756164938056579, abs=1e-15)
    assert covariance[2, 0] == pytest.approx(0.00119615567376754, abs=1e-15)


@pytest.mark.parametrize(
    ("first", "second", "z", "p"),
    [
        ("wfns", "s100b", 2.20898359144091, 0.0271757822291882),
        ("wfns", "ndka", 2.79777591868904, 0.00514557970691098),
        ("ndka", "s100b", -1.39077002573558, 0.164295175223054),
    ],
)
def test_proc_paired_tests(asah, first, second, z, p):
    test = compare_paired(asah["outcome"], asah[first], second=asah[second], names=(first, second), positive="Poor")
    assert test.statistic == pytest.approx(z, abs=1e-12)
    assert test.p_value == pytest.approx(p, abs=1e-12)


def test_proc_interval_of_a_difference(asah):
    test = compare_paired(asah["outcome"], asah["wfns"], second=asah["s100b"], positive="Poor")
    assert test.interval.low == pytest.approx(0.0104061769564846, abs=1e-13)
    assert test.interval.high == pytest.approx(0.174214419249478, abs=1e-13)


@pytest.mark.parametrize(
    ("first", "second", "d", "p"),
    [
        ("wfns", "s100b", 1.43490640926908, 0.152825378808796),
        ("wfns", "ndka", 3.10125096778969, 0.00220950791756457),
        ("ndka", "s100b", -1.55995743389685, 0.120192832430845),
    ],
)
def test_proc_unpaired_tests(asah, first, second, d, p):
    poor = asah["outcome"] == "Poor"
    test = compare_unpaired((poor, asah[first]), (poor, asah[second]))
    assert test.statistic == pytest.approx(d, abs=1e-12)
    assert test.p_value == pytest.approx(p, abs=1e-12)


def test_proc_auc_variance_and_interval_from_the_counts_of_the_wfns_grade():
    good, poor = (37, 20, 3, 8, 4), (2, 12, 1, 8, 18)
    grades = np.concatenate([np.repeat(np.arange(1, 6), good), np.repeat(np.arange(1, 6), poor)])
    found = auc(np.repeat([False, True], [sum(good), sum(poor)]), grades, method="delong")
    assert found.value == pytest.approx(0.8236788617886179, abs=1e-14)
    assert found.standard_error**2 == pytest.approx(0.00146991470882363, abs=1e-15)
    assert found.interval.low == pytest.approx(0.7485349, abs=6e-8)
    assert found.interval.high == pytest.approx(0.8988228, abs=6e-8)


PLANTED = np.array([False] * 7 + [True] * 8)
PLANTED_SCORES = {
    "first": np.array([2, 6, 3, 1, 5, 4, 1, 9, 7, 8, 6, 6, 3, 9, 5]),
    "second": np.array([3, 5, 1, 6, 2, 4, 2, 4, 6, 9, 3, 7, 2, 8, 5]),
    "third": np.array([4, 1, 3, 5, 2, 6, 2, 2, 5, 4, 6, 1, 3, 6, 5]),
}
"""15 cases with ties. The expected numbers were computed outside the library, pair by pair in exact fractions."""


def test_planted_aucs_and_covariances_are_the_exact_fractions():
    found = delong(PLANTED, np.column_stack(list(PLANTED_SCORES.values())))
    np.testing.assert_allclose(found.auc, [25 / 28, 43 / 56, 69 / 112], rtol=1e-14)
    expected = [
        [247 / 37632, 2767 / 526848, -75 / 43904],
        [2767 / 526848, 1363 / 87808, 137 / 43904],
        [-75 / 43904, 137 / 43904, 389 / 16464],
    ]
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("first", "second", "z", "p", "d", "df"),
    [
        ("first", "second", 1.1614929530734706, 0.24544148730565507, 0.8411061812356115, 24.043788733496296),
        ("first", "third", 1.5098232508241634, 0.1310885305593087, 1.592963592306075, 21.22102793456909),
        ("second", "third", 0.8367082809982581, 0.4027565632513427, 0.7671248650111497, 26.849308695175747),
    ],
)
def test_planted_paired_and_unpaired_tests(first, second, z, p, d, df):
    one, two = PLANTED_SCORES[first], PLANTED_SCORES[second]
    paired = compare_paired(PLANTED, one, second=two)
    assert (paired.statistic, paired.p_value) == (pytest.approx(z, abs=1e-12), pytest.approx(p, abs=1e-12))
    half = 1.959963984540054 * paired.difference / z
    assert paired.interval.low == pytest.approx(paired.difference - half, abs=1e-12)
    assert paired.interval.high == pytest.approx(paired.difference + half, abs=1e-12)
    unpaired = compare_unpaired((PLANTED, one), (PLANTED, two))
    assert (unpaired.statistic, unpaired.df) == (pytest.approx(d, abs=1e-12), pytest.approx(df, rel=1e-12))


def test_hanley_mcneil_ratings():
    normal, abnormal = (33, 6, 6, 11, 2), (3, 2, 2, 11, 33)
    scores = np.concatenate([np.repeat(np.arange(5), normal), np.repeat(np.arange(5), abnormal)])
    truth = np.repeat([False, True], [sum(normal), sum(abnormal)])
    found = auc(truth, scores)
    assert found.value == pytest.approx(0.893171, abs=5e-7)
    assert found.standard_error == pytest.approx(0.030724, abs=5e-7)


def brute_force(truth, scores):
    """DeLong's kernel counted pair by pair, straight from the paper's equations."""
    x, y = scores[truth], scores[~truth]
    kernel = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    return kernel.mean(axis=1), kernel.mean(axis=0)


@given(TABLES)
@settings(deadline=None)
def test_components_equal_the_pairwise_count(rows):
    truth, scores = np.array([row[0] for row in rows]), np.array([float(row[1]) for row in rows])
    v10, v01 = components(truth, scores)
    expected = brute_force(truth, scores)
    np.testing.assert_allclose(v10, expected[0], atol=1e-12)
    np.testing.assert_allclose(v01, expected[1], atol=1e-12)
    assert auc_value(truth, scores) == pytest.approx(roc_auc_score(truth, scores))


@given(TABLES)
@settings(deadline=None)
def test_invariants(rows):
    truth = np.array([row[0] for row in rows])
    first, second = (np.array([float(row[i]) for row in rows]) for i in (1, 2))
    value = auc(truth, first)
    assert 0 <= value.interval.low <= value.value <= value.interval.high <= 1
    # A monotone transform changes nothing; turning the score around mirrors the AUC.
    assert auc(truth, np.exp(first) * 3 + 1).value == pytest.approx(value.value)
    assert auc(truth, -first).value == pytest.approx(1 - value.value)
    forward = compare_paired(truth, first, second=second)
    backward = compare_paired(truth, second, second=first)
    assert forward.difference == pytest.approx(-backward.difference)
    assert forward.p_value == pytest.approx(backward.p_value, nan_ok=True)
    order = np.random.default_rng(0).permutation(truth.size)
    assert auc(truth[order], first[order]).standard_error == pytest.approx(value.standard_error)


@given(TABLES)
@settings(deadline=None)
def test_two_curves_are_the_paired_test_squared(rows):
    truth = np.array([row[0] for row in rows])
    first, second = (np.array([float(row[i]) for row in rows]) for i in (1, 2))
    pair = compare_paired(truth, first, second=second)
    several = compare_several(truth, np.column_stack([first, second]))
    if several.df == 1:
        assert several.statistic == pytest.approx(pair.statistic**2)
        assert several.p_value == pytest.approx(pair.p_value)


def test_several_curves_with_a_copy_among_them(binary):
    truth, good, poor = binary
    with_copy = compare_several(truth, np.column_stack([good, poor, good]))
    without = compare_several(truth, np.column_stack([good, poor]))
    assert with_copy.df == 1
    assert with_copy.statistic == pytest.approx(without.statistic)
    assert compare_several(truth, np.column_stack([good, good])).p_value == 1
    with pytest.raises(ValueError, match="one curve"):
        compare_several(truth, good)


def test_perfect_separation_falls_back_and_says_so():
    found = auc([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6])
    assert found.value == 1
    assert found.interval.method == "Newcombe method 5"
    assert found.interval.low < 1
    assert "perfect separation" in found.note


def test_ties_everywhere_are_an_auc_of_one_half_with_a_wide_interval():
    found = auc([0, 1, 0, 1], [7, 7, 7, 7])
    assert found.value == 0.5
    assert found.interval.high - found.interval.low > 0.3


def test_two_cases_are_defined():
    found = auc([0, 1], [0.2, 0.8])
    assert found.value == 1
    assert found.interval.low < 0.5


def test_equal_scores_are_p_1_and_undefined_is_not_significant(binary):
    truth, good, _ = binary
    assert compare_paired(truth, good, second=good).p_value == 1
    constant = np.zeros(4)
    nothing = compare_paired([0, 0, 1, 1], [1, 2, 3, 4], second=constant)
    assert math.isnan(nothing.p_value)


def test_errors_say_what_to_do(binary):
    truth, good, _ = binary
    with pytest.raises(ValueError, match="all 3 cases are negative"):
        auc([0, 0, 0], [1, 2, 3])
    with pytest.raises(ValueError, match="missing or infinite"):
        auc(truth, np.where(truth, np.nan, good))
    with pytest.raises(ValueError, match="lengths differ"):
        auc(truth, good[:-1])
    with pytest.raises(ValueError, match="AUC interval 'wald' is unknown"):
        auc(truth, good, method="wald")
