"""The volume as the segmentation network sees it: canonical axes, square pixels, slices of some mm, values 0..1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

PIXEL_MM = 1.5
SLICE_MM = 5.0
STRIDE = 32
"""Rows and columns of the network's input are padded to multiples of this (five halvings in the encoder)."""


@dataclass(frozen=True)
class SliceGrid:
    """Where the network's slices lie in a canonical volume of `shape` (k, j, i).

    Attributes:
        shape: Shape of the canonical volume.
        group: How many adjacent slices are averaged into one.
        size: Rows and columns of the network's slices.
    """

    shape: tuple[int, int, int]
    group: int
    size: tuple[int, int]

    @classmethod
    def of(
        cls,
        shape: tuple[int, int, int],
        spacing: tuple[float, float, float],
        *,
        pixel_mm: float = PIXEL_MM,
        slice_mm: float = SLICE_MM,
    ) -> SliceGrid:
        """The grid with pixels nearest to `pixel_mm` and the thickest slices up to `slice_mm` (never thinner than stored)."""
        rows = max(1, round(shape[1] * spacing[1] / pixel_mm))
        columns = max(1, round(shape[2] * spacing[0] / pixel_mm))
        return cls(shape, max(1, int(slice_mm / spacing[2] + 0.01)), (rows, columns))

    @property
    def slices(self) -> int:
        """Number of the network's slices; the last one may average fewer than `group`."""
        return -(-self.shape[0] // self.group)

    def shrink(self, volume: np.ndarray, scale) -> torch.Tensor:
        """The volume on this grid, float32 (slices, rows, columns).

        Args:
            volume: Canonical voxel values.
            scale: Function that scales an array of voxel values to 0..1; called for a few slices at a time, so that a long
                CT never stands in memory as floating point.
        """
        out = torch.empty((self.slices, *self.size), dtype=torch.float32)
        for index in range(self.slices):
            stack = torch.from_numpy(np.ascontiguousarray(scale(volume[index * self.group : (index + 1) * self.group])))
            mean = stack.mean(0)[None, None]
            out[index] = F.interpolate(mean, size=self.size, mode="bilinear", antialias=True, align_corners=False)[0, 0]
        return out

    def neighbors(self, position: float) -> tuple[int, int, float]:
        """The two network slices around the stored slice at `position` and the weight of the second."""
        place = (position + 0.5) / self.group - 0.5
        low = int(np.clip(np.floor(place), 0, self.slices - 1))
        high = min(low + 1, self.slices - 1)
        return low, high, float(np.clip(place - low, 0.0, 1.0))

    def enlarge_slice(self, values: torch.Tensor, position: int) -> torch.Tensor:
        """Values (channels, slices, rows, columns) of this grid at the stored slice `position`: (channels, j, i)."""
        low, high, weight = self.neighbors(position)
        between = values[:, low].float()
        if weight > 0:
            between = torch.lerp(between, values[:, high].float(), weight)
        return F.interpolate(between[None], size=self.shape[1:], mode="bilinear", align_corners=False)[0]


def pad_to_stride(batch: torch.Tensor) -> tuple[torch.Tensor, tuple[int, int]]:
    """The batch (..., rows, columns) with zeros below and right of it up to multiples of `STRIDE`, and its own size."""
    rows, columns = batch.shape[-2:]
    return F.pad(batch, (0, -columns % STRIDE, 0, -rows % STRIDE)), (rows, columns)


def adjacent_slices(volume: torch.Tensor, index: int) -> torch.Tensor:
    """Slices `index` - 1, `index`, `index` + 1 of a volume (3, rows, columns); the border slice stands in for a missing one."""
    last = volume.shape[0] - 1
    return volume[[max(index - 1, 0), index, min(index + 1, last)]]
