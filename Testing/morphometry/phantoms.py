"""Bodies of known size, surface and attenuation."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from LiverAILib.data.assessment import Segmentation
from LiverAILib.data.structures import STRUCTURES
from LiverAILib.imaging.image import Image
from LiverAILib.morphometry.findings import Anatomy


def rippled_liver(
    amplitude_mm: float, *, wavelength_mm: float = 15.0, pixel_mm: float = 1.25, slices: int = 5, noise: float = 0.0
) -> Anatomy:
    """A cylinder of 75 mm radius whose surface ripples: 100 inside, 20 outside, an edge of 1 mm."""
    half = int(100 / pixel_mm)
    y, x = np.mgrid[-half : half + 1, -half : half + 1] * pixel_mm
    angle = np.arctan2(y, x)
    waves = round(2 * np.pi * 75 / wavelength_mm)
    inside = 75 + amplitude_mm * np.sin(waves * angle) - np.hypot(x, y)
    section = 20 + 80 * expit(inside / 0.5)
    stack = np.repeat(section[None], slices, axis=0).astype(np.float32)
    stack += np.random.default_rng(1).normal(0, noise, stack.shape) if noise else 0
    mask = np.repeat((inside > 0)[None], slices, axis=0)
    return Anatomy(stack, (pixel_mm, pixel_mm, 5.0), "MR", {"liver": mask})


def box_organs(
    *,
    spacing: tuple[float, float, float] = (2.0, 2.0, 5.0),
    modality: str | None = "CT",
    liver: float = 60.0,
    spleen: float = 50.0,
) -> tuple[Image, Segmentation]:
    """A liver of 40 x 30 x 10 voxels and a spleen of 15 x 15 x 6, of the given values, in water."""
    labels = np.zeros((14, 50, 80), np.uint8)
    labels[2:12, 10:40, 5:45] = STRUCTURES["liver"].label
    labels[4:10, 25:40, 55:70] = STRUCTURES["spleen"].label
    array = np.choose(np.minimum(labels, 4), [0.0, liver, 0.0, 0.0, spleen]).astype(np.float32)
    image = Image(array, spacing, modality=modality)
    structures = (STRUCTURES["liver"], STRUCTURES["spleen"])
    return image, Segmentation(image.with_array(labels, modality=None), structures, "given")


def by_key(findings) -> dict:
    """Measurements by their key."""
    return {measurement.key: measurement for measurement in findings.measurements}
