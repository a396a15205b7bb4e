"""Where the context network, which sees the whole abdomen, contradicts the final mask of an organ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from LiverAILib.data.structures import Structure
from LiverAILib.segmentation.grid import most_probable


@dataclass(frozen=True)
class Dispute:
    """Size of what both networks see differently, away from the organ's border, where they differ in every scan.

    Attributes:
        extra_mm: Radius of the largest ball that the mask holds and that is not the organ to the context network.
        missing_mm: Radius of the largest ball that is the organ to the context network and not in the mask.
    """

    extra_mm: float
    missing_mm: float


def context_disputes(
    probabilities: torch.Tensor,
    context: torch.Tensor,
    structures: Sequence[Structure],
    *,
    voxel_mm: tuple[float, float, float],
) -> dict[str, Dispute]:
    """Disputes of each structure, measured on the context network's rows and columns.

    Args:
        probabilities: Final class probabilities (classes, slices, rows, columns).
        context: Those of the context network for the same slices, on coarser rows and columns.
        structures: Those of the classes after the background.
        voxel_mm: Voxel size of `probabilities` along slices, rows and columns.
    """
    rows, columns = context.shape[2:]
    coarse_mm = (
        voxel_mm[0],
        voxel_mm[1] * probabilities.shape[2] / rows,
        voxel_mm[2] * probabilities.shape[3] / columns,
    )
    final, other = most_probable(probabilities), most_probable(context).numpy()
    found = {}
    for number, structure in enumerate(structures, 1):
        mask, opposed = final == number, other == number
        with_organ = mask.any((1, 2))
        share = F.interpolate(mask[with_organ].float()[:, None], size=(rows, columns), mode="area")[:, 0]
        own = np.zeros(opposed.shape, bool)
        own[with_organ.numpy()] = share.numpy() >= 0.5
        found[structure.name] = Dispute(
            _largest_ball_mm(own & ~opposed, coarse_mm), _largest_ball_mm(opposed & ~own, coarse_mm)
        )
    return found


def _largest_ball_mm(region: np.ndarray, voxel_mm: tuple[float, float, float]) -> float:
    """Radius of the largest ball inside of a region (slices, rows, columns); outside of the volume is outside of it."""
    if not region.any():
        return 0.0
    (box,) = ndimage.find_objects(region.astype(np.uint8))
    return round(float(ndimage.distance_transform_edt(np.pad(region[box], 1), sampling=voxel_mm).max()), 1)
