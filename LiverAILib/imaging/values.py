"""Voxel values that are no measurement: nothing at all, NaN, infinite."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image

LARGEST_VALUE = 1e30
"""Larger floating-point values mark what was not measured, as some software fills with the largest number there is."""


def check_values(array: np.ndarray, path: Path, *, constant_allowed: bool = False) -> None:
    """Raise where there is nothing to look at: no voxel, no usable number, or one value everywhere.

    Raises:
        UserError: As said.
    """
    if array.size == 0:
        raise UserError(f"{path}: the image has no voxels. Export it again.")
    values = array
    if not _all_usable(array):
        values = array[_usable(array)]
        if values.size == 0:
            raise UserError(f"{path}: every voxel is NaN or infinite. Export the image again.")
    if not constant_allowed and values.min() == values.max():
        raise UserError(f"{path}: the image is constant (every voxel is {values.min():g}). Export the image again.")


def fill_not_measured(image: Image) -> Image:
    """`image` with the lowest value in place of NaN and infinite ones, and a warning that says so.

    0 is water in a CT: what was not measured must not look like tissue.
    """
    if _all_usable(image.array):
        return image
    usable = _usable(image.array)
    if not usable.any():
        return image
    lowest = image.array[usable].min()
    percent = 100 * (1 - float(usable.mean()))
    text = (
        f"{percent:.2g} % of the voxels are not a number (NaN), infinite or beyond {LARGEST_VALUE:g}; they were given the lowest "
        f"value of the others, {lowest:g}."
    )
    return image.with_array(np.where(usable, image.array, lowest)).with_read_warning("not_a_number", text)


def _all_usable(array: np.ndarray) -> bool:
    if array.dtype.kind != "f" or array.size == 0:
        return True
    # Two passes without a temporary array; NaN is carried into both.
    return bool(float(array.min()) >= -LARGEST_VALUE and float(array.max()) <= LARGEST_VALUE)


def _usable(array: np.ndarray) -> np.ndarray:
    return (array >= -LARGEST_VALUE) & (array <= LARGEST_VALUE)
