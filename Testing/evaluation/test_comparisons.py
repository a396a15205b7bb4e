import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.multitest import multipletests

from LiverAILib.evaluation.comparisons import adjust, mann_whitney, mcnemar, paired_bootstrap
from LiverAILib.evaluation.delong import auc_value, compare_paired


def test_mcnemar_by_hand():
    first = np.array([1] * 90 + [1] * 10 + [0] * 2 + [0] * 2)
    second = np.array([1] * 90 + [0] * 10 + [1] * 2 + [0] * 2)
    test = mcnemar(first, second)
    # 12 discordant pairs, at most 2 in favor of the second: 2 (1 + 12 + 66) / 2^12.
    assert test.p_value == pytest.approx(158 / 4096, rel=1e-12)
    assert test.statistic == 12
    assert test.difference == pytest.approx(8 / 104)
    assert test.interval.low > 0


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_mcnemar_agrees_with_statsmodels(pairs):
    first, second = np.array(pairs).T
    table = [[np.sum(first & second), np.sum(first & ~second)], [np.sum(~first & second), np.sum(~first & ~second)]]
    assert mcnemar(first, second).p_value == pytest.approx(statsmodels_mcnemar(table, exact=True).pvalue, rel=1e-9)


def test_mcnemar_counts_patients_only():
    with pytest.raises(ValueError, match="images would be counted as patients"):
        mcnemar([1, 0], [1, 1], patients=["a", "a"])
    with pytest.raises(ValueError, match="no cases"):
        mcnemar([], [])
    assert mcnemar([1, 0, 1], [1, 0, 1]).p_value == 1


def test_paired_bootstrap_agrees_with_delong(rng):
    truth = np.arange(150) < 60
    base = rng.normal(size=150)
    first, second = base + 1.5 * truth + 0.5 * rng.normal(size=150), base + 0.8 * truth
    drawn = paired_bootstrap(
        lambda index: (auc_value(truth[index], first[index]), auc_value(truth[index], second[index])),
        truth,
        metric="AUC",
    )
    exact = compare_paired(truth, first, second=second)
    assert drawn.difference == pytest.approx(exact.difference)
    assert drawn.interval.low == pytest.approx(exact.interval.low, abs=0.02)
    assert drawn.interval.high == pytest.approx(exact.interval.high, abs=0.02)
    assert drawn.test == "paired bootstrap of AUC"


def test_bootstrap_p_is_never_zero():
    truth = np.arange(20) < 10
    test = paired_bootstrap(lambda index: (1.0, 0.0), truth, replicates=99)
    assert test.p_value == pytest.approx(0.02)
    assert "smallest possible p is 0.0200" in test.limits


def test_identical_methods_do_not_differ():
    truth = np.arange(20) < 10
    assert paired_bootstrap(lambda index: (0.7, 0.7), truth, replicates=50).p_value == 1


def test_mann_whitney_counts_the_pairs():
    test = mann_whitney([1.4, 1.2, 1.6, 0.5], [0.6, 0.4, 0.7], names=("F4", "F0"))
    assert test.statistic == sum(a > b for a in (1.4, 1.2, 1.6, 0.5) for b in (0.6, 0.4, 0.7))
    assert test.difference == pytest.approx(1.3 - 0.6)
    assert 0.1 < test.p_value < 0.5
    with pytest.raises(ValueError, match="a group has no case"):
        mann_whitney([], [1.0])
    with pytest.raises(ValueError, match="images would be counted"):
        mann_whitney([1.0], [2.0], patients=["a", "a"])


def test_holm_and_fdr_by_hand():
    p = [0.01, 0.04, 0.03]
    assert adjust(p) == pytest.approx([0.03, 0.06, 0.06])
    assert adjust(p, method="fdr") == pytest.approx([0.03, 0.04, 0.04])
    assert adjust(p, method="bonferroni") == pytest.approx([0.03, 0.12, 0.09])


def test_an_undefined_p_is_no_test():
    adjusted = adjust([0.01, math.nan, 0.04])
    assert adjusted[[0, 2]] == pytest.approx(adjust([0.01, 0.04]))
    assert math.isnan(adjusted[1])
    with pytest.raises(ValueError, match="between 0 and 1"):
        adjust([1.2])
    with pytest.raises(ValueError, match="'sidak' is unknown"):
        adjust([0.1], method="sidak")


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_adjusted_p_values_are_those_of_statsmodels_and_keep_their_order(p):
    for method, theirs in (("holm", "holm"), ("fdr", "fdr_bh"), ("bonferroni", "bonferroni")):
        adjusted = adjust(p, method=method)
        np.testing.assert_allclose(adjusted, multipletests(p, method=theirs)[1], atol=1e-12)
        assert (adjusted >= np.array(p) - 1e-12).all()
        assert (np.diff(adjusted[np.argsort(p)]) >= -1e-12).all()
        assert (adjusted <= 1).all()
