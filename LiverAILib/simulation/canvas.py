"""Paints tissues over each other into an image, with the partial volume of thick slices."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from LiverAILib.simulation.grid import Grid, Region

MOSTLY = 0.5
FAT_TISSUES = frozenset({"subcutaneous_fat", "visceral_fat"})


def occupancy(shape_mm: np.ndarray, pixel_mm: float) -> np.ndarray:
    """Share 0..1 of each voxel that an implicit shape fills.

    A surface that crosses a slice obliquely fills its voxels gradually: the width of the ramp is the change of the
    distance from slice to slice.

    Args:
        shape_mm: Distance to the surface in mm, negative inside, (k, j, i).
        pixel_mm: Size of a pixel in the slice.
    """
    width = np.full(shape_mm.shape, np.float32(pixel_mm))
    if shape_mm.shape[0] > 1:
        step = np.abs(np.diff(shape_mm, axis=0))
        width[1:-1] += 0.5 * (step[1:] + step[:-1])
        width[0] += step[0]
        width[-1] += step[-1]
    return np.clip(np.float32(0.5) - shape_mm / width, 0, 1)


class Canvas:
    """An image under construction: `signal` and the part of it that comes from fat, both float32 (k, j, i).

    The table gives the value of each tissue: relative signal for MR, HU for CT. `fat` is None where nothing has to know
    what comes from fat. Which tissue was painted last into the greater part of a voxel is remembered (`shows`).
    """

    def __init__(
        self, grid: Grid, values: Mapping[str, float], *, background: float = 0.0, separate_fat: bool = True
    ) -> None:
        self.grid = grid
        self.values = values
        self.signal = np.full(grid.shape, np.float32(background))
        self.fat = np.zeros(grid.shape, np.float32) if separate_fat else None
        self._last = np.zeros(grid.shape, np.uint8)
        self._numbers = {tissue: number for number, tissue in enumerate(values, 1)}
        k, j, i = (slice(0, n) for n in grid.shape)
        self.everywhere: Region = (k, j, i)

    def paint(
        self,
        tissue: str,
        shape_mm: np.ndarray,
        region: Region | None = None,
        *,
        texture: np.ndarray | float = 0.0,
        opacity: float = 1.0,
    ) -> None:
        """Covers what lies in an implicit shape.

        Args:
            tissue: Name in the table of values.
            shape_mm: Implicit shape on the voxels of `region`.
            region: Slices (k, j, i); the whole image when None.
            texture: Change of the tissue's value (see `value`), a number or an array on `region`.
            opacity: 1 replaces what was there, less lets it shine through.
        """
        region = region or self.everywhere
        share = occupancy(shape_mm, self.grid.spacing[0])
        if opacity < 1:
            share *= np.float32(opacity)
        self._last[region][share > MOSTLY] = self._numbers[tissue]
        value = self.value(tissue, np.asarray(texture, np.float32))
        signal = self.signal[region]
        signal += share * (value - signal)
        if self.fat is not None:
            fat = self.fat[region]
            fat += share * ((value if tissue in FAT_TISSUES else np.float32(0)) - fat)

    def shows(self, *tissues: str) -> np.ndarray:
        """Boolean mask (k, j, i) of the voxels whose greater part was last painted with one of `tissues`."""
        return np.isin(self._last, [self._numbers[tissue] for tissue in tissues])

    def value(self, tissue: str, texture: np.ndarray) -> np.ndarray:
        """Value of a tissue where its texture is `texture`: for a signal, which has a true 0, a relative change."""
        return np.float32(self.values[tissue]) * (1 + texture)
