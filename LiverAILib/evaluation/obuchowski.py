"""The Obuchowski index: one accuracy for an ordinal reference standard such as fibrosis stages F0 to F4.

Obuchowski, Acad Radiol 2005;12:1198-1204, as used for liver fibrosis by Lambert et al., Clin Chem 2008;54:1372-1378:
the AUCs of all pairs of stages, weighted by how common the pair is and by how far the stages are apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from LiverAILib.evaluation.delong import components
from LiverAILib.evaluation.estimate import Estimate
from LiverAILib.evaluation.intervals import logit_interval
from LiverAILib.evaluation.validate import finite_vector, same_length


def linear_penalty(n_stages: int) -> NDArray[np.float64]:
    """Penalty |i - j| / (n_stages - 1), shape (n_stages, n_stages): .25 for neighbors, 1 for F0 against F4."""
    stage = np.arange(n_stages)
    return np.abs(stage[:, None] - stage[None, :]) / (n_stages - 1)


def obuchowski_index(
    stages: ArrayLike,
    scores: ArrayLike,
    *,
    order: Sequence[int] | None = None,
    prevalence: Sequence[float] | None = None,
    penalty: ArrayLike | None = None,
    level: float = 0.95,
) -> Estimate:
    """``1 - sum over pairs of weight * penalty * (1 - AUC of the pair)``.

    Args:
        stages: Shape (n,), integer stages.
        scores: Shape (n,), larger means a higher stage (for probabilities: the expected stage).
        order: All possible stages in order; None: the stages that occur. A stage without a case has no pair and so no
            weight, but keeps its place in the penalty.
        prevalence: Share of each stage of ``order`` in the population to speak about; None: the shares in the data.
        penalty: Shape (k, k), cost between 0 and 1 of confusing two stages; None: `linear_penalty`.
        level: Confidence level. The interval takes DeLong's components of all pairs, the weights held fixed.

    Raises:
        ValueError: Fewer than two stages occur, or shapes that do not fit.
    """
    truth, values = finite_vector(stages, "stages"), finite_vector(scores)
    same_length(stages=truth, scores=values)
    order = sorted(set(truth.tolist())) if order is None else list(order)
    if len(set(truth.tolist())) < 2:
        raise ValueError("all cases have the same stage; the Obuchowski index needs at least two stages")
    unknown = sorted(set(truth.tolist()) - set(order))
    if unknown:
        raise ValueError(f"stage {unknown[0]:g} is not in the order {order}; add it or leave these cases out")
    cost = linear_penalty(len(order)) if penalty is None else np.asarray(penalty, dtype=float)
    if cost.shape != (len(order), len(order)) or cost.min() < 0 or cost.max() > 1:
        raise ValueError(
            f"penalty has shape {cost.shape}; give ({len(order)}, {len(order)}) with costs between 0 and 1"
        )
    share = np.array([np.mean(truth == stage) for stage in order]) if prevalence is None else finite_vector(prevalence)
    same_length(order=order, prevalence=share)
    present = [i for i, stage in enumerate(order) if np.any(truth == stage)]
    pairs = list(combinations(present, 2))
    weight = np.array([share[i] * share[j] for i, j in pairs])
    weight = weight / weight.sum()
    index, variance = _weighted(truth, values, order, pairs, weight * np.array([cost[i, j] for i, j in pairs]))
    name, n = "obuchowski_index", truth.size
    if not variance > 1e-15 or not 0 < index < 1:
        return Estimate(name, index, None, None, n, "no interval: the variance is 0 or undefined here")
    error = math.sqrt(variance)
    interval = logit_interval(index, error, level=level, method="DeLong components, logit scale")
    return Estimate(name, index, interval, None, n, "", error)


def _weighted(
    truth: NDArray, values: NDArray, order: list, pairs: list[tuple[int, int]], cost: NDArray
) -> tuple[float, float]:
    """Index and variance: a linear combination of U statistics has the linear combination of their components."""
    index = 1.0
    influence = {i: np.zeros(int(np.sum(truth == order[i]))) for pair in pairs for i in pair}
    for (low, high), weight in zip(pairs, cost, strict=True):
        chosen = (truth == order[low]) | (truth == order[high])
        is_high = truth[chosen] == order[high]
        v_high, v_low = components(is_high, values[chosen])
        index -= weight * (1 - float(v_high.mean()))
        influence[high] += weight * v_high
        influence[low] += weight * v_low
    # A stage with one case has no measurable spread; its share of the variance is unknown.
    parts = [part.var(ddof=1) / part.size if part.size > 1 else math.nan for part in influence.values()]
    return float(index), float(sum(parts))
