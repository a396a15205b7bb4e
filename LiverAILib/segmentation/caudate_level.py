"""The axial level of the caudate lobe, at which Nowak 2021 exported one slice by hand."""

from __future__ import annotations

import numpy as np

VOLUME_SHARE_ABOVE = 0.55
"""Share of the liver's volume that lies above the middle of the caudate lobe.

By eye, the slices that show the caudate lobe between the inferior vena cava and the fissure of the ligamentum venosum lie at
0.44 to 0.63 in the fourteen real T2 volumes of the CHAOS challenge; the largest section of the simulated lobes lies at 0.60
(0.56 with cirrhosis). A share of the volume follows a long right lobe (Riedel) or a cut-off tip less than one of the height.
"""


def caudate_level(liver: np.ndarray) -> int:
    """Slice number of the level of the caudate lobe.

    Args:
        liver: Boolean mask (k, j, i), k from inferior to superior.

    Raises:
        ValueError: The mask is empty.
    """
    area = liver.sum(axis=(1, 2), dtype=float)
    if not area.any():
        raise ValueError("The liver mask is empty: the level of the caudate lobe cannot be found")
    from_above = np.cumsum(area[::-1])[::-1] / area.sum()
    # Middle of each slab, so that the choice does not depend on the slice thickness.
    middle = from_above - area / area.sum() / 2
    inside = np.flatnonzero(area)
    return int(inside[np.argmin(np.abs(middle[inside] - VOLUME_SHARE_ABOVE))])
