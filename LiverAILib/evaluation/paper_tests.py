"""The tests as the papers ran them, to reproduce their p values; each states its limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chisquare, ttest_ind

from LiverAILib.evaluation.estimate import Comparison
from LiverAILib.evaluation.validate import finite_vector


def goodness_of_fit(
    reader_correct: int, method_correct: int, *, n: int, names: tuple[str, str] = ("reader", "method")
) -> Comparison:
    """Nowak 2021's "chi-square test": the reader's right and wrong counts against the network's as expected counts.

    It reproduces the printed p values (table 1), which a 2x2 chi-square test does not. Not a test of two paired
    readings: it treats the network's counts as known without error.

    Args:
        reader_correct: Cases the reader got right.
        method_correct: Cases the network got right.
        n: Number of cases, the same for both.
        names: Names for the result.

    Raises:
        ValueError: Counts outside 0..n.
    """
    for count in (reader_correct, method_correct):
        if not 0 <= count <= n:
            raise ValueError(f"{count} right of {n} cases is impossible; counts go from 0 to {n}")
    limits = (
        "The paper's test: it treats the network's counts as exact and ignores that both read the same patients, "
        "so its p is "
        "too small; McNemar's test is the right one."
    )
    source = "Nowak 2021, Materials and methods and table 1"
    difference = (reader_correct - method_correct) / n
    statistic, p = math.nan, math.nan
    if 0 < method_correct < n:
        result = chisquare([reader_correct, n - reader_correct], [method_correct, n - method_correct])
        statistic, p = float(result.statistic), float(result.pvalue)
    else:
        limits = f"Undefined here, because an expected count is 0. {limits}"
    return Comparison(
        "chi-square goodness of fit", *names, difference, None, statistic, "chi-square", 1, p, limits, source, True
    )


def welch_bonferroni(replicates: Mapping[str, ArrayLike]) -> list[Comparison]:
    """Byra 2021's comparison of AUCs: Welch's t-test on bootstrap replicates, Bonferroni over all pairs.

    Args:
        replicates: Name of each method and its bootstrap AUCs, shape (r,), r at least 2; at least two methods.

    Returns:
        One comparison a pair; ``p_value`` is already multiplied by the number of pairs (at most 1).
    """
    if len(replicates) < 2:
        raise ValueError("one method cannot be compared; give the replicates of at least two")
    values = {name: finite_vector(array, f"replicates of {name}") for name, array in replicates.items()}
    pairs = list(combinations(values, 2))
    found = []
    for first, second in pairs:
        one, two = values[first], values[second]
        difference = float(one.mean() - two.mean())
        statistic = df = p = math.nan
        if one.size > 1 and two.size > 1 and one.var() + two.var() > 0:
            result = ttest_ind(one, two, equal_var=False)
            statistic, df = float(result.statistic), float(result.df)
            p = min(1.0, float(result.pvalue) * len(pairs))
        limits = (
            f"The paper's test: replicates are not patients, so p shrinks as more are drawn ({np.size(one)} here) "
            "and can be "
            "made as small as one likes; DeLong's test is the right one."
        )
        source = "Byra 2021, Statistical Analysis"
        found.append(
            Comparison(
                "Welch t-test on bootstrap AUCs, Bonferroni",
                first,
                second,
                difference,
                None,
                statistic,
                "t",
                df,
                p,
                limits,
                source,
                True,
            )
        )
    return found
