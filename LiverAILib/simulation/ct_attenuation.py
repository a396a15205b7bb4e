"""How a scanner shows tissues on portal venous CT: HU by tissue and contrast timing, kernel, noise and table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from LiverAILib.simulation.canvas import Canvas
from LiverAILib.simulation.grid import Grid

AIR_HU, LOWEST_HU, HIGHEST_HU = -1000.0, -1024, 3071


@dataclass(frozen=True)
class Tissue:
    """Attenuation of a tissue.

    Attributes:
        plain: HU without contrast medium.
        enhancement: HU added in the portal venous phase (about 70 s after the injection) at the usual dose.
        early: Relative change of the enhancement when the scan comes early (arterial blood still bright), the reverse when late.
        spread: Standard deviation between patients, HU.
        swing: HU by which a texture of 1 changes it.
    """

    plain: float
    enhancement: float = 0.0
    early: float = 0.0
    spread: float = 3.0
    swing: float = 60.0


# Usual textbook values; swings are choices that make each painted texture look as it does on CT. That of the liver sets how
# visible the planted septa are: about 25 HU in cirrhosis, two to three times the usual noise, as on the simulated T2 images.
TISSUES: Mapping[str, Tissue] = {
    "air": Tissue(AIR_HU, spread=0.0, swing=0.0),
    "skin": Tissue(35, 10, spread=8),
    "subcutaneous_fat": Tissue(-106, spread=4, swing=50),
    "visceral_fat": Tissue(-98, spread=6, swing=50),
    "muscle": Tissue(52, 12, spread=5, swing=110),
    "cortical_bone": Tissue(620, spread=60, swing=200),
    "bone_marrow": Tissue(170, 10, spread=40, swing=160),
    "disc": Tissue(85, spread=8),
    "disc_core": Tissue(70, spread=8),
    "fluid": Tissue(8, spread=4),
    "fluid_film": Tissue(12, spread=5),
    "spinal_cord": Tissue(38, spread=3),
    "lung": Tissue(-855, spread=25, swing=90),
    "heart_muscle": Tissue(45, 65, spread=6, swing=30),
    "heart_blood": Tissue(42, 105, early=0.2, spread=6, swing=15),
    "vessel_wall": Tissue(42, 70, spread=5),
    "flow_void": Tissue(42, 112, early=0.25, spread=5, swing=10),
    "vein_bright": Tissue(42, 128, early=-0.1, spread=5, swing=20),
    "liver": Tissue(57, 53, early=-0.2, spread=7, swing=230),
    "liver_vein": Tissue(42, 126, early=-0.2, spread=5, swing=30),
    "gallbladder": Tissue(8, spread=5, swing=50),
    "spleen": Tissue(47, 74, early=0.1, spread=6, swing=60),
    "kidney_cortex": Tissue(32, 150, early=0.15, spread=10, swing=120),
    "kidney_medulla": Tissue(32, 128, early=-0.25, spread=10, swing=60),
    "pancreas": Tissue(38, 58, early=0.2, spread=7, swing=90),
    "bowel_wall": Tissue(35, 55, early=0.1, spread=8, swing=80),
    "bowel_fluid": Tissue(14, spread=8, swing=40),
    "bowel_mixed": Tissue(35, spread=15, swing=60),
    "stomach_content": Tissue(22, spread=12, swing=60),
    "stool": Tissue(20, spread=20, swing=190),
    "gas": Tissue(-960, spread=15, swing=20),
    "ascites": Tissue(9, spread=4),
}
ORAL_CONTRAST = ("stomach_content", "bowel_fluid", "bowel_mixed")


@dataclass(frozen=True)
class CtScanner:
    """What differs from examination to examination and says nothing about fibrosis.

    Attributes:
        name: Scanner.
        noise_hu: Standard deviation of the noise in the middle of a usual patient, before the effect of the slice thickness.
        kernel_cutoff_per_mm: Spatial frequency up to which the reconstruction kernel passes noise.
        blur_mm: Standard deviation of the in-plane point spread.
        timing: -1 late to 1 early.
        contrast_dose: Enhancement relative to the usual one.
        steatosis_hu: How much fat darkens the liver.
        oral_contrast_hu: HU added to what stomach and small bowel hold; 0 in most.
        table_gap_mm: From the patient's back to the table.
        padded: Whether everything outside the round field of view is -1024.
    """

    name: str
    noise_hu: float
    kernel_cutoff_per_mm: float
    blur_mm: float
    timing: float
    contrast_dose: float
    steatosis_hu: float
    oral_contrast_hu: float
    table_gap_mm: float
    padded: bool


def draw_ct_scanner(rng: np.random.Generator) -> CtScanner:
    """One of three scanners and its settings for one examination; older ones are noisier and blur more."""
    rows, noise, blur = ((16, 1.25, 1.2), (64, 1.0, 1.0), (256, 0.8, 0.85))[int(rng.choice(3, p=(0.25, 0.5, 0.25)))]
    fatty = rng.random() < 0.25
    return CtScanner(
        name=f"simulated-CT-{rows}",
        noise_hu=float(rng.uniform(7, 13)) * noise,
        kernel_cutoff_per_mm=float(rng.uniform(0.16, 0.30)),
        blur_mm=float(rng.uniform(0.6, 0.95)) * blur,
        timing=float(np.clip(rng.normal(0, 0.5), -1, 1)),
        contrast_dose=float(np.clip(rng.normal(1.0, 0.15), 0.65, 1.35)),
        steatosis_hu=float(rng.uniform(5, 35)) if fatty else 0.0,
        oral_contrast_hu=float(rng.uniform(80, 250)) if rng.random() < 0.2 else 0.0,
        table_gap_mm=float(rng.uniform(2, 12)),
        padded=bool(rng.random() < 0.3),
    )


def draw_attenuation(scanner: CtScanner, rng: np.random.Generator) -> dict[str, float]:
    """HU of every tissue in one examination."""
    drawn = {}
    for name, tissue in TISSUES.items():
        enhancement = tissue.enhancement * scanner.contrast_dose * (1 + tissue.early * scanner.timing)
        drawn[name] = tissue.plain + enhancement + tissue.spread * float(np.clip(rng.standard_normal(), -2, 2))
    drawn["liver"] -= scanner.steatosis_hu
    for name in ORAL_CONTRAST:
        drawn[name] += scanner.oral_contrast_hu
    return drawn


class CtCanvas(Canvas):
    """A canvas in HU on air: a texture adds to the tissue's attenuation, whose 0 is that of water and no true 0."""

    def __init__(self, grid: Grid, values: Mapping[str, float]) -> None:
        super().__init__(grid, values, background=AIR_HU, separate_fat=False)

    def value(self, tissue: str, texture: np.ndarray) -> np.ndarray:
        """HU of a tissue where its texture is `texture`."""
        return np.float32(self.values[tissue]) + np.float32(TISSUES[tissue].swing) * texture


def acquire_ct(canvas: CtCanvas, scanner: CtScanner, rng: np.random.Generator) -> np.ndarray:
    """The image that the scanner stores: int16 HU (k, j, i)."""
    grid = canvas.grid
    image = np.maximum(canvas.signal, np.float32(AIR_HU))
    body = ndimage.binary_opening(image > -500, np.ones((1, 3, 3)))
    add_table(image, body, grid, scanner)
    sigma = scanner.blur_mm / grid.spacing[0]
    image = ndimage.gaussian_filter(image, (0.0, sigma, sigma), truncate=2.5)
    # Thin slices collect fewer photons.
    level = scanner.noise_hu * np.sqrt(5.0 / grid.spacing[2])
    noise = kernel_noise(grid.shape, grid.spacing[0], scanner.kernel_cutoff_per_mm, rng)
    image += np.float32(level) * noise_profile(body, grid.spacing) * noise
    stored = np.clip(np.rint(image), LOWEST_HU, HIGHEST_HU).astype(np.int16)
    if scanner.padded:
        rows, columns = (np.linspace(-1, 1, n) for n in grid.shape[1:])
        stored[:, rows[:, None] ** 2 + columns[None, :] ** 2 > 1] = LOWEST_HU
    return stored


def add_table(image: np.ndarray, body: np.ndarray, grid: Grid, scanner: CtScanner) -> None:
    """The scanner's table behind the patient, hollow toward the back: a thin shell around foam; in place."""
    _, rows, columns = grid.shape
    y, x = np.arange(rows) * grid.spacing[1], (np.arange(columns) - (columns - 1) / 2) * grid.spacing[0]
    behind = np.flatnonzero(body.any((0, 2)))
    if not behind.size:
        return
    top = y[behind[-1]] + scanner.table_gap_mm
    depth = y[:, None] - (top - 0.0011 * x[None, :] ** 2)
    inside = (np.abs(x)[None, :] < 205) & (depth > 0) & (depth < 28)
    shell = inside & ((depth < 4) | (depth > 24) | (np.abs(x)[None, :] > 201))
    for pixels, hu in ((inside & ~shell, -930.0), (shell, 40.0)):
        image[:, pixels] = np.where(body[:, pixels], image[:, pixels], np.float32(hu))


def kernel_noise(
    shape: tuple[int, int, int], pixel_mm: float, cutoff_per_mm: float, rng: np.random.Generator
) -> np.ndarray:
    """Noise of standard deviation 1, correlated in the slice as filtered back projection leaves it.

    Its power rises with the frequency (the ramp filter) up to the kernel's cutoff; slices are independent.
    """
    slices, rows, columns = shape
    fy, fx = np.fft.fftfreq(rows, pixel_mm), np.fft.rfftfreq(columns, pixel_mm)
    radius = np.sqrt(fy[:, None] ** 2 + fx[None, :] ** 2)
    response = np.sqrt(radius) * np.exp(-((radius / cutoff_per_mm) ** 2))
    both_halves = np.where((fx > 0) & (fx < fx[-1]), 2.0, 1.0)
    power = (response**2 * both_halves).sum() / (rows * columns)
    response = (response / np.sqrt(power)).astype(np.float32)
    noise = np.empty(shape, np.float32)
    for index in range(slices):
        white = rng.standard_normal((rows, columns), dtype=np.float32)
        noise[index] = np.fft.irfft2(np.fft.rfft2(white) * response, (rows, columns))
    return noise


def noise_profile(body: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Relative noise (k, j, i): more where the rays from front to back and from side to side cross much tissue.

    1 in the middle of a patient 330 mm wide and 230 mm deep; the exponent models what bowtie filter and dose modulation
    leave of the exponential law of attenuation.
    """
    wide = body.sum(2, keepdims=True, dtype=np.float32) * np.float32(spacing[0])
    deep = body.sum(1, keepdims=True, dtype=np.float32) * np.float32(spacing[1])
    return np.sqrt((np.exp(0.006 * (wide - 330)) + np.exp(0.006 * (deep - 230))) / 2).astype(np.float32)
