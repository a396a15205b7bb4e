"""The axial level of the caudate lobe, at which Nowak 2021 exported one slice by hand."""

from __future__ import annotations

import numpy as np

from LiverAILib.data.cohort import CohortRow
from LiverAILib.errors import UserError
from LiverAILib.imaging.geometry import AxisOrder
from LiverAILib.imaging.image import Image

VOLUME_SHARE_ABOVE = 0.55
"""Share of the liver's volume that lies above the middle of the caudate lobe.

By eye, the slices that show the caudate lobe between the inferior vena cava and the fissure of the ligamentum venosum lie at
0.44 to 0.63 in the fourteen real T2 volumes of the CHAOS challenge; the largest section of the simulated lobes lies at 0.60
(0.56 with cirrhosis). At 0.55 each of 30 portal venous CT (3D-IRCADb-01, LiTS) shows the lobe, four of them (LiTS 6, 7, 9 and 10)
its papillary process alone, and none the hepatic veins. A share of the volume follows a long right lobe (Riedel) or a cut-off tip
less than one of the height.
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


def training_slice(row: CohortRow, image: Image, order: AxisOrder, liver: np.ndarray) -> int:
    """Canonical number of the slice of a cohort's case: the one picked by hand, else that at the level of the caudate lobe.

    Args:
        row: The case.
        image: Its image.
        order: Axis order of the image.
        liver: Boolean mask in canonical order, not empty.

    Raises:
        UserError: The slice that was picked does not exist, or shows no liver in the mask.
    """
    picked = row.slice_index
    if picked is None:
        return caudate_level(liver)
    slices = len(liver)
    if picked >= slices:
        raise UserError(
            f"case {row.case_id}: slice {picked} does not exist. Correct the column slice: 0 to {slices - 1}."
        )
    position = order.canonical_slice(picked, image)
    if not liver[position].any():
        raise UserError(
            f"case {row.case_id}: slice {picked} shows no liver in mask:liver. Correct the column slice or the mask."
        )
    return position
