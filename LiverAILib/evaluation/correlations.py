"""Correlations with intervals, and tests of two correlations that share a variable and the patients."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, pearsonr, rankdata, spearmanr

from LiverAILib.evaluation.estimate import Comparison, Estimate, Interval
from LiverAILib.evaluation.validate import finite_vector, same_length


def correlation(x: ArrayLike, y: ArrayLike, *, kind: str = "pearson", level: float = 0.95) -> Estimate:
    """Pearson's or Spearman's correlation of two vectors (n,), with Fisher's interval.

    For Spearman the standard error is that of Bonett and Wright (Psychometrika 2000), ``sqrt((1 + r^2 / 2) / (n -
    3))``. Constant input gives ``nan`` with a note. Byra 2021, Statistical Analysis, reports both (PCC, SCC).
    """
    if kind not in ("pearson", "spearman"):
        raise ValueError(f"correlation {kind!r} is unknown; use 'pearson' or 'spearman'")
    first, second = finite_vector(x, "x"), finite_vector(y, "y")
    same_length(x=first, y=second)
    n = first.size
    if n < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return Estimate(kind, math.nan, None, None, n, "undefined: fewer than two cases, or constant values")
    r = float((pearsonr if kind == "pearson" else spearmanr)(first, second).statistic)
    if n < 4 or abs(r) >= 1 - 1e-15:
        return Estimate(kind, r, None, None, n, "no interval: fewer than four cases, or a perfect correlation")
    error = math.sqrt((1 + r**2 / 2 if kind == "spearman" else 1) / (n - 3))
    half = float(norm.ppf(0.5 + level / 2)) * error
    name = "Fisher z" if kind == "pearson" else "Fisher z, Bonett-Wright"
    interval = Interval(math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half), level, name)
    return Estimate(kind, r, interval, None, n, "", error)


def meng(
    r_first: float,
    r_second: float,
    *,
    r_between: float,
    n: int,
    names: tuple[str, str] = ("first", "second"),
    level: float = 0.95,
) -> Comparison:
    """Meng's test of two dependent correlations with one variable in common.

    Meng, Rosenthal and Rubin, Psychol Bull 1992;111:172-175, equations 1 to 3; the test of Byra 2021.

    Args:
        r_first: Correlation of the first prediction with the reference.
        r_second: Correlation of the second prediction with the reference.
        r_between: Correlation of the two predictions with each other.
        n: Number of patients, at least 4.
        names: Names for the result.
        level: Confidence level of the difference, which is given on the scale of r by `zou_interval`.
    """
    _check_triple(r_first, r_second, r_between, n)
    z_gap = math.atanh(r_first) - math.atanh(r_second)
    squares = (r_first**2 + r_second**2) / 2
    f = min(1.0, (1 - r_between) / (2 * (1 - squares)))
    h = (1 - f * squares) / (1 - squares)
    error = math.sqrt(2 * (1 - r_between) * h / (n - 3))
    z, p = _normal_test(z_gap, error)
    interval = zou_interval(r_first, r_second, r_between=r_between, n=n, level=level)
    limits = "Assumes bivariate normal values; for Spearman's correlations it is an approximation."
    return Comparison(
        "Meng",
        *names,
        r_first - r_second,
        interval,
        z,
        "Z",
        None,
        p,
        limits,
        "Meng, Rosenthal and Rubin 1992; Byra 2021",
    )


def steiger(
    r_first: float,
    r_second: float,
    *,
    r_between: float,
    n: int,
    names: tuple[str, str] = ("first", "second"),
    level: float = 0.95,
) -> Comparison:
    """Steiger's test of two dependent correlations with one variable in common.

    Steiger, Psychol Bull 1980;87:245-251, equation 14: Fisher's z with the covariance at the pooled correlation.
    Arguments as in `meng`.
    """
    _check_triple(r_first, r_second, r_between, n)
    z_gap = math.atanh(r_first) - math.atanh(r_second)
    pooled = (r_first + r_second) / 2
    psi = r_between * (1 - 2 * pooled**2) - pooled**2 * (1 - 2 * pooled**2 - r_between**2) / 2
    covariance = psi / (1 - pooled**2) ** 2
    error = math.sqrt(max(0.0, 2 - 2 * covariance) / (n - 3))
    z, p = _normal_test(z_gap, error)
    interval = zou_interval(r_first, r_second, r_between=r_between, n=n, level=level)
    limits = "Assumes multivariate normal values; for Spearman's correlations it is an approximation."
    return Comparison(
        "Steiger", *names, r_first - r_second, interval, z, "Z", None, p, limits, "Steiger 1980, equation 14"
    )


def zou_interval(r_first: float, r_second: float, *, r_between: float, n: int, level: float = 0.95) -> Interval:
    """Interval of the difference of two dependent correlations with one variable in common.

    Zou, Psychol Methods 2007;12:399-413, equations 13 to 15. Arguments as in `meng`.
    """
    _check_triple(r_first, r_second, r_between, n)
    half = float(norm.ppf(0.5 + level / 2)) / math.sqrt(n - 3)
    (l1, u1), (l2, u2) = (
        (math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)) for r in (r_first, r_second)
    )
    shared = (r_between - r_first * r_second / 2) * (1 - r_first**2 - r_second**2 - r_between**2) + r_between**3
    c = shared / ((1 - r_first**2) * (1 - r_second**2))
    gap = r_first - r_second
    below = (r_first - l1) ** 2 + (u2 - r_second) ** 2 - 2 * c * (r_first - l1) * (u2 - r_second)
    above = (u1 - r_first) ** 2 + (r_second - l2) ** 2 - 2 * c * (u1 - r_first) * (r_second - l2)
    return Interval(gap - math.sqrt(max(0.0, below)), gap + math.sqrt(max(0.0, above)), level, "Zou")


def compare_correlations(
    reference: ArrayLike,
    first: ArrayLike,
    *,
    second: ArrayLike,
    kind: str = "pearson",
    test: str = "meng",
    names: tuple[str, str] = ("first", "second"),
    level: float = 0.95,
) -> Comparison:
    """`meng` or `steiger` from the values of the same patients, each of shape (n,); ``kind`` as in `correlation`."""
    if test not in ("meng", "steiger"):
        raise ValueError(f"test {test!r} is unknown; use 'meng' or 'steiger'")
    columns = [
        finite_vector(values, name) for values, name in ((reference, "reference"), (first, "first"), (second, "second"))
    ]
    same_length(reference=columns[0], first=columns[1], second=columns[2])
    if any(np.ptp(column) == 0 for column in columns):
        raise ValueError("one of the three is constant, so it has no correlation; leave it out of the comparison")
    if kind == "spearman":
        columns = [rankdata(column) for column in columns]
    elif kind != "pearson":
        raise ValueError(f"correlation {kind!r} is unknown; use 'pearson' or 'spearman'")
    r = np.asarray(np.corrcoef(columns))
    function = meng if test == "meng" else steiger
    return function(r[0, 1], r[0, 2], r_between=r[1, 2], n=columns[0].size, names=names, level=level)


def _check_triple(r_first: float, r_second: float, r_between: float, n: int) -> None:
    if n < 4:
        raise ValueError(f"{n} patients are too few to compare correlations; at least 4 are needed")
    if max(abs(r_first), abs(r_second)) >= 1 or abs(r_between) > 1:
        raise ValueError("a correlation of 1 or -1 with the reference cannot be compared; check for a copied column")
    determinant = 1 - r_first**2 - r_second**2 - r_between**2 + 2 * r_first * r_second * r_between
    if determinant < -1e-9:
        raise ValueError(f"correlations {r_first}, {r_second}, {r_between} cannot occur together; check their order")


def _normal_test(gap: float, error: float) -> tuple[float, float]:
    if error <= 1e-12:
        return (0.0, 1.0) if abs(gap) <= 1e-12 else (math.nan, math.nan)
    return float(gap / error), float(2 * norm.sf(abs(gap / error)))
