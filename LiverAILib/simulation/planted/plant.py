"""One case of planted disease: a real healthy scan, deformed as healthy people differ, with the signs of a stage in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from scipy import ndimage

from LiverAILib.errors import UserError
from LiverAILib.simulation.fibrosis import Fibrosis, draw_fibrosis
from LiverAILib.simulation.liver_shape import CAUDATE, LEFT, RIGHT
from LiverAILib.simulation.patient import (
    FISSURE_BAND_MM,
    LEFT_KIDNEY,
    LIVER,
    MINIMUM_GROWTH,
    MINIMUM_WIDENING_MM,
    NODULAR_BAND_MM,
    RIGHT_KIDNEY,
    SPLEEN,
    SimulatedCase,
    largest_caudate_section,
)
from LiverAILib.simulation.planted import deformation
from LiverAILib.simulation.planted.anatomy import Anatomy
from LiverAILib.simulation.planted.painting import (
    DeformedScan,
    facing_wall,
    paint_ascites,
    paint_texture,
    paint_varices,
)
from LiverAILib.simulation.planted.scan import SourceScan
from LiverAILib.simulation.planted.surface import MARGIN_MM, box_around, nodule_displacement, signed_distance
from LiverAILib.simulation.planted.warp import warp_lobes, warp_mask, warp_voxels

LABELS: Mapping[str, int] = {
    "liver": LIVER,
    "right_kidney": RIGHT_KIDNEY,
    "left_kidney": LEFT_KIDNEY,
    "spleen": SPLEEN,
}
MINIMUM_NODULE_MM = 0.15
LEAST_JACOBIAN, FLATTENINGS = 0.1, 12
"""Nodules are made flatter where a place would be compressed more."""


@dataclass(eq=False)
class _Deformation:
    """Displacement on the voxels (3, k, j, i; mm) and on the nodes, and what is known about it."""

    displacement: np.ndarray
    coarse: np.ndarray
    least_jacobian: float
    volumes: dict[str, float] = field(default_factory=dict)
    amplitude: np.ndarray | None = None


def plant_fibrosis(scan: SourceScan, anatomy: Anatomy, stage: int, *, seed: int) -> SimulatedCase:
    """A variant of a healthy scan with the signs of a stage; stage 0 is deformed only as healthy people differ.

    The same seed gives the same healthy deformation at every stage.

    Args:
        scan: The healthy scan.
        anatomy: Of the scan, from `estimate_anatomy`.
        stage: Fibrosis stage 0 to 4 (METAVIR).
        seed: Whole number, 0 or larger; the only source of chance.

    Returns:
        Image, masks and evidence in the geometry of the scan. `lobes` are estimated from the liver mask. `parameters` hold the
        drawn signs, the volumes of the parts relative to the same variant without fibrosis and the smallest Jacobian.

    Raises:
        UserError: Stage or seed cannot be used.
    """
    rngs = _streams(seed)
    fibrosis = draw_fibrosis(stage, rngs["fibrosis"])
    thick = scan.thick_slices
    velocity = deformation.healthy_velocity(anatomy, rngs["healthy"], thick_slices=thick)
    volumes: dict[str, float] = {}
    if fibrosis.severity:
        remodeling, volumes = deformation.remodeling_velocity(anatomy, fibrosis, velocity, thick_slices=thick)
        velocity = velocity + remodeling
    moved = _displaced(scan, anatomy, velocity, rngs["ripple"])
    moved.volumes = volumes
    if fibrosis.nodule_amplitude_mm >= MINIMUM_NODULE_MM:
        _add_nodules(moved, scan, anatomy, fibrosis, rngs["surface"])
    return _finished(scan, anatomy, moved, fibrosis, rngs, seed)


def untouched(scan: SourceScan, anatomy: Anatomy, *, seed: int) -> SimulatedCase:
    """The healthy scan itself, interpolated as planted cases are (about a voxel to and fro), so that its blur is theirs."""
    rngs = _streams(seed)
    moved = _displaced(scan, anatomy, np.zeros_like(anatomy.grid.points), rngs["ripple"])
    return _finished(scan, anatomy, moved, draw_fibrosis(0, rngs["fibrosis"]), rngs, seed)


def _streams(seed: int) -> dict[str, np.random.Generator]:
    if seed < 0:
        raise UserError(f"Cannot plant disease with seed {seed}: give a seed of 0 or more.")
    # New names go to the end, so that the earlier ones keep their chance.
    names = ("fibrosis", "healthy", "ripple", "surface", "texture", "ascites", "varices")
    children = np.random.SeedSequence(seed).spawn(len(names))
    return {name: np.random.default_rng(child) for name, child in zip(names, children, strict=True)}


def _displaced(scan: SourceScan, anatomy: Anatomy, velocity: np.ndarray, rng: np.random.Generator) -> _Deformation:
    grid = anatomy.grid
    coarse = deformation.flow(velocity, grid)
    displacement = np.stack([grid.upsample(axis) for axis in coarse])
    displacement += deformation.ripple(scan.voxels.shape, scan.spacing, rng, thick_slices=scan.thick_slices)
    return _Deformation(displacement, coarse, _least_jacobian(displacement, scan))


def _least_jacobian(displacement: np.ndarray, scan: SourceScan) -> float:
    return float(deformation.jacobian(displacement, scan.spacing[::-1]).min())


def _add_nodules(
    moved: _Deformation, scan: SourceScan, anatomy: Anatomy, fibrosis: Fibrosis, rng: np.random.Generator
) -> None:
    """Adds the nodular surface to the displacement, flatter where it would fold."""
    liver = warp_mask(anatomy.masks["liver"], moved.displacement, scan.spacing)
    box = box_around(liver, scan.spacing, MARGIN_MM)
    distance = signed_distance(liver[box], scan.spacing)
    nodules, amplitude = nodule_displacement(distance, scan.spacing, fibrosis, rng, thick_slices=scan.thick_slices)
    if fibrosis.ascites_mm:
        # Fluid keeps the nodules from the wall, which stays smooth; its inner border has them.
        nodules *= 1 - facing_wall(_skin(anatomy, moved)[box])
    inside = (slice(None), *box)
    smooth = moved.displacement[inside].copy()
    share = np.ones(distance.shape, np.float32)
    for _ in range(FLATTENINGS):
        folded = deformation.jacobian(smooth + share * nodules, scan.spacing[::-1]) < LEAST_JACOBIAN
        if not folded.any():
            break
        near = ndimage.binary_dilation(folded, np.ones((1, 3, 3)), iterations=2).astype(np.float32)
        share *= 1 - 0.5 * ndimage.gaussian_filter(near, (0, 1.5, 1.5))
    else:
        share *= 0
    moved.displacement[inside] = smooth + share * nodules
    moved.least_jacobian = _least_jacobian(moved.displacement, scan)
    moved.amplitude = np.zeros(liver.shape, np.float32)
    moved.amplitude[box] = share * amplitude


def _skin(anatomy: Anatomy, moved: _Deformation) -> np.ndarray:
    """Depth below the skin in mm on the voxels of the deformed scan."""
    return anatomy.grid.upsample(anatomy.grid.sample(anatomy.skin, moved.coarse))


def _deformed(scan: SourceScan, anatomy: Anatomy, moved: _Deformation) -> DeformedScan:
    warped = {organ: warp_mask(mask, moved.displacement, scan.spacing) for organ, mask in anatomy.masks.items()}
    spleen = warped["spleen"]
    return DeformedScan(
        voxels=warp_voxels(scan.voxels, moved.displacement, scan.spacing),
        liver=warped["liver"],
        spleen=spleen,
        kidneys=warped["right_kidney"] | warped["left_kidney"],
        distance=signed_distance(warped["liver"], scan.spacing),
        skin=_skin(anatomy, moved),
        spacing=scan.spacing,
        mr=scan.mr,
        cava=anatomy.cava,
        hilum=_hilum(spleen, scan.spacing),
    )


def _hilum(spleen: np.ndarray, spacing: tuple[float, float, float]) -> tuple[float, float, float] | None:
    """z, y, x in mm of the part of the spleen that lies nearest to the front and the middle, in its middle slices."""
    if not spleen.any():
        return None
    k, j, i = np.nonzero(spleen)
    low, high = np.quantile(k, (0.3, 0.7))
    middle = (k >= low) & (k <= high)
    k, j, i = k[middle], j[middle], i[middle]
    place = i * spacing[0] + 0.6 * j * spacing[1]
    nearest = place <= np.quantile(place, 0.02)
    return (
        float(k[nearest].mean() * spacing[2]),
        float(j[nearest].mean() * spacing[1]),
        float(i[nearest].mean() * spacing[0]),
    )


def _finished(
    scan: SourceScan,
    anatomy: Anatomy,
    moved: _Deformation,
    fibrosis: Fibrosis,
    rngs: Mapping[str, np.random.Generator],
    seed: int,
) -> SimulatedCase:
    """Warps, paints and describes the case."""
    deformed = _deformed(scan, anatomy, moved)
    planted: dict[str, np.ndarray] = {}
    for sign, paint in (("texture_focus", paint_texture), ("ascites", paint_ascites), ("varices", paint_varices)):
        stream = rngs["texture" if sign == "texture_focus" else sign]
        voxels, planted[sign] = paint(deformed, fibrosis, stream)
        deformed = replace(deformed, voxels=voxels)
    fluid = planted["ascites"]
    liver, spleen = deformed.liver & ~fluid, deformed.spleen & ~fluid
    lobes = warp_lobes(anatomy.lobes, liver, moved.displacement, scan.spacing)
    planted["texture_focus"] &= liver
    planted |= _moved_signs(scan, anatomy, moved, fibrosis, {"liver": liver, "spleen": spleen, "lobes": lobes})
    planted = {name: mask for name, mask in planted.items() if mask.any()}
    labels = np.zeros(liver.shape, np.uint8)
    for organ, label in LABELS.items():
        mask = {"liver": liver, "spleen": spleen}.get(organ)
        if mask is None:
            mask = warp_mask(anatomy.masks[organ], moved.displacement, scan.spacing)
        labels[mask] = label
    evidence = np.any(list(planted.values()), axis=0) if planted else np.zeros(liver.shape, bool)
    level = largest_caudate_section(lobes)
    return SimulatedCase(
        image=scan.as_file(deformed.voxels),
        labels=scan.as_file(labels, is_mask=True),
        lobes=scan.as_file(lobes, is_mask=True),
        evidence=scan.as_file(evidence, is_mask=True),
        components={name: scan.as_file(mask, is_mask=True) for name, mask in planted.items()},
        regions=None,
        stage=fibrosis.stage,
        caudate_level=scan.order.canonical_slice(level, scan.image),
        parameters=_parameters(scan, moved, fibrosis, labels, lobes, seed),
    )


def _moved_signs(
    scan: SourceScan, anatomy: Anatomy, moved: _Deformation, fibrosis: Fibrosis, now: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Where a deformation planted a sign: as `SimulatedCase.components` says. `now` holds what the case shows at the end."""
    signs: dict[str, np.ndarray] = {}
    if moved.amplitude is not None:
        near = np.abs(signed_distance(now["liver"], scan.spacing)) < NODULAR_BAND_MM
        noticeable = moved.amplitude >= 0.8 * fibrosis.nodule_amplitude_mm
        signs["surface_nodularity"] = near & noticeable
    if fibrosis.caudate_scale >= MINIMUM_GROWTH:
        signs["caudate"] = now["lobes"] == CAUDATE
    if fibrosis.spleen_volume_scale >= MINIMUM_GROWTH:
        signs["spleen"] = now["spleen"]
    if fibrosis.fissure_widening_mm >= MINIMUM_WIDENING_MM:
        gap = warp_mask(anatomy.fissures, moved.displacement, scan.spacing) & ~now["liver"]
        if gap.any():
            far = ndimage.distance_transform_edt(~gap, sampling=scan.spacing[::-1])
            signs["fissures"] = far < FISSURE_BAND_MM
    return signs


def _parameters(
    scan: SourceScan, moved: _Deformation, fibrosis: Fibrosis, labels: np.ndarray, lobes: np.ndarray, seed: int
) -> dict:
    """What was drawn and what came out, in plain numbers."""
    ml = scan.image.voxel_volume_ml
    right, left, caudate = (float((lobes == lobe).sum()) * ml for lobe in (RIGHT, LEFT, CAUDATE))
    volumes = {f"{organ}_volume_ml": float((labels == LABELS[organ]).sum()) * ml for organ in ("liver", "spleen")}
    wanted = deformation.volume_factors(fibrosis, thick_slices=scan.thick_slices)
    return {
        **asdict(fibrosis),
        **volumes,
        "right_lobe_volume_ml": right,
        "left_lobe_volume_ml": left,
        "caudate_volume_ml": caudate,
        "caudate_to_right_lobe_ratio": caudate / max(right, 1e-6),
        "wanted_volume_factors": wanted,
        "reached_volume_factors": moved.volumes,
        "least_jacobian": moved.least_jacobian,
        "largest_displacement_mm": float(np.sqrt((moved.displacement**2).sum(0).max())),
        "seed": seed,
    }
