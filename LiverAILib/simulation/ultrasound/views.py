"""The liver views: which anatomy lies where in the fan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from LiverAILib.simulation.ultrasound import anatomy
from LiverAILib.simulation.ultrasound.liver_state import LiverState
from LiverAILib.simulation.ultrasound.scene import Polyline, Scene


@dataclass(frozen=True)
class Build:
    """A patient's build, the same in all views.

    Attributes:
        wall_mm: Depth of the liver capsule.
        fat_mm: Thickness of the subcutaneous fat.
        gallbladder: Whether a gallbladder is seen where it may be.
        kidney_db: Level of the renal cortex against normal liver.
    """

    wall_mm: float
    fat_mm: float
    gallbladder: bool
    kidney_db: float = -2.0


def draw_build(rng: np.random.Generator, *, thickest_mm: float = 20.0) -> Build:
    """A build, independent of disease."""
    fat = float(np.clip(rng.lognormal(np.log(8.5), 0.4), 4, thickest_mm))
    return Build(2.5 + fat + float(rng.uniform(7, 11)), fat, bool(rng.random() < 0.4))


Paint = Callable[[Scene, LiverState, Build, np.random.Generator], None]


def paint_hepatic_veins(scene: Scene, state: LiverState, build: Build, rng: np.random.Generator) -> None:
    """Transverse, subcostal: the hepatic veins at their confluence with the inferior vena cava."""
    anatomy.paint_parenchyma(scene, state, rng)
    deep = scene.fan.depth_mm
    x, y = float(rng.uniform(10, 26)), float(deep * rng.uniform(0.60, 0.70))
    vessels: list[Polyline] = []
    for angle, bend, branches in ((188, 9, 3), (232, 6, 2), (285, -6, 1)):
        trunk = _radiating(rng, (x, y), angle_deg=angle, length_mm=deep * 0.5, radii=(4.6, 1.1), bend_mm=bend)
        vessels += anatomy.branched(trunk, rng, branches=branches)
    center = (x - deep * 0.36, y - deep * float(rng.uniform(0.24, 0.32)))
    radius = deep * float(rng.uniform(0.54, 0.58))
    anatomy.paint_diaphragm(scene, state, rng, center=center, radius_mm=radius, from_mm=deep * 0.45, right_mm=x + 8)
    anatomy.paint_medial(scene, rng, from_mm=x + 14, below_mm=y - 12)
    anatomy.paint_veins(scene, vessels, state, rng)
    anatomy.paint_cava(scene, (x + 4, y + 6), radii=(12, 8), lumen_db=state.lumen_db)
    _finish(scene, state, build, rng, gas_deg=float(rng.uniform(22, 32)), ribs=0.1)


def paint_right_portal_vein(scene: Scene, state: LiverState, build: Build, rng: np.random.Generator) -> None:
    """Transverse: the right portal vein and its division, with the gallbladder now and then."""
    anatomy.paint_parenchyma(scene, state, rng)
    deep = scene.fan.depth_mm
    x, y = float(rng.uniform(18, 32)), float(deep * rng.uniform(0.52, 0.60))
    fork = (x - float(rng.uniform(32, 42)), y - float(rng.uniform(2, 10)))
    trunk = anatomy.curve((x + 30, y + 16), (x, y), radii=(6.5, 6.0), bend_mm=3)
    portal = [trunk, anatomy.curve((x, y), fork, radii=(6.0, 5.0), bend_mm=float(rng.uniform(-4, 4)))]
    for angle, bend in ((225, -5), (160, 6)):
        trunk = _radiating(rng, fork, angle_deg=angle, length_mm=deep * 0.27, radii=(4.0, 1.2), bend_mm=bend)
        portal += anatomy.branched(trunk, rng, branches=2)
    vein = _radiating(rng, (x - 10, y + 30), angle_deg=215, length_mm=deep * 0.4, radii=(2.6, 1.0), bend_mm=5)
    center = (-deep * float(rng.uniform(0.10, 0.18)), deep * float(rng.uniform(0.34, 0.40)))
    radius = deep * float(rng.uniform(0.52, 0.56))
    anatomy.paint_diaphragm(scene, state, rng, center=center, radius_mm=radius, from_mm=deep * 0.5, right_mm=x + 4)
    anatomy.paint_medial(scene, rng, from_mm=x - 4, below_mm=y + 2)
    anatomy.paint_veins(scene, [vein], state, rng)
    anatomy.paint_portal_veins(scene, portal, state, rng)
    anatomy.paint_cava(scene, (x + 8, y + 26), radii=(13, 8), lumen_db=state.lumen_db)
    anatomy.paint_gallbladder(scene, rng, center=(x + 14, y - 28), present=build.gallbladder)
    _finish(scene, state, build, rng, gas_deg=float(rng.uniform(24, 34)), ribs=0.15)


def paint_right_posterior_portal_vein(scene: Scene, state: LiverState, build: Build, rng: np.random.Generator) -> None:
    """Transverse, intercostal: the right posterior portal vein bowing around the right lobe."""
    anatomy.paint_parenchyma(scene, state, rng)
    deep = scene.fan.depth_mm
    start = (float(rng.uniform(24, 36)), float(deep * rng.uniform(0.44, 0.54)))
    end = (start[0] - float(rng.uniform(58, 74)), start[1] + float(rng.uniform(6, 26)))
    trunk = anatomy.curve(start, end, radii=(5.0, 1.4), bend_mm=float(rng.uniform(6, 13)))
    portal = anatomy.branched(trunk, rng, branches=4)
    portal.append(anatomy.curve((start[0] + 28, start[1] + 8), start, radii=(5.5, 5.0), bend_mm=2))
    vein = _radiating(
        rng, (start[0] + 6, start[1] + 26), angle_deg=205, length_mm=deep * 0.35, radii=(3.0, 1.0), bend_mm=-6
    )
    center = (-deep * float(rng.uniform(0.02, 0.10)), deep * float(rng.uniform(0.36, 0.42)))
    radius = deep * float(rng.uniform(0.50, 0.55))
    anatomy.paint_diaphragm(scene, state, rng, center=center, radius_mm=radius, from_mm=deep * 0.5)
    anatomy.paint_medial(scene, rng, from_mm=start[0] + 10, below_mm=start[1] + 8)
    anatomy.paint_veins(scene, [vein], state, rng)
    anatomy.paint_portal_veins(scene, portal, state, rng)
    _finish(scene, state, build, rng, gas_deg=float(rng.uniform(27, 40)), ribs=0.5)


def paint_liver_kidney(scene: Scene, state: LiverState, build: Build, rng: np.random.Generator) -> None:
    """Sagittal: right lobe and right kidney."""
    anatomy.paint_parenchyma(scene, state, rng)
    deep = scene.fan.depth_mm
    center = (float(rng.uniform(10, 28)), float(deep * rng.uniform(0.60, 0.68)))
    vein = _radiating(rng, (-12, deep * 0.42), angle_deg=195, length_mm=deep * 0.3, radii=(2.6, 1.0), bend_mm=5)
    portal = _radiating(rng, (8, deep * 0.34), angle_deg=170, length_mm=deep * 0.28, radii=(3.0, 1.0), bend_mm=-4)
    anatomy.paint_veins(scene, [vein], state, rng)
    anatomy.paint_portal_veins(scene, [portal], state, rng)
    anatomy.paint_kidney(scene, rng, center=center, tilt_deg=float(rng.uniform(8, 30)), cortex_db=build.kidney_db)
    arc = (deep * float(rng.uniform(0.02, 0.10)), deep * float(rng.uniform(0.30, 0.38)))
    radius = deep * float(rng.uniform(0.54, 0.58))
    anatomy.paint_diaphragm(scene, state, rng, center=arc, radius_mm=radius, from_mm=deep * 0.5, right_mm=-10)
    _finish(scene, state, build, rng, gas_deg=float(rng.uniform(26, 38)), ribs=0.4)


def paint_intercostal(scene: Scene, state: LiverState, build: Build, rng: np.random.Generator) -> None:
    """Intercostal: the right lobe with few vessels, as for a stiffness measurement."""
    anatomy.paint_parenchyma(scene, state, rng)
    deep = scene.fan.depth_mm
    vessels: list[Polyline] = []
    for angle, bend in ((200, 6), (158, -5)):
        start = (float(rng.uniform(20, 40)), float(deep * rng.uniform(0.62, 0.8)))
        vessels.append(_radiating(rng, start, angle_deg=angle, length_mm=deep * 0.55, radii=(2.8, 1.0), bend_mm=bend))
    start = (float(rng.uniform(30, 45)), float(deep * rng.uniform(0.45, 0.75)))
    portal = _radiating(rng, start, angle_deg=190, length_mm=deep * 0.4, radii=(2.8, 1.2), bend_mm=6)
    center = (-deep * float(rng.uniform(0.0, 0.15)), deep * float(rng.uniform(0.36, 0.44)))
    radius = deep * float(rng.uniform(0.52, 0.62))
    anatomy.paint_diaphragm(scene, state, rng, center=center, radius_mm=radius, from_mm=deep * 0.5)
    anatomy.paint_veins(scene, vessels, state, rng)
    anatomy.paint_portal_veins(scene, [portal], state, rng)
    _finish(scene, state, build, rng, gas_deg=float(rng.uniform(26, 40)), ribs=0.3)


FAT_VIEWS: dict[str, Paint] = {
    "hepatic_veins": paint_hepatic_veins,
    "right_portal_vein": paint_right_portal_vein,
    "right_posterior_portal_vein": paint_right_posterior_portal_vein,
    "liver_kidney": paint_liver_kidney,
}
"""The views of Byra 2021 by the role of their image."""


def _radiating(
    rng: np.random.Generator,
    start: tuple[float, float],
    *,
    angle_deg: float,
    length_mm: float,
    radii: tuple[float, float],
    bend_mm: float,
) -> Polyline:
    """A vessel from `start` towards an angle (180 is to the left, 270 to the transducer), everything a little by chance."""
    heading = np.deg2rad(angle_deg + rng.uniform(-9, 9))
    length, scale = length_mm * rng.uniform(0.85, 1.15), float(np.exp(rng.uniform(-0.15, 0.15)))
    end = (start[0] + length * np.cos(heading), start[1] + length * np.sin(heading))
    wide, thin = radii
    return anatomy.curve(start, end, radii=(wide * scale, thin), bend_mm=float(bend_mm + rng.uniform(-4, 4)))


def _finish(
    scene: Scene, state: LiverState, build: Build, rng: np.random.Generator, *, gas_deg: float, ribs: float
) -> None:
    """What every view has: small vessels, gas beside the window, the abdominal wall and ribs in front of it."""
    half = float(np.rad2deg(scene.fan.half_angle))
    anatomy.paint_small_vessels(scene, state, rng, below_mm=build.wall_mm + 8)
    anatomy.paint_gas(scene, rng, angle_deg=gas_deg, depth_mm=build.wall_mm + 8, present=gas_deg < half)
    anatomy.paint_wall(scene, state, rng, wall_mm=build.wall_mm, fat_mm=build.fat_mm)
    side, angle = (-1, 1)[int(rng.integers(2))], rng.uniform(0.7, 0.95) * half
    depth, present = float(rng.uniform(0.6, 0.85) * build.wall_mm), bool(rng.random() < ribs)
    anatomy.paint_rib(scene, rng, angle_deg=float(side * angle), depth_mm=depth, present=present)
