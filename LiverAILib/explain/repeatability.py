"""Repeatability of maps under small shifts of the input, each map moved back before it is compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from LiverAILib.explain.map_family import MapFamily
from LiverAILib.explain.shift import translate
from LiverAILib.explain.similarity import rank_correlation, top_overlap

SHIFT = 0.02
MAX_POINTS = 50_000


@dataclass(frozen=True)
class Repeatability:
    """One case's maps under small shifts, against the map of the input as it is.

    Attributes:
        family: Name of the map family.
        case_id: The case.
        spearman: Mean rank correlation over the shifts.
        lowest_spearman: The lowest of them.
        overlap: Mean Dice of the strongest 20 % of the positions.
        shifts: Number of shifts compared.
    """

    family: str
    case_id: str
    spearman: float
    lowest_spearman: float
    overlap: float
    shifts: int


def repeatability(
    family: MapFamily,
    inputs: torch.Tensor,
    *,
    case_ids: Sequence[str] | None = None,
    targets: Sequence[int] | None = None,
    shift: float = SHIFT,
) -> list[Repeatability]:
    """Similarity of maps under shifts to either side along every axis.

    Args:
        family: What makes the maps.
        inputs: (n, channels, *spatial).
        case_ids: Names, by default 0, 1, ...
        targets: Classes to explain, by default those predicted for the unshifted inputs; the same for the shifted ones.
        shift: Share of the side, at least one position (4 pixels of 224).

    Returns:
        One entry per case, without the cases whose map is constant. A shifted map that is constant counts as 0.
    """
    names = [str(n) for n in range(len(inputs))] if case_ids is None else list(case_ids)
    wanted = family.targets(inputs, targets)
    moves = shifts_of(inputs.shape[2:], shift)
    found = []
    for number, name in enumerate(names):
        one, target = inputs[number : number + 1], wanted[number : number + 1]
        moved = torch.cat([one, *(translate(one, move) for move in moves)])
        maps = torch.cat([family.maps(part, target) for part in moved.split(1)])
        if float(maps[0].max() - maps[0].min()) == 0:
            continue
        mode = {4: "bilinear", 5: "trilinear"}[one.ndim]
        large = F.interpolate(maps[:, None], size=one.shape[2:], mode=mode, align_corners=False)[:, 0].numpy()
        pairs = [_common(large[0], other, move) for other, move in zip(large[1:], moves, strict=True)]
        correlations = np.nan_to_num([rank_correlation(*pair) for pair in pairs])
        overlaps = np.nan_to_num([top_overlap(*pair) for pair in pairs])
        found.append(
            Repeatability(
                family.name,
                name,
                float(correlations.mean()),
                float(correlations.min()),
                float(overlaps.mean()),
                len(moves),
            )
        )
    return found


def shifts_of(spatial: Sequence[int], share: float) -> list[tuple[int, ...]]:
    """Shifts to either side along every axis that is longer than one position, in positions."""
    moves = []
    for axis, length in enumerate(spatial):
        step = max(1, round(share * length))
        if length > 1:
            for sign in (-1, 1):
                moves.append(tuple(sign * step if a == axis else 0 for a in range(len(spatial))))
    return moves


def _common(still: np.ndarray, moved: np.ndarray, move: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """What both maps show of the image, thinned out to at most `MAX_POINTS` positions."""
    here = tuple(slice(max(0, -step), length - max(0, step)) for step, length in zip(move, still.shape, strict=True))
    there = tuple(slice(max(0, step), length - max(0, -step)) for step, length in zip(move, still.shape, strict=True))
    stride = math.ceil((still[here].size / MAX_POINTS) ** (1 / still.ndim))
    thin = (slice(None, None, max(1, stride)),) * still.ndim
    return still[here][thin], moved[there][thin]
