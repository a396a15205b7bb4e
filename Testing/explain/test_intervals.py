"""Intervals against Nowak's printed ones, statsmodels and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from LiverAILib.explain.intervals import mean, proportion


@pytest.mark.parametrize(("hits", "cases"), [(103, 104), (38, 80), (0, 24), (24, 24), (5, 24)])
def test_proportions_have_the_exact_interval_of_statsmodels(hits, cases):
    found = proportion(hits, cases)
    assert (found.low, found.high) == pytest.approx(proportion_confint(hits, cases, method="beta"), nan_ok=True)


def test_nowaks_accuracy():
    found = proportion(103, 104)
    assert f"{found.low:.3f}-{found.high:.3f}" == "0.948-1.000"


def test_means_have_the_t_interval_of_scipy():
    values = np.random.default_rng(0).normal(3, 2, 9)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    found = mean(values, confidence=0.9)
    assert (found.value, found.low, found.high, found.n) == pytest.approx((values.mean(), *expected, 9))


def test_one_value_has_no_limits_and_none_no_mean():
    assert np.isnan(mean([2.0]).low)
    assert np.isnan(mean([2.0]).high)
    for values in ([], [1.0, np.nan]):
        with pytest.raises(ValueError, match="at least one"):
            mean(values)
