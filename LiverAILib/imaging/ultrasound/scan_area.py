"""Where the tissue is in an ultrasound picture: without borders, text, scales, gray and color bars and traces."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.ndimage as ndi
from scipy.spatial import ConvexHull, QhullError

from LiverAILib.errors import UserError
from LiverAILib.imaging.image import REGIONS, Image
from LiverAILib.imaging.ultrasound.box import Box, box_of
from LiverAILib.imaging.ultrasound.fan import fit_fan
from LiverAILib.imaging.ultrasound.picture import drawn, gray_picture

NEIGHBORHOOD = 9
"""Pixels of a square of which more than half must be drawn: so tissue is told from text, ticks and traces."""

SMALLEST_AREA = 0.02
"""Share of the picture below which what is found is no scan area."""

RECTANGLE = 0.96
"""Share of its bounding box that a rectangular area (linear probe, cropped picture) fills at least."""

WORST_FIT = 0.35
"""Largest cost of a fan, as a share of the bright pixels, that is taken; else the convex hull is."""

PANE_AREA = 0.5
"""Area of a second pane as a share of the first one, at least."""


@dataclass(frozen=True, eq=False)
class ScanArea:
    """The insonated area of a picture.

    Attributes:
        mask: Boolean (rows, columns).
        box: Its bounding rows and columns.
        shape: "fan", "rectangle" or "hull", where neither fitted.
    """

    mask: np.ndarray
    box: Box
    shape: str


def find_scan_area(image: Image) -> ScanArea:
    """The insonated area of an ultrasound picture, the largest one where there are several panes.

    Raises:
        UserError: There is nothing like one.
    """
    return find_panes(image)[0]


def find_panes(image: Image) -> list[ScanArea]:
    """The insonated area of each pane, from left to right where there are several, as in a dual display.

    Raises:
        UserError: There is none.
    """
    gray = gray_picture(image)
    bright = drawn(gray)
    dense = ndi.uniform_filter(bright.astype(np.float32), NEIGHBORHOOD) > 0.5
    dense = ndi.binary_opening(dense, iterations=max(4, min(gray.shape) // 60))
    labels, count = ndi.label(dense)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    if count == 0 or sizes.max() < SMALLEST_AREA * gray.size:
        where = image.meta.get("path") or image.meta.get("name") or "the image"
        raise UserError(
            f"{where}: no ultrasound image was found in the picture (no fan or rectangle of tissue). Give the exported image "
            "of the scanner."
        )
    order = np.argsort(-sizes)
    parts = [labels == order[0] + 1]
    if count > 1 and sizes[order[1]] >= PANE_AREA * sizes[order[0]]:
        other = labels == order[1] + 1
        if _beside(box_of(parts[0]), box_of(other)):
            parts = sorted([parts[0], other], key=lambda part: box_of(part).left)
    return [_area_of(part) for part in parts]


def crop(image: Image, area: ScanArea, *, outside: int | None = 0) -> Image:
    """The part of a picture that holds the insonated area, at its place.

    Args:
        image: Picture or cine loop that `area` was found in, or one of the same size.
        area: The area.
        outside: Value of the pixels of the bounding box that are outside of the area, where text may be; None keeps them.
    """
    rows, columns = area.box.slices
    array = image.array[:, rows, columns]
    if outside is not None:
        array = array.copy()
        array[:, ~area.mask[rows, columns]] = outside
    origin = image.index_to_lps @ (area.box.left, area.box.top, 0, 1)
    x, y, z = (float(value) for value in origin[:3])
    meta = {key: value for key, value in image.meta.items() if key != REGIONS}
    return replace(image, array=np.ascontiguousarray(array), origin=(x, y, z), meta=meta)


def _beside(first: Box, second: Box) -> bool:
    """Whether two boxes are panes of one display: side by side, of similar size and height."""
    apart = first.right <= second.left or second.right <= first.left
    heights = sorted((first.height, second.height))
    widths = sorted((first.width, second.width))
    level = abs(first.top - second.top) <= 0.15 * heights[1]
    return apart and level and heights[0] > 0.7 * heights[1] and widths[0] > 0.5 * widths[1]


def _area_of(bright: np.ndarray) -> ScanArea:
    """The area whose bright part is given: a rectangle, a fan, or the convex hull."""
    box = box_of(bright)
    hull = _convex_hull(bright)
    if hull.sum() >= RECTANGLE * box.area:
        mask = np.zeros_like(bright)
        mask[box.slices] = True
        return ScanArea(mask, box, "rectangle")
    found = fit_fan(bright, hull)
    if found is not None and found[1] <= WORST_FIT:
        mask = found[0].mask(bright.shape)
        if mask.any():
            return ScanArea(mask, box_of(mask), "fan")
    return ScanArea(hull, box_of(hull), "hull")


def _convex_hull(mask: np.ndarray) -> np.ndarray:
    """The smallest convex area that holds all true pixels."""
    rows = np.flatnonzero(mask.any(axis=1))
    left = mask.argmax(axis=1)[rows]
    right = mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)[rows]
    points = np.concatenate([np.stack([rows, left], axis=1), np.stack([rows, right], axis=1)])
    try:
        corners = points[ConvexHull(points).vertices]
    except QhullError:  # a line
        return mask.copy()
    every = np.arange(rows[0], rows[-1] + 1)
    first, last = _chains(corners)
    starts = np.interp(every, first[:, 0], first[:, 1])
    ends = np.interp(every, last[:, 0], last[:, 1])
    columns = np.arange(mask.shape[1])
    hull = np.zeros_like(mask)
    hull[every] = (columns >= starts[:, None] - 0.5) & (columns <= ends[:, None] + 0.5)
    return hull


def _chains(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The left and the right side of a convex polygon of (row, column), each from top to bottom."""
    top, bottom = corners[:, 0].min(), corners[:, 0].max()
    sides = []
    for pick in (np.min, np.max):
        ends = [(row, pick(corners[corners[:, 0] == row, 1])) for row in (top, bottom)]
        sides.append(np.array(ends, dtype=float))
    chains = []
    for sign, ends in zip((-1, 1), sides, strict=True):
        line = np.interp(corners[:, 0], ends[:, 0], ends[:, 1])
        beyond = corners[(sign * (corners[:, 1] - line) >= 0) & (corners[:, 0] > top) & (corners[:, 0] < bottom)]
        chain = np.concatenate([ends, beyond])
        chains.append(chain[np.argsort(chain[:, 0], kind="stable")])
    return chains[0], chains[1]
