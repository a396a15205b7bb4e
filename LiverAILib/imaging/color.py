"""Color images: several values per voxel become red, green and blue of 8 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from LiverAILib.errors import SeveralValuesError
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.placement import HeaderReading


def color_array(array: np.ndarray, channels: int, shape: tuple[int, int, int], reading: HeaderReading) -> np.ndarray:
    """uint8 (k, j, i, 3) of a color image as its file holds it.

    Args:
        array: Values with the channels last: 3 (red, green, blue), or 4 with the opacity, which is dropped; uint8, or uint16,
            which is scaled to 8 bits.
        channels: Number of values per voxel.
        shape: Size along (i, j, k).
        reading: The file, for messages.

    Raises:
        UserError: It is no color image.
    """
    if channels not in (3, 4) or array.dtype not in (np.uint8, np.uint16):
        raise reading.several_values(channels)
    colors = array.reshape(*shape[::-1], channels)[..., :3]
    if colors.dtype == np.uint16:
        colors = (colors >> 8).astype(np.uint8)
    return np.ascontiguousarray(colors)


def gray_array(image: Image) -> np.ndarray:
    """Gray values (k, j, i): those of a gray-scale image as they are, the luminance (ITU-R BT.601) of a color image as uint8.

    Where red, green and blue are equal, the gray value is exactly theirs.
    """
    if not image.color:
        return image.array
    colors = image.array.astype(np.uint32)
    return ((299 * colors[..., 0] + 587 * colors[..., 1] + 114 * colors[..., 2] + 500) // 1000).astype(np.uint8)


def refuse_color(image: Image, path: Path) -> Image:
    """`image`, where it is gray-scale.

    Raises:
        SeveralValuesError: It is a color image.
    """
    if image.color:
        raise SeveralValuesError(
            f"{path}: a color image (3 values per voxel); one value is needed. Export the gray-scale series."
        )
    return image
