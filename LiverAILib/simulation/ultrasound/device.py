"""Simulated ultrasound devices: transducer, signal chain and the layout of what they export."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Device:
    """A scanner with a curvilinear transducer as one examination uses it.

    Attributes:
        name: "simulated-" and a letter; the manifest's `scanner`.
        frequency_mhz: Center frequency of the echoes.
        radius_mm: Radius of curvature of the transducer's face.
        half_angle_deg: Half of the angle of the fan.
        pulse_mm: Axial resolution (full width at half maximum of the envelope).
        beam_mm: Lateral resolution near the transducer.
        spread: Growth of the lateral resolution with depth, mm per mm.
        looks: Independent images that compounding averages.
        dynamic_range_db: Range of echo levels between black and white.
        gamma: Exponent of the gray map.
        tint: Red, green and blue of white.
        picture: Columns and rows of an exported picture.
        top: Row of the transducer's face, as a share of the rows.
        sharpen: Strength of the edge enhancement of the picture.
    """

    name: str
    frequency_mhz: float
    radius_mm: float
    half_angle_deg: float
    pulse_mm: float
    beam_mm: float
    spread: float
    looks: int
    dynamic_range_db: float
    gamma: float
    tint: tuple[int, int, int]
    picture: tuple[int, int]
    top: float
    sharpen: float


@dataclass(frozen=True)
class _Kind:
    """A make of scanner: what is the same for all of its examinations."""

    letter: str
    frequency_mhz: tuple[float, float]
    radius_mm: float
    half_angle_deg: float
    looks: int
    dynamic_range_db: float
    gamma: float
    tint: tuple[int, int, int]
    picture: tuple[int, int]
    top: float
    sharpen: float


KINDS = (
    _Kind("A", (3.0, 4.0), 60.0, 33.0, 4, 62.0, 1.00, (255, 255, 255), (768, 576), 0.07, 0.15),
    _Kind("B", (2.5, 3.5), 50.0, 35.0, 3, 66.0, 1.10, (246, 250, 255), (800, 600), 0.10, 0.0),
    _Kind("C", (3.5, 4.5), 60.0, 30.0, 5, 58.0, 0.95, (255, 252, 244), (720, 576), 0.06, 0.25),
    _Kind("D", (2.5, 3.5), 45.0, 36.0, 3, 70.0, 1.15, (255, 255, 255), (640, 480), 0.08, 0.0),
)
"""The devices of a multi-center cohort."""

ELASTOGRAPHY = _Kind("E", (3.0, 3.6), 58.0, 34.0, 4, 62.0, 1.05, (255, 255, 255), (840, 630), 0.09, 0.1)
"""The device of 2D shear-wave elastography: one, as in Xue 2020."""


def draw_device(rng: np.random.Generator, kinds: tuple[_Kind, ...] = KINDS) -> Device:
    """A device and its settings for one examination."""
    kind = kinds[int(rng.integers(len(kinds)))]
    frequency = float(rng.uniform(*kind.frequency_mhz))
    scale = 3.5 / frequency
    return Device(
        name=f"simulated-{kind.letter}",
        frequency_mhz=frequency,
        radius_mm=kind.radius_mm,
        half_angle_deg=kind.half_angle_deg,
        pulse_mm=0.95 * scale,
        beam_mm=1.6 * scale,
        spread=0.017 * scale,
        looks=kind.looks,
        dynamic_range_db=float(kind.dynamic_range_db + rng.uniform(-4, 4)),
        gamma=kind.gamma,
        tint=kind.tint,
        picture=kind.picture,
        top=kind.top,
        sharpen=kind.sharpen,
    )
