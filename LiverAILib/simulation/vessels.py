"""Tapering vessel trees in three dimensions, grown inside an implicit shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from LiverAILib.simulation.grid import Grid, Region
from LiverAILib.simulation.shapes import tube

Segment = tuple[np.ndarray, np.ndarray, float, float]
FAR_MM = 40.0
THINNEST_MM = 1.1


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
    # Every branch has its own source of chance, so that a branch that finds no room does not change the others.
    entropy = int(rng.integers(2**32))
    segments: list[Segment] = []
    tips = [(1, np.asarray(start, float), _unit(np.asarray(direction, float)), length_mm, radius_mm)]
    for generation in range(generations):
        following = []
        for path, position, heading, length, radius in tips:
            own = np.random.default_rng([entropy, path])
            for part in range(2):
                # Of a few headings the one that stays deepest inside is taken.
                tries = _unit_rows(heading + own.normal(0, 0.28, (4, 3)))
                ends = position + tries * length / 2
                depth = inside(ends)
                best = int(np.argmin(depth + own.uniform(0, 12, 4)))
                if depth[best] > -2 and generation + part > 0:
                    break
                segments.append((position, ends[best], radius, radius * 0.9))
                position, heading, radius = ends[best], tries[best], radius * 0.9
            else:
                side = _unit(np.cross(heading, own.normal(size=3)))
                for fork, sign in enumerate((-1, 1)):
                    turned = _unit(heading + sign * own.uniform(0.35, 0.85) * side)
                    thinner = max(radius * own.uniform(0.74, 0.9), THINNEST_MM)
                    following.append((2 * path + fork, position, turned, length * 0.84, thinner))
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
