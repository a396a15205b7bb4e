"""Speckle: echoes of many scatterers, added up by a pulse whose width across the beam grows with depth."""

from __future__ import annotations

import numpy as np
from scipy import fft

from LiverAILib.simulation.ultrasound.fan import Fan

FWHM_PER_SIGMA = 2.3548


def speckle_intensity(
    power: np.ndarray,
    fan: Fan,
    rng: np.random.Generator,
    *,
    pulse_mm: float,
    beam_mm: float,
    spread: float,
    looks: int = 1,
) -> np.ndarray:
    """Intensity of the echoes of diffuse scatterers.

    Every sample holds a circular complex normal scatterer of variance `power`; the point spread function is Gaussian along
    and across the beams. Fully developed speckle of one look has a Rayleigh-distributed envelope (mean to standard deviation
    1.91), and the mean intensity is the local mean of `power`.

    Args:
        power: Expected intensity (depth, beam).
        fan: Geometry.
        rng: Source of chance.
        pulse_mm: Full width at half maximum of the envelope along the beam.
        beam_mm: Likewise across the beam at depth 0.
        spread: Growth of the width across the beam, mm per mm of depth.
        looks: Independent intensities that are averaged (compounding).

    Returns:
        float32 (depth, beam).
    """
    samples, beams = power.shape
    along = pulse_mm / FWHM_PER_SIGMA / fan.step_mm
    width_mm = np.sqrt(beam_mm**2 + (spread * fan.depth) ** 2)
    across = width_mm / np.float32(FWHM_PER_SIGMA) / fan.beam_mm
    # Enough zeros that the pulse does not wrap around.
    long, wide = fft.next_fast_len(samples + int(6 * along)), fft.next_fast_len(beams + int(6 * across.max()))
    axial = _transfer(long, np.array([[along]], np.float32)).T
    lateral = _transfer(wide, across)
    amplitude = np.sqrt(power, dtype=np.float32)
    total = np.zeros_like(amplitude)
    for _ in range(looks):
        field = rng.standard_normal((samples, beams, 2), dtype=np.float32).view(np.complex64)[..., 0]
        field = fft.ifft(fft.fft(field * amplitude, long, axis=0) * axial, axis=0)[:samples]
        field = fft.ifft(fft.fft(field, wide, axis=1) * lateral, axis=1)[:, :beams]
        total += field.real**2 + field.imag**2
    return total / np.float32(2 * looks)


def _transfer(samples: int, sigma: np.ndarray) -> np.ndarray:
    """Gaussian transfer function along the last axis, of unit energy: the mean power passes unchanged; sigma (n, 1)."""
    frequency = 2 * np.pi * fft.fftfreq(samples).astype(np.float32)[None, :]
    transfer = np.exp(-((frequency * sigma) ** 2) / 2)
    return transfer / np.sqrt((transfer**2).mean(1, keepdims=True))
