"""Intensities of MR and CT on a common scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from LiverAILib.imaging.image import Image
from LiverAILib.imaging.modality import find_modality

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


def intensity_scale(image: Image, modality: str) -> Callable[[np.ndarray], np.ndarray]:
    """The function that scales voxel values of `image` to 0..1, float32.

    CT: `CT_WINDOW_HU`; values that are not HU are rescaled first (`find_modality`). MR: from the 1st percentile of all to
    the 99.5th of what is not empty background, because the share of air in the field of view differs between scans and
    would otherwise move the scale.
    """
    if modality == "CT":
        finding = find_modality(image if image.modality == "CT" else replace(image, modality="CT"))
        low, high = ((bound - finding.intercept) / finding.slope for bound in CT_WINDOW_HU)
        return lambda part: scale_window(part, low, high)
    sample = image.array[np.isfinite(image.array)] if image.array.dtype.kind == "f" else image.array.ravel()
    low = float(np.percentile(sample, 1))
    # Half of the mean keeps the body and drops most of the air, whose share the field of view decides.
    body = sample[sample > low + 0.5 * (sample.mean() - low)]
    high = float(np.percentile(body if body.size else sample, 99.5))
    return lambda part: scale_window(part, low, high)


def normalize(image: Image, modality: str) -> np.ndarray:
    """Intensities of a whole volume scaled to 0..1 by `intensity_scale`."""
    return intensity_scale(image, modality)(image.array)


def modality_of(image: Image) -> str:
    """Modality of `image`: what its file says, else what its intensities say."""
    return image.modality or find_modality(image).modality
