"""What a liver view consists of: abdominal wall, parenchyma, diaphragm, vessels, gallbladder, kidney and ribs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

from LiverAILib.simulation.shapes import ellipsoid, union
from LiverAILib.simulation.texture import LUMP_MEAN, LUMP_SD, lumps, smooth_field
from LiverAILib.simulation.ultrasound.liver_state import LiverState
from LiverAILib.simulation.ultrasound.scene import BEYOND, KIDNEY, VESSEL, WALL, Polyline, Scene

BLOOD_ATTENUATION = 0.15


def curve(
    start: tuple[float, float], end: tuple[float, float], *, radii: tuple[float, float], bend_mm: float, points: int = 7
) -> Polyline:
    """A vessel from `start` to `end`, bowed sideways by `bend_mm` in its middle (to the right of its direction)."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    along = b - a
    normal = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6)
    t = np.linspace(0, 1, points)[:, None]
    places = a + t * along + 4 * t * (1 - t) * bend_mm * normal
    widths = radii[0] + t[:, 0] * (radii[1] - radii[0])
    return [(float(x), float(y), float(r)) for (x, y), r in zip(places, widths, strict=True)]


def branched(
    trunk: Polyline, rng: np.random.Generator, *, branches: int, length_mm: tuple[float, float] = (12, 32)
) -> list[Polyline]:
    """The vessel with side branches that leave it at an acute angle."""
    vessels = [trunk]
    for number in range(branches):
        place = int(rng.integers(1, len(trunk) - 1))
        (x0, y0, r0), (x1, y1, _) = trunk[place], trunk[place + 1]
        heading = np.arctan2(y1 - y0, x1 - x0) + (1 if (number % 2) else -1) * rng.uniform(0.4, 1.0)
        length = rng.uniform(*length_mm)
        end = (x0 + length * np.cos(heading), y0 + length * np.sin(heading))
        radius = max(0.8, r0 * rng.uniform(0.4, 0.65))
        vessels.append(curve((x0, y0), end, radii=(radius, 0.55), bend_mm=float(rng.uniform(-4, 4))))
    return vessels


def paint_parenchyma(scene: Scene, state: LiverState, rng: np.random.Generator) -> None:
    """Fills the fan with liver: even echoes, portal triads as fine bright dots, and foci of coarse texture."""
    level = np.float32(state.level_db) + np.float32(state.mottle_db) * scene.field(rng, correlation_mm=8.0)
    dots = np.maximum(scene.field(rng, correlation_mm=1.3, step_mm=0.6) - np.float32(1.9), 0)
    level += np.float32(9 * min(1.0, state.mottle_db)) * dots
    coarse = scene.field(rng, correlation_mm=state.texture_mm / 2)
    coarse = (np.sqrt(coarse * coarse + np.float32(0.04)) - np.float32(LUMP_MEAN)) / np.float32(LUMP_SD)
    even = scene.field(rng, correlation_mm=state.texture_mm * 0.45)
    place = scene.field(rng, correlation_mm=8.0)
    if state.texture_share > 0 and state.texture_db > 0:
        border = ndtri(1 - state.texture_share)
        foci = np.clip((place - np.float32(border)) / np.float32(0.5) + np.float32(0.5), 0, 1)
        level += np.float32(state.texture_db) * foci * (0.7 * coarse + 0.7 * even)
    scene.power[:] = np.float32(10) ** (level / np.float32(10))


def paint_wall(scene: Scene, state: LiverState, rng: np.random.Generator, *, wall_mm: float, fat_mm: float) -> None:
    """Skin, fat and muscles over the liver, and the liver capsule."""
    fan = scene.fan
    beams = fan.shape[1]
    spacing = (float(fan.beam_mm[0, 0]) * (1 + wall_mm / fan.radius_mm), 1.0, 1.0)
    slow = smooth_field(rng, (1, 1, beams), spacing, correlation_mm=22.0)[0]
    nodules = lumps(rng, (1, 1, beams), spacing, size_mm=state.surface_period_mm)[0]
    depth = fan.depth + 0 * fan.angle
    below = depth - np.float32(wall_mm) - slow * np.float32(1.2) - nodules * np.float32(state.surface_mm)
    rows = min(fan.shape[0], int((wall_mm + 12) / fan.step_mm))
    near = (slice(0, rows), slice(0, beams))
    # Fibers run along the layers: correlated far along them, little across.
    streaks = smooth_field(rng, (1, rows, beams), (fan.step_mm * 0.35, fan.step_mm, 1.0), correlation_mm=0.9)[0]
    layers = fan.depth[:rows] + slow * np.float32(0.8) * fan.depth[:rows] / np.float32(wall_mm)
    strong = np.maximum(streaks - np.float32(0.5), 0)
    scene.cover(below[near], -5 + 5 * strong, attenuation=0.9, label=WALL, edge_mm=0.5, region=near)
    scene.cover(layers - np.float32(2.5 + fat_mm), -3 + 6 * strong, attenuation=0.55, label=WALL, region=near)
    scene.cover(layers - np.float32(2.2), 9 + 2 * streaks, attenuation=0.6, label=WALL, region=near)
    muscle_mm = wall_mm - fat_mm - 2.5
    for place, level in (
        (2.5 + fat_mm, 15),
        (2.5 + fat_mm + muscle_mm * rng.uniform(0.4, 0.6), 12),
        (wall_mm - 2.2, 17),
    ):
        uneven_level = level + rng.uniform(-3, 3)
        broken = np.clip(0.7 + 0.5 * streaks, 0.1, 1.4)
        scene.reflect(layers - np.float32(place), uneven_level, width_mm=0.9, directivity=6, region=near, within=broken)
    scene.reflect(below[near], 13, width_mm=0.8, directivity=8, region=near)


def paint_diaphragm(
    scene: Scene,
    state: LiverState,
    rng: np.random.Generator,
    *,
    center: tuple[float, float],
    radius_mm: float,
    from_mm: float,
    right_mm: float = 200.0,
) -> None:
    """The diaphragm as a bright arc, and what seems to lie beyond it (a mirror image of the liver, fading).

    Args:
        scene: Where.
        state: The liver.
        rng: Source of chance.
        center: x and y of the center of the arc in mm.
        radius_mm: Of the arc.
        from_mm: The arc exists below this depth.
        right_mm: The arc exists to the left of this x.
    """
    wobble = scene.field(rng, correlation_mm=14.0)
    uneven = np.clip(0.75 + 0.45 * scene.field(rng, correlation_mm=8.0), 0.08, 1.6)
    x, y = scene.x - np.float32(center[0]), scene.y - np.float32(center[1])
    rim = np.float32(radius_mm) - np.hypot(x, y) + np.float32(0.8) * wobble
    beyond = np.maximum(np.maximum(rim, np.float32(from_mm) - scene.y), scene.x - np.float32(right_mm))
    mirror = -8 + 0.18 * np.maximum(beyond, -90) + 2.5 * wobble
    scene.cover(beyond, mirror + np.float32(state.level_db), attenuation=0.5, label=BEYOND, edge_mm=1.5)
    # The arc fades towards its ends, where the beam no longer meets it at a right angle.
    along = np.rad2deg(np.arctan2(x, y))
    middle, half = rng.uniform(-38, -8), rng.uniform(42, 62)
    there = np.clip((np.float32(half) - np.abs(along - np.float32(middle))) / 16, 0, 1)
    there *= np.clip((scene.y - np.float32(from_mm)) / 12, 0, 1) * np.clip((np.float32(right_mm) - scene.x) / 10, 0, 1)
    scene.reflect(rim, state.diaphragm_db, width_mm=1.7, directivity=1.2, within=there * uneven)
    scene.reflect(rim + 1.8, state.diaphragm_db - 7, width_mm=2.6, directivity=1.2, within=there * uneven)
    scene.reflect(rim + 6.0, state.diaphragm_db - 15, width_mm=3.5, directivity=2.0, within=there * uneven)


def paint_medial(scene: Scene, rng: np.random.Generator, *, from_mm: float, below_mm: float) -> None:
    """What lies medial of the right lobe, deeper than the left lobe: fat, stomach, pancreas; uneven and brighter than liver."""
    coarse, fine = scene.field(rng, correlation_mm=9.0), scene.field(rng, correlation_mm=3.0)
    edge = np.maximum(np.float32(from_mm) - scene.x + 2 * coarse, np.float32(below_mm) - scene.y)
    level = 1 + 3.5 * coarse + 4 * np.maximum(fine - 0.4, 0)
    scene.cover(edge, level, attenuation=0.75, label=BEYOND, edge_mm=5.0)
    scene.reflect(edge, 10, width_mm=2.5, directivity=1, within=np.clip(0.4 + 0.7 * coarse, 0, 1.3))


def paint_veins(scene: Scene, vessels: Sequence[Polyline], state: LiverState, rng: np.random.Generator) -> None:
    """Hepatic veins: lumens without visible walls."""
    scaled = [[(x, y, r * state.vein_scale) for x, y, r in vessel] for vessel in vessels]
    distance = scene.lines(scaled)
    distance = distance + np.float32(0.25 + 3.5 * state.vein_waviness) * scene.field(rng, correlation_mm=3.0)
    scene.reflect(distance - 0.3, state.level_db + 4, width_mm=1.0, directivity=4)
    scene.cover(distance, state.lumen_db, attenuation=BLOOD_ATTENUATION, label=VESSEL, edge_mm=state.vessel_edge_mm)


def paint_portal_veins(scene: Scene, vessels: Sequence[Polyline], state: LiverState, rng: np.random.Generator) -> None:
    """Portal veins: lumens within bright walls and the fibrous tissue around them."""
    distance = scene.lines(vessels)
    uneven = scene.field(rng, correlation_mm=3.0)
    distance = distance + 0.25 * uneven
    ragged = 0.6 * scene.field(rng, correlation_mm=4.0)
    scene.cover(distance - 1.6 + ragged, state.wall_db - 8, edge_mm=2.0, opacity=0.8)
    broken = np.clip(0.85 + 0.4 * uneven, 0.1, 1.6)
    scene.reflect(distance - 0.7, state.wall_db, width_mm=1.4, directivity=1.5, within=broken)
    scene.cover(distance, state.lumen_db, attenuation=BLOOD_ATTENUATION, label=VESSEL, edge_mm=state.vessel_edge_mm)


def paint_small_vessels(
    scene: Scene, state: LiverState, rng: np.random.Generator, *, below_mm: float, number: int = 16
) -> None:
    """Short pieces of peripheral vessels that cross the section; every other one has portal walls."""
    fan = scene.fan
    veins: list[Polyline] = []
    portal: list[Polyline] = []
    for count in range(number):
        depth, angle = rng.uniform(0.25, 0.95) * fan.depth_mm, np.rad2deg(fan.half_angle) * rng.uniform(-0.95, 0.95)
        x, y = fan.position(depth, angle)
        heading, length = rng.uniform(0, 2 * np.pi), rng.gamma(2.0, 3.0)
        radius = float(rng.uniform(0.5, 1.3))
        end = (x + length * np.cos(heading), y + length * np.sin(heading))
        piece = curve((x, y), end, radii=(radius, 0.4), bend_mm=float(rng.uniform(-1.5, 1.5)), points=4)
        (veins if count % 2 else portal).append(piece)
    for vessels, walls in ((veins, False), (portal, True)):
        distance = np.maximum(scene.lines(vessels, margin_mm=4.0), np.float32(below_mm) - fan.depth)
        if walls:
            scene.reflect(distance - 0.5, state.wall_db - 3, width_mm=1.1, directivity=3)
        scene.cover(distance, state.lumen_db + 4, label=VESSEL, edge_mm=state.vessel_edge_mm)


def paint_gallbladder(
    scene: Scene, rng: np.random.Generator, *, center: tuple[float, float], present: bool = True
) -> None:
    """An anechoic gallbladder with its wall; draws the same numbers where it is absent."""
    a, b, angle = rng.uniform(20, 30), rng.uniform(9, 14), rng.uniform(-60, 60)
    if not present:
        return
    distance = ellipsoid((scene.x, scene.y, np.float32(0)), (*center, 0), (a, b, 1e3), z_deg=angle)
    scene.cover(distance - 2.2, 4, edge_mm=1.5, opacity=0.8)
    scene.reflect(distance - 0.5, 14, width_mm=1.4, directivity=2)
    scene.cover(distance, -32, attenuation=0.02, label=VESSEL, edge_mm=1.0)


def paint_cava(scene: Scene, center: tuple[float, float], *, radii: tuple[float, float], lumen_db: float) -> None:
    """The inferior vena cava in cross-section."""
    distance = ellipsoid((scene.x, scene.y, np.float32(0)), (*center, 0), (*radii, 1e3))
    scene.reflect(distance - 0.5, 9, width_mm=1.3, directivity=2)
    scene.cover(distance, lumen_db, attenuation=BLOOD_ATTENUATION, label=VESSEL, edge_mm=1.2)


def paint_kidney(
    scene: Scene, rng: np.random.Generator, *, center: tuple[float, float], tilt_deg: float, cortex_db: float
) -> None:
    """Right kidney in its long axis, with the fat and the muscles behind it, which end the liver.

    Args:
        scene: Where.
        rng: Source of chance.
        center: x and y in mm.
        tilt_deg: Angle of the long axis; positive when the left pole lies deeper.
        cortex_db: Level of the cortex against normal liver.
    """
    length, width = rng.uniform(50, 57), rng.uniform(21, 25)
    c, s = np.float32(np.cos(np.deg2rad(tilt_deg))), np.float32(np.sin(np.deg2rad(tilt_deg)))
    x, y = scene.x - np.float32(center[0]), scene.y - np.float32(center[1])
    u, v = c * x - s * y, s * x + c * y
    points = (u, v, np.float32(0))
    uneven = scene.field(rng, correlation_mm=5.0)
    fine = scene.field(rng, correlation_mm=2.5)
    kidney = ellipsoid(points, (0, 0, 0), (length, width, 1e3)) + 0.8 * uneven
    behind = union(kidney - 3.0, np.float32(6) - v, 14.0)
    retro = -1 + 3.0 * np.maximum(uneven, -1) + 3 * np.maximum(fine - 0.8, 0)
    scene.cover(behind, retro, attenuation=0.6, label=BEYOND, edge_mm=1.0)
    scene.reflect(behind, 12, width_mm=1.6, directivity=2, within=np.clip(0.8 + 0.4 * uneven, 0.1, 1.5))
    scene.cover(kidney, cortex_db + 0.8 * fine, attenuation=0.45, label=KIDNEY, edge_mm=1.0)
    scene.reflect(kidney, 9, width_mm=1.2, directivity=3)
    for k in range(8):
        phase = (k + rng.uniform(0.3, 0.7)) * 2 * np.pi / 8
        place = (0.66 * length * np.cos(phase), 0.60 * width * np.sin(phase), 0)
        pyramid = ellipsoid(points, place, (rng.uniform(4.5, 7), rng.uniform(3, 4.5), 1e3))
        scene.cover(pyramid, cortex_db - 6, edge_mm=2.5, label=KIDNEY, opacity=0.8)
    sinus = ellipsoid(points, (0, 1.5, 0), (length * 0.55, width * 0.36, 1e3)) + 2.2 * uneven
    scene.cover(sinus, 8 + 3 * fine, attenuation=0.7, label=KIDNEY, edge_mm=2.5)


def paint_rib(scene: Scene, rng: np.random.Generator, *, angle_deg: float, depth_mm: float, present: bool) -> None:
    """A rib in cross-section and its shadow; draws the same numbers where it is absent."""
    width = rng.uniform(5, 7)
    if not present:
        return
    fan = scene.fan
    x, y = fan.position(depth_mm, angle_deg)
    rib = ellipsoid((scene.x, scene.y, np.float32(0)), (x, y, 0), (width, 3.0, 1e3), z_deg=-angle_deg)
    scene.reflect(rib, 19, width_mm=1.6, directivity=2)
    scene.cover(rib, -6, attenuation=9.0, label=WALL, edge_mm=0.8)


def paint_gas(scene: Scene, rng: np.random.Generator, *, angle_deg: float, depth_mm: float, present: bool) -> None:
    """Lung or bowel gas at one side of the fan: a bright front with a dirty shadow."""
    ragged, period = scene.field(rng, correlation_mm=10.0), rng.uniform(7, 12)
    if not present:
        return
    fan = scene.fan
    side = np.float32(1 if angle_deg > 0 else -1)
    beside = side * (np.float32(np.deg2rad(angle_deg)) - fan.angle) * (fan.depth + np.float32(fan.radius_mm))
    below = fan.depth - np.float32(depth_mm) - 3 * ragged
    rings = np.cos(2 * np.pi * below / np.float32(period)) * np.exp(-np.maximum(below, 0) / 25)
    fading = -4 + 3 * rings - 0.30 * np.maximum(below, 0) + 2 * ragged
    scene.cover(np.maximum(beside + 2.5 * ragged, -below), fading, attenuation=0.6, label=BEYOND, edge_mm=11.0)
