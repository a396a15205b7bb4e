"""Where text is burned into an ultrasound picture: names, dates, settings, results."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.ndimage as ndi

from LiverAILib.imaging.image import Image
from LiverAILib.imaging.ultrasound.box import Box, union_box
from LiverAILib.imaging.ultrasound.picture import color_picture
from LiverAILib.imaging.ultrasound.scan_area import ScanArea

LOWEST, HIGHEST = 5, 0.06
"""Height of a letter: pixels at least, and at most as a share of the picture's height."""

FEWEST = 3
"""Letters in a line of text, at least: depth scales have numbers of one and two digits."""

CONTRAST = 60
"""Difference of a stroke from what surrounds it, of 255, at least."""

BRIGHT = 190
"""Value of a stroke within tissue, at least, whose speckle is darker or not as sharp."""

SINGLE = 1.6
"""Width of a single letter divided by its height, at most: within tissue, wider ones are its bright layers."""

REDUCED = 4
"""Every so many pixels are looked at where only what surrounds a stroke matters."""


class TextBoxes(NamedTuple):
    """Lines of text.

    Attributes:
        outside: Outside of the scan area.
        inside: Within it, so that it is in whatever shows the tissue.
    """

    outside: tuple[Box, ...]
    inside: tuple[Box, ...]


def find_text(image: Image, area: ScanArea) -> TextBoxes:
    """Lines of text of at least three letters, outside and inside of a scan area.

    It finds text by its shape and does not read it: a warning can rest on it, the removal of names cannot. What is outside of
    the scan area is removed as a whole.

    Args:
        image: The picture.
        area: Its scan area.
    """
    value = color_picture(image).max(axis=2)
    low, high = LOWEST, max(LOWEST + 1, int(HIGHEST * value.shape[0]))
    near = ndi.binary_dilation(area.mask, iterations=2)
    sharp = value.astype(np.int16) - _surroundings(value)
    outside = _lines(_glyphs((sharp > CONTRAST) & ~near, low, high))
    strokes = (sharp > 1.5 * CONTRAST) & (value >= BRIGHT) & area.mask
    letters = [box for box in _glyphs(strokes, low, high) if box.width <= SINGLE * box.height]
    return TextBoxes(tuple(outside), tuple(_lines(letters)))


def _surroundings(value: np.ndarray) -> np.ndarray:
    """The median of a neighborhood that is larger than strokes, int16 (rows, columns)."""
    median = ndi.median_filter(value[::REDUCED, ::REDUCED], 7)
    rows, columns = value.shape
    return median.repeat(REDUCED, axis=0).repeat(REDUCED, axis=1)[:rows, :columns].astype(np.int16)


def _glyphs(strokes: np.ndarray, low: int, high: int) -> list[Box]:
    """The boxes of connected strokes that have the size of letters or short words."""
    labels, _ = ndi.label(strokes, np.ones((3, 3), bool))
    found = []
    for number, place in enumerate(ndi.find_objects(labels), 1):
        rows, columns = place
        box = Box(rows.start, rows.stop, columns.start, columns.stop)
        if not low <= box.height <= high or box.width > 8 * box.height:
            continue
        filled = (labels[place] == number).mean()
        if 0.15 <= filled <= 0.9 or box.width <= 4:
            found.append(box)
    return found


def _lines(glyphs: list[Box]) -> list[Box]:
    """Letters beside each other, of similar height on one line, as the boxes of lines."""
    waiting = sorted(glyphs, key=lambda one: one.left)
    lines: list[list[Box]] = []
    for box in waiting:
        for line in lines:
            if _follows(line[-1], box):
                line.append(box)
                break
        else:
            lines.append([box])
    return sorted(union_box(line) for line in lines if _letters(line) >= FEWEST)


def _follows(last: Box, box: Box) -> bool:
    height = max(last.height, box.height)
    apart = box.left - last.right
    level = abs(last.bottom - box.bottom) <= 0.4 * height
    return level and -1 <= apart <= 1.2 * height and min(last.height, box.height) >= 0.45 * height


def _letters(line: list[Box]) -> float:
    """About how many letters a line has: letters that touch each other make one wide box."""
    return sum(max(1.0, box.width / (0.8 * box.height)) for box in line)
