"""How repeatable the volumes are: the same scan resampled, shifted and noised, segmented again.

This is the repeatability of the software on one scan, not that of scanning a patient twice, which is worse.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from LiverAILib.data.assessment import Segmentation
from LiverAILib.imaging.geometry import axis_order, resample
from LiverAILib.imaging.image import Image

REPEATABILITY_FACTOR = 1.96 * 2**0.5
"""The repeatability coefficient is 2.77 within-case standard deviations (Bland and Altman 1999; Raunig 2015)."""

VARIANTS = 4
PIXEL_SCALE = 0.12
SHIFT_VOXELS = 0.5
NOISE = 0.02
"""Standard deviation of the added noise, as a share of the range from the 1st to the 99th percentile."""


@dataclass(frozen=True)
class VolumeRepeatability:
    """Repeated volumes of one organ.

    Attributes:
        volumes_ml: Of the scan as it is, then of its variants.
        standard_deviation_ml: Of these volumes.
        coefficient_ml: Two results on the same scan differ by less than this in 95 %.
        coefficient_percent: The same, of the mean volume.
    """

    volumes_ml: tuple[float, ...]
    standard_deviation_ml: float
    coefficient_ml: float
    coefficient_percent: float


@dataclass(frozen=True)
class Repeatability:
    """Repeatability of the organs of a case, and how it was measured."""

    variants: int
    seed: int
    organs: dict[str, VolumeRepeatability]

    def record(self) -> dict[str, Any]:
        """All of it, JSON-able."""
        how = (
            f"{self.variants} variants of the scan: pixels scaled by up to {100 * PIXEL_SCALE:.0f} %, grid shifted by up to "
            f"{SHIFT_VOXELS} voxel along every axis, Gaussian noise of {100 * NOISE:.0f} % of the intensity range"
        )
        return {**asdict(self), "how": how}


def scan_variant(image: Image, seed: int) -> Image:
    """`image` resampled onto a grid with other pixels and a shift below one voxel, with noise; deterministic in `seed`.

    Slices keep their distance and all but the shift of their place: pixels scaled by 1 +- `PIXEL_SCALE`, shift up to
    +- `SHIFT_VOXELS`. The value type is float32.
    """
    rng = np.random.default_rng(seed)
    across = axis_order(image).slice_axis
    factor = 1 + rng.uniform(-PIXEL_SCALE, PIXEL_SCALE)
    scale = [1.0 if axis == across else factor for axis in range(3)]
    shift = [0.0 if image.size[axis] == 1 else rng.uniform(-SHIFT_VOXELS, SHIFT_VOXELS) for axis in range(3)]
    size = [max(1, round(n / s)) for n, s in zip(image.size, scale, strict=True)]
    i, j, k = (mm * s for mm, s in zip(image.spacing, scale, strict=True))
    # The centers of both grids coincide but for the shift.
    start = [(n - 1) / 2 - s * (m - 1) / 2 + d for n, m, s, d in zip(image.size, size, scale, shift, strict=True)]
    origin = tuple((image.index_to_lps @ [*start, 1.0])[:3])
    low, high = np.nanpercentile(image.array[:: max(1, image.size[2] // 20)], [1, 99])
    grid = Image(np.empty(size[::-1], np.int8), (i, j, k), origin, image.direction)
    values = np.nan_to_num(image.array.astype(np.float32), nan=float(low))
    moved = resample(replace(image, array=values), grid)
    noise = rng.standard_normal(moved.array.shape, dtype=np.float32) * np.float32(NOISE * (high - low))
    return replace(moved, array=np.maximum(moved.array + noise, values.min()))


def measure_repeatability(
    segment: Callable[[Image], Segmentation],
    image: Image,
    *,
    first: Segmentation | None = None,
    variants: int = VARIANTS,
    seed: int = 0,
    progress: Callable[[float, str], None] | None = None,
) -> Repeatability:
    """Volumes of every organ in the scan and its variants.

    Args:
        segment: Segments an image in its own geometry.
        image: The scan.
        first: Its segmentation where that is there already.
        variants: How many variants are segmented as well, at least 1.
        seed: Of the variants.
        progress: Called with the share done and a sentence.
    """
    if variants < 1:
        raise ValueError(f"repeatability needs at least one variant, got {variants}")
    results = [first if first is not None else segment(image)]
    for number in range(variants):
        if progress:
            progress(number / variants, f"Repeatability: variant {number + 1} of {variants}")
        results.append(segment(scan_variant(image, seed + number)))
    organs = {}
    for structure in results[0].structures:
        volumes = np.array(
            [np.count_nonzero(r.image.array == structure.label) * r.image.voxel_volume_ml for r in results]
        )
        if volumes.any():
            deviation = float(volumes.std(ddof=1))
            coefficient = REPEATABILITY_FACTOR * deviation
            organs[structure.name] = VolumeRepeatability(
                tuple(round(float(v), 1) for v in volumes),
                round(deviation, 2),
                round(coefficient, 1),
                round(100 * coefficient / float(volumes.mean()), 2),
            )
    return Repeatability(variants, seed, organs)
