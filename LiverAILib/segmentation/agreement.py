"""How well two masks agree: overlap, surface distance, volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage


@dataclass(frozen=True)
class MaskAgreement:
    """Agreement of a mask with its reference.

    Attributes:
        dice: Overlap, 0..1.
        surface_dice: Share of both surfaces within the tolerance of the other one (NSD, Nikolov 2021), 0..1.
        hd95_mm: 95th percentile of the distances between the surfaces, mm.
        volume_error_percent: Volume of the mask against that of the reference, signed.
    """

    dice: float
    surface_dice: float
    hd95_mm: float
    volume_error_percent: float


def mask_agreement(
    mask: np.ndarray, reference: np.ndarray, *, spacing: tuple[float, float, float], tolerance_mm: float = 2.0
) -> MaskAgreement:
    """Agreement of two boolean masks (k, j, i) with voxels of `spacing` mm along (i, j, k).

    Surfaces are the voxels with a neighbor outside (6-connected), each counted once; both masks have to have voxels.
    """
    if not mask.any() or not reference.any():
        raise ValueError("agreement needs two masks that are not empty")
    box = tuple(slice(max(i.min() - 1, 0), i.max() + 2) for i in np.nonzero(mask | reference))
    mask, reference = mask[box], reference[box]
    surfaces = [m & ~ndimage.binary_erosion(m) for m in (mask, reference)]
    distances = [
        ndimage.distance_transform_edt(~other, sampling=spacing[::-1])[own] for own, other in (surfaces, surfaces[::-1])
    ]
    within = sum(int((d <= tolerance_mm).sum()) for d in distances)
    total = sum(len(d) for d in distances)
    return MaskAgreement(
        dice=2 * float((mask & reference).sum() / (mask.sum() + reference.sum())),
        surface_dice=within / total,
        hd95_mm=max(float(np.percentile(d, 95)) for d in distances),
        volume_error_percent=100 * (float(mask.sum() / reference.sum()) - 1),
    )
