"""How alike two heat maps of one image are."""

from __future__ import annotations

import numpy as np
from scipy import ndimage, stats

SSIM_WINDOW = 7
K1, K2 = 0.01, 0.03


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's rank correlation over all positions; nan where a map is constant and so ranks nothing."""
    first, second = first.ravel(), second.ravel()
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(stats.spearmanr(first, second).statistic)


def structural_similarity(first: np.ndarray, second: np.ndarray, *, window: int = SSIM_WINDOW) -> float:
    """Mean structural similarity (Wang 2004) of two maps, each scaled to 0..1 as Adebayo 2018 does; any number of axes.

    Uniform windows that lie fully inside the maps, population covariance. Where an axis is shorter than the window, the
    window is the longest odd length that fits it. A constant map is 0 everywhere after scaling.
    """
    if first.shape != second.shape:
        raise ValueError(f"shapes differ: {first.shape} and {second.shape}")
    size = [min(window, length - 1 + length % 2) for length in first.shape]
    a, b = _scaled(first), _scaled(second)

    def local(values: np.ndarray) -> np.ndarray:
        full = ndimage.uniform_filter(values, size)
        return full[tuple(slice(n // 2, length - n // 2) for n, length in zip(size, first.shape, strict=True))]

    mean_a, mean_b = local(a), local(b)
    var_a, var_b = local(a * a) - mean_a**2, local(b * b) - mean_b**2
    covariance = local(a * b) - mean_a * mean_b
    c1, c2 = K1**2, K2**2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    structure = (2 * covariance + c2) / (var_a + var_b + c2)
    return float((luminance * structure).mean())


def top_overlap(first: np.ndarray, second: np.ndarray, *, share: float = 0.2) -> float:
    """Dice of the strongest `share` of the positions of both maps; nan where a map is constant."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    count = max(1, round(share * first.size))
    tops = [set(np.argsort(-values.ravel(), kind="stable")[:count].tolist()) for values in (first, second)]
    return len(tops[0] & tops[1]) / count


def _scaled(values: np.ndarray) -> np.ndarray:
    values = values.astype(np.float64)
    spread = np.ptp(values)
    return (values - values.min()) / spread if spread > 0 else np.zeros_like(values)
