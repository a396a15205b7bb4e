"""Implicit shapes: functions that are negative inside, positive outside, and about the distance to the surface in mm.

All take canonical coordinates `points` = (x, y, z), three arrays that broadcast, and give an array of their shape.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from LiverAILib.simulation.grid import Points

Position = Sequence[float] | np.ndarray
"""x, y, z in mm."""


def rotated(
    points: Points, center: Sequence[float], *, z_deg: float = 0.0, y_deg: float = 0.0, x_deg: float = 0.0
) -> Points:
    """Coordinates relative to `center`, turned about z, then y, then x."""
    x, y, z = (axis - np.float32(c) for axis, c in zip(points, center, strict=True))
    for angle, plane in ((z_deg, "xy"), (y_deg, "xz"), (x_deg, "yz")):
        if angle:
            c, s = np.float32(np.cos(np.deg2rad(angle))), np.float32(np.sin(np.deg2rad(angle)))
            if plane == "xy":
                x, y = c * x + s * y, c * y - s * x
            elif plane == "xz":
                x, z = c * x + s * z, c * z - s * x
            else:
                y, z = c * y + s * z, c * z - s * y
    return x, y, z


def ellipsoid(points: Points, center: Sequence[float], radii: Sequence[float], **turn: float) -> np.ndarray:
    """Ellipsoid with semi-axes `radii` in mm; turned as in `rotated`."""
    x, y, z = rotated(points, center, **turn)
    a, b, c = (np.float32(r) for r in radii)
    # The small constants keep the quotient right at the center, where both go to 0.
    tiny, mean = np.float32(1e-8), np.float32(np.mean(np.asarray(radii, float)))
    first = np.sqrt((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2 + tiny)
    second = np.sqrt((x / a**2) ** 2 + (y / b**2) ** 2 + (z / c**2) ** 2 + tiny / mean**2)
    return first * (first - 1) / second


def tube(points: Points, start: Position, end: Position, radii: tuple[float, float]) -> np.ndarray:
    """Round tube with rounded ends; the radius goes linearly from `radii[0]` at `start` to `radii[1]` at `end`."""
    delta = np.asarray(end, float) - np.asarray(start, float)
    x, y, z = (axis - np.float32(s) for axis, s in zip(points, start, strict=True))
    dx, dy, dz = (np.float32(d) for d in delta)
    along = np.clip((x * dx + y * dy + z * dz) / np.float32(max(float(delta @ delta), 1e-6)), 0, 1)
    x, y, z = x - along * dx, y - along * dy, z - along * dz
    return np.sqrt(x * x + y * y + z * z) - (np.float32(radii[0]) + along * np.float32(radii[1] - radii[0]))


def plane(points: Points, through: Sequence[float], normal: Sequence[float]) -> np.ndarray:
    """Half-space: inside lies against the direction of `normal`."""
    n = np.asarray(normal, np.float32) / np.float32(np.linalg.norm(normal))
    x, y, z = (axis - np.float32(t) for axis, t in zip(points, through, strict=True))
    return x * n[0] + y * n[1] + z * n[2]


def union(a: np.ndarray, b: np.ndarray, blend_mm: float = 0.0) -> np.ndarray:
    """Both shapes together, the crease rounded over about `blend_mm`."""
    if blend_mm <= 0:
        return np.minimum(a, b)
    h = np.clip(0.5 + 0.5 * (b - a) / np.float32(blend_mm), 0, 1)
    return b + h * (a - b) - np.float32(blend_mm) * h * (1 - h)


def intersection(a: np.ndarray, b: np.ndarray, blend_mm: float = 0.0) -> np.ndarray:
    """What both shapes share, the edge rounded over about `blend_mm`."""
    return -union(-a, -b, blend_mm)


def difference(a: np.ndarray, b: np.ndarray, blend_mm: float = 0.0) -> np.ndarray:
    """The first shape without the second, the edge rounded over about `blend_mm`."""
    return intersection(a, -b, blend_mm)
