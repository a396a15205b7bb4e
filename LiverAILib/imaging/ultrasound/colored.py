"""Which pixels of an ultrasound picture are in color, as against gray values that are shown in a tint."""

from __future__ import annotations

import numpy as np

COLORED = 30
"""Difference from the tinted gray value, of 255, from which a pixel is in color: compression shifts colors by less."""

DARKEST = 20
"""Gray values below say nothing about the tint."""

STRONGEST_TINT = 0.6
"""Relative difference of a channel from gray beyond which it is no tint of the whole picture."""


def colorfulness(colors: np.ndarray, area: np.ndarray | None = None) -> np.ndarray:
    """How much each pixel differs from gray, int16 (rows, columns), 0 to 255.

    Args:
        colors: uint8 (rows, columns, 3).
        area: Boolean (rows, columns): tissue, whose usual tint counts as gray; None for no tint.
    """
    values = colors.astype(np.float32)
    gray = values.mean(axis=2)
    tint = _tint(values[area], gray[area]) if area is not None else np.ones(3, np.float32)
    difference = values - gray[..., None] * tint
    return np.abs(difference - difference.mean(axis=2, keepdims=True)).max(axis=2).astype(np.int16)


def is_colored(colors: np.ndarray, area: np.ndarray | None = None) -> np.ndarray:
    """Boolean (rows, columns): which pixels are in color; arguments as of `colorfulness`."""
    return colorfulness(colors, area) > COLORED


def _tint(values: np.ndarray, gray: np.ndarray) -> np.ndarray:
    """Red, green and blue of a gray value of 1."""
    known = gray > DARKEST
    if not known.any():
        return np.ones(3, np.float32)
    tint = np.median(values[known] / gray[known, None], axis=0)
    return tint if np.abs(tint - 1).max() <= STRONGEST_TINT else np.ones(3, np.float32)
