"""Plain scikit-learn version."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["logistic", "lasso"]
Weights = Callable[[NDArray], NDArray]


@dataclass(frozen=True, eq=False)
class Nested:
    outputs: NDArray
    chosen: NDArray
    participants: NDArray


@dataclass(frozen=True, eq=False)
class LinearFit:
    weight: NDArray
    bias: float
    mean: NDArray
    scale: NDArray
    chosen: float


def _fit(x, y, kind, value, weights):
    from sklearn.linear_model import Lasso, LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(x)
    z = scaler.transform(x)
    w = None if weights is None else weights(y)
    if kind == "logistic":
        model = LogisticRegression(penalty="l1", C=value, solver="liblinear", max_iter=1000, intercept_scaling=1e3)
    else:
        model = Lasso(alpha=value, max_iter=5000)
    model.fit(z, y, sample_weight=w)
    coefficients = np.ravel(model.coef_) / scaler.scale_
    return LinearFit(
        coefficients,
        float(np.ravel(model.intercept_)[0] - scaler.mean_ @ coefficients),
        scaler.mean_,
        scaler.scale_,
        value,
    )


def _output(fit, x, kind):
    eta = x @ fit.weight + fit.bias
    return 1 / (1 + np.exp(-eta)) if kind == "logistic" else eta


def _strata(y, kind):
    return y.astype(int) if kind == "logistic" else np.searchsorted(np.quantile(y, [0.25, 0.5, 0.75]), y)


def choose(x, y, p, tested, *, kind, grid, inner_folds, seed, weights):
    from sklearn.model_selection import StratifiedKFold

    names, first = np.unique(p, return_index=True)
    strata = _strata(y[first], kind)
    losses = np.zeros(len(grid))
    total = 0.0
    for train, test in StratifiedKFold(inner_folds, shuffle=True, random_state=seed).split(names, strata):
        inside, outside = np.isin(p, names[train]), np.isin(p, names[test]) & tested
        w = np.ones(outside.sum()) if weights is None else weights(y[outside])
        total += w.sum()
        for i, value in enumerate(grid):
            out = _output(_fit(x[inside], y[inside], kind, value, weights), x[outside], kind)
            if kind == "logistic":
                out = np.clip(out, 1e-12, 1 - 1e-12)
                losses[i] -= (w * np.where(y[outside] > 0, np.log(out), np.log(1 - out))).sum()
            else:
                losses[i] += (w * (out - y[outside]) ** 2).sum()
    order = range(len(grid)) if kind == "logistic" else reversed(range(len(grid)))
    return grid[min(order, key=lambda i: losses[i])]


def nested_leave_one_out(
    features,
    targets,
    participants,
    *,
    kind: Kind,
    grid: Sequence[float],
    inner_folds=4,
    seed=0,
    weights=None,
    tested=None,
) -> Nested:
    tested = np.ones(len(targets), bool) if tested is None else tested
    names = np.unique(participants)
    outputs, chosen = np.zeros(len(names)), np.zeros(len(names))
    for i, name in enumerate(names):
        own = participants == name
        fit = final_fit(
            features[~own],
            targets[~own],
            participants[~own],
            kind=kind,
            grid=grid,
            inner_folds=inner_folds,
            seed=seed,
            weights=weights,
            tested=tested[~own],
        )
        outputs[i], chosen[i] = _output(fit, features[own & tested], kind).mean(), fit.chosen
    return Nested(outputs, chosen, names)


def final_fit(
    features,
    targets,
    participants,
    *,
    kind: Kind,
    grid: Sequence[float],
    inner_folds=4,
    seed=0,
    weights=None,
    tested=None,
) -> LinearFit:
    tested = np.ones(len(targets), bool) if tested is None else tested
    value = choose(
        features,
        targets,
        participants,
        tested,
        kind=kind,
        grid=grid,
        inner_folds=inner_folds,
        seed=seed,
        weights=weights,
    )
    return _fit(features, targets, kind, value, weights)
