"""One simulated section: gray levels of the fan in a picture, and where the liver and the planted signs are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from LiverAILib.simulation.ultrasound.acquisition import acquired, draw_settings, gray_level, received_power
from LiverAILib.simulation.ultrasound.device import Device
from LiverAILib.simulation.ultrasound.fan import Fan, Frame
from LiverAILib.simulation.ultrasound.liver_state import LiverState
from LiverAILib.simulation.ultrasound.scene import LIVER, VESSEL, Scene
from LiverAILib.simulation.ultrasound.views import Build, Paint

CHANGE = 0.05
"""Change of the gray level, as a share of white, from which on a place counts as evidence."""
LARGEST_EVIDENCE = 0.33
"""Evidence covers at most this share of the fan: where more has changed, the places that changed most."""
SMOOTHING_MM = 2.5


@dataclass(frozen=True, eq=False)
class Section:
    """A section of the liver in a picture.

    Attributes:
        gray: Gray levels 0 to 1, float32 (rows, columns), 0 outside of the fan.
        inside: Boolean, the fan.
        liver: Boolean, the liver with its vessels.
        vessels: Boolean, vessels and the gallbladder.
        evidence: Boolean, where the disease changes the expected gray level.
        fan: Geometry of the beams.
        frame: Where the fan lies in the picture.
    """

    gray: np.ndarray
    inside: np.ndarray
    liver: np.ndarray
    vessels: np.ndarray
    evidence: np.ndarray
    fan: Fan
    frame: Frame

    @property
    def parenchyma(self) -> np.ndarray:
        """Boolean, the liver without its vessels."""
        return self.liver & ~self.vessels


def simulate_section(
    paint: Paint,
    state: LiverState,
    healthy: LiverState,
    *,
    build: Build,
    device: Device,
    depth_mm: float,
    seed: list[int],
    width: float = 0.8,
    bottom: float = 0.96,
) -> Section:
    """Images a view.

    Args:
        paint: The view.
        state: The liver.
        healthy: The same liver without disease: evidence is where its expected image differs.
        build: The patient's build.
        device: Scanner.
        depth_mm: Depth of the image.
        seed: Entropy of everything that is drawn.
        width: Share of the picture's columns that the fan may take.
        bottom: Share of the picture's rows where the fan ends.
    """
    fan = Fan(radius_mm=device.radius_mm, half_angle_deg=device.half_angle_deg, depth_mm=depth_mm)
    settings = draw_settings(fan, np.random.default_rng([*seed, 1]))
    diseased = state != healthy
    expected = []
    for liver in (state, healthy) if diseased else (state,):
        rng = np.random.default_rng([*seed, 2])
        scene = Scene(fan, attenuation=liver.attenuation, rng=rng)
        paint(scene, liver, build, rng)
        expected.append((received_power(scene, liver, settings, device), scene.labels))
    power, labels = expected[0]
    gray = acquired(power, fan, settings, device, np.random.default_rng([*seed, 3]))
    columns, rows = device.picture
    frame = Frame.fitted(fan, columns=columns, rows=rows, top=device.top, bottom=bottom, width=width)
    tissue = ((labels == LIVER) | (labels == VESSEL)).astype(np.float32)
    maps = [gray, tissue, (labels == VESSEL).astype(np.float32)] + [
        gray_level(p, settings, device) for p, _ in expected
    ]
    picture, liver_share, vessel_share, *levels = frame.converted(fan, *maps)
    inside = frame.inside(fan)
    evidence = _evidence(levels[0], levels[1], inside, frame.pixel_mm) if diseased else np.zeros_like(inside)
    return Section(
        _sharpened(picture, inside, device.sharpen), inside, liver_share > 0.5, vessel_share > 0.5, evidence, fan, frame
    )


def _evidence(level: np.ndarray, healthy: np.ndarray, inside: np.ndarray, pixel_mm: float) -> np.ndarray:
    """Where the expected gray levels differ: root mean square over a few mm."""
    sigma = SMOOTHING_MM / pixel_mm
    weight = ndimage.gaussian_filter(inside.astype(np.float32), sigma, truncate=3)
    change = ndimage.gaussian_filter((level - healthy) ** 2, sigma, truncate=3)
    change = np.sqrt(np.maximum(change / np.maximum(weight, 1e-3), 0)) * inside
    threshold = max(CHANGE, float(np.quantile(change[inside], 1 - LARGEST_EVIDENCE)))
    return change > threshold


def _sharpened(picture: np.ndarray, inside: np.ndarray, strength: float) -> np.ndarray:
    """Edge enhancement as scanners apply it."""
    if strength > 0:
        picture = picture + np.float32(strength) * (picture - ndimage.gaussian_filter(picture, 1.5, truncate=2))
    return np.clip(picture, 0, 1) * inside
