"""Test-time averaging: the volume seen several ways by the same network, and the probabilities averaged on one grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class View:
    """One way to show the volume to the network.

    Attributes:
        pixel_mm: Pixels of the network's slices.
        rotation_degrees: Rotation about the patient's axis before the network sees it.
        gamma: Exponent of the intensities 0..1.
    """

    pixel_mm: float
    rotation_degrees: float = 0.0
    gamma: float = 1.0


VIEWS = (View(1.5), View(1.3), View(1.8), View(1.5, rotation_degrees=8.0), View(1.65), View(1.5, gamma=0.8))
"""The views in the order in which they are added: resolutions first, which differ most in their errors."""


def show(volume: torch.Tensor, view: View) -> torch.Tensor:
    """The volume (slices, rows, columns), already on the view's pixels, with its rotation and gamma."""
    if view.gamma != 1:
        volume = volume**view.gamma
    return _rotate(volume[None], view.rotation_degrees)[0] if view.rotation_degrees else volume


def invert_view(probabilities: torch.Tensor, view: View, size: tuple[int, int]) -> torch.Tensor:
    """Class probabilities (classes, slices, rows, columns) of a view, upright and with `size` rows and columns.

    What a rotation moves in from outside the picture counts as background.
    """
    if view.rotation_degrees:
        probabilities = _rotate(probabilities.float(), -view.rotation_degrees)
        probabilities[0] += (1 - probabilities.sum(0)).clamp_min(0)
    if tuple(probabilities.shape[-2:]) != tuple(size):
        by_slice = probabilities.float().transpose(0, 1)
        resized = F.interpolate(by_slice, size=tuple(size), mode="bilinear", antialias=True, align_corners=False)
        probabilities = resized.transpose(0, 1)
    return probabilities


def _rotate(channels: torch.Tensor, degrees: float) -> torch.Tensor:
    """Channels (n, slices, rows, columns) rotated in their slices about the center, bilinear, zero outside."""
    rows, columns = channels.shape[-2:]
    angle = np.deg2rad(degrees)
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    theta = torch.tensor([[cos, -sin * rows / columns, 0.0], [sin * columns / rows, cos, 0.0]])[None]
    grid = F.affine_grid(theta, [1, 1, rows, columns], align_corners=False)
    by_slice = channels.transpose(0, 1)
    turned = F.grid_sample(by_slice, grid.expand(len(by_slice), -1, -1, -1), mode="bilinear", align_corners=False)
    return turned.transpose(0, 1).contiguous()
