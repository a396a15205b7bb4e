"""A coarse grid over a scan, on which smooth deformations are computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage
from scipy.interpolate import CubicSpline

STEP_MM = 5.0


@dataclass(frozen=True, eq=False)
class CoarseGrid:
    """Nodes about `STEP_MM` apart from the center of the first voxel to that of the last.

    Attributes:
        voxels: Shape of the scan, (k, j, i).
        spacing: Voxel distance in mm along (i, j, k).
    """

    voxels: tuple[int, int, int]
    spacing: tuple[float, float, float]

    @cached_property
    def lengths(self) -> np.ndarray:
        """Distance in mm from the first to the last node along (k, j, i)."""
        return (np.array(self.voxels) - 1) * np.array(self.spacing[::-1])

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """Nodes along (k, j, i)."""
        k, j, i = (int(np.ceil(length / STEP_MM)) + 1 for length in self.lengths)
        return k, j, i

    @cached_property
    def step(self) -> np.ndarray:
        """Distance in mm of two nodes along (k, j, i)."""
        return self.lengths / (np.array(self.shape) - 1)

    @cached_property
    def points(self) -> np.ndarray:
        """z, y, x in mm from the first voxel, float32 (3, k, j, i)."""
        axes = [np.arange(n) * step for n, step in zip(self.shape, self.step, strict=True)]
        return np.stack(np.meshgrid(*axes, indexing="ij")).astype(np.float32)

    def downsample(self, mask: np.ndarray) -> np.ndarray:
        """Share of a mask (k, j, i of the scan) around every node, 0..1 float32."""
        spacing = np.array(self.spacing[::-1])
        # The width of a box of one step between voxels, as a Gaussian.
        sigma = np.sqrt(np.maximum(self.step**2 - spacing**2, 0) / 12) / spacing
        soft = ndimage.gaussian_filter(mask.astype(np.float32), sigma)
        return self._resampled(soft, self.points / spacing[:, None, None, None])

    def sample(self, field: np.ndarray, displacement: np.ndarray) -> np.ndarray:
        """A field of the nodes at places that are `displacement` (3, k, j, i; mm) away from them."""
        return self._resampled(field, (self.points + displacement) / self.step[:, None, None, None])

    @staticmethod
    def _resampled(field: np.ndarray, where: np.ndarray) -> np.ndarray:
        return ndimage.map_coordinates(field, where, order=1, mode="nearest", output=np.float32)

    def upsample(self, field: np.ndarray) -> np.ndarray:
        """A smooth field of the nodes on the voxels of the scan, by cubic splines, float32 (k, j, i)."""
        for axis in range(3):
            field = np.moveaxis(np.tensordot(self._to_voxels[axis], field, axes=(1, axis)), 0, axis)
        return field

    @cached_property
    def _to_voxels(self) -> Sequence[np.ndarray]:
        matrices = []
        for nodes, voxels in zip(self.shape, self.voxels, strict=True):
            places = np.linspace(0, nodes - 1, voxels)
            matrices.append(CubicSpline(np.arange(nodes), np.eye(nodes))(places).astype(np.float32))
        return matrices
