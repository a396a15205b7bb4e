"""Liver surface nodularity: how far the outer surface of the liver is from smooth, in tenths of a millimeter.

The idea is that of the liver surface nodularity score (Smith 2016, Radiology 280:771): detect the liver's edge in axial
slices, lay a smooth curve along it, and average the distance between the two. This is another implementation, and automatic:
its numbers are no scores of that software, and cut-offs for those do not apply.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from LiverAILib.data.assessment import CaseWarning
from LiverAILib.data.measurement import Drawing, Mark, Measurement, NotAssessed
from LiverAILib.morphometry.findings import Anatomy, Morphometry
from LiverAILib.morphometry.surface import Surface, deviations, outer_surface, seen_edge

TITLE, KEY = "Liver surface nodularity", "surface_nodularity"
MINIMUM_AREA_MM2 = 3000.0
MAXIMUM_SLICES = 24
MINIMUM_SLICES = 3
MINIMUM_POINTS = 30
MINIMUM_SHARE = 0.4
"""Share of the boundary with a visible edge below which nothing is said."""

FINE_ENOUGH_MM = (1.5, 8.0)
"""Pixel and slice spacing up to which the measure was seen to rise with planted nodules (simulated T2 MR)."""

RESAMPLES = 500


@dataclass(frozen=True, eq=False)
class Boundary:
    """The measured boundary of one slice: number of the slice, points, and signed deviations in mm."""

    position: int
    surface: Surface
    deviation: np.ndarray


@dataclass(frozen=True, eq=False)
class Nodularity:
    """Mean absolute deviation in mm with its 95 % interval, the slices it comes from, and the share of visible edge."""

    mean_mm: float
    interval_mm: tuple[float, float]
    boundaries: tuple[Boundary, ...]
    visible_share: float


def nodularity(anatomy: Anatomy, *, use_image: bool = True) -> Nodularity | None:
    """Measure the liver's antero-lateral surface; None where too little of it can be seen.

    Args:
        anatomy: With a mask "liver".
        use_image: Move the mask's boundary to the edge that the image shows. A mask alone is only as fine as it was drawn.
    """
    liver = anatomy.structures["liver"]
    pixel = anatomy.spacing[:2]
    area = liver.sum(axis=(1, 2)) * pixel[0] * pixel[1]
    slices = np.flatnonzero(area > MINIMUM_AREA_MM2)
    slices = slices[:: max(1, -(-len(slices) // MAXIMUM_SLICES))]
    noise = _noise(anatomy)
    boundaries, points, seen = [], 0, 0
    for k in slices:
        surface = outer_surface(liver[k], pixel)
        points += len(surface)
        if use_image:
            surface = seen_edge(surface, np.nan_to_num(anatomy.array[k]), pixel, noise=noise)
        deviation = deviations(surface)
        known = np.isfinite(deviation)
        if known.sum() >= MINIMUM_POINTS:
            seen += int(known.sum())
            boundaries.append(Boundary(int(k), surface.take(known), deviation[known]))
    share = seen / max(points, 1)
    if len(boundaries) < MINIMUM_SLICES or share < MINIMUM_SHARE:
        return None
    sums = np.array([np.abs(b.deviation).sum() for b in boundaries])
    counts = np.array([len(b.deviation) for b in boundaries])
    drawn = np.random.default_rng(0).integers(0, len(sums), (RESAMPLES, len(sums)))
    resampled = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Nodularity(float(sums.sum() / counts.sum()), (float(low), float(high)), tuple(boundaries), share)


def _noise(anatomy: Anatomy) -> float:
    """Standard deviation of the noise in the liver, from neighbors in a row: shading by the coil does not count."""
    liver = anatomy.structures["liver"]
    neighbors = liver[:, :, 1:] & liver[:, :, :-1]
    steps = anatomy.array[:, :, 1:][neighbors].astype(np.float32) - anatomy.array[:, :, :-1][neighbors]
    return float(1.4826 * np.nanmedian(np.abs(steps)) / np.sqrt(2)) if len(steps) else 0.0


def nodularity_findings(anatomy: Anatomy) -> Morphometry:
    """The nodularity of the outer surface, with the slice that is nearest to the mean as its drawing."""
    found = nodularity(anatomy) if "liver" in anatomy.structures else None
    if found is None:
        reason = (
            f"Needs {MINIMUM_SLICES} axial slices in which {100 * MINIMUM_SHARE:.0f} % of the outer surface of the liver have a "
            "visible edge."
        )
        return Morphometry(not_assessed=(NotAssessed(TITLE, reason, KEY),))
    length = sum(len(b.deviation) for b in found.boundaries)
    measured = Measurement(
        TITLE,
        round(10 * found.mean_mm, 2),
        "0.1 mm",
        f"Mean distance of the edge seen in the image from a smooth curve (local quadratic, 50 mm), {length} points of the "
        f"antero-lateral surface in {len(found.boundaries)} slices; interval: 95 %, slices resampled. Own implementation, no "
        "published cut-off applies.",
        interval=(round(10 * found.interval_mm[0], 2), round(10 * found.interval_mm[1], 2)),
        key=KEY,
    )
    return Morphometry((measured,), (), (_drawing(found, anatomy),), _warnings(anatomy))


def _warnings(anatomy: Anatomy) -> tuple[CaseWarning, ...]:
    reasons = []
    pixel, thickness = max(anatomy.spacing[:2]), anatomy.spacing[2]
    if pixel > FINE_ENOUGH_MM[0] or thickness > FINE_ENOUGH_MM[1]:
        reasons.append(
            f"pixels of {pixel:.2f} mm and slices of {thickness:.1f} mm are coarser than what it was checked on"
        )
    if anatomy.source != "given":
        reasons.append("the mask is a network's, and where it misses a nodule by some mm the edge is not found")
    if not reasons:
        return ()
    return (CaseWarning("surface_nodularity", f"{TITLE} may be too low: {'; '.join(reasons)}."),)


def _drawing(found: Nodularity, anatomy: Anatomy) -> Drawing:
    """The slice with a long boundary whose own mean is nearest to that of all."""
    long_enough = np.median([len(b.deviation) for b in found.boundaries])
    chosen = min(
        (b for b in found.boundaries if len(b.deviation) >= long_enough),
        key=lambda b: abs(np.abs(b.deviation).mean() - found.mean_mm),
    )
    points = chosen.surface.points
    center = points.mean(axis=0) + np.array([60.0, 60.0])  # behind and to the left: inside the liver or beyond
    order = np.argsort(np.arctan2(*(points - center).T))
    fitted = (points - chosen.deviation[:, None] * chosen.surface.normals)[order]
    pixel = np.array(anatomy.spacing[:2])
    return Drawing(
        f"Surface nodularity {10 * found.mean_mm:.1f} (0.1 mm)",
        chosen.position,
        marks=(
            Mark(_with_gaps(fitted) / pixel, "smooth curve"),
            Mark(points / pixel, "edge", np.abs(chosen.deviation)),
        ),
        color_label="distance from the smooth curve, mm",
    )


def _with_gaps(points: np.ndarray, *, longest_mm: float = 5.0) -> np.ndarray:
    """The line with a row of NaN where neighbors are far apart."""
    far = np.flatnonzero(np.linalg.norm(np.diff(points, axis=0), axis=1) > longest_mm) + 1
    return np.insert(points, far, np.nan, axis=0)
