"""Intensity scaling and the modality that intensities speak for."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.imaging.files import read_image
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.intensity import clip_percentiles, intensity_scale, modality_from_intensities, scale_window


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


def test_the_modality_of_the_real_scans_is_told_from_their_intensities(data_folder):
    assert modality_from_intensities(read_image(data_folder / "ct_ircadb" / "ct.nii.gz").array) == "CT"
    assert modality_from_intensities(read_image(data_folder / "ct_chaos" / "DICOM_anon").array) == "CT"
    for file in (data_folder / "mr_t2_chaos").glob("image_*.nii.gz"):
        assert modality_from_intensities(read_image(file).array) == "MR"


def test_a_ct_clipped_to_an_abdominal_window_is_still_a_ct(data_folder):
    ct = read_image(data_folder / "ct_ircadb" / "ct.nii.gz").array
    assert modality_from_intensities(np.clip(ct, -125, 275)) == "CT"
