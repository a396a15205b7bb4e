"""A scan and its masks seen through a displacement."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

Spacing = tuple[float, float, float]


def warp_voxels(voxels: np.ndarray, displacement: np.ndarray, spacing: Spacing) -> np.ndarray:
    """Values at place + displacement by cubic splines, interpolated once.

    Args:
        voxels: float32 (k, j, i).
        displacement: mm (3, k, j, i) along the axes of the array.
        spacing: mm along (i, j, k).
    """
    coefficients = ndimage.spline_filter(voxels, order=3, output=np.float32, mode="mirror")
    warped = _by_slice(displacement, spacing, lambda where: _sampled(coefficients, where, 3))
    return np.clip(warped, voxels.min(), voxels.max())


def warp_mask(mask: np.ndarray, displacement: np.ndarray, spacing: Spacing) -> np.ndarray:
    """The boolean mask at place + displacement: linear interpolation, at least one half."""
    warped = np.zeros(mask.shape, bool)
    if not mask.any():
        return warped
    reach = np.abs(displacement).max((1, 2, 3))
    places = [np.flatnonzero(mask.any(tuple(other for other in range(3) if other != axis))) for axis in range(3)]
    margins = np.ceil(reach / spacing[::-1]).astype(int) + 1
    box = tuple(
        slice(max(int(place[0]) - margin, 0), int(place[-1]) + margin + 1)
        for place, margin in zip(places, margins, strict=True)
    )
    # What the box is too small for lies outside of the mask.
    soft = np.pad(mask[box].astype(np.float32), 1)
    step = np.array(spacing[::-1], np.float32)[:, None, None, None]
    inside = (slice(None), *box)
    shifted = displacement[inside] + step
    warped[box] = _by_slice(shifted, spacing, lambda where: _sampled(soft, where, 1)) >= 0.5
    return warped


def warp_lobes(lobes: np.ndarray, inside: np.ndarray, displacement: np.ndarray, spacing: Spacing) -> np.ndarray:
    """Labels at place + displacement, from the nearest labeled voxel, in all of `inside` (boolean), 0 elsewhere; uint8."""
    _, nearest = ndimage.distance_transform_edt(lobes == 0, sampling=spacing[::-1], return_indices=True)
    filled = lobes[tuple(nearest)]
    warped = _by_slice(displacement, spacing, lambda where: _sampled(filled, where, 0))
    return np.where(inside, warped, 0).astype(np.uint8)


def _sampled(source: np.ndarray, where: np.ndarray, order: int) -> np.ndarray:
    mode = "mirror" if order == 3 else "nearest"
    return ndimage.map_coordinates(source, where, order=order, mode=mode, prefilter=False)


def _by_slice(displacement: np.ndarray, spacing: Spacing, sample: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Slice by slice: the coordinates of a whole CT would need much memory."""
    _, slices, rows, columns = displacement.shape
    step = np.array(spacing[::-1], np.float32)[:, None, None]
    j, i = np.meshgrid(np.arange(rows, dtype=np.float32), np.arange(columns, dtype=np.float32), indexing="ij")
    return np.stack([sample(np.stack([np.full_like(j, k), j, i]) + displacement[:, k] / step) for k in range(slices)])
