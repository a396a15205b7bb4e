"""Intervals of an AUC from its value and the class sizes alone: Hanley and McNeil, Newcombe."""

from __future__ import annotations

import math

from scipy.optimize import brentq
from scipy.stats import norm

from LiverAILib.evaluation.estimate import Interval


def hanley_mcneil_error(auc: float, n_positive: int, n_negative: int) -> float:
    """Standard error of an AUC, exponential approximation (Hanley and McNeil, Radiology 1982;143:29-36)."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (n_positive - 1) * (q1 - auc**2) + (n_negative - 1) * (q2 - auc**2)
    return math.sqrt(max(0.0, variance) / (n_positive * n_negative))


def newcombe_interval(auc: float, n_positive: int, n_negative: int, *, level: float = 0.95) -> Interval:
    """Score-like interval of an AUC that stays in 0..1 and is defined at 0 and 1.

    Newcombe, Stat Med 2006;25:559-573, method 5: all values whose own Hanley-McNeil variance, with both class sizes
    replaced by their mean, makes the observed AUC plausible.

    Args:
        auc: Observed AUC, 0..1.
        n_positive: Number of positive cases, at least 1.
        n_negative: Number of negative cases, at least 1.
        level: Confidence level.
    """
    if not 0 <= auc <= 1 or min(n_positive, n_negative) < 1:
        raise ValueError(
            f"AUC {auc} of {n_positive} and {n_negative} cases is impossible; it needs 0..1 and both classes"
        )
    z = float(norm.ppf(0.5 + level / 2))
    half = (n_positive + n_negative) / 2 - 1

    def variance(value: float) -> float:
        spread = 1 + half * ((1 - value) / (2 - value) + value / (1 + value))
        return value * (1 - value) * spread / (n_positive * n_negative)

    def excess(value: float) -> float:
        return (auc - value) ** 2 - z**2 * variance(value)

    # At the observed value the excess is <= 0, at 0 and 1 it is >= 0: one root on either side. At 0 and 1 themselves
    # both are 0, so the far root is looked for away from the near one.
    tiny = 1e-9
    low = 0.0 if auc <= tiny else brentq(excess, 0.0, auc - tiny if auc < 1 else 1 - tiny)
    high = 1.0 if auc >= 1 - tiny else brentq(excess, auc + tiny if auc > 0 else tiny, 1.0)
    return Interval(float(low), float(high), level, "Newcombe method 5")
