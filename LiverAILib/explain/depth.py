"""Surface against center of the liver: Yin 2021 saw maps of F0 on the surface and maps of F4 in the center."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from LiverAILib.explain.explained_case import ExplainedCase
from LiverAILib.explain.intervals import CONFIDENCE, proportion

EDGES_MM = (0.0, 10.0, 20.0, float("inf"))


@dataclass(frozen=True)
class DepthProfile:
    """Mean of one case's map in bands of depth below the liver surface.

    Attributes:
        case_id: The case.
        pipeline: Network input that the map explains.
        predicted_class: Class that the network predicts.
        edges_mm: Edges of the bands, from the surface.
        means: Mean of the raw map in each band; nan where the band is empty.
        voxels: Voxels in view in each band.
    """

    case_id: str
    pipeline: str
    predicted_class: str
    edges_mm: tuple[float, ...]
    means: tuple[float, ...]
    voxels: tuple[int, ...]

    @property
    def surface_to_center(self) -> float | None:
        """Mean of the outermost band over that of the innermost; None where either is empty or the center is 0."""
        surface, center = self.means[0], self.means[-1]
        return surface / center if np.isfinite(surface) and center > 0 else None

    @property
    def surface_higher(self) -> bool | None:
        """Whether the surface has the higher mean; None where a band is empty or both are 0."""
        surface, center = self.means[0], self.means[-1]
        if not np.isfinite(surface + center) or surface == center == 0:
            return None
        return bool(surface > center)


@dataclass(frozen=True)
class DepthRow:
    """Surface against center in the cases of a predicted class, with the exact interval of the share.

    Attributes:
        pipeline: Network input that the maps explain.
        predicted_class: Class that the network predicts.
        n: Cases with something in both bands.
        surface_higher: Cases in which the surface has the higher mean.
        share: surface_higher / n (the paper's readers: surface in 91.0 % of F0 maps, centers in 76.4 % of F4 maps).
        low: Lower limit of the share.
        high: Upper limit.
        median_ratio: Median of surface over center; None where no case has a center above 0.
        q1: Lower quartile of the ratio.
        q3: Upper quartile.
        bands: The bands compared, in words.
    """

    pipeline: str
    predicted_class: str
    n: int
    surface_higher: int
    share: float
    low: float
    high: float
    median_ratio: float | None
    q1: float | None
    q3: float | None
    bands: str


def liver_depth(liver: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """Distance of every liver voxel to the nearest voxel outside of the liver in mm; 0 outside.

    The border of the array does not count as surface: a slice or a cut-off volume has no surface there.
    """
    if liver.all():
        raise ValueError("the liver fills the whole array: there is no surface to measure from")
    return ndimage.distance_transform_edt(liver, sampling=spacing)


def depth_profile(case: ExplainedCase, *, edges_mm: Sequence[float] = EDGES_MM) -> DepthProfile | None:
    """The profile of a case; None without a liver mask or without liver in view.

    A map cannot resolve bands that are finer than its own positions (about 32 pixels of the network input for ResNet50):
    then surface and center differ less than they should, never more.

    Raises:
        ValueError: The edges do not rise from 0.
    """
    edges = tuple(float(edge) for edge in edges_mm)
    if len(edges) < 3 or edges[0] != 0 or any(b <= a for a, b in itertools.pairwise(edges)):
        raise ValueError(f"edges_mm have to rise from 0 and make two bands or more, got {edges}")
    liver = case.mask("liver")
    if liver is None or not (liver & case.view).any():
        return None
    depth = liver_depth(liver, case.spacing)
    inside = liver & case.view
    band = np.digitize(depth[inside], edges[1:-1], right=True)
    values = case.heatmap[inside].astype(np.float64)
    counts = np.bincount(band, minlength=len(edges) - 1)
    sums = np.bincount(band, values, minlength=len(edges) - 1)
    means = np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0)
    return DepthProfile(
        case.case_id,
        case.pipeline,
        case.predicted_class,
        edges,
        tuple(map(float, means)),
        tuple(map(int, counts)),
    )


def depth_table(profiles: Iterable[DepthProfile], *, confidence: float = CONFIDENCE) -> list[DepthRow]:
    """Surface against center by pipeline and predicted class, sorted; groups without a comparable case are left out."""
    groups: dict[tuple[str, str], list[DepthProfile]] = {}
    for profile in profiles:
        if profile.surface_higher is not None:
            groups.setdefault((profile.pipeline, profile.predicted_class), []).append(profile)
    rows = []
    for (pipeline, predicted), group in sorted(groups.items()):
        higher = sum(bool(profile.surface_higher) for profile in group)
        found = proportion(higher, len(group), confidence=confidence)
        ratios = [profile.surface_to_center for profile in group if profile.surface_to_center is not None]
        q1, median, q3 = (float(q) for q in np.percentile(ratios, (25, 50, 75))) if ratios else (None, None, None)
        edges = group[0].edges_mm
        rows.append(
            DepthRow(
                pipeline,
                predicted,
                len(group),
                higher,
                found.value,
                found.low,
                found.high,
                median,
                q1,
                q3,
                f"within {edges[1]:g} mm of the surface against deeper than {edges[-2]:g} mm",
            )
        )
    return rows
