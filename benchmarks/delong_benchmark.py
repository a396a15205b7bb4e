"""DeLong's variance of 100,000 cases by midranks, beside a plain pairwise implementation, in the same run.

The plain one compares all pairs of a positive and a negative case, block by block to bound its memory: O(n^2). Both have
to give the same numbers, so it serves as the check too. It takes about a minute.

Run: python benchmarks/delong_benchmark.py [--cases 100000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

import numpy as np
from alternating import Spread, alternate, ratios

from LiverAILib.evaluation.delong import delong


def plain_delong(labels: np.ndarray, scores: np.ndarray, *, block: int = 1000) -> tuple[float, float]:
    """AUC and variance from the definition: the kernel of every pair, in blocks of positives."""
    positive, negative = scores[labels], scores[~labels]
    v10, v01 = np.empty(positive.size), np.zeros(negative.size)
    for start in range(0, positive.size, block):
        own = positive[start : start + block, None]
        kernel = (own > negative) + 0.5 * (own == negative)
        v10[start : start + block] = kernel.mean(axis=1)
        v01 += kernel.sum(axis=0)
    v01 /= positive.size
    return float(v10.mean()), float(v10.var(ddof=1) / v10.size + v01.var(ddof=1) / v01.size)


def cases(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Half positive, scores rounded so that there are ties."""
    generator = np.random.default_rng(0)
    labels = np.arange(n) < n // 2
    return labels, np.round(generator.normal(size=n) + labels, 3)


def main(arguments: list[str] | None = None) -> dict[str, object]:
    """Time both in turn; prints and returns the spread of the seconds and of their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args(arguments)
    labels, scores = cases(args.cases)
    fast = delong(labels, scores)
    np.testing.assert_allclose([fast.auc[0], fast.covariance[0, 0]], plain_delong(labels, scores), rtol=1e-9)
    seconds = alternate(
        {"plain": lambda: plain_delong(labels, scores), "midranks": lambda: delong(labels, scores)},
        args.rounds,
        warm_up=False,  # the check above was one
    )
    found = {
        "cases": args.cases,
        "rounds": args.rounds,
        **{f"{name}_s": asdict(Spread.of(values)) for name, values in seconds.items()},
        "plain_over_midranks": asdict(ratios(seconds, "midranks")["plain"]),
    }
    print(json.dumps(found, indent=2))
    return found


if __name__ == "__main__":
    main()
