"""Byra 2021's protocol: leave one participant out, with a stratified grid search inside (Model Development and Evaluation).

Rows are images, several may be of one participant: augmented copies, patches. A participant never crosses a fold. The folds of
the grid search are drawn once for all participants and the held-out one is left out of its fold, so that neighboring fits
differ by one participant and start from each other's solution. What is held out takes no part in standardization, weights,
choice of the grid value or fit.

The paper is silent on the score of the grid search. Here it is the weighted loss of the fit itself (log loss, or squared error)
over the rows held out of the inner folds; among equal scores the strongest penalty wins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import expit
from sklearn.model_selection import StratifiedKFold
from sklearn.utils.parallel import Parallel, delayed

from LiverAILib.errors import UserError
from LiverAILib.methods.byra2021.sparse_fit import Kind, Problem, SparseLinear, Standardized, fit

Weights = Callable[[np.ndarray], np.ndarray]
"""Weights (n,) of rows by their targets (n,), of which only the ratios count for the Lasso."""

GRID = tuple(float(value) for value in np.logspace(-4, 2, 10))
"""C of the logistic regression and alpha of the Lasso, both as in scikit-learn: a default, the paper is silent."""
INNER_FOLDS = 4
EQUAL = 1e-10
"""Scores of the grid search that differ by less, relative to the best one, are equal."""


@dataclass(frozen=True, eq=False)
class Nested:
    """What models say of participants that they were not trained on.

    Attributes:
        participants: (p,) in ascending order.
        outputs: float64 (p,) mean over the participant's tested rows: the probability, or the quantity.
        chosen: float64 (p,) grid value that was chosen without the participant.
        folds: int (p,) fold of the grid search.
    """

    participants: np.ndarray
    outputs: np.ndarray
    chosen: np.ndarray
    folds: np.ndarray


@dataclass(frozen=True, eq=False)
class LinearFit:
    """A linear function of the features as they are, the standardization folded in.

    Attributes:
        weight: float64 (d,), most of it 0.
        bias: Added to the sum.
        chosen: Grid value.
        losses: Weighted held-out loss by grid value.
    """

    weight: np.ndarray
    bias: float
    chosen: float
    losses: dict[float, float]


def nested_leave_one_out(
    features: np.ndarray,
    targets: np.ndarray,
    participants: Sequence[object] | np.ndarray,
    *,
    kind: Kind,
    grid: Sequence[float] = GRID,
    inner_folds: int = INNER_FOLDS,
    seed: int = 0,
    weights: Weights | None = None,
    tested: np.ndarray | None = None,
    patience: int | None = None,
    workers: int = 1,
) -> Nested:
    """Out-of-participant outputs; every fit and every choice is made without the participant.

    Args:
        features: (n, d) one row per image.
        targets: (n,) 0 and 1 for "logistic", numbers for "lasso"; the same in all rows of a participant.
        participants: (n,) who each row is of.
        kind: "logistic" or "lasso", both with L1 penalty.
        grid: Values of C or alpha.
        inner_folds: Folds of the grid search, stratified by class, or by quarters of the quantity.
        seed: Of the folds.
        weights: Of the rows in the loss, called with the targets of a fit's training rows; all 1 where None.
        tested: bool (n,) rows that are answered for; the others, augmented copies, only train. All where None.
        patience: End a grid search, which begins with the strongest penalty, where the loss has risen at so many values in a
            row: weak penalties take most of the time. None tries all values.
        workers: Processes.

    Raises:
        UserError: Features or targets are not finite, a participant's rows disagree or none of them is scored, or there are too
            few participants of a class.
    """
    search = _Search(features, targets, participants, kind, grid, inner_folds, seed, weights, tested, patience)
    count = len(search.names)
    parts = np.array_split(np.arange(count), min(count, 4 * workers) if workers > 1 else 1)
    found = Parallel(n_jobs=workers)(delayed(search.held_out)(part) for part in parts)
    outputs, chosen = (np.concatenate(column) for column in zip(*found, strict=True))
    return Nested(search.names, outputs, chosen, search.folds)


def final_fit(
    features: np.ndarray,
    targets: np.ndarray,
    participants: Sequence[object] | np.ndarray,
    *,
    kind: Kind,
    grid: Sequence[float] = GRID,
    inner_folds: int = INNER_FOLDS,
    seed: int = 0,
    weights: Weights | None = None,
    tested: np.ndarray | None = None,
    patience: int | None = None,
) -> LinearFit:
    """The head that is kept: grid search and fit on all participants; arguments and errors as in `nested_leave_one_out`."""
    return _Search(features, targets, participants, kind, grid, inner_folds, seed, weights, tested, patience).final()


class _Search:
    """Rows, folds and the fits that the held-out participants share."""

    def __init__(
        self,
        features: np.ndarray,
        targets: np.ndarray,
        participants: Sequence[object] | np.ndarray,
        kind: Kind,
        grid: Sequence[float],
        inner_folds: int,
        seed: int,
        weights: Weights | None,
        tested: np.ndarray | None,
        patience: int | None,
    ) -> None:
        self.kind, self.weights, self.patience = kind, weights, patience
        self.grid = np.sort(np.asarray(grid, float))[:: 1 if kind == "logistic" else -1]  # strongest penalty first
        self.names, self.owner = np.unique(np.asarray(participants), return_inverse=True)
        self.targets = np.asarray(targets, float)
        self.tested = np.ones(self.owner.size, bool) if tested is None else np.asarray(tested, bool)
        features = np.asarray(features, float)
        _check_rows(features, self.targets, self.names, self.owner, self.tested, kind)
        answers = self.targets[np.unique(self.owner, return_index=True)[1]]
        self.folds = _stratified(answers > 0 if kind == "logistic" else _quarters(answers), inner_folds, seed)
        self.table = _FeatureTable(features, self.owner)
        everybody = np.ones(len(self.names), bool)
        self.inner = [_Path(self, everybody & (self.folds != fold)) for fold in range(inner_folds)]
        self.whole = _Path(self, everybody)

    def held_out(self, participants: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Output and chosen grid value (participants,) of participants who took no part in either."""
        outputs, chosen = np.empty(participants.size), np.empty(participants.size)
        for place, participant in enumerate(participants):
            others = np.arange(len(self.names)) != participant
            paths = [
                shared  # does not know the participant
                if self.folds[participant] == fold
                else _Path(self, others & (self.folds != fold), shared)
                for fold, shared in enumerate(self.inner)
            ]
            best = _best(self._losses(paths, others))
            problem = self._problem(others)
            solution = self._fit(problem, best, self.whole.at(best))
            own = np.flatnonzero(self.tested & (self.owner == participant))
            outputs[place] = _answer(solution.output(problem.features, own), self.kind).mean()
            chosen[place] = self.grid[best]
        return outputs, chosen

    def final(self) -> LinearFit:
        """Grid search and fit on everybody."""
        losses = self._losses(self.inner, np.ones(len(self.names), bool))
        best = _best(losses)
        solution, features = self.whole.at(best), self.whole.problem.features
        weight = np.zeros(features.mean.size)
        weight[solution.support] = solution.values / features.scale[solution.support]
        bias = solution.intercept - float(weight @ (features.mean + self.table.center))
        by_value = dict(zip(self.grid[: losses.size].tolist(), losses.tolist(), strict=True))
        return LinearFit(weight, bias, float(self.grid[best]), by_value)

    def _losses(self, paths: Sequence[_Path], allowed: np.ndarray) -> np.ndarray:
        """Weighted mean loss by grid value of the tested rows of the allowed participants (p,), each by the fit of its fold.

        As long as the grid, or shorter where patience ended the search.
        """
        rows = np.flatnonzero(allowed[self.owner])
        weights = np.zeros(self.owner.size)
        weights[rows] = 1.0 if self.weights is None else self.weights(self.targets[rows])
        held = [
            np.flatnonzero(self.tested & allowed[self.owner] & (self.folds[self.owner] == fold))
            for fold in range(len(paths))
        ]
        used = sum(weights[own].sum() for own in held)
        losses: list[float] = []
        for place in range(self.grid.size):
            total = 0.0
            for path, own in zip(paths, held, strict=True):
                outputs = path.at(place).output(path.problem.features, own)
                total += float(_loss(outputs, self.targets[own], self.kind) @ weights[own])
            losses.append(total / used)
            if self.patience is not None and _has_risen(losses, self.patience):
                break
        return np.array(losses)

    def _problem(self, training: np.ndarray) -> Problem:
        """The fit to the participants that `training` (p,) marks."""
        rows = training[self.owner]
        weights = rows.astype(float)
        if self.weights is not None:
            weights[rows] = self.weights(self.targets[rows])
        targets = self.targets if self.kind == "lasso" else np.where(self.targets > 0, 1.0, -1.0)
        return Problem(self.table.standardized(training), targets, weights, self.kind)

    def _fit(self, problem: Problem, place: int, start: SparseLinear | None) -> SparseLinear:
        """The minimum at a grid value: scikit-learn's C, or its alpha, which is a share of the sum of weights."""
        value = self.grid[place]
        return fit(problem, 1.0 / value if self.kind == "logistic" else value * problem.weights.sum(), start=start)


class _Path:
    """The minima of one training set along the grid, computed as far as they are asked for.

    Each fit starts from the minimum before it, or from that of nearly the same rows. The Lasso always goes along the path: where
    alpha is small it nearly interpolates, and another row means other features.
    """

    def __init__(self, search: _Search, training: np.ndarray, near: _Path | None = None) -> None:
        """Of the participants that `training` (p,) marks; `near` is the path of nearly the same ones."""
        self.search, self.problem = search, search._problem(training)
        self.near = near if search.kind == "logistic" else None
        self._solutions: list[SparseLinear] = []

    def at(self, place: int) -> SparseLinear:
        """The minimum at a place of the grid."""
        for next_place in range(len(self._solutions), place + 1):
            before = self._solutions[-1] if self._solutions else None
            start = before if self.near is None else self.near.at(next_place)
            self._solutions.append(self.search._fit(self.problem, next_place, start))
        return self._solutions[place]


class _FeatureTable:
    """All rows, and what mean and scale of any choice of participants follow from without going over the rows again."""

    def __init__(self, features: np.ndarray, owner: np.ndarray) -> None:
        self.center = features.mean(axis=0)
        self.rows = np.asfortranarray(features - self.center)
        self.owner = owner
        self.counts = np.bincount(owner).astype(float)
        belongs = (owner == np.arange(self.counts.size)[:, None]).astype(float)
        self.sums, self.squares = belongs @ self.rows, belongs @ self.rows**2

    def standardized(self, training: np.ndarray) -> Standardized:
        """Standardized by the participants that `training` (p,) marks, as scikit-learn's StandardScaler."""
        chosen = training.astype(float)
        count = chosen @ self.counts
        mean = chosen @ self.sums / count
        variance = chosen @ self.squares / count - mean**2
        # Where the variance is a small difference of large numbers, and where it is 0, the rows have to be looked at.
        for feature in np.flatnonzero(variance <= 1e-4 * mean**2):
            column = self.rows[training[self.owner], feature]
            mean[feature], variance[feature] = column.mean(), 0.0 if np.ptp(column) == 0 else column.var()
        return Standardized(self.rows, mean, np.where(variance > 0, np.sqrt(np.maximum(variance, 0)), 1.0))


def _answer(outputs: np.ndarray, kind: Kind) -> np.ndarray:
    """Probability, or the quantity."""
    return expit(outputs) if kind == "logistic" else outputs


def _loss(outputs: np.ndarray, targets: np.ndarray, kind: Kind) -> np.ndarray:
    """Loss of linear outputs (n,): log loss, or squared error."""
    if kind == "lasso":
        return (outputs - targets) ** 2
    return np.logaddexp(0.0, np.where(targets > 0, -outputs, outputs))


def _has_risen(losses: Sequence[float], times: int) -> bool:
    """Whether each of the last so many losses is larger than the one before it."""
    last = losses[-times - 1 :]
    return len(last) > times and all(later > before * (1 + EQUAL) for before, later in pairwise(last))


def _best(losses: np.ndarray) -> int:
    """Place of the least loss, the strongest penalty (first in the grid) among equals."""
    return int(np.flatnonzero(losses <= losses.min() * (1 + EQUAL))[0])


def _quarters(values: np.ndarray) -> np.ndarray:
    """(p,) quarter of the participants that each value is in."""
    return np.searchsorted(np.quantile(values, [0.25, 0.5, 0.75]), values)


def _stratified(strata: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """(p,) fold of every participant; whoever is left out, every training set has every stratum."""
    kinds, counts = np.unique(strata, return_counts=True)
    if counts.min() <= folds or (strata.dtype == bool and kinds.size < 2):
        least = counts.min() if kinds.size > 1 else 0
        raise UserError(
            f"{least} participants of a class: a grid search in {folds} folds, one participant left out, needs at least "
            f"{folds + 1} of each. Add cases, or ask for fewer folds."
        )
    found = np.empty(strata.size, int)
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for fold, (_, held) in enumerate(splitter.split(np.zeros(strata.size), strata)):
        found[held] = fold
    return found


def _check_rows(
    features: np.ndarray, targets: np.ndarray, names: np.ndarray, owner: np.ndarray, tested: np.ndarray, kind: Kind
) -> None:
    for what, values in (("features", features), ("targets", targets)):
        if not np.isfinite(values).all():
            raise UserError(f"{kind} fit: {what} that are not finite. Check the images and the manifest.")
    lowest = np.full(len(names), np.inf)
    highest = -lowest
    np.minimum.at(lowest, owner, targets)
    np.maximum.at(highest, owner, targets)
    for name, low, high in zip(names, lowest, highest, strict=True):
        if low != high:
            raise UserError(
                f"participant {name}: reference values {low:g} and {high:g}. Give all images of a participant one value."
            )
    untested = np.setdiff1d(np.arange(len(names)), owner[tested])
    if untested.size:
        raise UserError(f"participant {names[untested[0]]}: only augmented copies. Add the original image.")
