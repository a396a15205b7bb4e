import numpy as np
import pytest

from LiverAILib.simulation.texture import lumps, net, smooth_field

SHAPE, SPACING = (24, 96, 96), (1.25, 1.25, 7.7)


@pytest.mark.parametrize("field", ["smooth", "lumps", "net"])
def test_fields_have_mean_0_and_deviation_1(field):
    rng = np.random.default_rng(4)
    values = {
        "smooth": lambda: smooth_field(rng, SHAPE, SPACING, correlation_mm=6.0),
        "lumps": lambda: lumps(rng, SHAPE, SPACING, size_mm=10.0),
        "net": lambda: net(rng, SHAPE, SPACING, size_mm=6.0),
    }[field]()
    assert values.shape == SHAPE
    assert values.dtype == np.float32
    assert abs(values.mean()) < 0.1
    assert values.std() == pytest.approx(1, abs=0.1)


def test_variance_is_the_same_on_and_between_control_points():
    rng = np.random.default_rng(1)
    draws = np.stack([smooth_field(rng, (8, 8, 40), (1, 1, 1), correlation_mm=8.0) for _ in range(400)])
    assert np.allclose(draws.std(0), 1, atol=0.2)


def test_wider_correlation_is_smoother():
    steps = [
        np.abs(np.diff(smooth_field(np.random.default_rng(2), SHAPE, SPACING, correlation_mm=mm), axis=2)).mean()
        for mm in (4.0, 12.0, 40.0)
    ]
    assert steps[0] > 2 * steps[1] > 4 * steps[2]


def test_lumps_are_bumps_with_clefts():
    values = lumps(np.random.default_rng(3), SHAPE, SPACING, size_mm=12.0)
    # Bumps reach farther out than clefts reach in.
    assert np.percentile(values, 99) > 1.4 * -np.percentile(values, 1)
