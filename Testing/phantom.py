"""A small MR with an ellipsoid as liver, for tests that need a scan but not its looks."""

from __future__ import annotations

import numpy as np

SPACING_MM = (1.5, 1.5, 7.0)


def phantom_liver() -> np.ndarray:
    """The liver, bool (9, 40, 50)."""
    k, j, i = np.indices((9, 40, 50))
    return ((k - 4) / 4) ** 2 + ((j - 18) / 12) ** 2 + ((i - 20) / 14) ** 2 < 1


def phantom_values(seed: int = 0) -> np.ndarray:
    """Noise around 60, and around 150 in the liver, float64 (9, 40, 50)."""
    liver = phantom_liver()
    return np.random.default_rng(seed).normal(60, 5, liver.shape) + 90 * liver
