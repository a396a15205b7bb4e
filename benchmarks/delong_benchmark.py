"""DeLong's variance of 100,000 cases by midranks, beside a plain pairwise implementation, in the same run.

The plain one compares all pairs of a positive and a negative case, block by block to bound its memory: O(n^2). Both have
to give the same numbers, so it serves as the check too. It takes about 15 seconds.

Run: python benchmarks/delong_benchmark.py [--cases 100000]
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

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


def best_time(function, repeats: int) -> float:
    """Shortest of several runs, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Time both; prints and returns seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=100_000)
    args = parser.parse_args(arguments)
    labels, scores = cases(args.cases)
    start = time.perf_counter()
    plain = plain_delong(labels, scores)
    found = {"cases": args.cases, "plain_s": time.perf_counter() - start}
    found["midranks_s"] = best_time(lambda: delong(labels, scores), 5)
    found["plain_over_midranks"] = found["plain_s"] / found["midranks_s"]
    fast = delong(labels, scores)
    np.testing.assert_allclose([fast.auc[0], fast.covariance[0, 0]], plain, rtol=1e-9)
    print(json.dumps(found, indent=2))
    return found


if __name__ == "__main__":
    main()
