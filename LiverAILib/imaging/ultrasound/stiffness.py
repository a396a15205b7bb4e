"""From the colors of an elastogram to stiffness in kPa, by the picture's own color bar."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.ultrasound.color_bar import ColorBar
from LiverAILib.imaging.ultrasound.color_box import ColorBox, find_color_box
from LiverAILib.imaging.ultrasound.colored import COLORED, colorfulness
from LiverAILib.imaging.ultrasound.picture import color_picture

OPACITIES = np.arange(0.2, 1.001, 0.05)
"""Opacities of the map over the gray values that are tried."""

SAMPLE = 4000
"""About how many pixels decide on the opacity."""

GRAY_WEIGHT = 0.25
"""Weight of brightness against color in the search for the nearest color: gray values shine through."""


def stiffness_kpa(image: Image, bar: ColorBar, maximum_kpa: float, *, color_box: ColorBox | None = None) -> np.ndarray:
    """Stiffness of every colored pixel of the color box, float32 (rows, columns), NaN elsewhere.

    The bar is taken to run from 0 at its lower end to `maximum_kpa`. A pixel is the color of its value laid over a gray value
    with one opacity for the whole box, which is estimated; the value is that of the color of the bar that explains the pixel
    best.

    Args:
        image: The elastogram.
        bar: Its color bar.
        maximum_kpa: Stiffness at the upper end of the bar.
        color_box: Where it is known already.

    Raises:
        UserError: There is no color box, or the maximum is no stiffness.
    """
    if not 0 < maximum_kpa < 1000:
        raise UserError(
            f"A maximum of {maximum_kpa:g} kPa is no upper end of a stiffness scale. Give it as on the bar, in kPa."
        )
    color_box = color_box or find_color_box(image)
    if color_box is None:
        where = image.meta.get("path") or image.meta.get("name") or "the image"
        raise UserError(f"{where}: no color box was found, so there is no stiffness to read. Give an elastogram.")
    colors = color_picture(image)
    shown = color_box.mask & (colorfulness(colors, color_box.pane.mask) > COLORED / 2)
    values = np.full(shown.shape, np.nan, np.float32)
    pixels = colors[shown].astype(np.float32)
    if len(pixels) == 0:
        return values
    sample = pixels[:: max(1, len(pixels) // SAMPLE)]
    opacity = min(OPACITIES, key=lambda one: _explained(sample, bar.colors, one)[0].mean())
    _, nearest = _explained(pixels, bar.colors, opacity)
    values[shown] = nearest * (maximum_kpa / (len(bar.colors) - 1))
    return values


def _explained(pixels: np.ndarray, bar: np.ndarray, opacity: float) -> tuple[np.ndarray, np.ndarray]:
    """Squared error of the best explanation of each pixel, and the number of the bar's color in it.

    Gray values shine through with 1 - opacity, on average with half of the brightest one.
    """
    shining_through = 255 * (1 - opacity) / 2
    distance, nearest = cKDTree(_axes(opacity * bar + shining_through)).query(_axes(pixels))
    return distance**2, nearest


def _axes(colors: np.ndarray) -> np.ndarray:
    """Coordinates of colors: two of hue and saturation, and the brightness times its weight."""
    red, green, blue = colors.T
    first = (red - green) / np.sqrt(2)
    second = (red + green - 2 * blue) / np.sqrt(6)
    return np.stack([first, second, GRAY_WEIGHT * (red + green + blue) / np.sqrt(3)], axis=1)
