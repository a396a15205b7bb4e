"""L1-penalized logistic regression and Lasso to tight tolerance: warm-started Newton steps on a small working set.

Both minimize

    sum_i weight_i * loss(y_i, x_i . w + b) + penalty * sum_j |w_j|

over the coefficients w and the intercept b. The intercept is not penalized, as in scikit-learn's saga solver and its Lasso
(liblinear penalizes it). The loss is log(1 + exp(-y eta)), y in {-1, 1}, or (y - eta)^2 / 2.

The minimum has few nonzero coefficients. Newton's method on those, and on the features whose gradient exceeds the penalty,
takes a handful of small linear systems (orthant-wise Newton: Andrew and Galen, ICML 2007, with the Hessian in place of L-BFGS).
The optimality conditions of all features decide when it ends.

No library does this for Python 3.10 to 3.13 and numpy 2: celer's logistic regression takes no intercept, skglm's no sample
weights (and it needs numba), adelie needs numpy < 2.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import lasso_path

Kind = Literal["logistic", "lasso"]
TOLERANCE = 1e-8
"""Largest violation of the optimality conditions, as a share of the penalty."""
ACCEPTED = 1e-5
"""The same where rounding ends the descent before."""
NEWTON_STEPS = 500
ROUNDS = 500
MANY = 500
"""Working features from which on the Lasso starts with coordinate descent."""
DESCENT_ROUNDS = 300
HALVINGS = 40
SUFFICIENT = 1e-4
"""Share of the predicted decrease that a step has to reach (Armijo)."""


@dataclass(frozen=True, eq=False)
class Standardized:
    """Features standardized by mean and scale of the training rows, without a copy for each choice of rows.

    Attributes:
        rows: float64 (n, d) in Fortran order.
        mean: (d,) of the training rows.
        scale: (d,) standard deviation of the training rows; 1 for constant features.
    """

    rows: np.ndarray
    mean: np.ndarray
    scale: np.ndarray

    def columns(self, chosen: np.ndarray) -> np.ndarray:
        """The chosen features of all rows, (n, chosen)."""
        return (self.rows[:, chosen] - self.mean[chosen]) / self.scale[chosen]

    def correlate(self, residuals: np.ndarray) -> np.ndarray:
        """(d,) sum over the rows of standardized feature times residual (n,)."""
        return (residuals @ self.rows - residuals.sum() * self.mean) / self.scale


@dataclass(frozen=True, eq=False)
class SparseLinear:
    """A sparse linear function of standardized features.

    Attributes:
        support: int (m,) features with a nonzero coefficient, ascending.
        values: (m,) their coefficients.
        intercept: Added to the sum.
    """

    support: np.ndarray
    values: np.ndarray
    intercept: float

    @classmethod
    def zero(cls) -> SparseLinear:
        """The function that is 0 everywhere."""
        return cls(np.empty(0, np.intp), np.empty(0), 0.0)

    def output(self, features: Standardized, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """The function's value at the chosen rows: log odds, or the quantity."""
        return features.columns(self.support)[rows] @ self.values + self.intercept


@dataclass(frozen=True, eq=False)
class Problem:
    """What is fitted.

    Attributes:
        features: Of all rows.
        targets: (n,) -1 and 1 for "logistic", numbers for "lasso".
        weights: (n,) of the rows in the loss; 0 for rows that do not train.
        kind: Which loss.
    """

    features: Standardized
    targets: np.ndarray
    weights: np.ndarray
    kind: Kind

    def loss(self, eta: np.ndarray) -> float:
        """Weighted loss of the linear function's values (n,)."""
        if self.kind == "lasso":
            return 0.5 * float(self.weights @ (eta - self.targets) ** 2)
        return float(self.weights @ np.logaddexp(0.0, -self.targets * eta))

    def derivatives(self, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and second derivative (n,) of the weighted loss by eta."""
        if self.kind == "lasso":
            return self.weights * (eta - self.targets), self.weights
        wrong = expit(-self.targets * eta)
        return -self.weights * self.targets * wrong, self.weights * wrong * (1.0 - wrong)


def fit(problem: Problem, penalty: float, *, start: SparseLinear | None = None) -> SparseLinear:
    """The minimum of the problem at one positive penalty.

    Args:
        problem: Rows, targets, weights, loss.
        penalty: Of the sum of the coefficients' magnitudes.
        start: Where to begin: the minimum at a neighboring penalty, or of nearly the same rows.

    Raises:
        RuntimeError: The optimality conditions could not be met, as with features that are not finite.
    """
    current = start or SparseLinear.zero()
    working = current.support
    for _ in range(ROUNDS):
        theta = np.zeros(working.size + 1)
        theta[np.searchsorted(working, current.support)] = current.values
        theta[-1] = current.intercept
        current = _minimize(problem, working, theta, penalty)
        residuals, _ = problem.derivatives(current.output(problem.features))
        excess = np.abs(problem.features.correlate(residuals)) - penalty
        if not np.isfinite(excess).all() or not excess[working].max(initial=0.0) <= ACCEPTED * penalty:
            break
        excess[working] = 0.0
        beyond = np.flatnonzero(excess > TOLERANCE * penalty)
        if not beyond.size:
            return current
        room = int(np.count_nonzero(problem.weights)) - current.support.size
        most = max(1, min(max(10, current.support.size // 2), room))
        if beyond.size > most:
            beyond = beyond[np.argpartition(-excess[beyond], most)[:most]]
        working = np.union1d(current.support, beyond)
    raise RuntimeError(f"L1 {problem.kind} fit at penalty {penalty:g}: no minimum found")


@dataclass(frozen=True, eq=False)
class _Point:
    """Coefficients and intercept (m + 1,), linear function (n,) and penalized loss there."""

    theta: np.ndarray
    eta: np.ndarray
    objective: float

    @classmethod
    def at(cls, theta: np.ndarray, problem: Problem, x: np.ndarray, penalty: float) -> _Point:
        eta = x @ theta
        return cls(theta, eta, problem.loss(eta) + penalty * float(np.abs(theta[:-1]).sum()))


def _minimize(problem: Problem, working: np.ndarray, theta: np.ndarray, penalty: float) -> SparseLinear:
    """The minimum over the working features and the intercept, which is the last entry of theta."""
    x = np.column_stack((problem.features.columns(working), np.ones(problem.targets.size)))
    if problem.kind == "lasso" and working.size >= MANY:
        theta = _descend(problem, x, theta, penalty)
    point = _Point.at(theta, problem, x, penalty)
    curvature = _curvature(problem, x)
    limit = TOLERANCE * min(penalty, problem.weights.sum())
    for _ in range(NEWTON_STEPS):
        first, second = problem.derivatives(point.eta)
        slope, signs = _orthant(point.theta, first @ x, penalty)
        if np.abs(slope).max() <= limit:
            break
        direction = _direction(partial(curvature, second), point.theta, slope, signs)
        moved = _step(problem, x, point, direction, slope, signs, penalty)
        if moved is None:
            break
        point = moved
    kept = np.flatnonzero(point.theta[:-1])
    return SparseLinear(working[kept], point.theta[kept], float(point.theta[-1]))


def _descend(problem: Problem, x: np.ndarray, theta: np.ndarray, penalty: float) -> np.ndarray:
    """Some rounds of scikit-learn's coordinate descent: many signs change at once, where a Newton step changes few."""
    total = problem.weights.sum()
    mean, center = problem.weights @ x[:, :-1] / total, problem.weights @ problem.targets / total
    root = np.sqrt(problem.weights)
    part, targets = (x[:, :-1] - mean) * root[:, None], (problem.targets - center) * root
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # Newton's method goes on from there
        _, found, _ = lasso_path(
            part,
            targets,
            alphas=[penalty / targets.size],
            precompute=part.T @ part,
            Xy=part.T @ targets,
            coef_init=theta[:-1].copy(),
            max_iter=DESCENT_ROUNDS,
            tol=1e-10,
        )
    values = found[:, 0]
    return np.append(values, center - mean @ values)


def _orthant(theta: np.ndarray, gradient: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """Steepest one-sided slope of the penalized loss, and the sign that each coefficient has or would take (0: stays 0)."""
    signs = np.sign(theta)
    leaves = (theta == 0) & (np.abs(gradient) > penalty)
    signs[leaves] = -np.sign(gradient[leaves])
    signs[-1] = 0.0
    slope = np.where(signs != 0, gradient + penalty * signs, 0.0)
    slope[-1] = gradient[-1]
    return slope, signs


def _curvature(problem: Problem, x: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The Hessian of the loss at second derivatives (n,) for the free coefficients (m + 1,); the Lasso's is always the same."""
    if problem.kind == "lasso":
        whole = x.T @ (x * problem.weights[:, None])
        return lambda second, free: whole[np.ix_(free, free)]

    def hessian(second: np.ndarray, free: np.ndarray) -> np.ndarray:
        part = x[:, free]
        return part.T @ (part * second[:, None])

    return hessian


def _direction(
    hessian: Callable[[np.ndarray], np.ndarray], theta: np.ndarray, slope: np.ndarray, signs: np.ndarray
) -> np.ndarray:
    """Newton's step over the coefficients that are not 0 or leave it; those that would leave to the wrong side stay."""
    held = theta != 0
    held[-1] = True
    free = held | (signs != 0)
    steepest = int(np.argmax(np.abs(slope)))
    while True:
        step = np.zeros(slope.size)
        step[free] = _solve(hessian(free), -slope[free])
        wrong = free & ~held & (step * signs <= 0)
        if not wrong.any():
            return step
        free &= ~wrong
        if not np.any(slope[free]):
            free[steepest] = True


def _solve(hessian: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The Newton system; a ridge keeps a singular Hessian solvable, which changes the path and not the minimum."""
    mean = np.trace(hessian) / len(hessian) + np.finfo(float).tiny
    ridge = 1e-12
    while True:
        damped = hessian.copy()
        damped.flat[:: len(hessian) + 1] += ridge * mean
        try:
            factor = cho_factor(damped, check_finite=False, overwrite_a=True)
        except LinAlgError:
            ridge *= 100
        else:
            return cho_solve(factor, right, check_finite=False)


def _step(
    problem: Problem,
    x: np.ndarray,
    point: _Point,
    direction: np.ndarray,
    slope: np.ndarray,
    signs: np.ndarray,
    penalty: float,
) -> _Point | None:
    """The longest of the steps 1, 1/2, 1/4, ... that lowers the objective enough, cut off where a coefficient reaches 0.

    The step at which the first coefficient reaches 0 is among them: with more features than rows it is the one that leads on.
    """
    rounding = 1e-14 * (1.0 + abs(point.objective))
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(point.theta[:-1] * direction[:-1] < 0, -point.theta[:-1] / direction[:-1], np.inf)
    first = float(reach.min(initial=np.inf))
    lengths = 0.5 ** np.arange(HALVINGS)
    for length in np.sort(np.append(lengths, first))[::-1] if first < 1 else lengths:
        theta = point.theta + length * direction
        theta[:-1][theta[:-1] * signs[:-1] <= 0] = 0.0
        theta[:-1][reach <= length] = 0.0
        moved = _Point.at(theta, problem, x, penalty)
        expected = float(slope @ (theta - point.theta))
        if expected <= 0 and moved.objective <= point.objective + SUFFICIENT * expected + rounding:
            return moved
    return None
