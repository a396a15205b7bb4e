"""One connected organ without holes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from LiverAILib.segmentation.postprocess import (
    fill_holes,
    largest_component,
    slices_beyond_the_ends,
    smooth_along_slices,
)


def test_the_largest_component_is_kept_and_all_are_counted():
    mask = np.zeros((4, 10, 10), bool)
    mask[1:3, 1:5, 1:5] = True
    mask[0, 8, 8] = mask[3, 7:9, 7] = True
    kept, sizes = largest_component(mask)
    assert sizes == [32, 2, 1]
    assert kept.sum() == 32
    assert kept[1, 1, 1]


def test_voxels_that_touch_at_an_edge_only_are_not_connected():
    mask = np.zeros((1, 4, 4), bool)
    mask[0, 0, 0] = mask[0, 1, 1] = mask[0, 1, 2] = True
    assert largest_component(mask)[1] == [2, 1]


def test_an_empty_mask_stays_empty():
    kept, sizes = largest_component(np.zeros((2, 3, 3), bool))
    assert sizes == []
    assert not kept.any()


def test_holes_are_filled_but_other_organs_are_not_overwritten():
    labels = np.zeros((2, 7, 7), np.uint8)
    labels[0, 1:6, 1:6] = 1
    labels[0, 3, 3] = 0
    labels[0, 2, 2] = 4
    labels[1, 1:6, 1] = 1  # open: no hole
    fill_holes(labels, 1)
    assert labels[0, 3, 3] == 1
    assert labels[0, 2, 2] == 4
    assert (labels[1] == 1).sum() == 5


def with_areas(*areas: int) -> np.ndarray:
    mask = np.zeros((len(areas), 10, 100), bool)
    for section, area in zip(mask, areas, strict=True):
        section.flat[:area] = True
    return mask


def test_what_grows_again_beyond_a_tapered_end_is_not_the_organ():
    found = slices_beyond_the_ends(with_areas(200, 0, 10, 300, 700, 900, 600, 100, 80, 500, 600))
    assert np.flatnonzero(found).tolist() == [0, 9, 10]


def test_the_organ_is_the_part_of_the_largest_volume_not_of_the_largest_section():
    """Ascites in the pelvis below a small liver: its lowest section is the largest of all."""
    found = slices_beyond_the_ends(with_areas(950, 500, 60, 300, 700, 800, 750, 600, 100))
    assert np.flatnonzero(found).tolist() == [0, 1]


def test_a_waist_below_and_lung_above_are_told_apart():
    """Areas that a network really gave: the lung above is cut off, the weak tip of the right lobe below is kept."""
    areas = (0, 22, 46, 65, 41, 19, 129, 421, 621, 668, 495, 236, 99, 111, 530, 318)
    assert np.flatnonzero(slices_beyond_the_ends(with_areas(*areas))).tolist() == [13, 14, 15]
    # The other way up it would be a large lobe below and small pieces above: both are cut off.
    assert np.flatnonzero(slices_beyond_the_ends(with_areas(*areas[::-1]))).tolist() == [0, 1, 2, 11, 12, 13, 14]


def test_an_organ_that_tapers_is_left_alone():
    assert not slices_beyond_the_ends(with_areas(0, 5, 9, 300, 700, 900, 600, 300, 100, 80, 0)).any()
    # A notch in the middle (the porta hepatis) is no end, and small wiggles at the tip are no regrowth.
    assert not slices_beyond_the_ends(with_areas(300, 900, 500, 300, 700, 600, 100, 60, 90, 0)).any()
    assert not slices_beyond_the_ends(with_areas(0, 0)).any()


@pytest.mark.parametrize("slice_mm", [1.0, 4.0, 8.0])
def test_smoothing_along_slices_is_a_gaussian_of_so_many_mm(slice_mm):
    values = np.random.default_rng(0).random((2, 30, 4, 5)).astype(np.float32)
    expected = ndimage.gaussian_filter1d(values, 4.0 / slice_mm, axis=1, mode="nearest", truncate=2.5)
    smooth_along_slices(values, slice_mm)
    np.testing.assert_allclose(values, expected, atol=1e-5)


def test_smoothing_leaves_probabilities_that_sum_to_one_and_a_single_slice_alone():
    values = torch.rand(3, 9, 4, 5).softmax(0)
    smooth_along_slices(values, 5.0)
    np.testing.assert_allclose(values.sum(0), 1, atol=1e-5)
    single = torch.rand(3, 1, 4, 5)
    before = single.clone()
    smooth_along_slices(single, 5.0)
    assert torch.equal(single, before)


def test_a_slice_that_drops_out_is_closed():
    """One slice of a stack of 5 mm where the network hesitates, as between two slabs, keeps the organ."""
    liver = np.full((1, 9, 1, 1), 0.95, np.float32)
    liver[0, 4] = 0.4
    probabilities = np.concatenate([1 - liver, liver])
    smooth_along_slices(probabilities, 5.0)
    assert (probabilities.argmax(0) == 1).all()
