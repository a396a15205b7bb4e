"""What a radiologist expects of a mask: one connected organ without holes."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def largest_component(mask: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """The largest 6-connected component of a boolean mask, and the voxel counts of all, largest first."""
    components, count = ndimage.label(mask)
    if count == 0:
        return mask, []
    sizes = np.bincount(components.ravel())[1:]
    return components == int(sizes.argmax()) + 1, sorted((int(s) for s in sizes), reverse=True)


def slices_beyond_the_ends(mask: np.ndarray, *, waist: float = 0.2, regrowth: float = 2.0) -> np.ndarray:
    """Slices in which a mask grows again after the organ has tapered off.

    From its largest section the liver tapers to the dome above and to the tip of the right lobe below. Where the section
    has shrunk below `waist` of the largest and then grows to more than `regrowth` times its minimum, what follows is
    another organ (lung or heart above, bowel below) that the mask touches.

    Args:
        mask: Boolean (k, j, i), k along the patient's axis.
        waist: Share of the largest section.
        regrowth: Multiple of the smallest section.

    Returns:
        Boolean (k,): the slices that do not belong to the organ.
    """
    area = mask.sum(axis=(1, 2)).astype(float)
    beyond = np.zeros(len(area), bool)
    if not area.any():
        return beyond
    peak = int(area.argmax())
    for outward in (np.arange(peak, len(area)), np.arange(peak, -1, -1)):
        smallest, at = area[peak], 0
        for step, slice_number in enumerate(outward):
            if area[slice_number] <= smallest:
                smallest, at = area[slice_number], step
            elif smallest < waist * area[peak] and area[slice_number] > regrowth * max(smallest, 1):
                beyond[outward[at + 1 :]] = True
                break
    return beyond


def fill_holes(labels: np.ndarray, label: int) -> None:
    """Give background enclosed by `label` within an axial slice that label, in place; labels are (k, j, i)."""
    for section in labels:
        inside = section == label
        if inside.any():
            section[ndimage.binary_fill_holes(inside) & (section == 0)] = label
