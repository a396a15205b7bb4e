"""Random fields in mm: the smooth, the lumpy and the net-like ones that anatomy, disease and scanner are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Mean and standard deviation of sqrt(n^2 + 0.04) for a standard normal n.
LUMP_MEAN, LUMP_SD = 0.8433, 0.5726


def _spline_basis(samples: int, step: float) -> np.ndarray:
    """Cubic B-spline weights, float32 (samples, knots), knots `step` samples apart, rows of unit energy."""
    knots = int(np.ceil(samples / step)) + 4
    distance = np.abs(np.arange(samples)[:, None] / step - (np.arange(knots)[None, :] - 1.5))
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    basis = np.where(distance < 1, near, far)
    # Unit energy makes the variance of the field 1 everywhere, also between knots.
    return (basis / np.sqrt((basis**2).sum(1, keepdims=True))).astype(np.float32)


def smooth_field(
    rng: np.random.Generator, shape: Sequence[int], spacing: Sequence[float], *, correlation_mm: float
) -> np.ndarray:
    """Gaussian random field of mean 0 and standard deviation 1.

    Args:
        rng: Source of chance.
        shape: Voxels along (k, j, i).
        spacing: Voxel distance in mm along (i, j, k).
        correlation_mm: Distance between independent control points; features are about twice as wide.

    Returns:
        float32 array of `shape`.
    """
    bases = [_spline_basis(n, max(correlation_mm / s, 1.0)) for n, s in zip(shape, reversed(spacing), strict=True)]
    field = rng.standard_normal([b.shape[1] for b in bases], dtype=np.float32)
    field = np.tensordot(bases[0], field, axes=(1, 0))
    field = np.matmul(bases[1], field)
    return np.matmul(field, bases[2].T)


def lumps(rng: np.random.Generator, shape: Sequence[int], spacing: Sequence[float], *, size_mm: float) -> np.ndarray:
    """Rounded bumps separated by sharp clefts (billow noise), mean 0, standard deviation 1; arguments as smooth_field."""
    field = smooth_field(rng, shape, spacing, correlation_mm=size_mm / 2)
    # The small constant rounds the clefts a little.
    field = np.sqrt(field * field + np.float32(0.04))
    return (field - LUMP_MEAN) / LUMP_SD


def net(rng: np.random.Generator, shape: Sequence[int], spacing: Sequence[float], *, size_mm: float) -> np.ndarray:
    """Thin bright septa around darker nodules, mean about 0, standard deviation 1; arguments as smooth_field."""
    field = smooth_field(rng, shape, spacing, correlation_mm=size_mm / 2)
    uneven = smooth_field(rng, shape, spacing, correlation_mm=size_mm / 3)
    septa = np.exp(-((field / 0.75) ** 2)) + 0.25 * uneven
    return (septa - septa.mean()) / septa.std()
