import math

import numpy as np
import pytest
from scipy.stats import chi2_contingency, ttest_ind

from LiverAILib.evaluation.paper_tests import goodness_of_fit, welch_bonferroni


@pytest.mark.parametrize(
    ("reader", "network", "p"),
    [
        (99, 100, 0.6101),  # test set: full image
        (95, 100, 0.0108),  # resident
        (94, 100, 0.0022),  # board-certified
        (101, 103, 0.0445),  # validation set: full image
    ],
)
def test_nowak_2021_printed_p_values(reader, network, p):
    test = goodness_of_fit(reader, network, n=104)
    assert round(test.p_value, 4) == p
    assert test.as_in_paper
    assert "McNemar" in test.limits


@pytest.mark.parametrize(
    ("reader", "network", "p"), [(99, 100, 0.73), (95, 100, 0.15), (94, 100, 0.10), (101, 103, 0.31)]
)
def test_a_2x2_chi_square_does_not_give_them(reader, network, p):
    table = [[reader, 104 - reader], [network, 104 - network]]
    plain = chi2_contingency(table, correction=False).pvalue
    assert round(plain, 2) == p
    assert plain > goodness_of_fit(reader, network, n=104).p_value


def test_a_flawless_network_leaves_the_test_undefined():
    test = goodness_of_fit(90, 104, n=104)
    assert math.isnan(test.p_value)
    assert test.limits.startswith("Undefined")
    with pytest.raises(ValueError, match="impossible"):
        goodness_of_fit(105, 100, n=104)


def test_welch_with_bonferroni_over_three_pairs(rng):
    replicates = {name: rng.normal(0.85 + 0.002 * i, 0.03, 200) for i, name in enumerate("abc")}
    tests = welch_bonferroni(replicates)
    assert [(test.first, test.second) for test in tests] == [("a", "b"), ("a", "c"), ("b", "c")]
    plain = ttest_ind(replicates["a"], replicates["b"], equal_var=False)
    assert tests[0].statistic == pytest.approx(plain.statistic)
    assert tests[0].p_value == pytest.approx(min(1, 3 * plain.pvalue))


def test_welch_p_shrinks_with_the_number_of_replicates(rng):
    """The reason why it is only offered as the paper's test."""
    few = {"a": rng.normal(0.85, 0.03, 100), "b": rng.normal(0.86, 0.03, 100)}
    many = {name: np.tile(values, 50) for name, values in few.items()}
    assert welch_bonferroni(many)[0].p_value < welch_bonferroni(few)[0].p_value
    assert "5000 here" in welch_bonferroni(many)[0].limits


def test_welch_needs_two_methods_and_some_spread():
    with pytest.raises(ValueError, match="at least two"):
        welch_bonferroni({"a": [0.5, 0.6]})
    assert math.isnan(welch_bonferroni({"a": [0.5, 0.5], "b": [0.6, 0.6]})[0].p_value)
