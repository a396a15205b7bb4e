"""Simulated CT: the patients of the simulated MR, in Hounsfield units, with a scanner's noise."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from LiverAILib.errors import UserError
from LiverAILib.imaging.intensity import modality_of
from LiverAILib.simulation import simulate_ct, simulate_t2_mr
from LiverAILib.simulation.ct_attenuation import (
    TISSUES,
    CtCanvas,
    draw_attenuation,
    draw_ct_scanner,
    kernel_noise,
    noise_profile,
)
from LiverAILib.simulation.grid import Grid, Pose
from LiverAILib.simulation.mr_signal import T2_SIGNAL

SIZE, SPACING = (112, 112, 32), (3.4, 3.4, 7.7)
SEEDS = (3, 8)


@pytest.fixture(scope="module")
def patients():
    return {
        (stage, seed): simulate_ct(stage, seed=seed, size=SIZE, spacing=SPACING) for stage in (0, 4) for seed in SEEDS
    }


def scanner(**changes):
    return replace(draw_ct_scanner(np.random.default_rng(0)), **changes)


def test_it_shows_the_patient_that_the_mr_shows(patients):
    """Anatomy and truth come from the patient's own chance, so that both modalities agree voxel by voxel."""
    case, mr = patients[4, 3], simulate_t2_mr(4, seed=3, size=SIZE, spacing=SPACING)
    for name in ("labels", "lobes", "evidence"):
        np.testing.assert_array_equal(getattr(case, name).array, getattr(mr, name).array)
    assert case.image.same_geometry(mr.image)
    assert case.caudate_level == mr.caudate_level


def test_every_painted_tissue_has_an_attenuation():
    assert set(TISSUES) == set(T2_SIGNAL)


def test_same_seed_same_bytes(patients):
    again = simulate_ct(4, seed=8, size=SIZE, spacing=SPACING)
    np.testing.assert_array_equal(again.image.array, patients[4, 8].image.array)
    assert again.parameters == patients[4, 8].parameters


def test_it_is_a_ct_in_type_and_by_its_values(patients):
    for case in patients.values():
        assert case.image.modality == "CT"
        assert case.image.array.dtype == np.int16
        assert modality_of(replace(case.image, modality=None)) == "CT"
        assert case.image.array.min() >= -1024
        json.dumps(case.parameters)


def test_organs_have_the_attenuation_of_the_portal_venous_phase(patients):
    """Usual ranges, wide enough for dose and timing; a fatty liver is darker by what was drawn."""
    for case in patients.values():
        image, labels = case.image.array.astype(float), case.labels.array
        inside = {
            name: np.median(image[ndimage.binary_erosion(labels == label, np.ones((1, 3, 3)))])
            for name, label in (("liver", 1), ("kidney", 2), ("spleen", 4))
        }
        assert 70 < inside["liver"] + case.parameters["steatosis_hu"] < 145
        assert 75 < inside["spleen"] < 160
        assert inside["kidney"] > inside["spleen"] + 20
        lung = image[(image < -700) & (image > -950)]
        assert lung.size > 5000
        corner = image[:, :5, 5:-5]
        assert np.median(corner) in (-1024, -1000) or abs(np.median(corner) + 1000) < 15
        fat = np.mean((image > -135) & (image < -65))
        assert 0.02 < fat < 0.4


def test_the_table_lies_behind_the_patient():
    """Something of soft-tissue density beyond the skin, behind every organ and in front of nothing."""
    case = simulate_ct(0, seed=5, size=SIZE, spacing=SPACING)
    slab = case.image.array[8:20].astype(float).mean(0)
    last_organ = np.flatnonzero(case.labels.array.any((0, 2)))[-1]
    middle = slab[:, SIZE[0] // 2 - 6 : SIZE[0] // 2 + 6].mean(1)
    solid = middle > -600
    first_gap = last_organ + np.flatnonzero(~solid[last_organ:])[0]
    assert (middle[first_gap:] > -950).any()
    assert not solid[:5].any()


def test_an_early_scan_has_a_bright_aorta_and_a_dark_liver():
    early, late = (draw_attenuation(scanner(timing=t, steatosis_hu=0.0), np.random.default_rng(1)) for t in (1, -1))
    assert early["flow_void"] > late["flow_void"] + 30
    assert early["liver"] < late["liver"] - 10
    assert early["subcutaneous_fat"] == late["subcutaneous_fat"]


def test_steatosis_and_oral_contrast_change_their_organs_only():
    plain = draw_attenuation(scanner(steatosis_hu=0.0, oral_contrast_hu=0.0), np.random.default_rng(1))
    other = draw_attenuation(scanner(steatosis_hu=30.0, oral_contrast_hu=150.0), np.random.default_rng(1))
    changed = {name: other[name] - plain[name] for name in plain if other[name] != plain[name]}
    assert changed == pytest.approx({"liver": -30, "stomach_content": 150, "bowel_fluid": 150, "bowel_mixed": 150})


def test_a_texture_adds_hounsfield_units():
    grid = Grid((48, 48, 8), (4, 4, 8), pose=Pose(), rng=np.random.default_rng(0))
    canvas = CtCanvas(grid, {"liver": 100.0})
    assert (canvas.signal == -1000).all()
    canvas.paint("liver", np.full(grid.shape, -50.0, np.float32), texture=-0.1)
    assert canvas.signal == pytest.approx(100 - 0.1 * TISSUES["liver"].swing)


def test_noise_has_the_spectrum_of_filtered_back_projection():
    """Standard deviation 1, no mean, independent slices, and its power rises to the cutoff and falls beyond it."""
    cutoff = 0.2
    noise = kernel_noise((24, 96, 128), 1.6, cutoff, np.random.default_rng(0))
    assert noise.std() == pytest.approx(1, abs=0.03)
    assert abs(noise.mean()) < 0.005
    assert abs(np.mean(noise[1:] * noise[:-1])) < 0.03
    power = (np.abs(np.fft.fft2(noise)) ** 2).mean(0)
    radius = np.hypot(np.fft.fftfreq(96, 1.6)[:, None], np.fft.fftfreq(128, 1.6)[None, :])
    ring = [power[(radius > low) & (radius <= low + 0.03)].mean() for low in (0.0, 0.09, 0.28)]
    assert ring[1] > 2 * ring[0]
    assert ring[1] > 4 * ring[2]


def test_noise_grows_with_what_the_rays_cross():
    usual, large = np.zeros((2, 1, 100, 100), bool)
    usual[0, 38:61, 33:66] = True
    large[0, 33:66, 28:71] = True
    spacing = (10.0, 10.0, 5.0)
    assert noise_profile(usual, spacing)[0, 50, 50] == pytest.approx(1, abs=1e-6)
    assert noise_profile(large, spacing)[0, 50, 50] == pytest.approx(np.exp(0.003 * 100), rel=1e-5)
    assert noise_profile(usual, spacing)[0, 0, 0] < 0.6


def test_refuses_what_cannot_be_simulated():
    with pytest.raises(UserError, match="at least 48 x 48 x 8"):
        simulate_ct(1, seed=1, size=(10, 112, 32))
    with pytest.raises(UserError, match="not a fibrosis stage"):
        simulate_ct(7, seed=1, size=SIZE)
