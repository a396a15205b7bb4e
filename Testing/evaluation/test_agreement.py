import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from LiverAILib.evaluation.agreement import ICC_FORMS, bland_altman, icc, mean_absolute_error

SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


@pytest.mark.parametrize(
    ("form", "value", "low", "high"),
    [("ICC(1,1)", 0.17, -0.13, 0.72), ("ICC(2,1)", 0.29, 0.02, 0.76), ("ICC(3,1)", 0.71, 0.34, 0.95)],
)
def test_shrout_and_fleiss_1979(form, value, low, high):
    """Their table 4; the limits are those R's psych prints for these data."""
    found = icc(SHROUT_FLEISS, form=form)
    assert round(found.value, 2) == value
    assert (round(found.interval.low, 2), round(found.interval.high, 2)) == (low, high)


@given(st.lists(st.lists(st.integers(0, 20), min_size=3, max_size=3), min_size=3, max_size=20))
def test_icc_does_not_depend_on_unit_or_order(rows):
    table = np.array(rows, dtype=float)
    for form in ICC_FORMS:
        found = icc(table, form=form)
        if math.isnan(found.value):
            continue
        assert icc(table[::-1, ::-1] * 3 + 7, form=form).value == pytest.approx(found.value, abs=1e-9)
        assert found.value <= 1 + 1e-12
        if found.interval is not None:
            assert found.interval.low - 1e-9 <= found.value <= found.interval.high + 1e-9


def test_consistency_forgives_a_bias_and_agreement_does_not(rng):
    truth = rng.normal(10, 3, 40)
    shifted = np.column_stack([truth + rng.normal(size=40) * 0.3, truth + 5])
    assert icc(shifted, form="ICC(3,1)").value > 0.98
    assert icc(shifted, form="ICC(2,1)").value < 0.6


def test_icc_without_agreement_has_no_interval_rather_than_one_beside_its_value():
    found = icc([[0, 0, 3], [0, 0, 4], [0, 0, 4], [0, 3, 1]], form="ICC(2,1)")
    assert found.value == pytest.approx(-0.2)
    assert found.interval is None
    assert "no interval" in found.note
    opposed = icc(np.column_stack([[20 - x + 0.2 * (x % 2) for x in range(20)], range(20)]))
    assert opposed.value < -1
    assert opposed.interval is None
    rounding = icc([[0, 0, 5], [0, 0, 5], [0, 0, 5], [0, 6, 0]], form="ICC(2,1)")
    assert rounding.interval is None or rounding.interval.low <= rounding.value <= rounding.interval.high


def test_icc_of_nothing():
    assert math.isnan(icc([[1, 1], [1, 1]]).value)
    assert "no interval" in icc([[1, 1], [2, 2], [3, 3]], form="ICC(3,1)").note
    with pytest.raises(ValueError, match=r"shape \(1, 2\)"):
        icc([[1, 2]])
    with pytest.raises(ValueError, match="missing"):
        icc([[1, np.nan], [1, 2]])
    with pytest.raises(ValueError, match="unknown"):
        icc([[1, 2], [2, 3]], form="ICC(2,k)")


def test_limits_of_agreement_by_hand():
    found = bland_altman([11, 13, 12, 16], [10, 11, 12, 13])
    difference = np.array([1, 2, 0, 3])
    assert found.bias.value == pytest.approx(1.5)
    assert found.upper.value == pytest.approx(1.5 + 1.959964 * difference.std(ddof=1))
    assert found.lower.value == pytest.approx(1.5 - 1.959964 * difference.std(ddof=1))
    assert found.mean.tolist() == [10.5, 12, 12, 14.5]


def test_exact_and_approximate_limits_meet_in_large_samples(rng):
    reference = rng.normal(size=3000)
    predicted = reference + rng.normal(size=3000)
    exact = bland_altman(predicted, reference)
    rough = bland_altman(predicted, reference, method="approximate")
    for one, other in ((exact.upper, rough.upper), (exact.lower, rough.lower)):
        assert one.interval.low == pytest.approx(other.interval.low, abs=0.005)
        assert one.interval.high == pytest.approx(other.interval.high, abs=0.005)


def test_exact_interval_of_a_limit_covers_in_small_samples():
    covered = 0
    for seed in range(1000):
        difference = np.random.default_rng(seed).normal(size=12)
        covered += 1.959964 in bland_altman(difference, np.zeros(12)).upper.interval
    assert 0.93 <= covered / 1000 <= 0.97


def test_underestimation_of_large_values_shows_as_a_slope(rng):
    reference = rng.gamma(2, 6, 135)
    predicted = 0.6 * reference + 4 + rng.normal(size=135)
    found = bland_altman(predicted, reference)
    assert found.slope.interval.high < 0
    assert found.slope_p < 0.001


def test_bland_altman_degenerate_input():
    same = bland_altman([1, 2, 3], [1, 2, 3])
    assert (same.bias.value, same.upper.value) == (0, 0)
    flat = bland_altman([1, 2, 3], [3, 2, 1])
    assert "undefined" in flat.slope.note
    with pytest.raises(ValueError, match="too few"):
        bland_altman([1, 2], [1, 2])
    with pytest.raises(ValueError, match="images would be counted"):
        bland_altman([1, 2, 3], [1, 2, 3], patients=["a", "a", "b"])
    with pytest.raises(ValueError, match="'boot' is unknown"):
        bland_altman([1, 2, 3], [1, 2, 3], method="boot")


def test_mean_absolute_error():
    found = mean_absolute_error([1, 2, 3], [2, 2, 1])
    assert found.value == 1
    assert found.interval.low == 0
    assert mean_absolute_error([1], [3]).interval is None
