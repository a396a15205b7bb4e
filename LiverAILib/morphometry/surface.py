"""The outer liver surface in an axial slice: where it runs, to a fraction of a pixel, and how far it is from smooth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

MASK_SIGMA_MM = 1.2
NORMAL_SIGMA_MM = 6.0
HULL_DEPTH_MM = 5.0
"""The surface that faces the wall of the body is convex: points farther inside the convex hull lie in fissures and fossae."""

PROFILE_MM = 6.0
PROFILE_STEP_MM = 0.25
SEARCH_MM = 3.0
PRIOR_SIGMA_MM = 1.5
EDGE_SIGMA_MM = 0.6
EDGE_STEP = 3.0
ALONG_SIGMA_MM = 1.5
AGREEMENT_SIGMA_MM = 12.0
FIT_HALF_WINDOW_MM = 25.0
FIT_SIDE_MM = 8.0
FIT_HEIGHT_MM = 8.0
SIDE_POINTS = 6
POINT_STEP_MM = 1.25
MINIMUM_POINTS = 25


@dataclass(frozen=True, eq=False)
class Surface:
    """Points of the outer surface of one slice.

    Attributes:
        points: (n, 2) column and row in mm.
        normals: (n, 2) unit vectors out of the liver.
    """

    points: np.ndarray
    normals: np.ndarray

    def __len__(self) -> int:
        return len(self.points)

    def take(self, kept: np.ndarray) -> Surface:
        """The points that `kept` (bool or indices) names."""
        return Surface(self.points[kept], self.normals[kept])


def outer_surface(mask: np.ndarray, spacing: tuple[float, float]) -> Surface:
    """The antero-lateral boundary of a mask: points on it at every row and column, with smooth normals.

    Args:
        mask: Bool (rows, columns); rows run to posterior, columns to the patient's left.
        spacing: mm along (columns, rows).
    """
    step = np.array(spacing[::-1])
    soft = ndimage.gaussian_filter(mask.astype(np.float32), MASK_SIGMA_MM / step)
    # As many points as a pixel of 1.25 mm gives: more make the fit slow and not better.
    points = _crossings(soft - 0.5)[:: max(1, round(POINT_STEP_MM / min(spacing)))]
    inside = ((points > 2) & (points < np.array(mask.shape) - 3)).all(axis=1)
    points = points[inside]
    if len(points) < MINIMUM_POINTS:
        return Surface(np.zeros((0, 2)), np.zeros((0, 2)))
    wide = ndimage.gaussian_filter(mask.astype(np.float32), NORMAL_SIGMA_MM / step)
    slope = [ndimage.map_coordinates(g, points.T, order=1) for g in np.gradient(wide, *step)]
    normals = -np.stack(slope[::-1], axis=1)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    in_mm = (points * step)[:, ::-1]
    # To the front or to the patient's right: where the liver lies against the wall of the body.
    facing = normals @ np.array([-1.0, -1.0]) > 0
    near_hull = _hull_depth(in_mm) < HULL_DEPTH_MM
    return Surface(in_mm, normals).take(facing & near_hull)


def _crossings(level: np.ndarray) -> np.ndarray:
    """(n, 2) row and column, to a fraction of a pixel, where `level` changes sign between neighboring pixels."""
    found = []
    for axis in (0, 1):
        first, second = np.delete(level, -1, axis), np.delete(level, 0, axis)
        at = np.argwhere((first > 0) != (second > 0)).astype(float)
        a, b = first[(first > 0) != (second > 0)], second[(first > 0) != (second > 0)]
        at[:, axis] += a / (a - b)
        found.append(at)
    return np.concatenate(found)


def _hull_depth(points: np.ndarray) -> np.ndarray:
    """Distance in mm of points inside their convex hull from its border."""
    try:
        hull = ConvexHull(points)
    except QhullError:  # all on one line
        return np.full(len(points), np.inf)
    return -(points @ hull.equations[:, :2].T + hull.equations[:, 2]).max(axis=1)


def seen_edge(surface: Surface, section: np.ndarray, spacing: tuple[float, float], *, noise: float) -> Surface:
    """The surface moved along its normals to the steepest place of the image, where there is one worth the name.

    Profiles are averaged over `ALONG_SIGMA_MM` along the surface, and neighbors agree on whether the liver is the brighter or
    the darker side, so that noise and vessels do not pass for nodules.

    Args:
        surface: From a mask, within `SEARCH_MM` of the true edge.
        section: Intensities (rows, columns).
        spacing: mm along (columns, rows).
        noise: Standard deviation of the noise inside the liver; an edge has to be a step of `EDGE_STEP` times that.
    """
    if len(surface) < MINIMUM_POINTS:
        return surface.take(np.zeros(len(surface), bool))
    along = np.arange(-PROFILE_MM, PROFILE_MM + PROFILE_STEP_MM / 2, PROFILE_STEP_MM)
    places = surface.points[:, None, :] + along[None, :, None] * surface.normals[:, None, :]
    at = (places / np.array(spacing))[..., ::-1]
    profiles = ndimage.map_coordinates(section.astype(np.float32), at.reshape(-1, 2).T, order=1, mode="nearest")
    distance = np.linalg.norm(surface.points[:, None] - surface.points[None], axis=2)
    near = np.exp(-0.5 * (distance / ALONG_SIGMA_MM) ** 2)
    profiles = near @ profiles.reshape(len(surface), -1) / near.sum(axis=1, keepdims=True)
    profiles = ndimage.gaussian_filter1d(profiles, EDGE_SIGMA_MM / PROFILE_STEP_MM, axis=1)
    slope = np.gradient(profiles, PROFILE_STEP_MM, axis=1)
    prior = np.where(np.abs(along) <= SEARCH_MM, np.exp(-0.5 * (along / PRIOR_SIGMA_MM) ** 2), 0)
    around = np.exp(-0.5 * (distance / AGREEMENT_SIGMA_MM) ** 2)
    falls = around @ (np.clip(-slope, 0, None) * prior).max(axis=1)
    rises = around @ (np.clip(slope, 0, None) * prior).max(axis=1)
    # The weight holds a point near the mask's boundary: less noise, at the price of nodules that the mask does not follow.
    strength = np.clip(np.where(falls > rises, -1, 1)[:, None] * slope, 0, None) * prior
    best = np.clip(strength.argmax(axis=1), 1, len(along) - 2)
    rows = np.arange(len(surface))
    left, middle, right = (strength[rows, best + n] for n in (-1, 0, 1))
    bend = left - 2 * middle + right
    shift = np.clip(np.where(bend < 0, 0.5 * (left - right) / np.minimum(bend, -1e-9), 0.0), -0.5, 0.5)
    moved = along[best] + shift * PROFILE_STEP_MM
    reach = round(2.0 / PROFILE_STEP_MM)
    before, after = np.clip(best - reach, 0, None), np.clip(best + reach, None, len(along) - 1)
    step = np.abs(profiles[rows, after] - profiles[rows, before])
    kept = (step > EDGE_STEP * noise) & (np.abs(along[best]) < SEARCH_MM - PROFILE_STEP_MM)
    return Surface(surface.points + moved[:, None] * surface.normals, surface.normals).take(kept)


def deviations(surface: Surface, *, half_window: float = FIT_HALF_WINDOW_MM) -> np.ndarray:
    """(n,) signed distance in mm of every point from a smooth surface through its neighbors; NaN where they do not suffice.

    The smooth surface is a local quadratic in the tangent's direction, weighted by the distance (tricube) as in LOESS; each
    point needs neighbors on both sides.
    """
    if len(surface) < MINIMUM_POINTS:
        return np.full(len(surface), np.nan)
    gap = surface.points[None, :, :] - surface.points[:, None, :]
    across = surface.normals[:, None, :]
    along = (gap[..., 1] * across[..., 0] - gap[..., 0] * across[..., 1]) / half_window
    height = (gap * across).sum(axis=2)
    weight = np.clip(1 - np.abs(along) ** 3, 0, None) ** 3 * (np.abs(height) < FIT_HEIGHT_MM)
    side = FIT_SIDE_MM / half_window
    used = weight > 0.05
    enough = np.minimum((used & (along > side)).sum(axis=1), (used & (along < -side)).sum(axis=1)) >= SIDE_POINTS
    moments = [weight.sum(axis=1)]
    power, right = weight, [(weight * height).sum(axis=1)]
    for n in range(1, 5):
        power = power * along
        moments.append(power.sum(axis=1))
        if n < 3:
            right.append((power * height).sum(axis=1))
    normal = np.stack([np.stack([moments[a + b] for b in range(3)], axis=-1) for a in range(3)], axis=-2)
    fitted = np.linalg.solve(normal + 1e-9 * np.eye(3), np.stack(right, axis=-1)[..., None])[:, 0, 0]
    return np.where(enough, -fitted, np.nan)
