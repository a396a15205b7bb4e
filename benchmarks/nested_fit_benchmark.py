"""Byra 2021's nested leave-one-participant-out beside the plain scikit-learn loop, in the same run.

135 participants with features like pooled ones (2048, nonnegative, correlated), four views, two classifiers (L1 logistic
regression) and one regression (Lasso), ten grid points, four inner folds: 135 x (4 x 10 + 1) x 4 x 3 = 66,420 fits. Ours does
all of them. The plain loops run on the first `--participants` of one view and are extrapolated linearly to 135 x 4:

- saga: scikit-learn's L1 logistic regression with an unpenalized intercept, the same objective, at scikit-learn's default
  tolerance of 1e-4 (ours 1e-8) and at most 5,000 epochs;
- liblinear: its fastest L1 solver, which penalizes the intercept and so is only near (intercept_scaling 1000);
- Lasso (in both loops): coordinate descent at the default tolerance, at most 100,000 rounds.

It takes about 15 minutes on two cores, nearly all of it saga's; `--skip-saga` leaves that out.

Run: python benchmarks/nested_fit_benchmark.py [--participants 1] [--views 4] [--workers 2] [--skip-saga]
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso, LogisticRegression
from sklearn.preprocessing import StandardScaler

from LiverAILib.methods.byra2021.nested import GRID, INNER_FOLDS, Nested, nested_leave_one_out
from LiverAILib.methods.byra2021.sparse_fit import Kind

PARTICIPANTS, CHANNELS = 135, 2048
CUTOFFS = (5.0, 10.0)


def cohort(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features (participants, channels) of one view, and PDFF in percent with about as many below 5 and 10 as in the paper."""
    generator = np.random.default_rng(0)
    factors = generator.normal(size=(PARTICIPANTS, 30))
    pdff = np.exp(2.5 + 0.7 * factors[:, 0])
    own = np.random.default_rng(1 + seed)
    mixed = factors @ own.normal(size=(30, CHANNELS)) + 2 * own.normal(size=(PARTICIPANTS, CHANNELS))
    return np.maximum(mixed, 0) * own.gamma(2, 0.1, size=CHANNELS), pdff


def inverse_frequency(groups: np.ndarray) -> np.ndarray:
    """Weights inversely proportional to the frequency of each one's group, with mean 1."""
    _, place, counts = np.unique(groups, return_inverse=True, return_counts=True)
    weights = 1.0 / counts[place]
    return weights / weights.mean()


def bin_weights(targets: np.ndarray) -> np.ndarray:
    """Weights by the frequency of 5 % bins."""
    return inverse_frequency(np.floor(targets / 5))


def plain_fit(x: np.ndarray, targets: np.ndarray, kind: Kind, value: float, solver: str) -> LogisticRegression | Lasso:
    """One fit of scikit-learn to standardized features."""
    if kind == "lasso":
        return Lasso(alpha=value, max_iter=100_000).fit(x, targets, sample_weight=bin_weights(targets))
    if solver == "saga":
        model = LogisticRegression(solver="saga", l1_ratio=1, C=value, max_iter=5000)
    else:
        model = LogisticRegression(solver="liblinear", l1_ratio=1, C=value, max_iter=5000, intercept_scaling=1000)
    return model.fit(x, targets, sample_weight=inverse_frequency(targets))


def plain_nested(
    features: np.ndarray, targets: np.ndarray, folds: np.ndarray, participants: int, kind: Kind, solver: str
) -> tuple[np.ndarray, np.ndarray]:
    """Output and chosen grid value of the first participants, by the plain loop."""
    outputs, chosen = np.empty(participants), np.empty(participants)
    strongest_first = sorted(GRID, reverse=kind == "lasso")
    weighting = bin_weights if kind == "lasso" else inverse_frequency
    for participant in range(participants):
        others = np.arange(len(features)) != participant
        weight = np.zeros(len(features))
        weight[others] = weighting(targets[others])
        losses = np.zeros(len(GRID))
        for fold in range(INNER_FOLDS):
            train, held = others & (folds != fold), others & (folds == fold)
            scaler = StandardScaler().fit(features[train])
            for place, value in enumerate(strongest_first):
                model = plain_fit(scaler.transform(features[train]), targets[train], kind, value, solver)
                losses[place] += weight[held] @ loss(
                    linear(model, scaler.transform(features[held])), targets[held], kind
                )
        chosen[participant] = strongest_first[int(np.argmin(losses))]
        scaler = StandardScaler().fit(features[others])
        model = plain_fit(scaler.transform(features[others]), targets[others], kind, chosen[participant], solver)
        value = float(linear(model, scaler.transform(features[~others]))[0])
        outputs[participant] = value if kind == "lasso" else 1 / (1 + np.exp(-value))
    return outputs, chosen


def linear(model: LogisticRegression | Lasso, x: np.ndarray) -> np.ndarray:
    """Log odds, or the quantity."""
    return x @ np.ravel(model.coef_) + np.ravel(model.intercept_)[0]


def loss(outputs: np.ndarray, targets: np.ndarray, kind: Kind) -> np.ndarray:
    """Squared error, or log loss of log odds."""
    return (outputs - targets) ** 2 if kind == "lasso" else np.logaddexp(0, np.where(targets > 0, -outputs, outputs))


def questions(pdff: np.ndarray) -> dict[str, tuple[Kind, np.ndarray]]:
    """The two classifiers and the regression."""
    return {**{f"from_{c:g}": ("logistic", (pdff >= c).astype(float)) for c in CUTOFFS}, "pdff": ("lasso", pdff)}


def run_ours(views: int, workers: int) -> tuple[dict[str, float], dict[str, Nested]]:
    """Seconds by question over all views, and what was found in the first view."""
    seconds: dict[str, float] = {}
    found: dict[str, Nested] = {}
    for view in range(views):
        features, pdff = cohort(view)
        for name, (kind, targets) in questions(pdff).items():
            started = time.perf_counter()
            weights = bin_weights if kind == "lasso" else inverse_frequency
            nested = nested_leave_one_out(
                features, targets, np.arange(len(pdff)), kind=kind, weights=weights, workers=workers
            )
            seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - started
            found.setdefault(name, nested)
    return seconds, found


def main(arguments: list[str] | None = None) -> dict[str, object]:
    """Time ours on everything and the plain loops on a few participants; prints and returns seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--participants", type=int, default=1, help="of the plain loops")
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--skip-saga", action="store_true")
    args = parser.parse_args(arguments)
    warnings.simplefilter("ignore", ConvergenceWarning)
    ours, found = run_ours(args.views, args.workers)
    features, pdff = cohort(0)
    result: dict[str, object] = {"ours_s": ours, "workers": args.workers, "views": args.views}
    scale = (
        PARTICIPANTS * args.views / args.participants / args.workers
    )  # as if the plain loop shared the workers perfectly
    for solver in ("liblinear",) if args.skip_saga else ("liblinear", "saga"):
        plain: dict[str, float] = {}
        differences: dict[str, float] = {}
        agreed = {}
        for name, (kind, targets) in questions(pdff).items():
            started = time.perf_counter()
            outputs, chosen = plain_nested(features, targets, found[name].folds, args.participants, kind, solver)
            plain[name] = (time.perf_counter() - started) * scale
            differences[name] = float(np.abs(outputs - found[name].outputs[: args.participants]).max())
            agreed[name] = bool((chosen == found[name].chosen[: args.participants]).all())
        result[solver] = {
            "extrapolated_s": plain,
            "ratio": {name: plain[name] / ours[name] for name in plain},
            "total_ratio": sum(plain.values()) / sum(ours.values()),
            "largest_difference_of_outputs": differences,
            "same_grid_value": agreed,
        }
    print(json.dumps(result, indent=2))
    return result


if __name__ == "__main__":
    main()
