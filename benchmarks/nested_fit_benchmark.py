"""Byra 2021's nested leave-one-participant-out beside the plain scikit-learn loop, in the same run.

135 participants with features like pooled ones (2048, nonnegative, correlated), four views, two classifiers (L1 logistic
regression) and one regression (Lasso), ten grid values, four inner folds: 66,420 fits. Ours does all fits of `--views` views. Of
the plain loop the ten fits of one inner fold are timed for each question and multiplied by four folds, 135 participants and the
views; its 135 final fits a view are left out, in its favor. Solvers of the plain loop:

- saga: scikit-learn's logistic regression with our objective (L1, unpenalized intercept), at its default tolerance of 1e-4 (ours
  1e-8) and at most 1,000 epochs, where it often has not converged: in its favor too;
- liblinear: its fastest one, which penalizes the intercept and so only comes near (intercept_scaling 1000);
- Lasso (beside both): coordinate descent at the default tolerance, at most 100,000 rounds.

Seconds are those of the processor in one process, so that a busy machine does not change the ratio; participants are independent,
and both loops would share two cores alike. It takes about five minutes.

Run: python benchmarks/nested_fit_benchmark.py [--views 4]
"""

from __future__ import annotations

import argparse
import json
import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso, LogisticRegression
from sklearn.preprocessing import StandardScaler

from LiverAILib.methods.byra2021.nested import GRID, INNER_FOLDS, nested_leave_one_out
from LiverAILib.methods.byra2021.sparse_fit import Kind
from LiverAILib.methods.byra2021.training import class_weights, fat_weights

PARTICIPANTS, CHANNELS = 135, 2048
CUTOFFS = (5.0, 10.0)
SOLVERS = {
    "liblinear": {"solver": "liblinear", "intercept_scaling": 1000, "max_iter": 5000},
    "saga": {"solver": "saga", "max_iter": 1000},
}


def cohort(view: int) -> tuple[np.ndarray, np.ndarray]:
    """Features (participants, channels) of one view, and PDFF in percent, about as many below 5 and 10 as in the paper."""
    factors = np.random.default_rng(0).normal(size=(PARTICIPANTS, 30))
    generator = np.random.default_rng(1 + view)
    mixed = factors @ generator.normal(size=(30, CHANNELS)) + 2 * generator.normal(size=(PARTICIPANTS, CHANNELS))
    return np.maximum(mixed, 0) * generator.gamma(2, 0.1, size=CHANNELS), np.exp(2.5 + 0.7 * factors[:, 0])


def questions(pdff: np.ndarray) -> dict[str, tuple[Kind, np.ndarray]]:
    """The two classifiers and the regression."""
    return {**{f"from_{c:g}": ("logistic", (pdff >= c).astype(float)) for c in CUTOFFS}, "pdff": ("lasso", pdff)}


def our_seconds(views: int) -> tuple[dict[str, float], np.ndarray]:
    """Processor seconds by question for all participants of the views, and the inner folds of the first question."""
    seconds = {}
    for view in range(views):
        features, pdff = cohort(view)
        for name, (kind, targets) in questions(pdff).items():
            weights = fat_weights if kind == "lasso" else class_weights
            started = time.process_time()
            found = nested_leave_one_out(features, targets, np.arange(len(pdff)), kind=kind, weights=weights)
            seconds[name] = seconds.get(name, 0.0) + time.process_time() - started
    return seconds, found.folds


def plain_seconds(solver: str, train: np.ndarray) -> dict[str, float]:
    """Processor seconds by question of scikit-learn's fits at all grid values to the rows of one inner fold."""
    features, pdff = cohort(0)
    seconds = {}
    for name, (kind, targets) in questions(pdff).items():
        started = time.process_time()
        x, y = StandardScaler().fit_transform(features[train]), targets[train]
        for value in GRID:
            if kind == "lasso":
                Lasso(alpha=value, max_iter=100_000).fit(x, y, sample_weight=fat_weights(y))
            else:
                LogisticRegression(l1_ratio=1, C=value, **SOLVERS[solver]).fit(x, y, sample_weight=class_weights(y))
        seconds[name] = time.process_time() - started
    return seconds


def main(arguments: list[str] | None = None) -> dict[str, object]:
    """Time both; prints and returns seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--views", type=int, default=4)
    args = parser.parse_args(arguments)
    warnings.simplefilter("ignore", ConvergenceWarning)
    ours, folds = our_seconds(args.views)
    result: dict[str, object] = {"views": args.views, "ours_s": ours}
    for solver in SOLVERS:
        timed = plain_seconds(solver, folds != 0)
        plain = {name: value * INNER_FOLDS * PARTICIPANTS * args.views for name, value in timed.items()}
        result[solver] = {
            "extrapolated_s": plain,
            "ratio": {name: plain[name] / ours[name] for name in plain},
            "total_ratio": sum(plain.values()) / sum(ours.values()),
        }
    print(json.dumps(result, indent=2))
    return result


if __name__ == "__main__":
    main()
