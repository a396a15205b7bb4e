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


def fill_holes(labels: np.ndarray, label: int) -> None:
    """Give background enclosed by `label` within an axial slice that label, in place; labels are (k, j, i)."""
    for section in labels:
        inside = section == label
        if inside.any():
            section[ndimage.binary_fill_holes(inside) & (section == 0)] = label
