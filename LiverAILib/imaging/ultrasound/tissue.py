"""An ultrasound picture without what is burned in beside the tissue, for everything that is shown or written."""

from __future__ import annotations

import numpy as np

from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.ultrasound.scan_area import find_panes

SMALLEST_SCREEN = 64
"""Rows or columns below which a picture is a patch cut out of the tissue, too small for a name and a scan area."""


def tissue_mask(image: Image) -> np.ndarray:
    """Boolean (rows, columns): the scan areas of all panes, nothing where there is none; all of a patch of tissue."""
    mask = np.zeros(image.array.shape[1:3], bool)
    if max(mask.shape) < SMALLEST_SCREEN:
        return ~mask
    try:
        panes = find_panes(image)
    except UserError:
        return mask
    for pane in panes:
        mask |= pane.mask
    return mask


def without_burned_in(image: Image) -> Image:
    """The same picture, black outside of the scan areas, where names are burned in; text over the tissue stays.

    Where there is no scan area, all of it is black.
    """
    array = image.array.copy()
    array[:, ~tissue_mask(image)] = 0
    return image.with_array(array)
