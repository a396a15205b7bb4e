"""HiResCAM (Draelos and Carin 2020) of an early stage, averaged over small shifts: a finer map than Grad-CAM's.

Grad-CAM weights whole channels of the last convolutions, whose positions are a thirty-second of the image wide and see all of
it, so that its maps of a network with few training cases spread over what surrounds the evidence. HiResCAM multiplies feature
and gradient position by position, which at an earlier stage tells places apart that share a channel. The strides in between
leave a grid of lattice points in a single map (they are not seen by all later filters alike); the mean over shifts of the
image, each map moved back, removes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
import torch.nn.functional as F

from LiverAILib.explain.gradcam import Target, choose_target, score_gradient
from LiverAILib.explain.shift import translate

SHIFTS = ((0, 0), (-14, -2), (-10, 10), (-6, -10), (6, 14), (-2, 6), (2, -14), (14, 2))
"""Rows and columns that the image is moved by: no two alike modulo the 32 pixels that a last position is wide."""


class EarlySplitNetwork(Protocol):
    """A network in two parts at an earlier stage than `SplitNetwork`."""

    def early_features(self, inputs: torch.Tensor) -> torch.Tensor:
        """Feature maps (batch, channels, *spatial)."""

    def classify_early(self, features: torch.Tensor) -> torch.Tensor:
        """Class scores before softmax (batch, classes)."""


def hires_cam(
    network: EarlySplitNetwork,
    inputs: torch.Tensor,
    target: Target = None,
    *,
    shifts: Sequence[tuple[int, int]] = SHIFTS,
    relu: bool = True,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Class scores and raw maps of a batch.

    Args:
        network: Gives features and scores, 2D or 3D, in evaluation mode.
        inputs: (batch, channels, *spatial), rows and columns last.
        target: Class to explain, as `grad_cam` takes it.
        shifts: Rows and columns that the inputs are moved by, the first of them (0, 0), whose scores are returned and choose
            the class.
        relu: Keep evidence for the class only; False keeps the sign.

    Returns:
        Scores (batch, classes) and maps (batch, *spatial) of the inputs' size, in units of class score per feature position.
    """
    if getattr(network, "training", False):
        raise ValueError("hires_cam needs the network in evaluation mode: call network.eval() first")
    if tuple(shifts[0]) != (0, 0):
        raise ValueError(f"the first shift has to be (0, 0), got {shifts[0]}")
    scores_of_shift: list[torch.Tensor] = []
    total = torch.zeros((), device=inputs.device)
    slices = (0,) * (inputs.ndim - 4)
    for rows, columns in shifts:
        with torch.no_grad():
            features = network.early_features(translate(inputs, (*slices, rows, columns)))
        scores, gradient = score_gradient(network.classify_early, features, target)
        if not scores_of_shift:
            target = choose_target(scores, target)
        scores_of_shift.append(scores)
        maps = (gradient * features).sum(1, keepdim=True)
        mode = "bilinear" if maps.ndim == 4 else "trilinear"
        large = F.interpolate(maps, size=inputs.shape[2:], mode=mode, align_corners=False)
        total = total + translate(large, (*slices, -rows, -columns))
    maps = total[:, 0] / len(shifts)
    return scores_of_shift[0], maps.relu() if relu else maps
