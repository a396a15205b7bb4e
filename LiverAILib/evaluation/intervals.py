"""Closed-form confidence intervals of proportions and of what is made of two proportions."""

from __future__ import annotations

import math

from scipy.stats import binomtest, norm

from LiverAILib.evaluation.estimate import Estimate, Interval

PROPORTION_METHODS = {"clopper-pearson": "exact", "wilson": "wilson"}
PROPORTION_NAMES = {"clopper-pearson": "Clopper-Pearson", "wilson": "Wilson"}


def proportion_interval(
    successes: int, trials: int, *, level: float = 0.95, method: str = "clopper-pearson"
) -> Interval | None:
    """Interval of a binomial proportion.

    Clopper-Pearson (Clopper and Pearson, Biometrika 1934; used by Nowak 2021, Materials and methods) holds at least its
    level always and is wide; Wilson (Wilson, J Am Stat Assoc 1927) holds it on average. Both from
    `scipy.stats.binomtest`.

    Args:
        successes: Number of successes, 0..trials.
        trials: Number of independent trials. They have to be patients, not images of the same patients.
        level: Confidence level.
        method: ``"clopper-pearson"`` or ``"wilson"``.

    Returns:
        The interval, or None for 0 trials.

    Raises:
        ValueError: Unknown method, or counts out of range.

    Examples:
        >>> from LiverAILib.evaluation.intervals import proportion_interval
        >>> interval = proportion_interval(100, 104)  # Nowak 2021: 100 of 104 are right
        >>> round(interval.low, 3), round(interval.high, 3)
        (0.904, 0.989)
    """
    if successes == trials == 0 and method in PROPORTION_METHODS:
        return None
    return binomial_interval(successes, trials, level=level, method=method)


def binomial_interval(successes: int, trials: int, *, level: float = 0.95, method: str = "clopper-pearson") -> Interval:
    """`proportion_interval` of at least one trial; a ValueError where there is none."""
    if method not in PROPORTION_METHODS:
        raise ValueError(f"interval method {method!r} is unknown; use one of {', '.join(PROPORTION_METHODS)}")
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials are impossible; counts go from 0 to the trials")
    if trials == 0:
        raise ValueError("a proportion of no trials has no interval; give at least one trial")
    limits = binomtest(int(successes), int(trials)).proportion_ci(level, method=PROPORTION_METHODS[method])
    return Interval(float(limits.low), float(limits.high), level, PROPORTION_NAMES[method])


def proportion(
    name: str, successes: int, trials: int, *, level: float = 0.95, method: str = "clopper-pearson"
) -> Estimate:
    """A proportion as an `Estimate`; ``nan`` with a note for 0 trials."""
    interval = proportion_interval(successes, trials, level=level, method=method)
    if interval is None:
        return Estimate(name, math.nan, None, 0, 0, "undefined: no case to count")
    return Estimate(name, successes / trials, interval, int(successes), int(trials))


def normal_interval(
    value: float,
    standard_error: float,
    *,
    level: float = 0.95,
    method: str = "normal",
    low: float = -math.inf,
    high: float = math.inf,
) -> Interval:
    """Wald interval ``value +- z * standard_error``, cut at ``low`` and ``high``."""
    half = norm.ppf(0.5 + level / 2) * standard_error
    return Interval(float(max(low, value - half)), float(min(high, value + half)), level, method)


def logit_interval(value: float, standard_error: float, *, level: float = 0.95, method: str = "logit") -> Interval:
    """Wald interval on the logit scale, back-transformed, for a value strictly between 0 and 1.

    Stays inside 0..1 and is not symmetric (Pepe, The Statistical Evaluation of Medical Tests, 2003, section 5.2.4).
    """
    if not 0 < value < 1:
        raise ValueError(f"a logit interval needs a value strictly between 0 and 1, not {value}")
    center = math.log(value / (1 - value))
    half = norm.ppf(0.5 + level / 2) * standard_error / (value * (1 - value))
    return Interval(_expit(float(center - half)), _expit(float(center + half)), level, method)


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def mean_of_two_proportions(first: tuple[int, int], second: tuple[int, int], *, level: float = 0.95) -> Interval | None:
    """Interval of ``(p1 + p2) / 2``, as for balanced accuracy: square-and-add from two Wilson intervals.

    Newcombe, Stat Med 1998;17:873-890, method 10, written for a sum. Unlike a bootstrap it does not collapse when one
    of the proportions is 1, as Nowak 2021's sensitivity of 80/80 is.

    Args:
        first: Successes and trials.
        second: Successes and trials.
        level: Confidence level.
    """
    one = proportion_interval(*first, level=level, method="wilson")
    other = proportion_interval(*second, level=level, method="wilson")
    if one is None or other is None:
        return None
    p1, p2 = (successes / trials for successes, trials in (first, second))
    center = (p1 + p2) / 2
    below = math.hypot(p1 - one.low, p2 - other.low) / 2
    above = math.hypot(one.high - p1, other.high - p2) / 2
    return Interval(max(0.0, center - below), min(1.0, center + above), level, "square-and-add (Wilson)")


def ratio_of_two_proportions(
    first: tuple[int, int], second: tuple[int, int], *, level: float = 0.95
) -> Interval | None:
    """Interval of ``p1 / p2``, as for likelihood ratios: MOVER-R from two Wilson intervals.

    Donner and Zou, Stat Methods Med Res 2012;21:347-359. Unlike the usual log method it is defined when a cell is
    empty: then the upper limit may be infinite and the lower one is still informative.

    Args:
        first: Successes and trials of the numerator.
        second: Successes and trials of the denominator.
        level: Confidence level.

    Returns:
        The interval, or None where the ratio is 0/0 or a group is empty.
    """
    if not first[1] or not second[1] or (first[0] == 0 and second[0] == 0):
        return None
    limits = [binomial_interval(*counts, level=level, method="wilson") for counts in (first, second)]
    (p1, p2), (l1, u1) = (counts[0] / counts[1] for counts in (first, second)), (limits[0].low, limits[0].high)
    l2, u2 = limits[1].low, limits[1].high
    product = p1 * p2
    # The textbook form (a - sqrt(a^2 - cd)) / d is rationalized here: d may be 0 or negative.
    low_c, low_d = l1 * (2 * p1 - l1), u2 * (2 * p2 - u2)
    root = product + math.sqrt(max(0.0, product**2 - low_c * low_d))
    low = low_c / root if root > 0 else 0.0
    high_c, high_d = u1 * (2 * p1 - u1), l2 * (2 * p2 - l2)
    high = math.inf
    if second[0] > 0 and high_d > 0:
        high = (product + math.sqrt(max(0.0, product**2 - high_c * high_d))) / high_d
    return Interval(low, high, level, "MOVER-R (Wilson)")
