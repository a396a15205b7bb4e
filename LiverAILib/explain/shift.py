"""Inputs and maps moved by whole positions."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def translate(inputs: torch.Tensor, move: Sequence[int]) -> torch.Tensor:
    """Inputs (batch, channels, *spatial) moved by whole positions, the edge value where nothing moved in."""
    for axis, step in enumerate(move, 2):
        if step:
            length = inputs.shape[axis]
            index = (torch.arange(length, device=inputs.device) - step).clamp(0, length - 1)
            inputs = inputs.index_select(axis, index)
    return inputs
