"""A region of a slice that a network sees, and the way back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SliceBox:
    """A square (in mm) region of a slice in pixels; it may reach beyond the slice, which is padded with zeros there."""

    top: int
    left: int
    rows: int
    columns: int

    @classmethod
    def around(cls, mask: np.ndarray, pixel_mm: tuple[float, float], *, margin: float) -> SliceBox:
        """The square around the nonzero part of `mask` (rows, columns) with `margin` as a share of its longer side."""
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
        side_mm = max(height * pixel_mm[0], width * pixel_mm[1]) * (1 + 2 * margin)
        box_rows, box_columns = round(side_mm / pixel_mm[0]), round(side_mm / pixel_mm[1])
        top = rows[0] + (height - box_rows) // 2
        left = columns[0] + (width - box_columns) // 2
        return cls(int(top), int(left), int(box_rows), int(box_columns))

    def cut(self, section: np.ndarray) -> np.ndarray:
        """The region of `section` (rows, columns), zeros beyond it."""
        out = np.zeros((self.rows, self.columns), section.dtype)
        inside, source = self._overlap(section.shape)
        out[inside] = section[source]
        return out

    def paste(self, region: np.ndarray, section: np.ndarray) -> None:
        """Write `region` into `section` where both overlap: the inverse of `cut`."""
        inside, source = self._overlap(section.shape)
        section[source] = region[inside]

    def _overlap(self, shape: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        inside, source = [], []
        for start, count, limit in ((self.top, self.rows, shape[0]), (self.left, self.columns, shape[1])):
            first, last = max(start, 0), max(min(start + count, limit), max(start, 0))
            source.append(slice(first, last))
            inside.append(slice(first - start, last - start))
        return (inside[0], inside[1]), (source[0], source[1])
