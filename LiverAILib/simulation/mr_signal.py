"""How a scanner shows tissues on fat-suppressed T2-weighted images: relative signal, coil, blur, ghosts and noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from LiverAILib.simulation.canvas import Canvas
from LiverAILib.simulation.texture import smooth_field

# Signal relative to a liver of 1 and its relative spread between patients. Order and size follow T2 and proton density:
# fluid > kidney, spleen > pancreas, bowel wall > liver > muscle, suppressed fat > flow voids, cortical bone, gas.
T2_SIGNAL: Mapping[str, tuple[float, float]] = {
    "air": (0.0, 0.0),
    "skin": (0.50, 0.20),
    "subcutaneous_fat": (0.31, 0.35),
    "visceral_fat": (0.22, 0.30),
    "muscle": (0.43, 0.12),
    "cortical_bone": (0.16, 0.20),
    "bone_marrow": (0.58, 0.20),
    "disc": (0.45, 0.15),
    "disc_core": (1.3, 0.35),
    "fluid": (3.2, 0.10),
    "fluid_film": (1.3, 0.25),
    "spinal_cord": (1.5, 0.12),
    "lung": (0.09, 0.30),
    "heart_muscle": (0.75, 0.15),
    "heart_blood": (0.30, 0.40),
    "vessel_wall": (0.85, 0.15),
    "flow_void": (0.28, 0.20),
    "vein_bright": (1.8, 0.15),
    "liver": (1.0, 0.0),
    "liver_vein": (2.3, 0.14),
    "gallbladder": (3.3, 0.12),
    "spleen": (2.05, 0.10),
    "kidney_cortex": (2.15, 0.08),
    "kidney_medulla": (2.65, 0.10),
    "pancreas": (1.25, 0.12),
    "bowel_wall": (1.05, 0.15),
    "bowel_fluid": (2.4, 0.15),
    "bowel_mixed": (1.5, 0.20),
    "stomach_content": (1.75, 0.30),
    "stool": (0.85, 0.25),
    "gas": (0.03, 0.30),
    "ascites": (3.0, 0.08),
}


@dataclass(frozen=True)
class Scanner:
    """What differs from examination to examination and says nothing about the liver."""

    name: str
    field_strength_t: float
    gain: float
    contrast_exponent: float
    noise_relative_to_liver: float
    air_noise_share: float
    bias_log_sd: float
    coil_curvature: float
    slice_gain_sd: float
    blur_mm: float
    fat_shift_px: float
    ghost_share: float
    ghost_shift_share: float


def draw_scanner(rng: np.random.Generator) -> Scanner:
    """A scanner, 1.5 T in four of five, and its settings for one examination."""
    strong = bool(rng.random() < 0.2)
    return Scanner(
        name="simulated-3.0T" if strong else "simulated-1.5T",
        field_strength_t=3.0 if strong else 1.5,
        gain=float(rng.uniform(180, 420)),
        contrast_exponent=float(np.clip(rng.normal(1.0, 0.09), 0.8, 1.2)),
        noise_relative_to_liver=float(rng.uniform(0.025, 0.075)) * (0.75 if strong else 1.0),
        air_noise_share=float(rng.choice([0.06, 0.15, 0.6])),
        bias_log_sd=float(rng.uniform(0.04, 0.13)) * (1.6 if strong else 1.0),
        coil_curvature=float(rng.uniform(-0.15, 0.35)),
        slice_gain_sd=float(rng.uniform(0.0, 0.04)),
        blur_mm=float(rng.uniform(0.5, 1.0)),
        fat_shift_px=float(rng.uniform(0.3, 1.6)),
        ghost_share=float(rng.uniform(0.0, 0.035)),
        ghost_shift_share=float(rng.choice([0.5, 0.33, 0.25])),
    )


def draw_signals(scanner: Scanner, rng: np.random.Generator) -> dict[str, float]:
    """Signal of every tissue in one examination, the liver being 1.

    Spreads are drawn independently; the exponent widens or flattens the contrast of all.
    """
    return {
        tissue: float((mean * np.exp(spread * np.clip(rng.standard_normal(), -2, 2))) ** scanner.contrast_exponent)
        for tissue, (mean, spread) in T2_SIGNAL.items()
    }


def acquire(canvas: Canvas, scanner: Scanner, body_share: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The image that the scanner stores: int16 (k, j, i).

    Args:
        canvas: Ideal signal, the liver being 1.
        scanner: Settings of the examination.
        body_share: 1 in the body, 0 in air, same shape.
        rng: Source of chance.
    """
    shape, spacing = canvas.grid.shape, canvas.grid.spacing
    image = canvas.signal
    if canvas.fat is not None:
        # Fat precesses slower than water and lands displaced along the frequency-encoding axis (here left to right).
        fat = ndimage.shift(canvas.fat, (0, 0, scanner.fat_shift_px), order=1) if scanner.fat_shift_px else canvas.fat
        image = image - canvas.fat + fat
    sigma = scanner.blur_mm / spacing[0]
    image = ndimage.gaussian_filter(image, (0.0, sigma, sigma), truncate=2.5)
    bias = scanner.bias_log_sd * smooth_field(rng, shape, spacing, correlation_mm=110.0)
    image *= np.exp(bias)
    # Surface coils: what lies near the skin is brighter, where the scanner does not even it out.
    rows, columns = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape[1:])
    image *= 1 + np.float32(scanner.coil_curvature) * (rows[:, None] ** 2 + columns[None, :] ** 2)
    image *= np.exp(scanner.slice_gain_sd * rng.standard_normal((shape[0], 1, 1), dtype=np.float32))
    if scanner.ghost_share:
        # Breathing repeats the moving front wall along the phase-encoding axis (front to back).
        shift = round(shape[1] * scanner.ghost_shift_share)
        image += (
            np.float32(scanner.ghost_share) * 0.5 * (np.roll(image, shift, axis=1) + np.roll(image, -shift, axis=1))
        )
    level = scanner.noise_relative_to_liver * (scanner.air_noise_share + (1 - scanner.air_noise_share) * body_share)
    real = image + level * rng.standard_normal(shape, dtype=np.float32)
    imaginary = level * rng.standard_normal(shape, dtype=np.float32)
    magnitude = np.sqrt(real * real + imaginary * imaginary) * np.float32(scanner.gain)
    return np.clip(np.rint(magnitude), 0, 32767).astype(np.int16)
