"""The color box of an elastogram, the largest square inside of it, and the same square in another picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage as ndi

from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.once_per_image import OncePerImage
from LiverAILib.imaging.ultrasound.box import Box, box_of
from LiverAILib.imaging.ultrasound.color_bar import find_color_bar
from LiverAILib.imaging.ultrasound.colored import is_colored
from LiverAILib.imaging.ultrasound.picture import color_picture
from LiverAILib.imaging.ultrasound.scan_area import ScanArea, convex_hull, find_panes

SMALLEST_BOX = 0.005
"""Colored share of the scan area below which there is no color box."""

SPOT = 0.05
"""Colored parts smaller than this share of the largest one are marks."""

FRAME = 2
"""Pixels by which the color box is narrowed, so that its outline is not inside."""

FILLED, MOSTLY = 0.35, 0.5
"""Share of its outline that a stiffness map fills at least, flow in vessels fills less: with the bar of a stiffness scale beside
it, and without any bar."""

SAME_PLACE = 0.06
"""Distance of two scan areas, as a share of the picture, up to which they lie at the same place of equal screens."""


@dataclass(frozen=True, eq=False)
class ColorBox:
    """The part of a picture that shows a map in color, a rectangle or a piece of a fan.

    Attributes:
        mask: Boolean (rows, columns), without the line around it. Gray holes of the map, vessels, are inside.
        box: Its bounding rows and columns.
        filled: Share of `mask` that is in color.
        pane: Scan area that it lies in.
    """

    mask: np.ndarray
    box: Box
    filled: float
    pane: ScanArea


def find_colors(image: Image) -> ColorBox | None:
    """The part of the scan area that shows anything in color, a stiffness map or flow; None where all is gray.

    Searched once for each `Image`.

    Raises:
        UserError: There is no scan area.
    """
    return _search(image) if image.color else None


@OncePerImage
def _search(image: Image) -> ColorBox | None:
    colors = color_picture(image)
    parts = (_colors_in(colors, pane) for pane in find_panes(image))
    return max((one for one in parts if one is not None), key=lambda one: one.mask.sum(), default=None)


def find_color_box(image: Image) -> ColorBox | None:
    """The color box of an elastogram; None where there is none, or its colors are those of flow.

    Raises:
        UserError: There is no scan area.
    """
    found = find_colors(image)
    return found if found is not None and not shows_flow(image, found) else None


def shows_flow(image: Image, colors: ColorBox) -> bool:
    """Whether colors are those of Doppler: their bar says so, or they fill little of what they span."""
    bar = find_color_bar(image)
    if bar is None:
        return colors.filled < MOSTLY
    return colors.filled < FILLED or bar.shows_flow


def _colors_in(colors: np.ndarray, pane: ScanArea) -> ColorBox | None:
    colored = is_colored(colors, pane.mask) & pane.mask
    parts = ndi.binary_opening(ndi.binary_closing(colored, iterations=3), iterations=2)
    labels, count = ndi.label(parts)
    if count == 0:
        return None
    sizes = np.bincount(labels.ravel())[1:]
    if sizes.sum() < SMALLEST_BOX * pane.mask.sum():
        return None
    kept = np.isin(labels, np.flatnonzero(sizes >= SPOT * sizes.max()) + 1)
    outline = convex_hull(kept) & pane.mask
    inside = ndi.binary_erosion(outline, iterations=FRAME)
    if not inside.any():
        return None
    return ColorBox(inside, box_of(inside), float(colored[inside].mean()), pane)


def largest_square(area: ColorBox | ScanArea | Box | np.ndarray) -> Box:
    """The largest square in a color box, a scan area, a rectangle or a mask, nearest to the middle where there are several.

    Args:
        area: A mask is boolean (rows, columns).

    Raises:
        ValueError: The area is empty.
    """
    if isinstance(area, Box):
        side = min(area.height, area.width)
        top, left = area.top + (area.height - side) // 2, area.left + (area.width - side) // 2
        return Box(top, top + side, left, left + side)
    mask = area if isinstance(area, np.ndarray) else area.mask
    box = box_of(mask)
    part = np.pad(mask[box.slices], 1)
    side = _largest_side(part)
    corners = np.argwhere(_squares(part, side)) - 1
    middle = np.array([box.height, box.width]) / 2 - side / 2
    top, left = corners[np.abs(corners - middle).sum(axis=1).argmin()]
    return Box(box.top + int(top), box.top + int(top) + side, box.left + int(left), box.left + int(left) + side)


def _largest_side(part: np.ndarray) -> int:
    """The side of the largest square of true pixels, by bisection."""
    low, high = 1, min(part.shape)
    while low < high:
        side = (low + high + 1) // 2
        if _squares(part, side).any():
            low = side
        else:
            high = side - 1
    return low


def _squares(part: np.ndarray, side: int) -> np.ndarray:
    """At which upper left corners a square of true pixels of this side begins."""
    total = np.pad(part.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    inside = total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]
    return inside == side * side


def mirrored(square: Box, elastogram: Image, gray_scale: Image, *, name: str = "the gray-scale image") -> Box:
    """The place of `square` of an elastogram in the gray-scale image of the same section.

    In a dual display, of two panes beside each other or one above the other, it is the same place of the other pane; both
    images may be the same file. Of two exports of one screen it is the same place; where their scan areas lie elsewhere or
    have another size, the square is moved and scaled with them.

    Args:
        square: Rows and columns in the elastogram.
        elastogram: The image with the color box.
        gray_scale: The other image.
        name: What messages call the pair.

    Raises:
        UserError: The square lies outside of the gray-scale image.
    """
    colored, other = find_panes(elastogram), find_panes(gray_scale)
    pane = max(colored, key=lambda one: _overlap(square, one.box))
    target = _gray_pane(gray_scale, other) if len(other) > 1 else other[0]
    moved = square
    if len(other) > 1 or len(colored) > 1 or not _same_screen(elastogram, gray_scale, pane, target):
        scale_rows, scale_columns = target.box.height / pane.box.height, target.box.width / pane.box.width
        scale = 1.0 if abs(scale_rows - 1) < SAME_PLACE and abs(scale_columns - 1) < SAME_PLACE else scale_columns
        side = round(square.height * scale)
        top = round(target.box.top + (square.top - pane.box.top) * scale)
        middle = (target.box.left + target.box.right) / 2
        left = round(middle + (square.left - (pane.box.left + pane.box.right) / 2) * scale)
        moved = Box(top, top + side, left, left + side)
    columns, rows, _ = gray_scale.size
    if not Box(0, rows, 0, columns).contains(moved) or not target.mask[moved.slices].mean() > 0.5:
        raise UserError(
            f"{name}: the place of the color box lies outside of the gray-scale image. Give the gray-scale image and the "
            "elastogram of the same section, exported in the same size."
        )
    return moved


def _same_screen(first: Image, second: Image, one: ScanArea, other: ScanArea) -> bool:
    """Whether two exports have the same size and their scan areas the same place."""
    limit = SAME_PLACE * max(first.size)
    return first.size == second.size and bool(np.abs(np.subtract(one.box, other.box)).max() <= limit)


def _gray_pane(image: Image, panes: list[ScanArea]) -> ScanArea:
    """The pane without a color box, or the one with the fewest colored pixels."""
    colors = color_picture(image)
    return min(panes, key=lambda pane: is_colored(colors, pane.mask)[pane.mask].mean())


def _overlap(first: Box, second: Box) -> int:
    height = min(first.bottom, second.bottom) - max(first.top, second.top)
    width = min(first.right, second.right) - max(first.left, second.left)
    return max(height, 0) * max(width, 0)
