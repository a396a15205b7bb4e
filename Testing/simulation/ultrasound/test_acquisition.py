from dataclasses import replace

import numpy as np
import pytest

from LiverAILib.simulation.ultrasound.acquisition import draw_settings, gray_level, received_power
from LiverAILib.simulation.ultrasound.device import draw_device
from LiverAILib.simulation.ultrasound.fan import Fan
from LiverAILib.simulation.ultrasound.liver_state import LiverState
from LiverAILib.simulation.ultrasound.scene import Scene


@pytest.fixture(scope="module")
def fan():
    return Fan(radius_mm=60, half_angle_deg=33, depth_mm=120)


@pytest.fixture(scope="module")
def plain(fan):
    """Settings without compensation, noise, bands or loss of contact."""
    settings = draw_settings(fan, np.random.default_rng(1))
    none = np.zeros_like(settings.coupling_db), np.zeros_like(settings.bands_db)
    return replace(
        settings, gain_db=0.0, compensated=0.0, followed=0.0, noise_db=-300.0, coupling_db=none[0], bands_db=none[1]
    )


def levels(fan, settings, state, device):
    scene = Scene(fan, attenuation=state.attenuation, rng=np.random.default_rng(2))
    return 10 * np.log10(received_power(scene, state, settings, device))


@pytest.mark.parametrize("attenuation", [0.5, 0.8])
def test_echoes_fall_with_twice_the_attenuation(fan, plain, attenuation):
    device = replace(draw_device(np.random.default_rng(1)), frequency_mhz=3.0)
    level = levels(fan, plain, LiverState(attenuation=attenuation), device)
    slope = np.polyfit(fan.depth[:, 0] / 10, level.mean(1), 1)[0]
    assert slope == pytest.approx(-2 * 3.0 * attenuation, rel=1e-3)  # dB per cm


def test_compensation_makes_a_normal_liver_even(fan, plain):
    device = draw_device(np.random.default_rng(1))
    normal = LiverState()
    level = levels(fan, replace(plain, compensated=normal.attenuation), normal, device)
    assert np.ptp(level) < 0.3


def test_the_gain_puts_the_superficial_liver_at_its_gray_level(fan, plain):
    device = draw_device(np.random.default_rng(1))
    for state in (LiverState(), LiverState(attenuation=0.8, level_db=8)):
        level = levels(fan, replace(plain, compensated=0.5), state, device)
        gray = gray_level(10 ** (level / 10), plain, device)
        assert np.median(gray[(fan.depth[:, 0] > 5) & (fan.depth[:, 0] < 40)]) == pytest.approx(
            plain.liver_gray, abs=0.02
        )


def test_log_compression_spans_the_dynamic_range(plain):
    device = replace(draw_device(np.random.default_rng(1)), gamma=1.0, dynamic_range_db=60.0)
    settings = replace(plain, liver_gray=0.4)
    gray = gray_level(10 ** (np.array([-30.0, -24.0, -12.0, 0.0, 12.0, 36.0, 50.0]) / 10), settings, device)
    assert gray == pytest.approx([0, 0, 0.2, 0.4, 0.6, 1, 1], abs=1e-3)


def test_noise_fills_what_is_too_deep(fan, plain):
    device = replace(draw_device(np.random.default_rng(1)), frequency_mhz=4.0)
    state = LiverState(attenuation=0.9)
    noisy = levels(fan, replace(plain, noise_db=-50.0), state, device)
    silent = levels(fan, plain, state, device)
    assert noisy[-1].mean() - silent[-1].mean() > 10
    assert noisy[40].mean() - silent[40].mean() < 0.5
