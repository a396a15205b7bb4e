"""The volume as the context network sees it: all of the abdomen at once, at low resolution."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from LiverAILib.data.structures import Structure
from LiverAILib.networks.context_unet import ContextUnet
from LiverAILib.segmentation.grid import most_probable

VOXEL_MM = (5.0, 4.0, 4.0)
"""Size of its voxels along slices, rows and columns."""
WINDOW = (64, 80, 112)
"""Voxels (slices, rows, columns) of a training sample: 320 x 320 x 448 mm."""


def to_context_grid(volume: torch.Tensor, voxel_mm: tuple[float, float, float]) -> torch.Tensor:
    """A volume (slices, rows, columns) with voxels of `voxel_mm` on the context network's grid, float32, averaged."""
    size = [max(1, round(n * mm / to)) for n, mm, to in zip(volume.shape, voxel_mm, VOXEL_MM, strict=True)]
    small = [F.interpolate(part[None, None].float(), size=size[1:], mode="bilinear", antialias=True) for part in volume]
    stack = torch.cat(small, 1)  # (1, slices, rows, columns)
    # Interpolation along the slices is 2D interpolation of (slices, rows x columns), which can average.
    flat = stack.reshape(1, 1, len(volume), -1)
    return F.interpolate(flat, size=(size[0], flat.shape[-1]), mode="bilinear", antialias=True).reshape(size)


def context_probabilities(
    network: ContextUnet, volume: torch.Tensor, voxel_mm: tuple[float, float, float], *, mixed: bool = False
) -> torch.Tensor:
    """Class probabilities (classes, slices, rows, columns) on the context grid, float32.

    What is longer than the samples that the network was trained on goes through it in overlapping windows along the slices,
    because instance normalization makes of a longer volume another image.

    Args:
        network: In evaluation mode.
        volume: Intensities 0..1, (slices, rows, columns).
        voxel_mm: Its voxels, along slices, rows and columns.
        mixed: Compute in bfloat16.
    """
    small = to_context_grid(volume, voxel_mm)
    slices, rows, columns = small.shape
    depth = WINDOW[0]
    padding = (0, -columns % network.stride, 0, -rows % network.stride, 0, max(depth - slices, 0))
    padded = F.pad(small, padding)
    starts = _starts(len(padded), depth)
    device = next(network.parameters()).device
    total: torch.Tensor | None = None
    weights = torch.zeros(len(padded))
    fade = 0.05 + torch.hann_window(depth, periodic=False)
    for start in starts:
        part = padded[start : start + depth][None, None].to(device)
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            logits = network(part)
        found = logits[0].float().softmax(0).cpu()
        if total is None:
            total = torch.zeros(len(found), *padded.shape)
        total[:, start : start + depth] += found * fade[:, None, None]
        weights[start : start + depth] += fade
    assert total is not None
    return (total / weights[:, None, None])[:, :slices, :rows, :columns]


def _starts(length: int, depth: int) -> list[int]:
    """First slices of windows of `depth` that overlap by half and cover `length`."""
    count = max(1, -(-(length - depth) * 2 // depth) + 1)
    return [round(number * (length - depth) / max(count - 1, 1)) for number in range(count)]


def on_slices(context: torch.Tensor, slices: int) -> torch.Tensor:
    """Probabilities (classes, n, rows, columns) interpolated to another number of slices."""
    classes, _, rows, columns = context.shape
    flat = F.interpolate(context.flatten(2)[None], size=(slices, rows * columns), mode="bilinear")
    return flat.reshape(classes, slices, rows, columns)


def context_agreement(
    probabilities: torch.Tensor, context: torch.Tensor, structures: Sequence[Structure]
) -> dict[str, float]:
    """Dice of both networks' masks of each structure, on the context grid's rows and columns.

    Args:
        probabilities: (classes, slices, rows, columns).
        context: The same slices on the context grid's rows and columns.
        structures: Those of the classes after the background.
    """
    size = context.shape[2:]
    small = torch.stack([F.interpolate(p.float()[:, None], size=size, mode="area")[:, 0] for p in probabilities])
    own, other = most_probable(small), most_probable(context)
    found = {}
    for number, structure in enumerate(structures, 1):
        first, second = own == number, other == number
        found[structure.name] = float(2 * (first & second).sum() / (first.sum() + second.sum()).clamp_min(1))
    return found


def pool(probabilities: torch.Tensor, context: torch.Tensor, weight: float) -> None:
    """Combine both networks' class probabilities by their weighted geometric mean, in place (logarithmic opinion pool).

    At the liver's border, which the context network cannot resolve, its odds are about even and the other's decide.

    Args:
        probabilities: Of the network that goes slice by slice, (classes, slices, rows, columns); overwritten.
        context: Of the context network, for the same slices on coarser rows and columns.
        weight: Share of the context network, 0..1.
    """
    for number in range(probabilities.shape[1]):
        wide = F.interpolate(context[:, number][None], size=probabilities.shape[2:], mode="bilinear")[0]
        own = probabilities[:, number].float()
        logs = (1 - weight) * own.clamp_min(1e-4).log() + weight * wide.clamp_min(1e-4).log()
        probabilities[:, number] = logs.softmax(0).to(probabilities.dtype)
