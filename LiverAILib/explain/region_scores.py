"""How much of a heat map lies on a region, against what chance would put there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RegionScore:
    """Share of a heat map's mass on a region.

    Attributes:
        share: Mass on the region over the mass on the support, 0..1.
        chance: Size of the region over that of the support: the share of a map that is equal everywhere.
    """

    share: float
    chance: float

    @property
    def ratio(self) -> float:
        """How many times chance the share is."""
        return self.share / self.chance


def region_score(heatmap: np.ndarray, region: np.ndarray, support: np.ndarray) -> RegionScore | None:
    """Score of an unsigned heat map on a region of known evidence.

    Args:
        heatmap: Map >= 0, any shape.
        region: Boolean, same shape; counted inside the support only.
        support: Boolean, same shape: where the map could have put its mass (the liver, or the body).

    Returns:
        The score, or None where the map or the region is empty within the support: there is nothing to compare then.

    Raises:
        ValueError: The shapes differ or the map is signed.
    """
    if not heatmap.shape == region.shape == support.shape:
        raise ValueError(f"shapes differ: map {heatmap.shape}, region {region.shape}, support {support.shape}")
    if heatmap.min() < 0:
        raise ValueError("the map is signed: score its positive and negative parts separately")
    inside = support & region
    mass = float(heatmap[support].sum(dtype=np.float64))
    if not inside.any() or mass == 0:
        return None
    return RegionScore(float(heatmap[inside].sum(dtype=np.float64)) / mass, float(inside.sum() / support.sum()))
