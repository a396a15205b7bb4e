"""Meng, Steiger and Zou against the answers printed in their papers and in R's cocor."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

from LiverAILib.evaluation.correlations import compare_correlations, correlation, meng, steiger, zou_interval


@pytest.mark.parametrize(
    ("r1", "r2", "rx", "n", "z", "digits"),
    [
        (0.2, 0.5, 0.1, 315, -4.38993, 5),
        (0.63, -0.03, -0.19, 15, 1.68, 2),  # Meng, Rosenthal and Rubin 1992
        (0.3, 0.4, 0.5, 100, -1.0707, 4),  # Silver, Hittner and May 2006
        (0.5, 0.2, 0.0, 50, 1.62, 2),  # May and Hittner 1997
        (0.5, 0.2, 0.8, 50, 3.50, 2),
        (0.7, 0.4, 0.8, 50, 4.05, 2),
    ],
)
def test_meng_known_answers(r1, r2, rx, n, z, digits):
    assert round(meng(r1, r2, r_between=rx, n=n).statistic, digits) == z


def test_meng_p_value():
    assert round(meng(0.3, 0.4, r_between=0.5, n=100).p_value, 4) == 0.2843


def test_steiger_known_answers():
    assert round(steiger(0.4, 0.5, r_between=0.1, n=103).statistic, 7) == -0.8887185
    test = steiger(0.3, 0.4, r_between=0.5, n=100)
    assert (round(test.statistic, 4), round(test.p_value, 4)) == (-1.0718, 0.2838)


def test_zou_2007_example():
    interval = zou_interval(0.396, 0.179, r_between=0.088, n=66)
    assert (round(interval.low, 3), round(interval.high, 3)) == (-0.093, 0.517)


@pytest.mark.parametrize(("kind", "oracle"), [("pearson", pearsonr), ("spearman", spearmanr)])
def test_correlation_is_scipys(rng, kind, oracle):
    x = rng.normal(size=40)
    y = x + rng.normal(size=40)
    found = correlation(x, y, kind=kind)
    assert found.value == pytest.approx(oracle(x, y).statistic)
    assert found.interval.low < found.value < found.interval.high


def test_pearson_interval_is_scipys(rng):
    x = rng.normal(size=40)
    y = x + rng.normal(size=40)
    limits = pearsonr(x, y).confidence_interval()
    interval = correlation(x, y).interval
    assert (interval.low, interval.high) == pytest.approx((limits.low, limits.high))


def test_constant_values_have_no_correlation():
    found = correlation([1, 1, 1], [1, 2, 3])
    assert math.isnan(found.value)
    assert "constant" in found.note
    assert correlation([1, 2, 3, 4, 5], [2, 4, 6, 8, 10]).interval is None


def test_tests_from_values_use_the_ranks_for_spearman(rng):
    reference = rng.normal(size=50)
    first, second = reference + rng.normal(size=50), reference + 2 * rng.normal(size=50)
    ours = compare_correlations(reference, first, second=second, kind="spearman")
    r1, r2, rx = (spearmanr(*pair).statistic for pair in ((reference, first), (reference, second), (first, second)))
    assert ours.statistic == pytest.approx(meng(r1, r2, r_between=rx, n=50).statistic)
    assert ours.statistic == pytest.approx(
        compare_correlations(reference, np.exp(first), second=second**3, kind="spearman").statistic
    )


@given(st.floats(-0.9, 0.9), st.floats(-0.9, 0.9), st.floats(-0.5, 0.5), st.integers(5, 500))
def test_swapping_turns_the_sign(r1, r2, rx, n):
    possible = 1 - r1**2 - r2**2 - rx**2 + 2 * r1 * r2 * rx >= 0
    for test in (meng, steiger):
        if not possible:
            with pytest.raises(ValueError, match="cannot occur together"):
                test(r1, r2, r_between=rx, n=n)
            continue
        one, other = test(r1, r2, r_between=rx, n=n), test(r2, r1, r_between=rx, n=n)
        assert one.statistic == pytest.approx(-other.statistic)
        assert one.p_value == pytest.approx(other.p_value)


def test_errors():
    with pytest.raises(ValueError, match="too few"):
        meng(0.1, 0.2, r_between=0.1, n=3)
    with pytest.raises(ValueError, match="copied column"):
        steiger(1.0, 0.2, r_between=0.2, n=30)
    with pytest.raises(ValueError, match="constant"):
        compare_correlations([1, 2, 3, 4], [1, 1, 1, 1], second=[1, 2, 3, 5])
    with pytest.raises(ValueError, match="'kendall' is unknown"):
        correlation([1, 2], [1, 2], kind="kendall")
