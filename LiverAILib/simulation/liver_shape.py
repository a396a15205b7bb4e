"""Shape of the liver with its three lobes, fissures and fossae, and how fibrosis remodels it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from LiverAILib.simulation.body import Body, cava_shape, cavity, muscle_outline, posterior_block, under_diaphragm
from LiverAILib.simulation.fibrosis import Fibrosis
from LiverAILib.simulation.grid import Grid, Points
from LiverAILib.simulation.shapes import difference, ellipsoid, intersection, plane, tube, union

RIGHT, LEFT, CAUDATE = 1, 2, 3
GALLBLADDER = (-46.0, -46.0, -42.0)
# Largest box of any liver, canonical mm: center and half-widths.
LIVER_BOX = ((-25.0, -5.0, -20.0), (110.0, 98.0, 125.0))
SIZE_RANGE = (0.70, 1.45)
# The middle of the caudate lobe lies this far above the origin of the canonical frame, so that about 0.55 of the liver's volume
# lies above it: the slices that show the caudate lobe in real T2 volumes have 0.44 to 0.63 above them.
CAUDATE_HEIGHT_MM = 8.5


@dataclass(frozen=True)
class LiverForm:
    """Individual shape of a liver; scales without unit, angles in degrees, lengths in mm (canonical frame)."""

    target_volume_ml: float
    size: float
    right_scale: float
    left_scale: float
    left_length: float
    caudate_scale: float
    riedel_mm: float
    slope_deg: float
    fissure_mm: float
    gallbladder_scale: float
    gap_mm: float
    notch_mm: float


def draw_liver_form(fibrosis: Fibrosis, body: Body, rng: np.random.Generator) -> LiverForm:
    """An individual liver, remodeled by its fibrosis. Healthy volumes center at 1550 mL (usual adult range 1000 to 2200)."""
    volume = float(np.clip(rng.lognormal(np.log(1550), 0.21), 1000, 2800)) * fibrosis.liver_volume_scale
    left_length = float(np.clip(rng.normal(1.0, 0.15), 0.65, 1.35))
    riedel = float(rng.uniform(15, 40)) if rng.random() < 0.12 else 0.0
    return LiverForm(
        target_volume_ml=volume,
        size=1.0,
        right_scale=fibrosis.right_lobe_scale,
        left_scale=float(np.clip(rng.normal(1.0, 0.07), 0.85, 1.15)) * fibrosis.left_lobe_scale,
        left_length=left_length * fibrosis.left_lobe_scale,
        caudate_scale=float(np.clip(rng.normal(1.0, 0.07), 0.86, 1.14)) * fibrosis.caudate_scale,
        riedel_mm=riedel,
        slope_deg=float(rng.uniform(-8, 8)),
        fissure_mm=1.6 + fibrosis.fissure_widening_mm,
        gallbladder_scale=float(rng.uniform(0.55, 1.2)),
        gap_mm=2.0 + 0.8 * body.fluid_mm,
        notch_mm=3.0 * fibrosis.severity,
    )


def gallbladder(points: Points, form: LiverForm) -> np.ndarray:
    """The gallbladder, its fundus in front, below and to the right."""
    s = form.gallbladder_scale
    body = ellipsoid(points, GALLBLADDER, (13 * s, 24 * s, 17 * s), z_deg=25, x_deg=-30)
    return union(body, tube(points, (-40, -36, -36), (-30, -20, -24), (5 * s, 2.5)), 5)


def caudate(points: Points, form: LiverForm) -> np.ndarray:
    """Caudate lobe between the vena cava behind and the fissure of the ligamentum venosum in front."""
    s = form.caudate_scale
    # It grows to the left and forward, where the lesser sac leaves room.
    return ellipsoid(
        points, (-14 + 4 * (s - 1), 3 - 7 * (s - 1), CAUDATE_HEIGHT_MM), (21 * s, 13 * s, 27 * s), z_deg=18
    )


def right_lobe(points: Points, form: LiverForm) -> np.ndarray:
    """Right lobe: a large body, cut obliquely by the visceral surface, with Riedel's process in some."""
    s = form.size * form.right_scale
    body = ellipsoid(points, (-63, 0, 2), (66 * s, 92 * s, 108 * s))
    visceral = plane(points, (-52, 0, -36 - 26 * (s - 1)), (0.58, 0.20, -0.75))
    lobe = intersection(body, visceral, 22)
    if form.riedel_mm:
        tongue = ellipsoid(points, (-98, 0, -60), (20, 40, 45 + form.riedel_mm))
        lobe = union(lobe, tongue, 20)
    kidney = ellipsoid(points, (-60, 52, -62), (34, 32, 56), y_deg=-10)
    notch = ellipsoid(points, (-62, 74, -18), (9, 8 + 4 * form.notch_mm, 40), z_deg=-35)
    lobe = difference(lobe, kidney, 10)
    return difference(lobe, notch, 6) if form.notch_mm else lobe


def left_lobe(points: Points, form: LiverForm) -> np.ndarray:
    """Left lobe: a wedge in front of the stomach, thinning to the left."""
    s = form.size * form.left_scale
    reach = 92 * form.left_length
    body = ellipsoid(points, (0, -46, 16), (reach, 46 * s, 60 * s), y_deg=form.slope_deg)
    # The stomach's side faces back, left and down.
    back = plane(points, (6, -20 - 6 * (1 - s), 8), (0.40, 0.86, -0.28))
    under = plane(points, (0, -45, -34 * s), (0.45, 0.15, -0.85))
    return intersection(intersection(body, back, 14), under, 14)


def fissures(points: Points, form: LiverForm) -> np.ndarray:
    """Fissures of the ligamenta venosum and teres, and the porta hepatis: fat, wider in cirrhosis."""
    width = form.fissure_mm
    venosum = ellipsoid(
        points, (6, -16 - 9 * (form.caudate_scale - 1), 2 + CAUDATE_HEIGHT_MM), (30, width, 36), z_deg=-22
    )
    teres = ellipsoid(points, (12, -68, -40 + 4 * width), (width, 34, 34), z_deg=10)
    porta = ellipsoid(points, (-34, -16, -20), (20, 4.0 + width, 9 + width), z_deg=12)
    return np.minimum(np.minimum(venosum, teres), porta)


def liver(points: Points, form: LiverForm, body: Body) -> tuple[np.ndarray, np.ndarray]:
    """Liver as implicit shape and the lobe (1 right, 2 left, 3 caudate) that each point belongs to, uint8."""
    right, left, tail = right_lobe(points, form), left_lobe(points, form), caudate(points, form)
    whole = union(union(right, left, 16), tail, 4)
    inside = cavity(points, muscle_outline(points, body))
    room = intersection(inside + np.float32(form.gap_mm), under_diaphragm(points, body) + np.float32(form.gap_mm), 6)
    whole = intersection(whole, room, 8)
    whole = difference(whole, cava_shape(points), 4)
    whole = difference(whole, posterior_block(points), 6)
    whole = difference(whole, fissures(points, form), 2)
    whole = difference(whole, gallbladder(points, form) - 1.2, 4)
    # Cantlie's plane, from the gallbladder to the vena cava, parts right and left.
    cantlie = plane(points, (-30, 10, 0), (0.92, 0.30, 0.0))
    lobes = np.where(cantlie < 0, np.uint8(RIGHT), np.uint8(LEFT))
    behind = tail < 1.0
    lobes[behind] = CAUDATE
    return whole, lobes


def fit_volume(form: LiverForm, body: Body, grid: Grid, *, inset_mm: float = 0.0) -> LiverForm:
    """Scales the right and left lobe until the liver has its target volume, as far as the cavity leaves room.

    `inset_mm`: by how much surface nodules move the mean surface inward.
    """
    points, voxel_ml = grid.coarse(grid.box(*LIVER_BOX))
    low, high = SIZE_RANGE
    for _ in range(6):
        size = (low + high) / 2
        shape, _ = liver(points, replace(form, size=size), body)
        if float((shape < -inset_mm).sum()) * voxel_ml < form.target_volume_ml:
            low = size
        else:
            high = size
    return replace(form, size=(low + high) / 2)
