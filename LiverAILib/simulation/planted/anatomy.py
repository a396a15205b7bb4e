"""Where the parts of a liver lie, estimated from its mask and the outline of the body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from LiverAILib.errors import UserError
from LiverAILib.simulation.liver_shape import CAUDATE, LEFT, RIGHT
from LiverAILib.simulation.planted.coarse_grid import CoarseGrid
from LiverAILib.simulation.planted.scan import AIR_HU, ORGANS, SourceScan

SHARE_ABOVE_CAUDATE = 0.55
"""Share of the liver's volume above the middle of the caudate lobe."""
CAVA_FROM_MIDLINE_MM = 22.0
CANTLIE_SLOPE = 0.29
"""How far Cantlie's plane goes to the right for a mm to the front: the gallbladder lies about 16 mm right of the vena cava."""
RIGHT_OF_MIDLINE_MM = 8.0
CAVA_BEHIND_MM, CAUDATE_FRONT_OF_BACK_MM, CAUDATE_LEFT_MM = 4.0, 9.0, 3.0
CAUDATE_HALF_AXES_MM = (32.0, 19.0, 22.0)
"""Half axes along z, y, x of the ellipsoid whose part in the liver counts as caudate lobe."""
FISSURE_CLOSING_MM = 9.0
SMALLEST_FISSURE_MM3 = 400.0
CAVA_RADIUS_MM = 18.0
"""The vena cava lies in a gap of the liver that does not widen."""
FISSURE_BOX_MM = (50.0, 25.0, 40.0)
"""Fissures are looked for so far above and below the caudate level, right of the vena cava, and left of the midline."""
SPINE_GAP_MM, SPINE_HALF_AXES_MM = 12.0, (48.0, 38.0)
"""How far the front of the spine lies behind the middle of the vena cava, and its half axes to the front and to the side."""


@dataclass(frozen=True, eq=False)
class Anatomy:
    """What is known about a scan before anything is planted; z, y, x in mm from the first voxel (superior, posterior, left).

    Attributes:
        grid: Coarse grid of the fields below.
        masks: Organ to boolean mask on the voxels (see `ORGANS`).
        lobes: uint8 on the voxels: 1 right, 2 left, 3 caudate; estimated.
        fissures: Boolean on the voxels: gaps between the parts of the liver; estimated.
        shares: Part ("right", "left", "caudate", "spleen", "fissures") to its share around every node.
        midline: x.
        cava: z, y, x of the vena cava at the level of the caudate lobe.
        skin: Distance in mm of every node from the skin, 0 outside of the body.
        edge: 0 at the edge of the image, 1 from 30 mm on.
        mobility: 0 where disease moves nothing (skin, spine, far away), 1 at the liver and the spleen.
    """

    grid: CoarseGrid
    masks: Mapping[str, np.ndarray]
    lobes: np.ndarray
    fissures: np.ndarray
    shares: Mapping[str, np.ndarray]
    midline: float
    cava: tuple[float, float, float]
    skin: np.ndarray
    edge: np.ndarray
    mobility: np.ndarray


def estimate_anatomy(scan: SourceScan) -> Anatomy:
    """The anatomy of a scan.

    Raises:
        UserError: The outline of the body cannot be found.
    """
    shape = scan.voxels.shape
    grid = CoarseGrid((shape[0], shape[1], shape[2]), scan.spacing)
    masks = {organ: scan.mask(organ) for organ in ORGANS}
    body = _body(scan, grid)
    liver = grid.downsample(masks["liver"])
    if not body[liver > 0.5].mean() > 0.9:
        raise UserError(
            f"{scan.name}: the outline of the body around the liver cannot be found. Check image and liver mask."
        )
    columns = np.flatnonzero(body[liver.sum((1, 2)) > 0].any((0, 1)))
    midline = float(columns[[0, -1]].mean() * grid.step[2])
    cava, caudate = _landmarks(masks["liver"], scan.spacing, midline)
    lobes = _lobes(masks["liver"], scan.spacing, cava, caudate)
    if not all((lobes == lobe).any() for lobe in (RIGHT, LEFT, CAUDATE)):
        raise UserError(f"{scan.name}: the liver mask does not look like a liver. Check that it fits the image.")
    fissures = _fissures(masks["liver"], scan.spacing, midline, cava)
    shares = {
        "right": grid.downsample(lobes == RIGHT),
        "left": grid.downsample(lobes == LEFT),
        "caudate": grid.downsample(lobes == CAUDATE),
        "spleen": grid.downsample(masks["spleen"]),
        "fissures": grid.downsample(fissures),
    }
    skin = _depth_below_skin(body, grid)
    edge = _edge(grid, scan.thick_slices)
    return Anatomy(
        grid=grid,
        masks=masks,
        lobes=lobes,
        fissures=fissures,
        shares=shares,
        midline=midline,
        cava=cava,
        skin=skin,
        edge=edge,
        mobility=edge * _mobility(grid, cava[1], skin, liver + shares["spleen"], midline),
    )


def rise(values: np.ndarray, start: float, end: float) -> np.ndarray:
    """Smooth step from 0 at `start` to 1 at `end`."""
    share = np.clip((values - start) / (end - start), 0, 1)
    return share * share * (3 - 2 * share)


def _body(scan: SourceScan, grid: CoarseGrid) -> np.ndarray:
    """Boolean mask of the body on the nodes: the largest object in every slice without holes."""
    threshold = 0.06 * np.percentile(scan.voxels, 99) if scan.mr else AIR_HU
    tissue = ndimage.binary_opening(grid.downsample(scan.voxels > threshold) > 0.5, np.ones((1, 3, 3)))
    parts, count = ndimage.label(tissue)
    if count:
        tissue = parts == np.argmax(np.bincount(parts.ravel())[1:]) + 1
    closed = ndimage.binary_closing(np.pad(tissue, ((0, 0), (4, 4), (4, 4))), np.ones((1, 3, 3)), iterations=3)
    return np.stack([ndimage.binary_fill_holes(level) for level in closed])[:, 4:-4, 4:-4]


def _depth_below_skin(body: np.ndarray, grid: CoarseGrid) -> np.ndarray:
    """In-plane distance, so that the ends of the scan are no skin; the edge of the image is one."""
    return np.stack(
        [ndimage.distance_transform_edt(np.pad(level, 1), sampling=grid.step[1:])[1:-1, 1:-1] for level in body]
    ).astype(np.float32)


def _edge(grid: CoarseGrid, thick_slices: bool) -> np.ndarray:
    weight = np.ones(grid.shape, np.float32)
    for axis in range(1 if thick_slices else 0, 3):
        place = grid.points[axis]
        weight = weight * rise(np.minimum(place, grid.lengths[axis] - place), 0.0, 30.0)
    return weight


def _mobility(grid: CoarseGrid, back: float, skin: np.ndarray, organs: np.ndarray, midline: float) -> np.ndarray:
    far = ndimage.distance_transform_edt(organs < 0.5, sampling=grid.step).astype(np.float32)
    weight = rise(skin, 6.0, 24.0) * (1 - rise(far, 4.0, 30.0))
    front, side = SPINE_HALF_AXES_MM
    y, x = grid.points[1] - (back + SPINE_GAP_MM + front), grid.points[2] - midline
    spine = np.sqrt((y / front) ** 2 + (x / side) ** 2)
    return ndimage.gaussian_filter(weight * rise(spine, 0.85, 1.3), 0.7)


def _landmarks(
    liver: np.ndarray, spacing: tuple[float, float, float], midline: float
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """z, y, x of the vena cava and of the middle of the caudate lobe, at the level of the caudate lobe.

    The back of the liver just right of the midline is that of the caudate lobe; further right it is that of the right lobe.
    """
    area = liver.sum((1, 2), dtype=float)
    above = np.cumsum(area[::-1])[::-1] - area / 2
    level = int(np.argmin(np.abs(above / area.sum() - SHARE_ABOVE_CAUDATE)))
    near = np.asarray(liver[max(level - 1, 0) : level + 2].any(axis=0))
    x = midline - RIGHT_OF_MIDLINE_MM
    rows = np.flatnonzero(near.any(1))  # the back of the whole liver, where it does not reach the midline
    for shift in np.arange(0.0, midline, 4.0):
        left, right = (int(np.clip((x - shift + d) / spacing[0], 0, near.shape[1] - 1)) for d in (6, -6))
        found = np.flatnonzero(near[:, right : left + 1].any(1))
        if len(found):
            rows, x = found, x - shift
            break
    back = float(rows[-1]) * spacing[1]
    z = level * spacing[2]
    cava = (z, back + CAVA_BEHIND_MM, midline - CAVA_FROM_MIDLINE_MM)
    return cava, (z, back - CAUDATE_FRONT_OF_BACK_MM, x + CAUDATE_LEFT_MM)


def _lobes(
    liver: np.ndarray,
    spacing: tuple[float, float, float],
    cava: tuple[float, float, float],
    middle: tuple[float, float, float],
) -> np.ndarray:
    k, j, i = np.ogrid[: liver.shape[0], : liver.shape[1], : liver.shape[2]]
    z, y, x = k * spacing[2], j * spacing[1], i * spacing[0]
    right = x - cava[2] < CANTLIE_SLOPE * (y - cava[1])
    lobes = np.broadcast_to(np.where(right, np.uint8(RIGHT), np.uint8(LEFT)), liver.shape).copy()
    axes = zip((z, y, x), middle, CAUDATE_HALF_AXES_MM, strict=True)
    lobes[sum(((place - center) / half) ** 2 for place, center, half in axes) < 1] = CAUDATE
    return np.where(liver, lobes, np.uint8(0))


def _fissures(
    liver: np.ndarray, spacing: tuple[float, float, float], midline: float, cava: tuple[float, float, float]
) -> np.ndarray:
    """Narrow gaps in the middle of the liver: what closing it in every slice fills."""
    height, right, left = FISSURE_BOX_MM
    found = np.zeros(liver.shape, bool)
    reach = [int(np.ceil(FISSURE_CLOSING_MM / s)) + 1 for s in (spacing[1], spacing[0])]
    columns = np.zeros(liver.shape[2], bool)
    y, x = np.ogrid[: liver.shape[1], : liver.shape[2]]
    vein = (y * spacing[1] - cava[1]) ** 2 + (x * spacing[0] - cava[2]) ** 2 < CAVA_RADIUS_MM**2
    columns[max(int((cava[2] - right) / spacing[0]), 0) : int((midline + left) / spacing[0]) + 1] = True
    for k in np.flatnonzero(liver.any((1, 2))):
        if abs(k * spacing[2] - cava[0]) > height:
            continue
        padded = np.pad(liver[k], [(n, n) for n in reach])
        near = ndimage.distance_transform_edt(~padded, sampling=spacing[1::-1]) <= FISSURE_CLOSING_MM
        closed = ndimage.distance_transform_edt(near, sampling=spacing[1::-1]) > FISSURE_CLOSING_MM
        closed = closed[reach[0] : -reach[0], reach[1] : -reach[1]]
        found[k] = closed & ~liver[k] & columns & ~vein
    parts, _ = ndimage.label(found, np.ones((3, 3, 3)))
    large = np.bincount(parts.ravel()) * float(np.prod(spacing)) >= SMALLEST_FISSURE_MM3
    large[0] = False
    return large[parts]
