"""Spleen, kidneys, stomach, pancreas, bowel and the collateral veins of portal hypertension."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from LiverAILib.simulation.body import Body, cavity, muscle_outline, under_diaphragm
from LiverAILib.simulation.canvas import Canvas
from LiverAILib.simulation.fibrosis import Fibrosis
from LiverAILib.simulation.grid import Grid, Points
from LiverAILib.simulation.shapes import difference, ellipsoid, intersection, plane, tube, union
from LiverAILib.simulation.texture import lumps, smooth_field

SPLEEN_BOX = ((75.0, 25.0, 5.0), (75.0, 95.0, 130.0))
SPLEEN_SIZES = (0.6, 2.1)
STOMACH_BOX = ((48.0, -15.0, 15.0), (65.0, 75.0, 90.0))
ESOPHAGUS_END = (34.0, 18.0, 50.0)
"""Where the esophagus joins the stomach."""


@dataclass(frozen=True)
class OrganForm:
    """Individual sizes and places of the organs around the liver; canonical mm."""

    spleen_target_ml: float
    spleen_healthy_ml: float
    spleen_size: float
    spleen_shift_mm: tuple[float, float]
    right_kidney: tuple[float, float, float, float]
    left_kidney: tuple[float, float, float, float]
    stomach_fill: float
    stomach_gas: float
    gap_mm: float


def draw_organs(fibrosis: Fibrosis, body: Body, rng: np.random.Generator) -> OrganForm:
    """Organs of a patient. Spleens of 100 to 300 mL are usual; one healthy person in twelve has a larger one."""
    healthy = float(np.clip(rng.lognormal(np.log(185), 0.28), 95, 330))
    large = float(rng.uniform(1.5, 2.2))
    if rng.random() < 1 / 12:
        healthy *= large
    kidneys = rng.normal(size=(2, 4)) * (4, 4, 9, 0.06) + ((-60, 46, -62, 1.0), (64, 44, -48, 1.0))
    spleen_shift = rng.normal(size=2) * (6, 9)
    return OrganForm(
        spleen_target_ml=float(min(healthy * fibrosis.spleen_volume_scale, 1000.0)),
        spleen_healthy_ml=healthy,
        spleen_size=1.0,
        spleen_shift_mm=(float(spleen_shift[0]), float(spleen_shift[1])),
        right_kidney=_four_numbers(kidneys[0]),
        left_kidney=_four_numbers(kidneys[1]),
        stomach_fill=float(rng.uniform(0.75, 1.2)),
        stomach_gas=float(rng.uniform(-30, 25)),
        gap_mm=2.0 + 0.8 * body.fluid_mm,
    )


def _four_numbers(values: np.ndarray) -> tuple[float, float, float, float]:
    a, b, c, d = (float(v) for v in values)
    return a, b, c, d


def spleen(points: Points, form: OrganForm, body: Body) -> np.ndarray:
    """Spleen along the left wall, hollow toward the stomach; it grows forward, down and to the middle."""
    s = form.spleen_size
    dy, dz = form.spleen_shift_mm
    center = (98 - 6 * (s - 1), 50 + dy - 10 * (s - 1), 24 + dz - 30 * (s - 1))
    shape = ellipsoid(points, center, (38 * s, 46 * s, 56 * s), z_deg=30, x_deg=-15)
    hollow = ellipsoid(points, (60 - 26 * (s - 1), 4 - 12 * (s - 1), 18), (36, 44, 80), z_deg=28)
    shape = difference(shape, hollow, 8)
    shape = difference(shape, kidney(points, form.left_kidney, 1) - 2.5, 4)
    inside = cavity(points, muscle_outline(points, body))
    room = intersection(inside + np.float32(form.gap_mm), under_diaphragm(points, body) + np.float32(form.gap_mm), 5)
    return intersection(shape, room, 6)


def fit_spleen(form: OrganForm, body: Body, grid: Grid) -> OrganForm:
    """Scales the spleen until it has its target volume."""
    points, voxel_ml = grid.coarse(grid.box(*SPLEEN_BOX), (1, 4, 4))
    low, high = SPLEEN_SIZES
    for _ in range(6):
        size = (low + high) / 2
        if float((spleen(points, replace(form, spleen_size=size), body) < 0).sum()) * voxel_ml < form.spleen_target_ml:
            low = size
        else:
            high = size
    return replace(form, spleen_size=(low + high) / 2)


def kidney(points: Points, form: tuple[float, float, float, float], side: int) -> np.ndarray:
    """A kidney, upper pole toward the spine, hilum forward and toward the middle; side -1 right, 1 left."""
    x, y, z, s = form
    return ellipsoid(points, (x, y, z), (24 * s, 32 * s, 55 * s), z_deg=side * 40, y_deg=side * 12)


def paint_kidney(canvas: Canvas, form: tuple[float, float, float, float], side: int, rng: np.random.Generator) -> tuple:
    """Paints cortex, pyramids and sinus; returns region and implicit shape of the whole kidney."""
    x, y, z, s = form
    region = canvas.grid.box((x, y, z), 62 * s)
    points = canvas.grid.at(region)
    whole = kidney(points, form, side)
    sinus = ellipsoid(points, (x - side * 9 * s, y - 8 * s, z), (8 * s, 13 * s, 30 * s), z_deg=side * 40)
    outlet = ellipsoid(points, (x - side * 25 * s, y - 21 * s, z), (8 * s, 16 * s, 14 * s), z_deg=side * 40)
    whole = difference(whole, outlet, 4)
    sinus = sinus + 3.0 * lumps(rng, whole.shape, canvas.grid.spacing, size_mm=11.0)
    canvas.paint("visceral_fat", whole - 5, region, opacity=0.9)
    mottle = smooth_field(rng, whole.shape, canvas.grid.spacing, correlation_mm=8.0)
    canvas.paint("kidney_cortex", whole, region, texture=0.05 * mottle)
    pyramids = intersection(whole + 7, -(sinus - 3))
    pyramids = intersection(pyramids, 2.0 - 4 * np.abs(mottle))
    canvas.paint("kidney_medulla", pyramids, region, opacity=0.5)
    hollow = np.abs(smooth_field(rng, whole.shape, canvas.grid.spacing, correlation_mm=5.0))
    canvas.paint("visceral_fat", intersection(sinus, whole), region, opacity=0.55)
    canvas.paint("fluid", intersection(intersection(sinus + 2, whole), 3 * hollow - 2), region, opacity=0.8)
    vein = tube(points, (x - side * 22, y - 17, z + 4), (-8, 24, z + 12), (4, 5))
    canvas.paint("vein_bright", difference(vein, whole), region, opacity=0.7)
    return region, whole


def stomach(points: Points, form: OrganForm) -> tuple[np.ndarray, np.ndarray]:
    """Stomach (fundus, body and antrum) and the end of the esophagus."""
    s = form.stomach_fill
    joints = [
        ((50, 22, 52), 27 * s),
        ((58, -5, 26), 29 * s),
        ((54, -38, -2), 22 * s),
        ((18, -52, -24), 15 * s),
        ((-14, -36, -30), 10 * s),
    ]
    shape = np.full(points[0].shape, np.float32(60))
    for (start, first), (end, last) in pairwise(joints):
        shape = union(shape, tube(points, start, end, (first, last)), 10)
    return shape, tube(points, (8, 20, 70), ESOPHAGUS_END, (7, 9))


def paint_stomach(canvas: Canvas, form: OrganForm, rng: np.random.Generator) -> None:
    """Stomach with folds, mixed content and gas in front, and the end of the esophagus."""
    grid = canvas.grid
    region = grid.box(*STOMACH_BOX)
    points = grid.at(region)
    shape, esophagus = stomach(points, form)
    folds = lumps(rng, shape.shape, grid.spacing, size_mm=13.0)
    fine = smooth_field(rng, shape.shape, grid.spacing, correlation_mm=3.0)
    canvas.paint("bowel_wall", np.minimum(shape, esophagus), region, texture=0.1 * fine)
    coarse = smooth_field(rng, shape.shape, grid.spacing, correlation_mm=22.0)
    canvas.paint("stomach_content", shape + 4.0 + 1.2 * folds, region, texture=0.06 * fine + 0.28 * coarse)
    gas = intersection(shape + 5, plane(points, (0, -52 + form.stomach_gas * 0.6, 0), (0, 1, 0)))
    canvas.paint("gas", gas, region)


def paint_pancreas(canvas: Canvas, rng: np.random.Generator) -> None:
    """Duodenum, pancreas and the splenic and superior mesenteric veins behind it."""
    grid = canvas.grid
    region = grid.box((15, -5, -35), (80, 40, 65))
    points = grid.at(region)
    ragged = 1.6 * lumps(rng, points[0].shape, grid.spacing, size_mm=9.0)
    duodenum = np.minimum(
        tube(points, (-22, -34, -32), (-40, 0, -42), (9, 11)), tube(points, (-40, 0, -42), (-38, 14, -88), (11, 11))
    )
    duodenum = np.minimum(duodenum, tube(points, (-38, 14, -88), (20, 10, -92), (11, 10)))
    canvas.paint("bowel_wall", duodenum, region)
    canvas.paint("bowel_fluid", duodenum + 3 + ragged, region, texture=0.2 * ragged)
    joints = [(-22, -6, -62), (-20, -10, -40), (2, -20, -22), (34, -4, -10), (76, 22, 4)]
    radii = (12, 13, 8, 10, 8)
    shape = np.full(points[0].shape, np.float32(60))
    for n in range(4):
        shape = np.minimum(shape, tube(points, joints[n], joints[n + 1], (radii[n], radii[n + 1])))
    fine = smooth_field(rng, shape.shape, grid.spacing, correlation_mm=4.0)
    canvas.paint("pancreas", shape - ragged, region, texture=0.15 * fine)
    vein = tube(points, (-8, -4, -24), (74, 30, 8), (4.5, 3.5))
    vein = np.minimum(vein, tube(points, (-8, -4, -24), (-10, 0, -100), (6, 5)))
    canvas.paint("vein_bright", vein, region, opacity=0.8)


def paint_bowel(canvas: Canvas, inside: np.ndarray, rng: np.random.Generator) -> None:
    """Colon with gas and stool, and loops of small bowel filled with fluid, where the cavity has room."""
    grid = canvas.grid
    region = grid.box((0, -15, -110), (130, 95, 150))
    points = grid.at(region)
    room = inside[region] + 4
    mottle = smooth_field(rng, room.shape, grid.spacing, correlation_mm=5.0)
    for _ in range(85):
        middle = np.array([rng.uniform(-70, 85), rng.uniform(-72, 22), rng.uniform(-190, -38)])
        heading = rng.normal(size=3) * (1, 0.7, 0.6)
        heading *= rng.uniform(16, 30) / np.linalg.norm(heading)
        ends = (middle - heading, middle + rng.normal(size=3) * 6, middle + heading)
        radius = float(rng.uniform(7, 12.5))
        box = grid.box(middle, np.abs(heading) + radius + 8, margin_mm=6)
        local = grid.at(box)
        loop = union(
            tube(local, ends[0], ends[1], (radius, radius)), tube(local, ends[1], ends[2], (radius, radius)), 6
        )
        loop = intersection(loop, inside[box] + 4, 4)
        fine = smooth_field(rng, loop.shape, grid.spacing, correlation_mm=3.5)
        canvas.paint("visceral_fat", loop - 1.5, box, opacity=0.8)
        canvas.paint("bowel_wall", loop, box)
        content = rng.choice(["bowel_fluid", "bowel_wall", "bowel_mixed"], p=[0.35, 0.3, 0.35])
        canvas.paint(str(content), loop + 2.2, box, texture=float(rng.normal(0, 0.2)) + 0.18 * fine)
    course = [
        (-90, 30, -175),
        (-88, 25, -110),
        (-78, -35, -88),
        (-35, -72, -100),
        (30, -74, -85),
        (78, -48, -45),
        (98, 8, -18),
        (98, 36, -90),
        (92, 36, -190),
    ]
    colon = np.full(room.shape, np.float32(60))
    bulge = 2.5 * lumps(rng, room.shape, grid.spacing, size_mm=26.0)
    radii = rng.uniform(13, 20, len(course))
    for n in range(len(course) - 1):
        a, b = (np.array(course[m]) + rng.normal(size=3) * 5 for m in (n, n + 1))
        colon = np.minimum(colon, tube(points, a, b, (radii[n], radii[n + 1])))
    colon = intersection(colon - bulge, room, 4)
    canvas.paint("visceral_fat", colon - 2, region, opacity=0.8)
    canvas.paint("bowel_wall", colon, region)
    slow = smooth_field(rng, room.shape, grid.spacing, correlation_mm=24.0)
    canvas.paint("stool", colon + 2.6, region, texture=0.35 * mottle + 0.35 * slow)
    canvas.paint("gas", intersection(colon + 3.5, 6 * (0.35 - slow) + 0.12 * (points[1] + 40)), region)


VARICES_ROOTS = ((26.0, 16.0, 40.0), (62.0, 24.0, 18.0))
"""The cardia and the hilum of the spleen."""


def varices(
    points: Points, count: int, rng: np.random.Generator, *, roots: Sequence[Sequence[float]] = VARICES_ROOTS
) -> np.ndarray:
    """Winding collateral veins that start near two places in turn."""
    shape = np.full(points[0].shape, np.float32(40))
    for n in range(count):
        position = np.array(roots[n % 2], float) + rng.normal(size=3) * (7, 6, 9)
        radius = float(rng.uniform(2.8, 4.6))
        for _ in range(7):
            end = position + rng.normal(size=3) * (8, 7, 9)
            shape = np.minimum(shape, tube(points, position, end, (radius, radius)))
            position = end
    return shape
