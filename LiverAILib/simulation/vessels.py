"""Tapering vessel trees in three dimensions, grown inside an implicit shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from LiverAILib.simulation.grid import Grid, Region
from LiverAILib.simulation.shapes import tube

Segment = tuple[np.ndarray, np.ndarray, float, float]
FAR_MM = 40.0


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def grow_tree(
    start: Sequence[float],
    direction: Sequence[float],
    *,
    length_mm: float,
    radius_mm: float,
    generations: int,
    inside: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
) -> list[Segment]:
    """A branching tree that stays where `inside` is below -2 mm.

    Args:
        start: Root, canonical mm.
        direction: Of the first branch.
        length_mm: Of the first branch; each generation is a sixth shorter.
        radius_mm: At the root; each generation keeps about three quarters.
        generations: How often it branches.
        inside: Gives the implicit shape in mm at points (n, 3).
        rng: Source of chance.

    Returns:
        Segments (start, end, radius at start, radius at end).
    """
    segments: list[Segment] = []
    tips = [(np.asarray(start, float), _unit(np.asarray(direction, float)), length_mm, radius_mm)]
    for generation in range(generations):
        following = []
        for position, heading, length, radius in tips:
            for part in range(2):
                # Of a few headings the one that stays deepest inside is taken.
                tries = _unit_rows(heading + rng.normal(0, 0.28, (4, 3)))
                ends = position + tries * length / 2
                depth = inside(ends)
                best = int(np.argmin(depth + rng.uniform(0, 12, 4)))
                if depth[best] > -2 and generation + part > 0:
                    break
                end, taper = ends[best], radius * 0.90
                segments.append((position, end, radius, taper))
                position, heading, radius = end, tries[best], taper
            else:
                side = _unit(np.cross(heading, rng.normal(size=3)))
                for sign in (-1, 1):
                    spread = rng.uniform(0.35, 0.85)
                    following.append((position, _unit(heading + sign * spread * side), length * 0.84, max(radius * rng.uniform(0.74, 0.9), 1.1)))
        tips = following
    return segments


def _unit_rows(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def draw_segments(segments: Sequence[Segment], grid: Grid, region: Region) -> np.ndarray:
    """Implicit shape of all segments together on the voxels of `region`, `FAR_MM` where none is near."""
    shape = tuple(s.stop - s.start for s in region)
    out = np.full(shape, np.float32(FAR_MM))
    for start, end, first, last in segments:
        center, half = (start + end) / 2, np.abs(end - start) / 2 + max(first, last)
        box = grid.box(center, half + np.array([4.0, 4.0, 9.0]), margin_mm=6.0)
        box = tuple(slice(max(b.start, r.start), min(b.stop, r.stop)) for b, r in zip(box, region, strict=True))
        if any(b.stop <= b.start for b in box):
            continue
        local = tuple(slice(b.start - r.start, b.stop - r.start) for b, r in zip(box, region, strict=True))
        out[local] = np.minimum(out[local], tube(grid.at(box), start, end, (first, last)))
    return out
