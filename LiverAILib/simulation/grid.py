"""Where every voxel of an acquisition lies in the body of a canonical patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from LiverAILib.simulation.texture import smooth_field

WARP_CORRELATION_MM = 70.0
Region = tuple[slice, slice, slice]
Points = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Pose:
    """Size and position of one patient in the scanner; scales along x, y, z without unit, shifts in mm, angle in degrees."""

    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    shift_mm: tuple[float, float] = (0.0, 0.0)
    rotation_deg: float = 0.0
    caudate_position: float = 0.6
    warp_mm: float = 2.5


class Grid:
    """Canonical coordinates of the voxels of one acquisition.

    The canonical patient is described in mm: +x left, +y posterior, +z superior (as LPS), the origin in the middle of
    the trunk at the level of the caudate lobe. Patients differ by `Pose` and by a smooth random warp.

    Attributes:
        shape: Voxels along (k, j, i).
        spacing: Voxel distance in mm along (i, j, k).
        origin: Center of voxel (0, 0, 0) in mm along (i, j, k), the middle of the volume at 0.
        points: Canonical x, y, z in mm of every voxel, float32, each of `shape`.
    """

    def __init__(self, size: Sequence[int], spacing: Sequence[float], *, pose: Pose, rng: np.random.Generator) -> None:
        self.shape = (size[2], size[1], size[0])
        di, dj, dk = (float(s) for s in spacing)
        self.spacing = (di, dj, dk)
        i, j, k = (-(n - 1) / 2 * s for n, s in zip(size, spacing, strict=True))
        self.origin = (i, j, k)
        self.pose = pose
        columns, rows, slices = (np.arange(n, dtype=np.float32) for n in size)
        self._x = (columns - (size[0] - 1) / 2) * self.spacing[0] - pose.shift_mm[0]
        self._y = (rows - (size[1] - 1) / 2) * self.spacing[1] - pose.shift_mm[1]
        self._z = (slices - round((size[2] - 1) * pose.caudate_position)) * self.spacing[2]
        angle = np.deg2rad(pose.rotation_deg)
        cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        x, y, z = self._x[None, None, :], self._y[None, :, None], self._z[:, None, None]
        flat = ((cosine * x + sine * y) / pose.scale[0], (cosine * y - sine * x) / pose.scale[1], z / pose.scale[2])
        x, y, z = (
            (
                axis + pose.warp_mm * smooth_field(rng, self.shape, self.spacing, correlation_mm=WARP_CORRELATION_MM)
            ).astype(np.float32)
            for axis in flat
        )
        self.points: Points = (x, y, z)

    def box(self, center: ArrayLike, radius: ArrayLike, *, margin_mm: float = 12.0) -> Region:
        """Slices (k, j, i) of the voxels that a canonical box can touch, whatever the warp."""
        reach = np.broadcast_to(np.asarray(radius, float), 3) + margin_mm
        angle = np.deg2rad(self.pose.rotation_deg)
        corners = np.array([[sx, sy, sz] for sx in (-1, 1) for sy in (-1, 1) for sz in (-1, 1)]) * reach + np.asarray(
            center
        )
        corners = corners * self.pose.scale
        x = corners[:, 0] * np.cos(angle) - corners[:, 1] * np.sin(angle)
        y = corners[:, 0] * np.sin(angle) + corners[:, 1] * np.cos(angle)
        found = []
        for axis, values in ((self._z, corners[:, 2]), (self._y, y), (self._x, x)):
            first, last = np.searchsorted(axis, [values.min(), values.max()])
            first = min(int(first), len(axis) - 1)
            found.append(slice(first, max(int(last), first + 1)))
        return found[0], found[1], found[2]

    def at(self, region: Region) -> Points:
        """Canonical x, y, z of the voxels of a region."""
        x, y, z = self.points
        return x[region], y[region], z[region]

    def coarse(self, region: Region, steps: tuple[int, int, int] = (1, 5, 5)) -> tuple[Points, float]:
        """Every n-th voxel of a region along (k, j, i), and the volume in mL that each represents."""
        x, y, z = (
            axis[tuple(slice(s.start, s.stop, n) for s, n in zip(region, steps, strict=True))] for axis in self.points
        )
        return (x, y, z), float(np.prod(self.spacing) * np.prod(steps)) / 1000.0
