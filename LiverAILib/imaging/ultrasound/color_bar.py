"""The color bar of an ultrasound picture: what value each color stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage as ndi

from LiverAILib.imaging.image import Image
from LiverAILib.imaging.once_per_image import OncePerImage
from LiverAILib.imaging.ultrasound.box import Box, union_box
from LiverAILib.imaging.ultrasound.colored import colorfulness
from LiverAILib.imaging.ultrasound.picture import color_picture
from LiverAILib.imaging.ultrasound.scan_area import find_panes

FAINT = 12
"""Colorfulness of the palest or darkest colors of a bar."""

VIVID = 60
"""Colorfulness that some color of a bar has at least."""

SHORTEST = 0.06
"""Length of a bar as a share of the picture's height, at least."""

SLENDER = 3.0
"""Length of a bar divided by its width, at least."""

GAP = 0.3
"""Part of a bar that may be black or gray between its colors, as in the middle of a flow map."""

EVEN = 30
"""Largest standard deviation of a channel across a bar: along it colors change, across it they do not."""

DARK = 90
"""Largest channel of a color that counts as dark."""


@dataclass(frozen=True, eq=False)
class ColorBar:
    """A color bar.

    Attributes:
        box: Where it is.
        colors: float32 (n, 3), from the lower end of the scale (bottom, or left) to the upper end.
        vertical: Whether it runs upwards.
    """

    box: Box
    colors: np.ndarray
    vertical: bool

    @property
    def shows_flow(self) -> bool:
        """Whether its colors are those of Doppler: two colors away from black in the middle, or one from black upwards."""
        brightness = self.colors.max(axis=1)
        count = len(brightness)
        middle = brightness[int(0.4 * count) : int(0.6 * count) + 1]
        ends = brightness[: count // 5], brightness[-(count // 5) :]
        dark_middle = middle.min() < DARK and min(end.max() for end in ends) > middle.min() + DARK
        from_black = ends[0].min() < DARK / 2 and ends[1].min() > 2 * DARK and not self._has_blue
        return bool(dark_middle or from_black)

    @property
    def _has_blue(self) -> bool:
        red, green, blue = self.colors.T
        return bool(((blue > red + VIVID) & (blue > green - VIVID)).any())


def find_color_bar(image: Image) -> ColorBar | None:
    """The color bar of a picture: the longest slender, even strip of colors outside of the scan area; None without one.

    Searched once for each `Image`.

    Raises:
        UserError: There is no scan area.
    """
    return _search(image) if image.color else None


@OncePerImage
def _search(image: Image) -> ColorBar | None:
    colors = color_picture(image)
    outside = np.ones(colors.shape[:2], bool)
    for pane in find_panes(image):
        outside &= ~pane.mask
    vivid = colorfulness(colors)
    strips = ndi.binary_opening((vivid > FAINT) & outside, np.ones((3, 3), bool))
    labels, _ = ndi.label(strips)
    found = []
    for number, place in enumerate(ndi.find_objects(labels), 1):
        rows, columns = place
        box = Box(rows.start, rows.stop, columns.start, columns.stop)
        if (labels[place] == number).mean() > 0.8 and vivid[place].max() > VIVID and _even(colors, box):
            found.append(box)
    bars = [_bar(colors, box) for box in _joined(found) if _slender(box, colors.shape[0])]
    return max(bars, key=lambda bar: len(bar.colors), default=None)


def _slender(box: Box, rows: int) -> bool:
    long, wide = max(box.height, box.width), min(box.height, box.width)
    return long >= SHORTEST * rows and long >= SLENDER * wide


def _even(colors: np.ndarray, box: Box) -> bool:
    """Whether colors change along the longer side only."""
    across = 1 if box.height >= box.width else 0
    part = colors[box.slices].astype(np.float32)
    return bool(np.median(part.std(axis=across).max(axis=1)) < EVEN)


def _joined(boxes: list[Box]) -> list[Box]:
    """Pieces of one bar, which lie in line with a small gap, become one."""
    boxes = sorted(boxes, key=lambda one: (one.top, one.left))
    joined: list[Box] = []
    for box in boxes:
        for number, other in enumerate(joined):
            both = union_box([box, other])
            in_line = abs(box.left - other.left) <= 2 and abs(box.right - other.right) <= 2
            if in_line and both.height - box.height - other.height <= GAP * both.height:
                joined[number] = both
                break
        else:
            joined.append(box)
    return joined


def _bar(colors: np.ndarray, box: Box) -> ColorBar:
    part = colors[box.slices].astype(np.float32)
    vertical = box.height >= box.width
    across = 1 if vertical else 0
    quarter = part.shape[across] // 4
    inner = part[:, quarter : part.shape[1] - quarter] if vertical else part[quarter : part.shape[0] - quarter]
    along = np.median(inner, axis=across)
    return ColorBar(box, along[::-1] if vertical else along, vertical)
