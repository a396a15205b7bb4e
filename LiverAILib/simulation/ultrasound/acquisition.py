"""From a scene to gray levels: attenuation, time gain compensation, noise, speckle and log compression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from LiverAILib.simulation.texture import smooth_field
from LiverAILib.simulation.ultrasound.device import Device
from LiverAILib.simulation.ultrasound.fan import Fan
from LiverAILib.simulation.ultrasound.liver_state import LiverState
from LiverAILib.simulation.ultrasound.scene import LIVER, Scene, decibel
from LiverAILib.simulation.ultrasound.speckle import speckle_intensity

NORMAL_ATTENUATION = LiverState().attenuation


@dataclass(frozen=True)
class Settings:
    """What the examiner and the coupling add to an image.

    Attributes:
        liver_gray: Gray level, as a share of white, that the gain gives to the liver below the capsule.
        gain_db: Error of the gain.
        compensated: Attenuation that the time gain compensation makes up for in normal livers, dB/(cm MHz).
        followed: Share of a liver's excess attenuation that the examiner compensates.
        noise_db: Receiver noise against normal liver at the transducer.
        coupling_db: Loss by incomplete contact, (1, beam), at most 0.
        bands_db: What the sliders of the time gain compensation and the focus add at each depth, (depth, 1).
    """

    liver_gray: float
    gain_db: float
    compensated: float
    followed: float
    noise_db: float
    coupling_db: np.ndarray
    bands_db: np.ndarray


def draw_settings(fan: Fan, rng: np.random.Generator) -> Settings:
    """Settings of one image, independent of disease."""
    g = np.clip(rng.standard_normal(4), -2, 2)
    beams = fan.shape[1]
    shade = smooth_field(rng, (1, 1, beams), (1.0, 1.0, 1.0), correlation_mm=beams / 9)[0]
    bands = smooth_field(rng, (1, fan.shape[0], 1), (1.0, fan.step_mm, 1.0), correlation_mm=16.0)[0]
    fine = smooth_field(rng, (1, 1, beams), (1.0, 1.0, 1.0), correlation_mm=beams / 40)[0]
    edge = np.abs(np.linspace(-1, 1, beams, dtype=np.float32))[None]
    loss = (
        -1.5 * np.maximum(shade - np.float32(0.3), 0)
        - 0.7 * np.maximum(fine, 0)
        - np.float32(rng.uniform(0, 10)) * np.clip((edge - 0.75) / 0.25, 0, 1) ** 2
    )
    return Settings(
        liver_gray=float(0.38 + 0.035 * g[0]),
        gain_db=float(1.2 * g[1]),
        compensated=float(NORMAL_ATTENUATION * 0.9 + 0.02 * g[2]),
        followed=0.25,
        noise_db=float(-66 + 2 * g[3]),
        coupling_db=loss.astype(np.float32),
        bands_db=np.float32(0.8) * bands,
    )


def received_power(scene: Scene, state: LiverState, settings: Settings, device: Device) -> np.ndarray:
    """Expected power after compensation, noise included, on a scale where the liver below the capsule has 1; float32."""
    fan = scene.fan
    lost = 2 * device.frequency_mhz * np.cumsum(scene.attenuation, axis=0) * np.float32(fan.step_mm / 10)
    slope = settings.compensated + settings.followed * (state.attenuation - NORMAL_ATTENUATION)
    gained = np.float32(2 * device.frequency_mhz * slope / 10) * fan.depth
    echoes = scene.power * decibel(gained - lost + settings.coupling_db + settings.bands_db)
    total = echoes + decibel(settings.noise_db + gained)
    return total * decibel(settings.gain_db) / np.float32(_superficial_liver(scene, echoes))


def _superficial_liver(scene: Scene, echoes: np.ndarray) -> float:
    """Median power of the liver within 5 to 40 mm of where it begins in the middle of the fan: what the gain is set by."""
    liver = scene.labels == LIVER
    beams = scene.fan.shape[1]
    middle = liver[:, beams // 3 : -(beams // 3)]
    first = float(scene.fan.depth[int(middle.any(1).argmax()), 0])
    depth = scene.fan.depth
    chosen = echoes[liver & (depth > first + 5) & (depth < first + 40)]
    return float(np.median(chosen)) if chosen.size else float(np.median(echoes))


def gray_level(power: np.ndarray, settings: Settings, device: Device) -> np.ndarray:
    """Log-compressed power as a share of white, 0 to 1."""
    level = np.float32(10) * np.log10(power + np.float32(1e-12))
    share = np.clip(np.float32(settings.liver_gray) + level / np.float32(device.dynamic_range_db), 0, 1)
    # The gray map keeps the liver where the examiner put it.
    keep = np.float32(settings.liver_gray ** (1 - device.gamma))
    return np.minimum(keep * share ** np.float32(device.gamma), 1)


def acquired(power: np.ndarray, fan: Fan, settings: Settings, device: Device, rng: np.random.Generator) -> np.ndarray:
    """Gray levels 0 to 1 with speckle, (depth, beam)."""
    intensity = speckle_intensity(
        power, fan, rng, pulse_mm=device.pulse_mm, beam_mm=device.beam_mm, spread=device.spread, looks=device.looks
    )
    return gray_level(intensity, settings, device)
