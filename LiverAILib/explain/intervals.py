"""The two intervals of this room's tables: of a proportion and of a mean over cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate over n cases with its confidence limits; the limits are nan where n is too small for them."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f}, n = {self.n})"


def proportion(hits: int, cases: int, *, confidence: float = CONFIDENCE) -> Interval:
    """A proportion with its exact interval (Clopper and Pearson 1934).

    Raises:
        ValueError: There is no case, or more hits than cases.
    """
    limits = stats.binomtest(hits, cases).proportion_ci(confidence, method="exact")
    return Interval(hits / cases, float(limits.low), float(limits.high), cases)


def mean(values: Sequence[float] | np.ndarray, *, confidence: float = CONFIDENCE) -> Interval:
    """The mean over cases with its t interval; one case gives no limits (nan).

    The t interval rather than a bootstrap: map checks run on few cases (often a dozen), where percentile intervals are too
    narrow.

    Raises:
        ValueError: There is no value, or one is not finite.
    """
    values = np.asarray(values, float)
    if not values.size or not np.isfinite(values).all():
        raise ValueError(f"need at least one value, all finite; got {values.size}")
    center = float(values.mean())
    if values.size == 1:
        return Interval(center, float("nan"), float("nan"), 1)
    half = float(stats.t.ppf((1 + confidence) / 2, values.size - 1) * stats.sem(values))
    return Interval(center, center - half, center + half, int(values.size))
