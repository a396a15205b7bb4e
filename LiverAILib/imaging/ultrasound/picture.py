"""A single picture of an ultrasound image: gray values, colors and what is drawn on the background."""

from __future__ import annotations

import numpy as np
import scipy.ndimage as ndi

from LiverAILib.imaging.color import gray_array
from LiverAILib.imaging.image import Image

ABOVE_BACKGROUND = 2
"""Gray values by which a pixel differs from the background, which compression blurs, to count as drawn."""


def gray_picture(image: Image) -> np.ndarray:
    """uint8 (rows, columns): gray values of the image, or the mean of the frames of a cine loop.

    Values of more than 8 bits are scaled so that the largest is 255.
    """
    gray = gray_array(image)
    gray = gray[0] if len(gray) == 1 else gray.mean(axis=0)
    if gray.dtype == np.uint8:
        return gray
    low, high = min(float(gray.min()), 0.0), float(gray.max())
    scale = 1.0 if low == 0 and high <= 255 else 255.0 / max(high - low, 1e-6)
    return np.clip((gray - low) * scale + 0.5, 0, 255).astype(np.uint8)


def color_picture(image: Image) -> np.ndarray:
    """uint8 (rows, columns, 3): colors of the first frame; the gray value in each of them for a gray-scale image."""
    if image.color:
        return image.array[0]
    return np.repeat(gray_picture(image)[..., None], 3, axis=2)


def drawn(gray: np.ndarray) -> np.ndarray:
    """Where something is drawn: a pixel differs from the background and is not part of an even surface.

    The background is the most frequent gray value along the border of the picture.
    """
    border = np.concatenate([gray[:3].ravel(), gray[-3:].ravel(), gray[:, :3].ravel(), gray[:, -3:].ravel()])
    background = int(np.bincount(border, minlength=256).argmax())
    uneven = ndi.maximum_filter(gray, 3) > ndi.minimum_filter(gray, 3)
    return (np.abs(gray.astype(np.int16) - background) > ABOVE_BACKGROUND) & uneven
