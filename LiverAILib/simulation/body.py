"""The trunk around the organs: outline, fat, muscles, ribs, spine, diaphragm, lungs, heart and the great vessels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from LiverAILib.simulation.canvas import Canvas
from LiverAILib.simulation.grid import Points
from LiverAILib.simulation.shapes import difference, ellipsoid, intersection, plane, tube, union
from LiverAILib.simulation.texture import lumps, smooth_field

WALL_MM = 13.0
SPINE = (0.0, 62.0)
AORTA = (11.0, 35.0)
CAVA = (-27.0, 22.0)


@dataclass(frozen=True)
class Body:
    """Build of one patient; lengths in mm in the canonical frame."""

    fat_mm: float
    belly: float
    right_dome_mm: float
    left_dome_mm: float
    rib_phase: float
    disc_phase: float
    aorta_bright: float
    cava_bright: float
    sinus_fluid: float
    fluid_mm: float = 0.0


def draw_body(rng: np.random.Generator) -> Body:
    """A patient's build, independent of the stage."""
    return Body(
        fat_mm=float(np.clip(rng.lognormal(np.log(11), 0.5), 4, 32)),
        belly=float(rng.uniform(-0.16, 0.10)),
        right_dome_mm=float(rng.uniform(72, 92)),
        left_dome_mm=float(rng.uniform(58, 80)),
        rib_phase=float(rng.uniform(0, 1)),
        disc_phase=float(rng.uniform(0, 1)),
        aorta_bright=float(rng.uniform(0, 1)),
        cava_bright=float(rng.uniform(0, 1)),
        sinus_fluid=float(np.clip(rng.uniform(-0.3, 0.6), 0, 1)),
    )


def muscle_outline(points: Points, body: Body) -> np.ndarray:
    """Outer surface of the muscles, below the subcutaneous fat."""
    x, y, z = points
    low = np.clip((-z - 30) / 90, 0, 1)
    low = low * low * (3 - 2 * low)
    high = np.clip((z - 20) / 120, 0, 1)
    front = 97 * (1 + np.float32(body.belly) * low)
    u = np.abs(x) / (133 - 12 * high)
    v = np.where(y < 0, -y / front, y / 112)
    power = np.float32(2.35)
    r = (u**power + v**power) ** (1 / power) + np.float32(1e-6)
    return (r - 1) * np.sqrt(x * x + y * y) / r


def skin(points: Points, body: Body, muscles: np.ndarray) -> np.ndarray:
    """Skin surface: muscles and subcutaneous fat, with the furrow over the spine."""
    x, y, z = points
    furrow = 8 * np.exp(-((x / 20) ** 2)) * (y > 0)
    flank = 1 + 0.5 * np.clip((-z - 40) / 100, 0, 1) * (y > 0)
    return muscles - np.float32(body.fat_mm) * flank + furrow


def cavity(points: Points, muscles: np.ndarray) -> np.ndarray:
    """Inner surface of the abdominal wall and of the back."""
    x, y, z = points
    spine = ellipsoid((x, y, 0 * z), (*SPINE, 0), (25, 25, 1e3))
    side = np.abs(x)
    back = back_muscles(points)
    psoas = ellipsoid((side, y, z), (36, 62, -135), (19, 22, 85))
    return difference(muscles + WALL_MM, union(union(spine, back, 8), psoas, 6), 10)


def back_muscles(points: Points) -> np.ndarray:
    """The muscles on both sides of the spine."""
    x, y, z = points
    return ellipsoid((np.abs(x), y, 0 * z), (34, 88, 0), (34, 24, 1e3))


def under_diaphragm(points: Points, body: Body) -> np.ndarray:
    """What lies below the diaphragm: two domes on a broad base."""
    x, y, z = points
    up = np.maximum(z + 12, 0)
    right = ellipsoid((x, y, up), (-62, -8, 0), (74, 92, body.right_dome_mm + 12))
    left = ellipsoid((x, y, up), (66, -4, 0), (72, 90, body.left_dome_mm + 12))
    middle = ellipsoid((x, y, up), (0, -25, 0), (55, 72, 62 + 12))
    return union(union(right, left, 20), middle, 25)


def paint_trunk(canvas: Canvas, body: Body, inside: np.ndarray, muscles: np.ndarray, rng: np.random.Generator) -> None:
    """Skin, fat, muscles with their fatty layers, ribs and the fat of the cavity."""
    grid = canvas.grid
    x, y, z = grid.points
    surface = skin(grid.points, body, muscles)
    mottle = smooth_field(rng, grid.shape, grid.spacing, correlation_mm=9.0)
    strands = lumps(rng, grid.shape, grid.spacing, size_mm=14.0)
    canvas.paint("skin", surface)
    canvas.paint("subcutaneous_fat", surface + 2.2, texture=0.10 * mottle)
    # The fascial layers of the wall: two thin dark lines parallel to the surface.
    layers = np.exp(-(((muscles + 4.5 + mottle) / 1.1) ** 2)) + np.exp(-(((muscles + 9 - mottle) / 1.1) ** 2))
    canvas.paint("muscle", muscles, texture=0.10 * mottle - 0.40 * layers - 0.22 * np.maximum(-strands - 0.4, 0))
    angle = np.abs(np.arctan2(x, y + 25))
    phase = (z - 26 * angle) / 27 + np.float32(body.rib_phase)
    rib = np.abs(phase - np.round(phase)) * 27 - 5
    rib = intersection(rib, np.abs(muscles + 6.5) - 3.6)
    rib = intersection(rib, np.float32(-55) - z)
    rib = intersection(rib, np.abs(x) * -1 + 42)
    canvas.paint("cortical_bone", rib, opacity=0.8)
    canvas.paint("bone_marrow", rib + 2.0, opacity=0.9)
    streaks = smooth_field(rng, grid.shape, grid.spacing, correlation_mm=4.5)
    canvas.paint("visceral_fat", inside, texture=0.20 * mottle + 2.2 * np.maximum(streaks - 0.9, 0))


def paint_spine(canvas: Canvas, body: Body, rng: np.random.Generator) -> None:
    """Vertebral bodies and discs, arches, spinal canal with cord and fluid."""
    grid = canvas.grid
    region = grid.box((0, 88, 0), (42, 48, 400))
    x, y, z = grid.at(region)
    flat = (x, y, 0 * z)
    mottle = smooth_field(rng, x.shape, grid.spacing, correlation_mm=5.0)
    arch = np.minimum(tube(flat, (-20, 82, 0), (-2, 103, 0), (5, 5)), tube(flat, (20, 82, 0), (2, 103, 0), (5, 5)))
    arch = np.minimum(arch, tube(flat, (0, 100, 0), (0, 110, 0), (4, 3)))
    phase = z / 34 + np.float32(body.disc_phase)
    offset = np.abs(phase - np.round(phase)) * 34
    canvas.paint("cortical_bone", arch, region, opacity=0.8)
    canvas.paint("bone_marrow", arch + 2.2, region, texture=0.2 * mottle)
    column = ellipsoid(flat, (*SPINE, 0), (22, 18, 1e3))
    canvas.paint("cortical_bone", column, region)
    canvas.paint("bone_marrow", column + 1.6, region, texture=0.12 * mottle)
    canvas.paint("disc", intersection(column + 1.0, offset - 4.5), region)
    canvas.paint("disc_core", intersection(column + 7, offset - 3), region, opacity=0.7)
    canal = ellipsoid(flat, (0, 86, 0), (10, 8, 1e3))
    canvas.paint("cortical_bone", canal - 2.0, region, opacity=0.7)
    canvas.paint("fluid", canal, region)
    cord = intersection(ellipsoid(flat, (0, 86.5, 0), (5, 3.8, 1e3)), -(z + 25))
    canvas.paint("spinal_cord", cord, region)
    for _ in range(14):
        root = (*rng.uniform((-6, 84), (6, 91)), 0)
        nerve = intersection(ellipsoid(flat, root, (1.0, 1.0, 1e3)), z + 25)
        canvas.paint("spinal_cord", nerve, region, opacity=0.6)


def paint_thorax(canvas: Canvas, body: Body, muscles: np.ndarray, below: np.ndarray, rng: np.random.Generator) -> None:
    """Lungs with their vessels, heart and the muscle of the diaphragm."""
    grid = canvas.grid
    region = grid.box((0, 0, 130), (150, 130, 155))
    x, y, z = points = grid.at(region)
    chest = difference(muscles[region] + WALL_MM - 2, ellipsoid((x, y, 0 * z), (0, 70, 0), (24, 32, 1e3)), 8)
    lung = difference(chest, below[region] - 3)
    canvas.paint("muscle", lung - 2.5, region, opacity=0.7)
    speckle = smooth_field(rng, x.shape, grid.spacing, correlation_mm=4.0)
    canvas.paint("lung", lung, region, texture=6.0 * np.maximum(speckle - 1.3, 0) + 0.3 * speckle)
    mottle = smooth_field(rng, x.shape, grid.spacing, correlation_mm=11.0)
    top = (body.left_dome_mm + 62) / 2
    heart = ellipsoid(points, (22, -42, top + 36), (56, 48, 42), z_deg=35)
    heart = intersection(heart, chest + 4, 5)
    canvas.paint("visceral_fat", intersection(heart - 5, chest), region)
    canvas.paint("heart_muscle", heart, region, texture=0.3 * mottle)
    chamber = np.minimum(
        ellipsoid(points, (36, -38, top + 40), (24, 17, 30), z_deg=35),
        ellipsoid(points, (-4, -46, top + 42), (22, 20, 30), z_deg=35),
    )
    canvas.paint("heart_blood", chamber, region, texture=0.4 * mottle)
    sinus = np.abs(below[region]) - 1.6
    sinus = intersection(intersection(sinus, lung - 6), ellipsoid(points, (0, 20, 10), (140, 110, 80)))
    canvas.paint("fluid_film", sinus, region, opacity=body.sinus_fluid)


def paint_great_vessels(canvas: Canvas, body: Body, rng: np.random.Generator) -> None:
    """Aorta with wall and diaphragmatic crura, superior mesenteric artery, inferior vena cava."""
    grid = canvas.grid
    region = grid.box((0, 35, 0), (55, 45, 400))
    x, y, z = points = grid.at(region)
    high = np.clip(z / 80, 0, 1)
    low = np.clip(-z / 80, 0, 1)
    swirl = smooth_field(rng, x.shape, grid.spacing, correlation_mm=6.0)
    for side in (-1, 1):
        crus = tube(points, (side * 13 + 2, 44, -75), (side * 9 + 4, 26, 18), (3.0, 7.0))
        canvas.paint("muscle", crus, region)
    flat = (x - AORTA[0] - 8 * high + 6 * low, y - AORTA[1] - 10 * high, 0 * z)
    aorta = ellipsoid(flat, (0, 0, 0), (10.5, 10.5, 1e3))
    canvas.paint("visceral_fat", aorta - 2.5, region, opacity=0.7)
    canvas.paint("vessel_wall", aorta, region)
    canvas.paint("flow_void", aorta + 1.8, region, texture=1.5 * body.aorta_bright + 0.3 * swirl)
    mesenteric = tube(points, (8, 24, -12), (2, 2, -70), (3.5, 3.0))
    canvas.paint("vessel_wall", mesenteric, region)
    canvas.paint("flow_void", mesenteric + 1.3, region)
    renal_level = np.clip((-z - 15) / 40, 0, 1)
    flat = (x - CAVA[0], y - CAVA[1] - 14 * renal_level + 0.12 * np.maximum(z, 0), 0 * z)
    cava = ellipsoid(flat, (0, 0, 0), (12.5, 9.0, 1e3), z_deg=-20)
    canvas.paint("vessel_wall", cava, region, opacity=0.7)
    canvas.paint("flow_void", cava + 1.2, region, texture=(2.5 * body.cava_bright + 0.3 * swirl) * renal_level)


def cava_shape(points: Points) -> np.ndarray:
    """The inferior vena cava, as the groove that it leaves in the liver."""
    x, y, z = points
    renal_level = np.clip((-z - 15) / 40, 0, 1)
    flat = (x - CAVA[0], y - CAVA[1] - 14 * renal_level + 0.12 * np.maximum(z, 0), 0 * z)
    return ellipsoid(flat, (0, 0, 0), (13.5, 10.0, 1e3), z_deg=-20)


def posterior_block(points: Points) -> np.ndarray:
    """Aorta, crura and the space around them, which no organ enters."""
    x, y, z = points
    flat = (x, y, 0 * z)
    return np.minimum(
        ellipsoid(flat, (8, 36, 0), (19, 17, 1e3)), plane(points, (0, 34, 0), (0, -1, 0)) + np.abs(x + 2) - 14
    )


def ascites(points: Points, body: Body, inside: np.ndarray, unevenness: np.ndarray) -> np.ndarray:
    """Ascites: fluid along the flanks and in front of the organs, none before the spine.

    Args:
        points: Canonical coordinates.
        body: Its `fluid_mm` is the usual depth of the layer.
        inside: Implicit shape of the cavity.
        unevenness: Field of standard deviation 1 that makes pools.
    """
    x, y, z = points
    flank = np.clip((np.abs(x) - 35) / 60, 0, 1) + np.clip((-40 - y) / 60, 0, 0.4)
    depth = np.float32(body.fluid_mm) * flank * (1.1 + 0.45 * unevenness + 0.4 * np.clip(-z / 80, 0, 1)) - 1.0
    return np.maximum(inside, -inside - depth)
