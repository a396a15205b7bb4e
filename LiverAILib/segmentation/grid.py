"""The volume as the segmentation network sees it: canonical axes, square pixels, slices of some mm, values 0..1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from LiverAILib.networks.unet import ADJACENT_SLICES, CHANNELS, SINGLE_SLICE

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

    def voxel_mm(self, spacing: tuple[float, float, float]) -> tuple[float, float, float]:
        """Voxel size along slices, rows and columns on this grid, from the canonical volume's spacing (i, j, k)."""
        i_mm, j_mm, k_mm = spacing
        return k_mm * self.group, j_mm * self.shape[1] / self.size[0], i_mm * self.shape[2] / self.size[1]

    def downsample(self, volume: np.ndarray, scale) -> torch.Tensor:
        """The volume on this grid, float32 (slices, rows, columns).

        Args:
            volume: Canonical voxel values.
            scale: Function that scales an array of voxel values to 0..1; called for a few slices at a time, so that a long
                CT is never in memory as floating point.
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

    def upsample_slice(self, values: torch.Tensor, position: int) -> torch.Tensor:
        """Values (channels, slices, rows, columns) of this grid at the stored slice `position`: (channels, j, i)."""
        low, high, weight = self.neighbors(position)
        between = values[:, low].float()
        if weight > 0:
            between = torch.lerp(between, values[:, high].float(), weight)
        return F.interpolate(between[None], size=self.shape[1:], mode="bilinear", align_corners=False)[0]

    def upsample_labels(self, probabilities: torch.Tensor, position: int, *, certain: float = 0.05) -> np.ndarray:
        """The most probable class at the stored slice `position`: uint8 (j, i), class 0 the background.

        The same as the argmax of `upsample_slice`, but interpolated only around the pixels where a class other than the
        background reaches `certain`, and only for the classes that do: elsewhere the background wins anyway.
        """
        labels = np.zeros(self.shape[1:], np.uint8)
        low, high, weight = self.neighbors(position)
        between = probabilities[:, low].float()
        if weight > 0:
            between = torch.lerp(between, probabilities[:, high].float(), weight)
        possible = between[1:] > certain
        classes = [0, *(torch.nonzero(possible.flatten(1).any(1)).flatten() + 1).tolist()]
        if len(classes) == 1:
            return labels
        anywhere = possible.any(0)
        values = between[classes]
        window = []
        for axis in (0, 1):  # rows, then columns
            inside = torch.nonzero(anywhere.any(1 - axis)).flatten()
            sources = _sources(anywhere.shape[axis], self.shape[1 + axis], int(inside[0]), int(inside[-1]))
            if sources is None:
                return labels
            stored, first, second, share = sources
            window.append(stored)
            share = share[:, None] if axis == 0 else share
            values = torch.lerp(values.index_select(1 + axis, first), values.index_select(1 + axis, second), share)
        labels[tuple(window)] = torch.tensor(classes, dtype=torch.uint8)[most_probable(values).long()].numpy()
        return labels


def _sources(
    size: int, stored: int, first: int, last: int
) -> tuple[slice, torch.Tensor, torch.Tensor, torch.Tensor] | None:
    """Which of `stored` pixels the grid pixels `first`..`last` (of `size`) reach, and between which two each of them lies.

    Returns:
        The stored pixels, and for each of them the two grid pixels and the weight of the second, as bilinear interpolation
        with pixel centers at halves has it; None where coarse stored pixels have their centers beside all of them.
    """
    places = ((torch.arange(stored, dtype=torch.float32) + 0.5) * (size / stored) - 0.5).clamp_min(0)
    reached = torch.nonzero((places > first - 1) & (places < last + 1)).flatten()
    if not len(reached):
        return None
    window = slice(int(reached[0]), int(reached[-1]) + 1)
    low = places[window].floor().long().clamp_max(size - 1)
    return window, low, (low + 1).clamp_max(size - 1), places[window] - low


def most_probable(probabilities: torch.Tensor) -> torch.Tensor:
    """The class with the highest probability, uint8; of equal ones the first. Several times faster than `argmax(0)`."""
    best = probabilities[0]
    labels = torch.zeros(best.shape, dtype=torch.uint8)
    for number in range(1, len(probabilities)):
        better = probabilities[number] > best
        labels.masked_fill_(better, number)
        if number + 1 < len(probabilities):
            best = torch.maximum(best, probabilities[number])
    return labels


def pad_to_stride(batch: torch.Tensor) -> tuple[torch.Tensor, tuple[int, int]]:
    """The batch (..., rows, columns) with zeros below and right of it up to multiples of `STRIDE`, and its own size."""
    rows, columns = batch.shape[-2:]
    return F.pad(batch, (0, -columns % STRIDE, 0, -rows % STRIDE)), (rows, columns)


def adjacent_slices(volume: torch.Tensor, index: int, *, count: int = ADJACENT_SLICES) -> torch.Tensor:
    """What the network's channels hold (3, rows, columns) of a volume to segment its slice `index`.

    Slices `index` - 1, `index`, `index` + 1, the border slice repeated for a missing one; with the `count` 1 the slice alone,
    three times.
    """
    if count == SINGLE_SLICE:
        return volume[[index] * CHANNELS]
    last = volume.shape[0] - 1
    return volume[[max(index - 1, 0), index, min(index + 1, last)]]
