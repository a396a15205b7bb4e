"""Conformal prediction sets: all classes that a case may have, with a coverage that holds whatever the network is.

Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005 (split and class-conditional, "Mondrian");
Sadinle, Lei and Wasserman, J Am Stat Assoc 2019;114:223-234 (LAC); Romano, Sesia and Candes, NeurIPS 2020 (APS);
Angelopoulos and Bates, A gentle introduction to conformal prediction, 2021. The guarantee: where calibration and test
patients are exchangeable, the set of a new patient holds the true class with at least the stated probability, over
draws of both. It says nothing about a new scanner or hospital.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta

from LiverAILib.evaluation.estimate import Estimate
from LiverAILib.evaluation.held_out import Labeled, rounds
from LiverAILib.evaluation.intervals import normal_interval, proportion

SCORES = ("lac", "aps")
NAMES = {"lac": "LAC", "aps": "APS"}


@dataclass(frozen=True)
class PredictionSets:
    """Prediction sets of cases that took no part in the calibration.

    Attributes:
        score: ``"lac"`` or ``"aps"``.
        level: Coverage asked for, such as 0.9.
        class_conditional: True where each class has its own quantile (Mondrian).
        sets: Shape (n, k), True where the class belongs to the set.
        quantiles: Of each round and class, the largest score that still belongs; infinite with too few cases.
        n_calibration: Calibration cases of each round.
        note: Which cases the quantiles come from.
    """

    score: str
    level: float
    class_conditional: bool
    sets: NDArray[np.bool_]
    quantiles: tuple[tuple[float, ...], ...]
    n_calibration: tuple[int, ...]
    note: str

    @property
    def name(self) -> str:
        """For tables, for example ``"LAC, class-conditional"``."""
        return f"{NAMES[self.score]}, {'class-conditional' if self.class_conditional else 'marginal'}"


def nonconformity(
    probabilities: ArrayLike, *, score: str = "lac", uniform: ArrayLike | None = None
) -> NDArray[np.float64]:
    """How badly each class fits each case, shape (n, k); small is good.

    LAC: one minus the class's probability. APS: the probability of all classes more probable than this one, plus this
    one's, or plus a random share of it (``uniform``), which makes the coverage exact instead of at least the level.

    Args:
        probabilities: Shape (n, k).
        score: ``"lac"`` or ``"aps"``.
        uniform: Shape (n,), numbers drawn evenly from 0..1 (APS only); None: the whole probability counts.
    """
    table = np.asarray(probabilities, dtype=float)
    if score == "lac":
        return 1 - table
    if score != "aps":
        raise ValueError(f"conformal score {score!r} is unknown; use one of {', '.join(SCORES)}")
    order = np.argsort(-table, axis=1, kind="stable")
    falling = np.take_along_axis(table, order, axis=1)
    share = np.ones(len(table)) if uniform is None else np.asarray(uniform, dtype=float)
    summed = np.cumsum(falling, axis=1) - (1 - share[:, None]) * falling
    out = np.empty_like(table)
    np.put_along_axis(out, order, summed, axis=1)
    return out


def conformal_quantile(scores: ArrayLike, level: float) -> float:
    """The ceil((n + 1) * level)-th smallest of n calibration scores; infinite where n is too small for the level."""
    values = np.sort(np.asarray(scores, dtype=float))
    # Rounding guards against 18.000000000000004, which would be the 19th.
    rank = math.ceil(round((values.size + 1) * level, 9))
    return math.inf if rank > values.size else float(values[rank - 1])


def class_quantiles(
    scores: NDArray[np.float64], labels: NDArray[np.int64], level: float, *, class_conditional: bool
) -> tuple[float, ...]:
    """Quantile of each class from the calibration scores (n, k): one for all, or each class's own."""
    own = scores[np.arange(len(labels)), labels]
    if not class_conditional:
        return (conformal_quantile(own, level),) * scores.shape[1]
    return tuple(conformal_quantile(own[labels == c], level) for c in range(scores.shape[1]))


def prediction_sets(
    test: Labeled,
    *,
    level: float = 0.9,
    score: str = "lac",
    class_conditional: bool = False,
    calibration: Labeled | None = None,
    folds: ArrayLike | None = None,
    n_folds: int = 5,
    seed: int = 0,
    randomized: bool = False,
    never_empty: bool = False,
) -> PredictionSets:
    """Prediction sets of all test cases, each with quantiles from other patients.

    Without calibration cases the quantiles are cross-fitted over folds of patients. With one network for all cases that
    is split conformal prediction once a fold; with a network a fold (cross-validation) the scores of the other folds
    come from other networks and the guarantee holds approximately (Barber et al., Ann Stat 2021, on CV+).

    Args:
        test: Cases to make sets for; their labels serve other patients' sets only.
        level: Coverage, above 0 and below 1.
        score: ``"lac"`` (smallest sets on average) or ``"aps"`` (sizes follow how hard a case is).
        class_conditional: The level holds in every class (Mondrian); needs about 1/(1 - level) cases of each.
        calibration: Cases of other patients; None: cross-fitting.
        folds: Shape (n,), given folds for cross-fitting.
        n_folds: Number of folds to draw where none are given.
        seed: Seed of the draws.
        randomized: APS with a random share of the last class: exact coverage, but a set depends on a die.
        never_empty: The most probable class always belongs; can only raise the coverage.

    Raises:
        ValueError: Level or score are impossible, or a patient would be calibrated on and tested.
    """
    if not 0 < level < 1:
        raise ValueError(f"level {level} is impossible; give a coverage between 0 and 1, such as 0.9")
    found, note = rounds(test, calibration=calibration, folds=folds, n_folds=n_folds, seed=seed, what="the quantile")
    generator = np.random.default_rng(seed)

    def scored(cases: Labeled) -> NDArray[np.float64]:
        uniform = generator.random(cases.n) if randomized and score == "aps" else None
        return nonconformity(cases.probabilities, score=score, uniform=uniform)

    own = scored(test)
    sets = np.zeros(test.probabilities.shape, dtype=bool)
    quantiles = []
    for one in found:
        limits = class_quantiles(scored(one.fit), one.fit.labels, level, class_conditional=class_conditional)
        sets[one.test] = own[one.test] <= np.array(limits)
        quantiles.append(limits)
    if never_empty:
        sets[np.arange(test.n), test.probabilities.argmax(axis=1)] = True
    return PredictionSets(
        score, level, class_conditional, sets, tuple(quantiles), tuple(one.fit.n for one in found), note
    )


def set_metrics(
    result: PredictionSets, labels: ArrayLike, *, names: tuple[str, ...], level: float = 0.95
) -> dict[str, Estimate]:
    """Coverage over all and in each class (Clopper-Pearson), mean size, and shares of set sizes.

    Args:
        result: The sets.
        labels: Shape (n,), index of the true class.
        names: The k classes.
        level: Confidence level of the intervals (not the coverage asked for).
    """
    truth = np.asarray(labels)
    covered = result.sets[np.arange(truth.size), truth]
    sizes = result.sets.sum(axis=1)
    found = {"coverage": proportion("coverage", int(covered.sum()), truth.size, level=level)}
    for c, name in enumerate(names):
        own = truth == c
        found[f"coverage, {name}"] = proportion(
            f"coverage, {name}", int(covered[own].sum()), int(own.sum()), level=level
        )
    found["mean set size"] = _mean_size(sizes, level)
    single = sizes == 1
    found["sets of one class"] = proportion("sets of one class", int(single.sum()), truth.size, level=level)
    right = int((covered & single).sum())
    found["right among sets of one"] = proportion("right among sets of one", right, int(single.sum()), level=level)
    found["empty sets"] = proportion("empty sets", int((sizes == 0).sum()), truth.size, level=level)
    return found


def coverage_range(n: int, level: float, *, probability: float = 0.95) -> tuple[float, float] | None:
    """Range in which the long-run coverage of one marginal calibration with n cases lies.

    Given its calibration cases, the coverage follows Beta(r, n + 1 - r) with r = ceil((n + 1) * level) (Vovk 2012;
    Angelopoulos and Bates 2021, section 3.2). None where n is too small for the level.
    """
    rank = math.ceil(round((n + 1) * level, 9))
    if rank > n:
        return None
    low, high = beta.ppf([0.5 - probability / 2, 0.5 + probability / 2], rank, n + 1 - rank)
    return float(low), float(high)


def _mean_size(sizes: NDArray[np.int64], level: float) -> Estimate:
    value = float(sizes.mean())
    if sizes.size < 2 or np.ptp(sizes) == 0:
        return Estimate("mean set size", value, None, None, sizes.size, "no interval: all sets have the same size")
    error = float(sizes.std(ddof=1) / math.sqrt(sizes.size))
    interval = normal_interval(value, error, level=level, method="normal", low=0)
    return Estimate("mean set size", value, interval, None, sizes.size, "", error)
