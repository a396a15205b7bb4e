"""Smooth deformations that cannot fold: flows of a velocity field, one of a healthy variation and one of remodeling by fibrosis.

A displacement (3, k, j, i; mm along z, y, x) leads from a place in the deformed scan to the place in the source that is shown
there. It is the flow of a stationary velocity field, integrated by scaling and squaring (Arsigny 2006, MICCAI), so that it is
invertible.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import ndimage

from LiverAILib.simulation.fibrosis import Fibrosis
from LiverAILib.simulation.planted.anatomy import Anatomy
from LiverAILib.simulation.planted.coarse_grid import CoarseGrid
from LiverAILib.simulation.texture import smooth_field

SQUARINGS, ROUGH_SQUARINGS = 6, 4
"""Halvings of the time step; fewer while volumes are fitted."""
HEALTHY_SHIFT_MM, HEALTHY_CORRELATION_MM = 2.5, 65.0
HEALTHY_SCALE_SD = 0.02
PART_BLUR_MM = {"right": 8.0, "left": 9.0, "caudate": 11.0, "spleen": 8.0}
FISSURE_REACH_MM = 12.0
PARTS = ("right", "left", "caudate", "spleen")
CALIBRATIONS = 4
LARGEST_GAIN = {"right": 0.32, "left": 0.32, "caudate": 0.5, "spleen": 0.4}
"""Of the logarithm of a length: larger ones would deform what lies around the part. The wanted volume is then not reached."""
LEAST_JACOBIAN = 0.3
"""Remodeling is reduced until no place is compressed more."""
NOTHING_MM = 0.01
RIPPLE_VOXELS, RIPPLE_CORRELATION_MM = 0.7, 35.0


def flow(velocity: np.ndarray, grid: CoarseGrid, *, squarings: int = SQUARINGS) -> np.ndarray:
    """Displacement of the flow against `velocity` for one unit of time, both (3, k, j, i) on the nodes, mm."""
    displacement = -velocity / 2**squarings
    for _ in range(squarings):
        moved = [grid.sample(axis, displacement) if axis.any() else axis for axis in displacement]
        displacement = displacement + np.stack(moved)
    return displacement


def healthy_velocity(anatomy: Anatomy, rng: np.random.Generator, *, thick_slices: bool) -> np.ndarray:
    """How one healthy person differs from another: a random smooth field and a small change of size along each axis."""
    grid = anatomy.grid
    spacing = (float(grid.step[2]), float(grid.step[1]), float(grid.step[0]))
    scales = rng.normal(0, HEALTHY_SCALE_SD, 3)
    middle = np.array([anatomy.cava[0], anatomy.cava[1] - 30, anatomy.midline])
    velocity = np.stack(
        [
            HEALTHY_SHIFT_MM * smooth_field(rng, grid.shape, spacing, correlation_mm=HEALTHY_CORRELATION_MM)
            + np.float32(scales[axis]) * (grid.points[axis] - np.float32(middle[axis]))
            for axis in range(3)
        ]
    )
    return _allowed(velocity * anatomy.edge, thick_slices)


def ripple(
    shape: Sequence[int], spacing: Sequence[float], rng: np.random.Generator, *, thick_slices: bool
) -> np.ndarray:
    """A slow displacement of about a voxel on the voxels of the scan, mm (3, k, j, i).

    It gives every case, also the undeformed one, the same blur by interpolation: all positions between voxels occur alike.
    """
    return _allowed(
        np.stack(
            [
                np.float32(RIPPLE_VOXELS * step)
                * smooth_field(rng, shape, spacing, correlation_mm=RIPPLE_CORRELATION_MM)
                for step in reversed(spacing)
            ]
        ),
        thick_slices,
    )


def volume_factors(fibrosis: Fibrosis, *, thick_slices: bool) -> dict[str, float]:
    """Wanted volume of each part relative to the same person without fibrosis.

    Thick slices keep their places, so that a part changes its area in them and not its number of slices.
    """
    axes = 2 if thick_slices else 3
    factors = (
        fibrosis.right_lobe_scale**axes,
        fibrosis.left_lobe_scale**axes,
        fibrosis.caudate_scale**axes,
        fibrosis.spleen_volume_scale ** (axes / 3),
    )
    return dict(zip(PARTS, factors, strict=True))


def remodeling_velocity(
    anatomy: Anatomy, fibrosis: Fibrosis, healthy: np.ndarray, *, thick_slices: bool
) -> tuple[np.ndarray, dict[str, float]]:
    """Velocity of growing and shrinking parts and of widening fissures, fitted to `volume_factors` beside `healthy`.

    Returns:
        The velocity, mm (3, k, j, i) on the nodes, and the volume of every part relative to the healthy deformation alone.
    """
    grid = anatomy.grid
    wanted = {
        part: factor
        for part, factor in volume_factors(fibrosis, thick_slices=thick_slices).items()
        if anatomy.shares[part].sum() > 1
    }
    fields = np.stack([_allowed(_growth(anatomy, part), thick_slices) for part in wanted])
    widening = _allowed(_widening(anatomy) * np.float32(fibrosis.fissure_widening_mm / 2), thick_slices)
    before = _volumes(anatomy, flow(healthy, grid, squarings=ROUGH_SQUARINGS), wanted)
    slopes = _volume_slopes(anatomy, fields)
    limits = np.array([LARGEST_GAIN[part] for part in wanted])
    logarithms = np.log(list(wanted.values()))
    gains = np.zeros(len(wanted))
    missing = logarithms
    for _ in range(CALIBRATIONS):
        gains = np.clip(gains + np.linalg.lstsq(slopes, missing, rcond=1e-3)[0], -limits, limits)
        velocity = widening + np.tensordot(gains.astype(np.float32), fields, axes=1)
        after = _volumes(anatomy, flow(healthy + velocity, grid, squarings=ROUGH_SQUARINGS), wanted)
        missing = logarithms - [np.log(after[part] / before[part]) for part in wanted]
    while jacobian(displacement := flow(healthy + velocity, grid), grid.step).min() < LEAST_JACOBIAN:
        velocity = velocity * np.float32(0.9)
        if np.abs(velocity).max() < NOTHING_MM:
            break
    after = _volumes(anatomy, displacement, wanted)
    return velocity, {part: after[part] / before[part] for part in wanted}


def jacobian(displacement: np.ndarray, step: Sequence[float] | np.ndarray) -> np.ndarray:
    """Determinant of the Jacobian of place + displacement, (k, j, i); above 0 nothing folds.

    Args:
        displacement: mm (3, k, j, i).
        step: mm between samples along (k, j, i).
    """
    gradient = [np.gradient(axis, *step) for axis in displacement]
    a, b, c = gradient[0][0] + 1, gradient[0][1], gradient[0][2]
    d, e, f = gradient[1][0], gradient[1][1] + 1, gradient[1][2]
    g, h, i = gradient[2][0], gradient[2][1], gradient[2][2] + 1
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def _allowed(displacement: np.ndarray, thick_slices: bool) -> np.ndarray:
    if thick_slices:
        displacement[0] = 0
    return displacement.astype(np.float32)


def _volumes(anatomy: Anatomy, displacement: np.ndarray, parts: Mapping[str, float]) -> dict[str, float]:
    return {part: float(anatomy.grid.sample(anatomy.shares[part], displacement).sum()) for part in parts}


def _volume_slopes(anatomy: Anatomy, fields: np.ndarray) -> np.ndarray:
    """How the logarithm of each part's volume (row) answers to each field (column): the mean divergence in the part."""
    step = anatomy.grid.step
    spread = [sum(np.gradient(field[axis], step[axis], axis=axis) for axis in range(3)) for field in fields]
    parts = [anatomy.shares[part] for part in PARTS if anatomy.shares[part].sum() > 1]
    return np.array([[float((share * field).sum() / share.sum()) for field in spread] for share in parts])


def _growth(anatomy: Anatomy, part: str) -> np.ndarray:
    """Velocity of growth by a factor e along each axis about the place where the part is held."""
    grid, share = anatomy.grid, anatomy.shares[part]
    weight = ndimage.gaussian_filter(share, PART_BLUR_MM[part] / grid.step)
    weight = weight / max(float(weight.max()), 1e-6) * anatomy.mobility
    points = grid.points
    center = (points * share).sum((1, 2, 3)) / share.sum()
    inside = points[:, share > 0.5] if (share > 0.5).any() else points[:, share > 0.5 * share.max()]
    if part == "right":  # held at the wall of the right flank and back
        center[1], center[2] = (center[1] + inside[1].max()) / 2, inside[2].min() + 15
    elif part == "left":  # the left lateral segment grows away from the midline
        center[2] = anatomy.midline - 5
    elif part == "caudate":  # held at the vena cava behind it
        center[1], center[2] = inside[1].max(), anatomy.cava[2]
    elif part == "spleen":  # grows forward and to the middle from the left wall
        center[1], center[2] = (center[1] + inside[1].max()) / 2, (center[2] + inside[2].max()) / 2
    return weight * (points - center[:, None, None, None])


def _widening(anatomy: Anatomy) -> np.ndarray:
    """Velocity away from the fissures, about 1 beside them."""
    grid = anatomy.grid
    gaps = anatomy.shares["fissures"] > 0.15
    if not gaps.any():
        return np.zeros((3, *grid.shape), np.float32)
    distance = ndimage.distance_transform_edt(~gaps, sampling=grid.step).astype(np.float32)
    # Away from the middle of a gap as well as from its border.
    inner = ndimage.distance_transform_edt(gaps, sampling=grid.step).astype(np.float32)
    slope = np.stack(np.gradient(ndimage.gaussian_filter(distance - inner, 0.7), *grid.step))
    weight = np.exp(-((distance / FISSURE_REACH_MM) ** 2)) * anatomy.mobility
    return np.stack([ndimage.gaussian_filter(axis * weight, 0.7) for axis in slope])
