"""A CT-like volume of any size for timings and memory: a body with organs and noise, nothing of a patient."""

from __future__ import annotations

import numpy as np

from LiverAILib.imaging.image import Image


def synthetic_ct(
    slices: int, *, rows: int = 512, pixel_mm: float = 0.75, slice_mm: float = 2.5, seed: int = 0
) -> Image:
    """int16 HU (slices, rows, rows), made slice by slice so that it never stands in memory as floating point."""
    rng = np.random.default_rng(seed)
    j, i = (np.indices((rows, rows), np.float32) - rows / 2) / (rows / 2)
    body = (i / 0.85) ** 2 + (j / 0.62) ** 2 < 1
    noise = rng.normal(0, 12, (rows, rows)).astype(np.float32)
    volume = np.empty((slices, rows, rows), np.int16)
    for k in range(slices):
        z = 2 * k / max(slices - 1, 1) - 1
        section = np.where(body, -90.0, -1000.0).astype(np.float32)
        section[(i / 0.78) ** 2 + (j / 0.54) ** 2 < 1] = 45
        section[((i + 0.35) / 0.38) ** 2 + ((j + 0.05) / 0.4) ** 2 + (z / 0.5) ** 2 < 1] = 108
        section[((i - 0.5) / 0.16) ** 2 + ((j - 0.1) / 0.2) ** 2 + (z / 0.3) ** 2 < 1] = 118
        section[(i / 0.09) ** 2 + ((j - 0.35) / 0.09) ** 2 < 1] = 450
        volume[k] = section + np.roll(noise, 37 * k, axis=1) * (section > -500)
    return Image(volume, (pixel_mm, pixel_mm, slice_mm), (-190.0, -190.0, 0.0), modality="CT")
