"""The patient that every simulated modality images: anatomy, planted signs of fibrosis, and the truth about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy import ndimage

from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image
from LiverAILib.simulation import body as trunk
from LiverAILib.simulation import liver_shape as livers
from LiverAILib.simulation import organs
from LiverAILib.simulation.canvas import Canvas
from LiverAILib.simulation.fibrosis import Fibrosis, draw_fibrosis
from LiverAILib.simulation.grid import Grid, Pose
from LiverAILib.simulation.regions import region_labels
from LiverAILib.simulation.shapes import intersection, tube
from LiverAILib.simulation.texture import lumps, net, smooth_field
from LiverAILib.simulation.vessels import draw_segments, grow_tree

LIVER, RIGHT_KIDNEY, LEFT_KIDNEY, SPLEEN = 1, 2, 3, 4
NODULAR_BAND_MM = 3.0
WOBBLE_MM = 1.6
MINIMUM_GROWTH = 1.12
MINIMUM_WIDENING_MM = 1.0
FISSURE_BAND_MM = 2.0


@dataclass(frozen=True)
class SimulatedCase:
    """An image and its truth; every Image has the same geometry, arrays (k, j, i).

    Attributes:
        image: int16, modality "MR" (the liver at about 180 to 420) or "CT" (HU).
        labels: uint8: 1 liver, 2 right kidney, 3 left kidney, 4 spleen.
        lobes: uint8, inside the liver: 1 right, 2 left (left of Cantlie's plane), 3 caudate.
        evidence: uint8: 1 where a sign of fibrosis was planted, the union of `components`; empty at stage 0.
        components: Name of a sign -> uint8 mask. `surface_nodularity`: within 3 mm of the liver surface where the nodules
            rise noticeably; `texture_focus`: parenchyma with a net of septa; `caudate`: the caudate lobe, where fibrosis
            enlarged it by 12 % or more in length; `spleen`: the spleen, where fibrosis enlarged it by 12 % or more;
            `fissures`: within 2 mm of the fissures and the porta hepatis, where fibrosis widened them by 1 mm or more;
            `ascites`, `varices`. A sign too small to be planted is absent. Atrophy of the right lobe and growth of the left
            are shape changes without a place of their own and have no component.
        regions: uint8: 1 stomach, 2 gastro-esophageal junction, 3 spinal muscles; what no other organ covers. None where they
            are not known (planted cases).
        stage: Fibrosis stage 0 to 4.
        caudate_level: Slice index k with the largest cross-section of the caudate lobe (areas smoothed over 3 slices).
        parameters: Everything drawn and the volumes measured from the masks, JSON-able, units in the names.
            `caudate_to_right_lobe_ratio` is a ratio of volumes.
    """

    image: Image
    labels: Image
    lobes: Image
    evidence: Image
    components: dict[str, Image]
    regions: Image | None
    stage: int
    caudate_level: int
    parameters: dict


@dataclass(frozen=True, eq=False)
class Patient:
    """One drawn patient in one scanner position, before any scanner looked.

    Attributes:
        fibrosis: The planted signs.
        body: Build of the trunk.
        form: Shape of the liver.
        organ: Sizes and places of the other organs.
        grid: Where the voxels of the acquisition lie in the patient.
        seed: What everything was drawn from.
        rngs: Random generators by purpose, each used by one step only, so that the steps are independent.
    """

    fibrosis: Fibrosis
    body: trunk.Body
    form: livers.LiverForm
    organ: organs.OrganForm
    grid: Grid
    seed: int
    rngs: Mapping[str, np.random.Generator]


@dataclass(frozen=True, eq=False)
class Truth:
    """Labels, lobes and regions uint8 and the boolean masks of the planted signs, all (k, j, i)."""

    labels: np.ndarray
    lobes: np.ndarray
    regions: np.ndarray
    planted: Mapping[str, np.ndarray]


def draw_patient(stage: int, *, seed: int, size: Sequence[int], spacing: Sequence[float]) -> Patient:
    """The patient of a seed; the same seed gives the same patient at every stage and in every modality.

    Args:
        stage: Fibrosis stage 0 to 4 (METAVIR).
        seed: Whole number, 0 or larger; the only source of chance.
        size: Voxels along (i, j, k), at least (48, 48, 8).
        spacing: Voxel distance in mm along (i, j, k).

    Raises:
        UserError: Stage, seed, size or spacing cannot be used.
    """
    if min(size) < 8 or min(size[:2]) < 48 or min(spacing) <= 0 or seed < 0:
        raise UserError(
            f"Cannot simulate size {tuple(size)}, spacing {tuple(spacing)} mm, seed {seed}: give at least "
            "48 x 48 x 8 voxels, spacings above 0 and a seed of 0 or more."
        )
    rngs = _streams(seed)
    fibrosis = draw_fibrosis(stage, rngs["fibrosis"])
    pose = _draw_pose(rngs["pose"])
    body = replace(trunk.draw_body(rngs["body"]), fluid_mm=fibrosis.ascites_mm)
    grid = Grid(size, spacing, pose=pose, rng=rngs["warp"])
    form = livers.draw_liver_form(fibrosis, body, rngs["liver"])
    form = livers.fit_volume(form, body, grid, inset_mm=fibrosis.nodule_amplitude_mm)
    organ = organs.fit_spleen(organs.draw_organs(fibrosis, body, rngs["organs"]), body, grid)
    return Patient(fibrosis, body, form, organ, grid, seed, rngs)


def _streams(seed: int) -> dict[str, np.random.Generator]:
    names = (
        "pose",
        "warp",
        "fibrosis",
        "body",
        "liver",
        "organs",
        "paint",
        "vessels",
        "surface",
        "texture",
        "scanner",
        "noise",
        "signal",
        # New names go to the end, so that the earlier ones keep their chance.
        "ct_scanner",
        "attenuation",
        "ct_noise",
    )
    children = np.random.SeedSequence(seed).spawn(len(names))
    return {name: np.random.default_rng(child) for name, child in zip(names, children, strict=True)}


def _draw_pose(rng: np.random.Generator) -> Pose:
    build = rng.normal(0, 0.045)
    return Pose(
        scale=(
            float(1.0 + build + rng.normal(0, 0.03)),
            float(1.0 + build + rng.normal(0, 0.06)),
            float(1.0 + rng.normal(0, 0.06)),
        ),
        shift_mm=(float(rng.normal(0, 6)), float(rng.normal(0, 8))),
        rotation_deg=float(np.clip(rng.normal(0, 2.0), -5, 5)),
        caudate_position=float(rng.uniform(0.54, 0.68)),
    )


def paint_patient(canvas: Canvas, patient: Patient) -> Truth:
    """Paints the patient from the back to the front of what covers what; the canvas has the patient's grid."""
    grid, rngs = canvas.grid, patient.rngs
    fibrosis, body, form, organ = patient.fibrosis, patient.body, patient.form, patient.organ
    rng = rngs["paint"]
    muscles = trunk.muscle_outline(grid.points, body)
    inside = trunk.cavity(grid.points, muscles)
    below = trunk.under_diaphragm(grid.points, body)
    planted: dict[str, np.ndarray] = {}
    trunk.paint_trunk(canvas, body, inside, muscles, rng)
    trunk.paint_spine(canvas, body, rng)
    trunk.paint_great_vessels(canvas, body, rng)
    organs.paint_bowel(canvas, inside, rng)
    organs.paint_pancreas(canvas, rng)
    organs.paint_stomach(canvas, organ, rng)
    trunk.paint_thorax(canvas, body, muscles, below, rng)
    if body.fluid_mm:
        pools = smooth_field(rngs["surface"], grid.shape, grid.spacing, correlation_mm=40.0)
        fluid = intersection(trunk.ascites(grid.points, body, inside, pools), below + 1)
        canvas.paint("ascites", fluid)
        planted["ascites"] = fluid < 0
    labels, lobes = np.zeros(grid.shape, np.uint8), np.zeros(grid.shape, np.uint8)
    for label, kidney, side in ((RIGHT_KIDNEY, organ.right_kidney, -1), (LEFT_KIDNEY, organ.left_kidney, 1)):
        region, shape = organs.paint_kidney(canvas, kidney, side, rng)
        labels[region][shape < 0] = label
    if fibrosis.varices_count:
        region = grid.box((45, 20, 30), (60, 50, 60))
        tangle = organs.varices(grid.at(region), fibrosis.varices_count, rngs["vessels"])
        canvas.paint("vein_bright", tangle, region)
        planted["varices"] = np.zeros(grid.shape, bool)
        planted["varices"][region] = tangle < 0
    region = grid.box(*organs.SPLEEN_BOX)
    shape = organs.spleen(grid.at(region), organ, body)
    mottle = smooth_field(rng, shape.shape, grid.spacing, correlation_mm=6.0)
    canvas.paint("visceral_fat", shape - 2.2, region, opacity=0.85)
    canvas.paint("spleen", shape, region, texture=0.045 * mottle)
    labels[region][shape < 0] = SPLEEN
    found = _paint_liver(canvas, form, body, fibrosis, rngs)
    mask = found["mask"]
    labels[found["region"]][mask] = LIVER
    lobes[found["region"]][mask] = found["lobes"][mask]
    for name, part in found["planted"].items():
        planted[name] = np.zeros(grid.shape, bool)
        planted[name][found["region"]] = part
    if fibrosis.caudate_scale >= MINIMUM_GROWTH:
        planted["caudate"] = lobes == livers.CAUDATE
    if fibrosis.spleen_volume_scale >= MINIMUM_GROWTH:
        planted["spleen"] = labels == SPLEEN
    for name in planted:
        if name in ("ascites", "varices"):
            planted[name] &= labels == 0
    return Truth(labels, lobes, region_labels(canvas, organ), planted)


def _paint_liver(
    canvas: Canvas,
    form: livers.LiverForm,
    body: trunk.Body,
    fibrosis: Fibrosis,
    rngs: Mapping[str, np.random.Generator],
) -> dict[str, Any]:
    """Paints the liver with texture, vessels and gallbladder; returns region, shape, lobes and the planted masks."""
    grid = canvas.grid
    region = grid.box(*livers.LIVER_BOX)
    points = grid.at(region)
    shape, lobes = livers.liver(points, form, body)
    size = shape.shape
    patches = np.clip(0.85 + 0.35 * smooth_field(rngs["surface"], size, grid.spacing, correlation_mm=45.0), 0.2, 1.5)
    bumps = lumps(rngs["surface"], size, grid.spacing, size_mm=fibrosis.nodule_size_mm)
    rise = np.float32(fibrosis.nodule_amplitude_mm) * patches
    wobble = smooth_field(rngs["surface"], size, grid.spacing, correlation_mm=32.0)
    shape = shape + WOBBLE_MM * wobble - rise * (bumps - 1.0)
    shape = intersection(shape, trunk.cavity(points, trunk.muscle_outline(points, body)) + 0.8)
    shape = _without_islands(shape)
    foci = smooth_field(rngs["texture"], size, grid.spacing, correlation_mm=28.0)
    threshold = np.quantile(foci[shape < 0][::16], 1 - fibrosis.texture_coverage) if fibrosis.severity else np.inf
    weight = np.clip(foci - np.float32(threshold) + 0.5, 0, 1)
    mesh = net(rngs["texture"], size, grid.spacing, size_mm=fibrosis.texture_size_mm)
    haze = smooth_field(rngs["texture"], size, grid.spacing, correlation_mm=30.0)
    fine = smooth_field(rngs["texture"], size, grid.spacing, correlation_mm=2.5)
    texture = 0.03 * haze + 0.025 * fine + np.float32(fibrosis.texture_contrast) * weight * np.maximum(mesh, -1.0)
    canvas.paint("visceral_fat", shape - 1.2, region, opacity=0.5)
    canvas.paint("liver", shape, region, texture=texture)
    _paint_liver_vessels(canvas, region, shape, form, body, fibrosis, rngs["vessels"])
    bile = livers.gallbladder(points, form)
    canvas.paint("bowel_wall", bile - 1.0, region)
    canvas.paint("gallbladder", bile, region, texture=0.08 * np.clip((points[1] - livers.GALLBLADDER[1]) / -15, -1, 1))
    mask = (shape < 0) & (bile > 1.0)
    planted = {}
    if fibrosis.nodule_amplitude_mm >= 0.15:
        planted["surface_nodularity"] = (np.abs(shape) < NODULAR_BAND_MM) & (rise >= 0.8 * fibrosis.nodule_amplitude_mm)
    if fibrosis.severity:
        planted["texture_focus"] = mask & (weight > 0.5)
    if fibrosis.fissure_widening_mm >= MINIMUM_WIDENING_MM:
        planted["fissures"] = (livers.fissures(points, form) < FISSURE_BAND_MM) & (shape < FISSURE_BAND_MM)
    return {"region": region, "mask": mask, "lobes": lobes, "planted": planted}


def _without_islands(shape: np.ndarray) -> np.ndarray:
    """Keeps the largest connected part of an implicit shape; the rest is moved outside."""
    parts, count = ndimage.label(shape < 0)
    if count < 2:
        return shape
    largest = np.argmax(np.bincount(parts.ravel())[1:]) + 1
    return np.where((parts > 0) & (parts != largest), np.float32(2.0), shape)


def _paint_liver_vessels(canvas, region, shape, form, body, fibrosis, rng) -> None:
    """Portal vein with its trees, and three hepatic veins that run to the vena cava below the diaphragm."""
    grid = canvas.grid

    def inside(ends: np.ndarray) -> np.ndarray:
        return livers.liver(tuple(ends.T.astype(np.float32)), form, body)[0]

    wide = fibrosis.portal_vein_scale
    trees = []
    for start, heading, length, radius, generations in (
        ((-46, -14, -14), (-1, 0.1, 0.15), 42, 4.4 * wide, 7),
        ((-46, -14, -14), (-0.8, 0.7, -0.35), 38, 3.8 * wide, 7),
        ((-46, -14, -14), (-0.5, -0.8, 0.1), 30, 3.2 * wide, 6),
        ((-20, -20, -8), (0.45, -0.9, 0.35), 34, 3.6 * wide, 6),
    ):
        trees += grow_tree(
            start, heading, length_mm=length, radius_mm=radius, generations=generations, inside=inside, rng=rng
        )
    root = (-28, 14, 0.72 * body.right_dome_mm)
    for heading in ((-1, 0.25, -0.45), (-0.55, -0.7, -0.5), (0.45, -0.85, -0.35)):
        start = np.asarray(root) + 10 * np.asarray(heading)
        trees += grow_tree(start, heading, length_mm=44, radius_mm=4.0, generations=6, inside=inside, rng=rng)
    veins = draw_segments(trees, grid, region)
    canvas.paint("liver_vein", intersection(veins, shape + 1), region, opacity=0.85)
    points = grid.at(region)
    trunk_vein = np.minimum(
        tube(points, (-8, -4, -24), (-34, -14, -16), (6.0 * wide, 5.5 * wide)),
        np.minimum(
            tube(points, (-34, -14, -16), (-46, -14, -14), (5.5 * wide, 4.4 * wide)),
            tube(points, (-34, -14, -16), (-20, -20, -8), (5 * wide, 4 * wide)),
        ),
    )
    canvas.paint("vein_bright", trunk_vein, region, opacity=0.85)


def simulated_case(image: Image, truth: Truth, patient: Patient, scanner: Mapping[str, object]) -> SimulatedCase:
    """The image of a scanner with the truth about the patient; `scanner` holds the settings, `name` among them."""

    def mask(array: np.ndarray) -> Image:
        return image.with_array(array.astype(np.uint8), modality=None, meta={})

    return SimulatedCase(
        image=image,
        labels=mask(truth.labels),
        lobes=mask(truth.lobes),
        evidence=mask(_evidence(truth.planted, truth.labels.shape)),
        components={name: mask(m) for name, m in truth.planted.items()},
        regions=mask(truth.regions),
        stage=patient.fibrosis.stage,
        caudate_level=largest_caudate_section(truth.lobes),
        parameters=_parameters(image, truth, patient, scanner),
    )


def largest_caudate_section(lobes: np.ndarray) -> int:
    """Slice of `lobes` (k, j, i) with the largest section of the caudate lobe, areas smoothed over 3 slices."""
    area = (lobes == livers.CAUDATE).sum((1, 2)).astype(float)
    return int(np.argmax(np.convolve(area, (0.25, 0.5, 0.25), mode="same")))


def _evidence(planted: Mapping[str, np.ndarray], shape: Sequence[int]) -> np.ndarray:
    union = np.zeros(shape, np.uint8)
    for mask in planted.values():
        union |= mask.astype(np.uint8)
    return union


def _parameters(image: Image, truth: Truth, patient: Patient, scanner: Mapping[str, object]) -> dict:
    """All that was drawn, and the volumes that came out, in plain numbers."""
    ml = image.voxel_volume_ml
    right, left, tail = (float((truth.lobes == n).sum()) * ml for n in (1, 2, 3))
    settings = {("scanner" if k == "name" else k): v for k, v in scanner.items()}
    form, organ, body, pose = patient.form, patient.organ, patient.body, patient.grid.pose
    return {
        **asdict(patient.fibrosis),
        **settings,
        "liver_volume_ml": float((truth.labels == LIVER).sum()) * ml,
        "spleen_volume_ml": float((truth.labels == SPLEEN).sum()) * ml,
        "right_lobe_volume_ml": right,
        "left_lobe_volume_ml": left,
        "caudate_volume_ml": tail,
        "caudate_to_right_lobe_ratio": tail / max(right, 1e-6),
        "liver": asdict(form),
        "organs": {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(organ).items()},
        "body": asdict(body),
        "pose": {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(pose).items()},
        "seed": patient.seed,
    }
