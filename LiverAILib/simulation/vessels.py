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
    # Every branch has its own random generator, so that a branch that finds no room does not change the others.
    entropy = int(rng.integers(2**32))
    segments: list[Segment] = []
    tips = [_Tip(1, np.asarray(start, float), _unit(np.asarray(direction, float)), radius_mm, entropy)]
    for generation in range(generations):
        length = length_mm * 0.84**generation
        for part in range(2):
            if not tips:
                return segments
            # Of a few headings the one that stays deepest inside is taken; all tips are asked for at once.
            tries = [_unit_rows(tip.heading + tip.own.normal(0, 0.28, (4, 3))) for tip in tips]
            ends = [tip.position + headings * length / 2 for tip, headings in zip(tips, tries, strict=True)]
            depths = inside(np.concatenate(ends)).reshape(-1, 4)
            growing = []
            for tip, headings, places, depth in zip(tips, tries, ends, depths, strict=True):
                best = int(np.argmin(depth + tip.own.uniform(0, 12, 4)))
                if depth[best] > -2 and generation + part > 0:
                    continue
                segments.append((tip.position, places[best], tip.radius, tip.radius * 0.9))
                tip.position, tip.heading, tip.radius = places[best], headings[best], tip.radius * 0.9
                growing.append(tip)
            tips = growing
        tips = [fork for tip in tips for fork in tip.forks(entropy)]
    return segments


class _Tip:
    """The growing end of a branch; `path` names the branch and, with the tree's entropy, seeds its chance."""

    def __init__(self, path: int, position: np.ndarray, heading: np.ndarray, radius: float, entropy: int) -> None:
        self.path, self.position, self.heading, self.radius = path, position, heading, radius
        self.own = np.random.default_rng([entropy, path])

    def forks(self, entropy: int) -> list[_Tip]:
        """The two branches that it divides into."""
        side = _unit(np.cross(self.heading, self.own.normal(size=3)))
        found = []
        for fork, sign in enumerate((-1, 1)):
            turned = _unit(self.heading + sign * self.own.uniform(0.35, 0.85) * side)
            thinner = max(self.radius * self.own.uniform(0.74, 0.9), THINNEST_MM)
            found.append(_Tip(2 * self.path + fork, self.position, turned, thinner, entropy))
        return found


def _unit_rows(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def draw_segments(segments: Sequence[Segment], grid: Grid, region: Region) -> np.ndarray:
    """Implicit shape of all segments together on the voxels of `region`, `FAR_MM` where none is near."""
    shape = tuple(s.stop - s.start for s in region)
    out = np.full(shape, np.float32(FAR_MM))
    for start, end, first, last in segments:
        center, half = (start + end) / 2, np.abs(end - start) / 2 + max(first, last)
        box = grid.box(center, half + np.array([4.0, 4.0, 9.0]), margin_mm=6.0)
        k, j, i = (slice(max(b.start, r.start), min(b.stop, r.stop)) for b, r in zip(box, region, strict=True))
        box = (k, j, i)
        if any(b.stop <= b.start for b in box):
            continue
        local = tuple(slice(b.start - r.start, b.stop - r.start) for b, r in zip(box, region, strict=True))
        out[local] = np.minimum(out[local], tube(grid.at(box), start, end, (first, last)))
    return out
