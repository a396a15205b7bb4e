"""The shape of an insonated area: a fan between two arcs, fitted to what is bright of it.

Shadows and the far field can be black, so the area is not what is bright. A fan that is symmetric about its vertical axis, as a
curved or phased array probe makes it, completes what a shadow hides from what is seen on the other side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.ndimage as ndi
from scipy.optimize import minimize

COLUMNS = 110
"""The fit looks at a picture reduced to about so many columns."""

BLACK_INSIDE = 0.6
"""What a black pixel inside of the fan costs; a bright one outside costs 1."""

LARGEST_HALF_ANGLE = math.radians(80)
SMALLEST_HALF_ANGLE = math.radians(1)


@dataclass(frozen=True)
class Fan:
    """A circle sector between two radii, cut off by a horizontal line, in pixels of the picture.

    Attributes:
        apex_row, apex_column: Center of the two arcs.
        half_angle: Between the vertical axis and each side, radians.
        inner_radius, outer_radius: Of the two arcs.
        last_row: Rows below are not part of it.
    """

    apex_row: float
    apex_column: float
    half_angle: float
    inner_radius: float
    outer_radius: float
    last_row: float

    def depth_inside(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Distance to the nearest edge in pixels, negative outside."""
        down, right = rows - self.apex_row, columns - self.apex_column
        radius = np.hypot(down, right)
        to_side = (self.half_angle - np.abs(np.arctan2(right, down))) * np.maximum(radius, 1)
        to_arcs = np.minimum(radius - self.inner_radius, self.outer_radius - radius)
        return np.minimum(np.minimum(to_side, to_arcs), self.last_row - rows)

    def mask(self, shape: tuple[int, int]) -> np.ndarray:
        """Boolean (rows, columns): which pixels of a picture are inside."""
        rows, columns = np.ogrid[: shape[0], : shape[1]]
        return self.depth_inside(rows.astype(float), columns.astype(float)) >= 0


def fit_fan(bright: np.ndarray, hull: np.ndarray) -> tuple[Fan, float] | None:
    """The fan that fits best to the bright pixels.

    Args:
        bright: Boolean (rows, columns), the bright part of the area.
        hull: Its convex hull.

    Returns:
        The fan, and the cost of the fit as a share of the bright pixels; None where no side of the hull is one of a fan.
    """
    step = max(1, math.ceil(bright.shape[1] / COLUMNS))
    share = ndi.uniform_filter(bright.astype(np.float32), step)[step // 2 :: step, step // 2 :: step]
    rows, columns = np.ogrid[: share.shape[0], : share.shape[1]]
    rows, columns = rows * step + step // 2, columns * step + step // 2
    steps = np.array([6.0 * step, 2.0 * step, 0.05, 3.0 * step, 3.0 * step, 2.0 * step])
    best: tuple[Fan, float] | None = None
    for start in _first_guesses(hull):
        origin = np.array(
            [
                start.apex_row,
                start.apex_column,
                start.half_angle,
                start.inner_radius,
                start.outer_radius,
                start.last_row,
            ]
        )

        def cost(moved: np.ndarray, origin: np.ndarray = origin) -> float:
            fan = Fan(*(origin + moved * steps))
            if not SMALLEST_HALF_ANGLE < fan.half_angle < LARGEST_HALF_ANGLE:
                return math.inf
            if not 0 <= fan.inner_radius < fan.outer_radius:
                return math.inf
            edge = np.clip(fan.depth_inside(rows, columns) / (0.5 * step), -30, 30)
            inside = 1 / (1 + np.exp(-edge))
            return float((share * (1 - inside)).sum() + BLACK_INSIDE * ((1 - share) * inside).sum())

        simplex = np.vstack([np.zeros(6), np.eye(6)])
        options = {"initial_simplex": simplex, "maxfev": 500, "xatol": 0.02, "fatol": 0.2}
        found = minimize(cost, np.zeros(6), method="Nelder-Mead", options=options)
        relative = float(found.fun) / max(float(share.sum()), 1.0)
        if best is None or relative < best[1]:
            best = Fan(*(origin + found.x * steps)), relative
    return best


def _first_guesses(hull: np.ndarray) -> list[Fan]:
    """A fan by the left and one by the right side of the hull, each about the middle of the upper edge."""
    filled = np.flatnonzero(hull.any(axis=1))
    top, bottom = int(filled[0]), int(filled[-1])
    left = hull.argmax(axis=1)
    right = hull.shape[1] - 1 - hull[:, ::-1].argmax(axis=1)
    widest = int(filled[np.argmax((right - left)[filled])])
    first = top + (bottom - top) // 10
    side = np.arange(first, max(first + 5, top + int(0.85 * (widest - top))))
    side = side[side <= bottom]
    edge = slice(top, top + max(3, (bottom - top) // 25))
    center = float((left[edge] + right[edge]).mean()) / 2
    guesses = []
    for slope, offset in (np.polyfit(side, one[side], 1) for one in (left, right)):
        sign = -1 if slope < 0 else 1
        if abs(slope) <= 0.03 or (sign < 0) != (offset + slope * bottom < center):
            continue
        apex = (center - offset) / slope
        half_angle = math.atan(abs(slope))
        inner = max(1.0, (top - apex) / max(math.cos(half_angle), 0.2))
        guesses.append(Fan(apex, center, half_angle, inner, max(bottom - apex, inner + 10), bottom + 2.0))
    return guesses
