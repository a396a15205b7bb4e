"""Intensity scaling."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.imaging.image import Image
from LiverAILib.imaging.intensity import clip_percentiles, intensity_scale, scale_window


def test_a_window_maps_its_bounds_to_0_and_1():
    np.testing.assert_allclose(scale_window(np.array([-500, -125, 50, 225, 900]), -125, 225), [0, 0, 0.5, 1, 1])


def test_nan_counts_as_the_lower_bound_and_infinity_as_the_upper():
    np.testing.assert_allclose(scale_window(np.array([np.nan, np.inf, -np.inf]), 0, 1), [0, 1, 0])


def test_percentiles_inside_a_mask_ignore_what_is_outside():
    array = np.concatenate([np.linspace(0, 1, 101), np.full(50, 1e6)])
    mask = np.arange(array.size) <= 100
    np.testing.assert_allclose(
        clip_percentiles(array, mask=mask)[:101], np.clip((array[:101] - 0.01) / 0.98, 0, 1), atol=1e-6
    )


def test_more_air_in_the_field_of_view_does_not_move_the_mr_scale():
    rng = np.random.default_rng(0)
    body = rng.normal(300, 50, (4, 40, 40))
    wide = np.pad(body, ((0, 0), (30, 30), (30, 30))) + np.abs(rng.normal(0, 3, (4, 100, 100)))
    narrow = wide[:, 25:75, 25:75]
    values = [intensity_scale(Image(a), "MR")(np.array([300.0]))[0] for a in (wide, narrow)]
    assert values[0] == pytest.approx(values[1], abs=0.02)


@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (1, 1024), (1 / 400, 125 / 400)])
def test_a_ct_looks_the_same_to_the_network_however_its_values_are_stored(slope, intercept):
    air = -1000 if intercept == 1024 else -125
    values, shares = [air, -100, 50, 110, 275], [0.4, 0.1, 0.2, 0.25, 0.05]
    hu = np.random.default_rng(0).choice(values, (4, 40, 40), p=shares)
    stored = slope * hu + intercept
    scale = intensity_scale(Image(stored), "CT")
    np.testing.assert_allclose(scale(stored), scale_window(hu, -125, 225), atol=1e-4)
