import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from LiverAILib.evaluation.intervals import (
    logit_interval,
    mean_of_two_proportions,
    normal_interval,
    proportion,
    proportion_interval,
    ratio_of_two_proportions,
)


@pytest.mark.parametrize(
    ("right", "low", "high"), [(103, 0.948, 1.00), (100, 0.904, 0.989), (101, 0.918, 0.994), (99, 0.891, 0.984)]
)
def test_nowak_2021_intervals_of_accuracy(right, low, high):
    interval = proportion_interval(right, 104)
    assert interval.low == pytest.approx(low, abs=0.0005)
    assert interval.high == pytest.approx(high, abs=0.0005)
    assert interval.method == "Clopper-Pearson"


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_proportions_agree_with_statsmodels_and_stay_in_range(pair):
    for ours, theirs in (("clopper-pearson", "beta"), ("wilson", "wilson")):
        interval = proportion_interval(*pair, method=ours)
        low, high = proportion_confint(*pair, method=theirs)
        assert interval.low == pytest.approx(max(0, low), abs=1e-9)
        assert interval.high == pytest.approx(min(1, high), abs=1e-9)
        assert interval.low <= pair[0] / pair[1] <= interval.high


@pytest.mark.parametrize("n", [100, 500])
@pytest.mark.parametrize("p", [0.1, 0.25, 0.5, 0.75, 0.9])
def test_exact_coverage_by_enumeration(n, p):
    """All n + 1 outcomes with their probabilities: no simulation error at all."""
    weight = binom.pmf(np.arange(n + 1), n, p)
    for method, low, high in (("clopper-pearson", 0.95, 1.0), ("wilson", 0.93, 0.97)):
        covered = [p in proportion_interval(k, n, method=method) for k in range(n + 1)]
        assert low <= weight[covered].sum() <= high


def test_no_case_is_undefined_and_impossible_counts_are_errors():
    nothing = proportion("ppv", 0, 0)
    assert math.isnan(nothing.value)
    assert nothing.interval is None
    assert "undefined" in nothing.note
    with pytest.raises(ValueError, match="5 successes in 4 trials"):
        proportion_interval(5, 4)
    with pytest.raises(ValueError, match="unknown; use one of"):
        proportion_interval(1, 4, method="wald")


def test_normal_and_logit_intervals():
    assert normal_interval(0.5, 0.1).low == pytest.approx(0.5 - 0.1 * 1.959963984540054)
    assert normal_interval(0.99, 0.1, high=1).high == 1
    inside = logit_interval(0.99, 0.02)
    assert 0 < inside.low < 0.99 < inside.high < 1
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        logit_interval(1.0, 0.1)


def test_balanced_accuracy_interval_does_not_collapse_at_sensitivity_1():
    interval = mean_of_two_proportions((80, 80), (20, 24))
    assert interval.low < 0.9167 < interval.high < 1
    assert mean_of_two_proportions((0, 0), (1, 2)) is None


def test_mean_of_equal_groups_is_close_to_the_pooled_wilson_interval():
    both = mean_of_two_proportions((300, 400), (300, 400))
    pooled = proportion_interval(600, 800, method="wilson")
    assert both.low == pytest.approx(pooled.low, abs=0.003)
    assert both.high == pytest.approx(pooled.high, abs=0.003)


def test_ratio_agrees_with_the_score_interval_of_statsmodels():
    from statsmodels.stats.proportion import confint_proportions_2indep

    for first, second in (((80, 80), (4, 24)), ((71, 80), (1, 24)), ((65, 80), (9, 60))):
        interval = ratio_of_two_proportions(first, second)
        low, high = confint_proportions_2indep(*first, *second, compare="ratio", method="score")
        assert interval.low == pytest.approx(low, rel=0.02)
        assert interval.high == pytest.approx(high, rel=0.02)


def test_ratio_with_empty_cells_is_defined_where_it_can_be():
    unbounded = ratio_of_two_proportions((80, 80), (0, 24))
    assert unbounded.high == math.inf
    assert unbounded.low > 5
    none_wrong = ratio_of_two_proportions((0, 80), (20, 24))
    assert none_wrong.low == 0
    assert none_wrong.high < 0.1
    assert ratio_of_two_proportions((0, 80), (0, 24)) is None
    assert ratio_of_two_proportions((1, 2), (0, 0)) is None


@given(st.tuples(*[st.integers(0, 30)] * 4))
def test_a_ratio_lies_in_its_interval(cells):
    a, b, c, d = cells
    interval = ratio_of_two_proportions((a, a + b), (c, c + d))
    if interval is not None and c > 0:
        ratio = (a / (a + b)) / (c / (c + d))
        assert interval.low - 1e-9 <= ratio <= interval.high + 1e-9
