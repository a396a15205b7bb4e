import numpy as np
import pytest
from scipy import stats

from LiverAILib.simulation.ultrasound.fan import Fan
from LiverAILib.simulation.ultrasound.speckle import speckle_intensity

PULSE = {"pulse_mm": 0.7, "beam_mm": 1.2, "spread": 0.015}


@pytest.fixture(scope="module")
def fan():
    return Fan(radius_mm=60, half_angle_deg=33, depth_mm=150)


def even(fan, **options):
    return speckle_intensity(np.ones(fan.shape, np.float32), fan, np.random.default_rng(3), **(PULSE | options))


def width_at_half(values):
    """Distance at which the autocorrelation of rows falls to one half, in samples."""
    rows = values - values.mean()
    power = (np.abs(np.fft.rfft(rows, 2 * rows.shape[1], axis=1)) ** 2).mean(0)
    correlation = np.fft.irfft(power)
    correlation /= correlation[0]
    below = int(np.argmax(correlation < 0.5))
    return below - 1 + (correlation[below - 1] - 0.5) / (correlation[below - 1] - correlation[below])


def test_the_envelope_of_one_look_is_rayleigh(fan):
    envelope = np.sqrt(even(fan))[20:-20, 20:-20]
    assert envelope.mean() / envelope.std() == pytest.approx(1.91, abs=0.06)
    # Samples a few resolution cells apart are independent.
    apart = envelope[::8, ::12].ravel()
    scale = np.sqrt((apart**2).mean() / 2)
    assert stats.kstest(apart, "rayleigh", args=(0, scale)).pvalue > 0.01


def test_the_mean_intensity_is_that_of_the_scatterers(fan):
    power = np.ones(fan.shape, np.float32)
    power[:, fan.shape[1] // 2 :] = 100
    found = speckle_intensity(power, fan, np.random.default_rng(3), **PULSE)
    left, right = found[20:-20, 20:150].mean(), found[20:-20, 200:-20].mean()
    assert left == pytest.approx(1, rel=0.05)
    assert right == pytest.approx(100, rel=0.05)


def test_compounding_raises_the_signal_to_noise_ratio_of_the_intensity_with_the_root_of_the_looks(fan):
    one, four = even(fan), even(fan, looks=4)
    assert one.mean() / one.std() == pytest.approx(1, abs=0.05)
    assert four.mean() / four.std() == pytest.approx(2, abs=0.1)


def test_speckle_is_as_wide_as_the_point_spread_function_says_and_wider_in_depth(fan):
    intensity = even(fan)
    # The intensity of Gaussian speckle is half correlated at half of the pulse's full width at half maximum.
    for depth in (40, 120):
        row = round(depth / fan.step_mm)
        cell = fan.beam_mm[row, 0]
        wanted_mm = np.sqrt(1.2**2 + (0.015 * depth) ** 2) / 2
        found_mm = width_at_half(intensity[row - 30 : row + 30]) * cell
        assert found_mm == pytest.approx(wanted_mm, rel=0.15)
    assert width_at_half(intensity.T) * fan.step_mm == pytest.approx(0.7 / 2, rel=0.15)
