"""The nodular surface of a fibrotic liver: its border moves along its normal, and the image with it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from LiverAILib.simulation.fibrosis import Fibrosis
from LiverAILib.simulation.texture import lumps, smooth_field

INNER_REACH_MM, OUTER_REACH_MM = 12.0, 7.0
LARGEST_BUMP = 1.6
PATCH_MM = 45.0
MARGIN_MM = 16.0


def signed_distance(mask: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Distance in mm from the border of a mask (k, j, i), negative inside; `spacing` along (i, j, k).

    Far outside (more than `MARGIN_MM` along an axis) it is `MARGIN_MM`.
    """
    distance = np.full(mask.shape, np.float32(MARGIN_MM))
    box = box_around(mask, spacing, MARGIN_MM)
    sampling, near = spacing[::-1], mask[box]
    outside = ndimage.distance_transform_edt(~near, sampling=sampling)
    distance[box] = outside - ndimage.distance_transform_edt(near, sampling=sampling)
    return distance


def box_around(mask: np.ndarray, spacing: tuple[float, float, float], margin_mm: float) -> tuple[slice, slice, slice]:
    """Slices (k, j, i) around a mask with a margin."""
    found = []
    for axis, step in enumerate(reversed(spacing)):
        places = np.flatnonzero(mask.any(tuple(other for other in range(3) if other != axis)))
        margin = int(np.ceil(margin_mm / step))
        found.append(slice(max(int(places[0]) - margin, 0), int(places[-1]) + margin + 1))
    return found[0], found[1], found[2]


def nodule_displacement(
    distance: np.ndarray,
    spacing: tuple[float, float, float],
    fibrosis: Fibrosis,
    rng: np.random.Generator,
    *,
    thick_slices: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Displacement of the surface, from a place in the deformed scan to its source.

    Args:
        distance: Signed distance from the surface in mm, (k, j, i).
        spacing: mm along (i, j, k).
        fibrosis: Amplitude and size of the nodules.
        rng: Source of chance.
        thick_slices: Whether voxels stay in their slice.

    Returns:
        mm (3, k, j, i) along z, y, x, and the local amplitude in mm (k, j, i).
    """
    shape = distance.shape
    patches = np.clip(0.85 + 0.35 * smooth_field(rng, shape, spacing, correlation_mm=PATCH_MM), 0.2, 1.2)
    bumps = np.clip(lumps(rng, shape, spacing, size_mm=fibrosis.nodule_size_mm), -LARGEST_BUMP, LARGEST_BUMP)
    amplitude = np.float32(fibrosis.nodule_amplitude_mm) * patches
    reach = np.where(distance < 0, np.float32(INNER_REACH_MM), np.float32(OUTER_REACH_MM))
    # A bump goes through along the normal, so that it shears and does not compress.
    bumps = ndimage.gaussian_filter(bumps[_nearest_border(distance, spacing, thick_slices)], (0, 0.8, 0.8))
    height = amplitude * bumps * np.exp(-((distance / reach) ** 2))
    smooth = ndimage.gaussian_filter(distance, [2.5 / step for step in reversed(spacing)])
    normal = np.stack(np.gradient(smooth, *reversed(spacing)))
    if thick_slices:
        normal[0] = 0
    normal /= np.sqrt((normal**2).sum(0) + 0.01)
    # What is seen outside of the old border where a nodule rises comes from inside.
    return (-height * normal).astype(np.float32), amplitude


def _nearest_border(
    distance: np.ndarray, spacing: tuple[float, float, float], thick_slices: bool
) -> tuple[np.ndarray, ...]:
    """Index (k, j, i) of the nearest voxel across the border, for every voxel; in its own slice where slices are thick."""
    inside = distance < 0
    sampling = (1e3 if thick_slices else spacing[2], spacing[1], spacing[0])
    _, to_inside = ndimage.distance_transform_edt(~inside, sampling=sampling, return_indices=True)
    _, to_outside = ndimage.distance_transform_edt(inside, sampling=sampling, return_indices=True)
    return tuple(np.where(inside, to_outside, to_inside))
