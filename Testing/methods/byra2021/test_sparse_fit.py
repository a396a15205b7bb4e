"""The L1 fits against scikit-learn's solvers, and against the conditions that define the minimum."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Lasso, LogisticRegression

from LiverAILib.methods.byra2021.sparse_fit import Problem, SparseLinear, Standardized, fit


def correlated_features(rows: int, features: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Nonnegative features (rows, features) that share a few factors, as pooled ones do, and a quantity that depends on one."""
    generator = np.random.default_rng(seed)
    factors = generator.normal(size=(rows, 12))
    mixed = factors @ generator.normal(size=(12, features)) + generator.normal(size=(rows, features))
    return np.maximum(mixed, 0.0), np.exp(2.0 + 0.6 * factors[:, 0])


def problem_of(features: np.ndarray, targets: np.ndarray, kind: str, weights: np.ndarray | None = None) -> Problem:
    standardized = Standardized(np.asfortranarray(features), features.mean(axis=0), features.std(axis=0))
    return Problem(standardized, targets, np.ones(len(targets)) if weights is None else weights, kind)


def dense(solution: SparseLinear, features: int) -> np.ndarray:
    coefficients = np.zeros(features)
    coefficients[solution.support] = solution.values
    return coefficients


@pytest.mark.parametrize("c", [0.1, 1.0, 5.0])
def test_logistic_regression_is_that_of_saga(c):
    features, quantity = correlated_features(50, 20)
    targets = np.where(quantity > np.quantile(quantity, 0.3), 1.0, -1.0)
    weights = np.where(targets > 0, 0.7, 1.6)
    problem = problem_of(features, targets, "logistic", weights)
    expected = LogisticRegression(solver="saga", l1_ratio=1, C=c, tol=1e-10, max_iter=200_000).fit(
        problem.features.columns(np.arange(20)), targets, sample_weight=weights
    )
    found = fit(problem, 1.0 / c)
    np.testing.assert_allclose(dense(found, 20), expected.coef_[0], atol=1e-5)
    assert found.intercept == pytest.approx(expected.intercept_[0], abs=1e-5)


@pytest.mark.parametrize("alpha", [0.5, 0.05, 0.005])
def test_lasso_is_that_of_scikit_learn(alpha):
    features, quantity = correlated_features(40, 60)
    weights = np.random.default_rng(1).uniform(0.5, 2.0, 40)
    problem = problem_of(features, quantity, "lasso", weights)
    expected = Lasso(alpha=alpha, tol=1e-13, max_iter=1_000_000).fit(
        problem.features.columns(np.arange(60)), quantity, sample_weight=weights
    )
    found = fit(problem, alpha * weights.sum())
    np.testing.assert_allclose(dense(found, 60), expected.coef_, atol=1e-6)
    assert found.intercept == pytest.approx(expected.intercept_, abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "rows", "penalty"),
    [("logistic", 60, 0.01), ("lasso", 60, 0.006), ("lasso", 300, 3.0), ("lasso", 300, 0.03)],
)
def test_more_features_than_rows_meet_the_optimality_conditions(kind, rows, penalty):
    """At the minimum the gradient is -penalty * sign of every coefficient that is not 0, and no larger than it elsewhere."""
    features, quantity = correlated_features(rows, 500)
    targets = np.where(quantity > 8, 1.0, -1.0) if kind == "logistic" else quantity
    problem = problem_of(features, targets, kind)
    found = fit(problem, penalty)
    x = problem.features.columns(np.arange(500))
    eta = x @ dense(found, 500) + found.intercept
    residuals = -targets / (1 + np.exp(targets * eta)) if kind == "logistic" else eta - targets
    gradient = x.T @ residuals
    assert 0 < found.support.size < rows
    np.testing.assert_allclose(gradient[found.support], -penalty * np.sign(found.values), rtol=1e-5)
    assert np.abs(gradient).max() <= penalty * (1 + 1e-5)
    assert residuals.sum() == pytest.approx(0.0, abs=penalty * 1e-5)


def test_the_start_does_not_change_the_minimum():
    features, quantity = correlated_features(50, 200)
    problem = problem_of(features, np.where(quantity > 8, 1.0, -1.0), "logistic")
    near = fit(problem, 2.0)
    from_near, from_zero = fit(problem, 1.0, start=near), fit(problem, 1.0)
    assert not np.array_equal(near.support, from_zero.support)
    np.testing.assert_allclose(dense(from_near, 200), dense(from_zero, 200), atol=1e-7)


def test_a_penalty_that_is_too_large_leaves_the_log_odds_of_the_classes():
    features, _ = correlated_features(40, 10)
    targets = np.where(np.arange(40) < 10, -1.0, 1.0)
    found = fit(problem_of(features, targets, "logistic"), 1e4)
    assert found.support.size == 0
    assert found.intercept == pytest.approx(np.log(30 / 10))


def test_rows_without_weight_do_not_train():
    features, quantity = correlated_features(40, 30)
    whole = problem_of(features, quantity, "lasso", np.where(np.arange(40) < 30, 1.0, 0.0))
    changed = Problem(whole.features, np.where(np.arange(40) < 30, quantity, -1e6), whole.weights, "lasso")
    np.testing.assert_array_equal(fit(whole, 5.0).values, fit(changed, 5.0).values)


def test_features_that_are_not_finite_end_in_an_error():
    features, quantity = correlated_features(30, 10)
    problem = problem_of(features, quantity, "lasso")
    problem.features.rows[3, 4] = np.nan
    with pytest.raises(RuntimeError, match="no minimum found"):
        fit(problem, 1.0)
