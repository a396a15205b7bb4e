"""Rectangles of pixels in a picture."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class Box(NamedTuple):
    """A rectangle of pixels, half-open: rows `top` to `bottom` - 1, columns `left` to `right` - 1."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.right - self.left

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.height * self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of its pixels in an array (rows, columns, ...)."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def shifted(self, rows: int, columns: int) -> Box:
        """The same rectangle elsewhere."""
        return Box(self.top + rows, self.bottom + rows, self.left + columns, self.right + columns)

    def overlaps(self, other: Box) -> bool:
        """Whether both have a pixel in common."""
        return (
            self.top < other.bottom and other.top < self.bottom and self.left < other.right and other.left < self.right
        )

    def contains(self, other: Box) -> bool:
        """Whether all pixels of `other` are in this one."""
        return (
            self.top <= other.top
            and other.bottom <= self.bottom
            and self.left <= other.left
            and other.right <= self.right
        )


def box_of(mask: np.ndarray) -> Box:
    """The smallest rectangle that holds all true pixels of `mask` (rows, columns), which has at least one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Box(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)


def union_box(boxes: Iterable[Box]) -> Box:
    """The smallest rectangle that holds all of `boxes`."""
    tops, bottoms, lefts, rights = zip(*boxes, strict=True)
    return Box(min(tops), max(bottoms), min(lefts), max(rights))
