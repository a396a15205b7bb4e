"""Intensities of MR and CT on a common scale, and what kind of image they speak for."""

from __future__ import annotations

import numpy as np

from LiverAILib.imaging.image import Image

CT_WINDOW_HU = (-125.0, 225.0)
"""Lower and upper bound of the abdominal CT window in HU (Yin 2021, Materials and Methods)."""


def clip_percentiles(
    array: np.ndarray, *, lower: float = 1.0, upper: float = 99.0, mask: np.ndarray | None = None
) -> np.ndarray:
    """Intensities clipped to two percentiles and scaled to 0..1, float32.

    Args:
        array: Any shape; NaN counts as the lower bound.
        lower: Percentile in 0..100 that becomes 0.
        upper: Percentile in 0..100 that becomes 1.
        mask: Boolean, shape of `array`: the percentiles are taken inside it only.
    """
    values = array if mask is None else array[mask]
    values = values[np.isfinite(values)]
    if values.size == 0:
        return np.zeros(array.shape, np.float32)
    low, high = np.percentile(values, [lower, upper])
    return scale_window(array, low, high)


def scale_window(array: np.ndarray, low: float, high: float) -> np.ndarray:
    """Intensities clipped to `low`..`high` and scaled to 0..1, float32; NaN becomes 0."""
    width = max(float(high) - float(low), 1e-6)
    scaled = (array.astype(np.float32) - np.float32(low)) / np.float32(width)
    return np.clip(np.nan_to_num(scaled, nan=0.0, posinf=1.0, neginf=0.0), 0.0, 1.0)


def normalize(image: Image, modality: str) -> np.ndarray:
    """Intensities of a whole volume scaled to 0..1, float32, shape of the input.

    CT: `CT_WINDOW_HU`. MR: 1st and 99.5th percentile of what is not empty background, because the share of air in the
    field of view differs between scans and would otherwise move the scale.
    """
    if modality == "CT":
        return scale_window(image.array, *CT_WINDOW_HU)
    finite = np.where(np.isfinite(image.array), image.array, np.nanmin(image.array))
    background = np.percentile(finite, 1)
    # Half of the mean keeps the body and drops most of the air, whose share the field of view decides.
    body = finite > background + 0.5 * (finite.mean() - background)
    if not body.any():
        body = np.ones(finite.shape, bool)
    low = min(float(background), float(np.percentile(finite, 1)))
    return scale_window(image.array, low, float(np.percentile(finite[body], 99.5)))


def modality_from_intensities(array: np.ndarray) -> str:
    """ "CT" where the values can only be Hounsfield units (air far below zero, soft tissue around 0..200), else "MR"."""
    values = array[np.isfinite(array)][::7]
    if values.size == 0 or values.min() > -100:
        return "MR"
    soft_tissue = np.mean((values > 0) & (values < 250))
    # Air at about -1000 HU, or the lower clip of an abdominal window, beside a plausible share of soft tissue.
    low_share = np.mean(values <= max(-100.0, values.min() + 50))
    return "CT" if soft_tissue > 0.05 and low_share > 0.02 and np.percentile(values, 99.9) < 4000 else "MR"
