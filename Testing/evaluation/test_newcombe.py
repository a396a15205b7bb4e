import pytest
from hypothesis import given
from hypothesis import strategies as st

from LiverAILib.evaluation.newcombe import hanley_mcneil_error, newcombe_interval


def test_hanley_and_mcneil_1982_table_2():
    assert hanley_mcneil_error(0.893171, 51, 58) == pytest.approx(0.032487, abs=5e-7)


def test_perfect_separation_still_has_a_lower_limit():
    interval = newcombe_interval(1.0, 10, 10)
    assert 0.6 < interval.low < 0.95
    assert interval.high == 1
    assert newcombe_interval(0.0, 10, 10).high == pytest.approx(1 - interval.low)


@given(st.floats(0, 1), st.integers(1, 300), st.integers(1, 300))
def test_interval_holds_the_value_and_mirrors(auc, m, n):
    interval = newcombe_interval(auc, m, n)
    assert 0 <= interval.low <= auc + 1e-8
    assert auc - 1e-8 <= interval.high <= 1
    mirrored = newcombe_interval(1 - auc, n, m)
    assert mirrored.high == pytest.approx(1 - interval.low, abs=1e-6)


def test_more_cases_narrow_the_interval():
    widths = [newcombe_interval(0.9, n, n) for n in (10, 50, 250)]
    assert widths[0].high - widths[0].low > widths[1].high - widths[1].low > widths[2].high - widths[2].low


def test_impossible_input():
    with pytest.raises(ValueError, match="impossible"):
        newcombe_interval(1.2, 5, 5)
