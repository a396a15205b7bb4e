"""Where the tissue is in an ultrasound picture: without borders, text, scales, gray and color bars and traces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.ndimage as ndi
from scipy.spatial import ConvexHull, QhullError

from LiverAILib.errors import UserError
from LiverAILib.imaging.image import REGIONS, Image
from LiverAILib.imaging.once_per_image import OncePerImage
from LiverAILib.imaging.ultrasound.box import Box, box_of
from LiverAILib.imaging.ultrasound.fan import fit_fan
from LiverAILib.imaging.ultrasound.picture import drawn, gray_picture

NEIGHBORHOOD = 9
"""Pixels of a square of which more than half must be drawn: so tissue is told from text, ticks and traces."""

SMALLEST_AREA = 0.02
"""Share of the picture below which what is found is no scan area."""

RECTANGLE = 0.96
"""Share of its bounding box that a rectangular area (linear probe, cropped picture) fills at least."""

WORST_FIT = 0.25
"""Largest cost of a fan, as a share of the bright pixels, that is taken; else the convex hull is."""

PART_AREA = 0.1
"""Area of anything else that is looked at, as a share of the largest part."""

IN_LINE = 0.15
"""Distance of the edges of two panes, as a share of their size, up to which they are in line."""

TRACE_WIDTH, TRACE_ASPECT = 0.5, 1.7
"""Width of a trace as a share of the picture's, and divided by its height, at least."""

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


@dataclass(frozen=True, eq=False)
class Layout:
    """What a picture shows.

    Attributes:
        panes: The insonated area of each image, the first from left to right or from top to bottom.
        traces: Boxes of values over time: M-mode, spectra.
    """

    panes: tuple[ScanArea, ...]
    traces: tuple[Box, ...]


def find_scan_area(image: Image) -> ScanArea:
    """The insonated area of an ultrasound picture, the largest one where there are several panes.

    Raises:
        UserError: There is nothing like one.
    """
    return max(find_panes(image), key=lambda pane: pane.mask.sum())


def find_panes(image: Image) -> list[ScanArea]:
    """The insonated area of each pane: one, or both of a dual display, from left to right or from top to bottom.

    Raises:
        UserError: There is none.
    """
    return list(find_layout(image).panes)


def find_layout(image: Image) -> Layout:
    """The panes and traces of a picture. Searched once for each `Image`.

    Raises:
        UserError: There is no pane.
    """
    return _layout_of(image)


@OncePerImage
def _layout_of(image: Image) -> Layout:
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
    order = [number for number in np.argsort(-sizes) if sizes[number] >= PART_AREA * sizes.max()]
    boxes = [box_of(labels == number + 1) for number in order]
    traces = [box for box in boxes if _is_trace(box, boxes, gray.shape[1])]
    kept = [(number, box) for number, box in zip(order, boxes, strict=True) if box not in traces]
    (first, box), *others = kept
    panes = [(first, box)]
    for number, other in others:
        if sizes[number] >= PANE_AREA * sizes[first] and _dual(box, other):
            panes.append((number, other))
            break
    beside = panes[0][1].right <= panes[-1][1].left or panes[-1][1].right <= panes[0][1].left
    panes.sort(key=lambda pane: pane[1].left if beside else pane[1].top)
    return Layout(tuple(_area_of(labels == number + 1) for number, _ in panes), tuple(traces))


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


def _dual(first: Box, second: Box) -> bool:
    """Whether two boxes are panes of one display, beside or above each other: of similar size, and in line."""
    heights = sorted((first.height, second.height))
    widths = sorted((first.width, second.width))
    alike = heights[0] > 0.7 * heights[1] and widths[0] > 0.7 * widths[1]
    beside = first.right <= second.left or second.right <= first.left
    above = first.bottom <= second.top or second.bottom <= first.top
    level = abs(first.top - second.top) <= IN_LINE * heights[1]
    upright = abs(first.left - second.left) <= IN_LINE * widths[1]
    return alike and ((beside and level) or (above and upright))


def _is_trace(box: Box, others: Sequence[Box], columns: int) -> bool:
    """Whether a box is that of values over time: wide, and below an image that is narrower."""
    above = [one for one in others if one.bottom <= box.top + IN_LINE * one.height and one.width < 0.8 * box.width]
    return bool(above) and box.width >= TRACE_WIDTH * columns and box.width >= TRACE_ASPECT * box.height


def _area_of(bright: np.ndarray) -> ScanArea:
    """The area whose bright part is given: a rectangle, a fan, or the convex hull."""
    box = box_of(bright)
    hull = convex_hull(bright)
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


def convex_hull(mask: np.ndarray) -> np.ndarray:
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
    sides = [
        np.array([(row, pick(corners[corners[:, 0] == row, 1])) for row in (top, bottom)], dtype=float)
        for pick in (np.min, np.max)
    ]
    chains = []
    for sign, ends in zip((-1, 1), sides, strict=True):
        line = np.interp(corners[:, 0], ends[:, 0], ends[:, 1])
        beyond = corners[(sign * (corners[:, 1] - line) >= 0) & (corners[:, 0] > top) & (corners[:, 0] < bottom)]
        chain = np.concatenate([ends, beyond])
        chains.append(chain[np.argsort(chain[:, 0], kind="stable")])
    return chains[0], chains[1]
