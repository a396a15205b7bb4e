"""Augmentation of batches of 2D slices in torch: one random draw a sample, from an explicit generator.

Images are float32 (batch, channels, rows, columns) scaled to 0..1; labels are int64 (batch, rows, columns). Rows run
anterior to posterior and columns right to left of the patient: nothing here mirrors the anatomy, because side matters.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F


def uniform(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> torch.Tensor:
    """Uniform random numbers in `low`..`high`."""
    return torch.rand(shape, generator=generator) * (high - low) + low


@dataclass(frozen=True)
class Geometry:
    """Ranges of random rotation (degrees), zoom, shear, anisotropic zoom, shift (share of the width) and elastic warp."""

    rotation_degrees: float = 10.0
    zoom: tuple[float, float] = (0.9, 1.1)
    aspect: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    elastic: float = 0.0
    """Standard deviation of the displacement, as a share of the image width."""


def random_grid(batch: int, rows: int, columns: int, ranges: Geometry, generator: torch.Generator) -> torch.Tensor:
    """Sampling grids (batch, rows, columns, 2) for `F.grid_sample`, one random affine and elastic warp a sample."""
    angle = torch.deg2rad(uniform((batch,), -ranges.rotation_degrees, ranges.rotation_degrees, generator))
    zoom = uniform((batch,), *ranges.zoom, generator)
    aspect = torch.exp(uniform((batch,), -ranges.aspect, ranges.aspect, generator))
    shear = uniform((batch,), -ranges.shear, ranges.shear, generator)
    cos, sin = torch.cos(angle), torch.sin(angle)
    theta = torch.zeros(batch, 2, 3)
    ratio = rows / columns
    theta[:, 0, 0], theta[:, 0, 1] = cos / zoom * aspect, (-sin + shear) / zoom * ratio
    theta[:, 1, 0], theta[:, 1, 1] = sin / zoom / ratio, cos / zoom / aspect
    theta[:, :, 2] = uniform((batch, 2), -ranges.shift, ranges.shift, generator) * 2
    grid = F.affine_grid(theta, [batch, 1, rows, columns], align_corners=False)
    if ranges.elastic:
        coarse = torch.randn((batch, 2, 5, 5), generator=generator) * ranges.elastic * 2
        warp = F.interpolate(coarse, size=(rows, columns), mode="bicubic", align_corners=True)
        grid = grid + warp.permute(0, 2, 3, 1)
    return grid


def warp(images: torch.Tensor, grid: torch.Tensor, *, labels: torch.Tensor | None = None, outside: float = 0.0):
    """Images (bilinear, `outside` beyond the border) and labels (nearest, 0 beyond the border) at the grid's points."""
    warped = F.grid_sample(images - outside, grid, mode="bilinear", padding_mode="zeros", align_corners=False) + outside
    if labels is None:
        return warped, None
    moved = F.grid_sample(labels[:, None].float(), grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return warped, moved[:, 0].round().long()


@dataclass(frozen=True)
class Intensity:
    """Ranges of random gamma (log), contrast, brightness, bias field, noise and blur; chances in 0..1."""

    log_gamma: float = 0.0
    contrast: float = 0.1
    brightness: float = 0.1
    bias_field: float = 0.0
    noise: float = 0.0
    blur_chance: float = 0.0
    channel_dropout: float = 0.0


def change_intensity(images: torch.Tensor, ranges: Intensity, generator: torch.Generator) -> torch.Tensor:
    """Images with random gamma, contrast, brightness, smooth bias field, blur and noise, clipped to 0..1."""
    batch = images.shape[0]
    shape = (batch, 1, 1, 1)
    if ranges.log_gamma:
        images = images.clamp(1e-4, 1) ** torch.exp(uniform(shape, -ranges.log_gamma, ranges.log_gamma, generator))
    if ranges.bias_field:
        coarse = torch.randn((batch, 1, 4, 4), generator=generator) * ranges.bias_field
        field = F.interpolate(coarse, size=images.shape[-2:], mode="bicubic", align_corners=True)
        images = images * torch.exp(field)
    contrast = 1 + uniform(shape, -ranges.contrast, ranges.contrast, generator)
    brightness = uniform(shape, -ranges.brightness, ranges.brightness, generator)
    images = (images - 0.5) * contrast + 0.5 + brightness
    if ranges.blur_chance:
        # A coarser matrix, stored on the fine one: what a thick-sliced or interpolated acquisition looks like.
        for index in torch.nonzero(torch.rand(batch, generator=generator) < ranges.blur_chance).flatten().tolist():
            factor = float(uniform((1,), 0.4, 0.9, generator))
            small = F.interpolate(images[index : index + 1], scale_factor=factor, mode="bilinear", antialias=True)
            images[index] = F.interpolate(small, size=images.shape[-2:], mode="bilinear")[0]
    if ranges.noise:
        level = uniform(shape, 0, ranges.noise, generator)
        images = images + torch.randn(images.shape, generator=generator) * level
    if ranges.channel_dropout:
        # An outer neighbor that is missing repeats the center slice, as at the ends of a stack and for single slices.
        for neighbor in (0, images.shape[1] - 1):
            dropped = torch.rand(batch, generator=generator) < ranges.channel_dropout
            images[dropped, neighbor] = images[dropped, images.shape[1] // 2]
    return images.clamp(0, 1)
