"""Axis order and resampling, checked against index arithmetic and SimpleITK."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from LiverAILib.imaging.geometry import axis_order, resample, to_canonical, to_sitk
from LiverAILib.imaging.image import Image
from Testing.conftest import reoriented

ALL_48 = [
    (axes, flips) for axes in itertools.permutations(range(3)) for flips in itertools.product((False, True), repeat=3)
]


@pytest.mark.parametrize(("axes", "flips"), ALL_48)
def test_every_axis_order_has_the_same_canonical_image(oblique_image, axes, flips):
    expected, _ = to_canonical(oblique_image)
    stored = reoriented(oblique_image, axes, flips)
    canonical, order = to_canonical(stored)
    np.testing.assert_array_equal(canonical.array, expected.array)
    np.testing.assert_allclose(canonical.index_to_lps, expected.index_to_lps, atol=1e-9)
    np.testing.assert_array_equal(order.undo(canonical.array), stored.array)


def test_canonical_axes_agree_with_simpleitk(oblique_image):
    stored = reoriented(oblique_image, (2, 0, 1), (True, False, True))
    expected = sitk.DICOMOrient(to_sitk(stored), "LPS")
    canonical, _ = to_canonical(stored)
    np.testing.assert_array_equal(canonical.array, sitk.GetArrayFromImage(expected))
    np.testing.assert_allclose(canonical.origin, expected.GetOrigin())
    np.testing.assert_allclose(canonical.spacing, expected.GetSpacing())
    np.testing.assert_allclose(np.ravel(canonical.direction), expected.GetDirection(), atol=1e-12)


def test_slice_numbers_follow_a_flipped_slice_axis(oblique_image):
    stored = reoriented(oblique_image, (0, 1, 2), (False, False, True))
    canonical, order = to_canonical(stored)
    for index in range(stored.size[2]):
        np.testing.assert_array_equal(canonical.array[order.canonical_slice(index, stored)], stored.array[index])


def test_an_image_turned_by_45_degrees_keeps_three_different_axes():
    half = np.sqrt(0.5)
    image = Image(np.zeros((2, 3, 4)), direction=[[half, -half, 0], [half, half, 0], [0, 0, 1]])
    assert sorted(axis_order(image).axes) == [0, 1, 2]


def test_the_simpleitk_image_has_the_same_voxels_and_places(oblique_image):
    itk = to_sitk(oblique_image)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(itk), oblique_image.array)
    for index in ((0, 0, 0), (10, 8, 6)):
        place = oblique_image.index_to_lps @ (*index, 1)
        np.testing.assert_allclose(itk.TransformIndexToPhysicalPoint(index), place[:3], atol=1e-9)


def test_resampling_a_linear_ramp_gives_the_position(oblique_image):
    """A ramp along x of the patient, sampled on another grid, has to read the x of each voxel of that grid."""
    indices = np.indices(oblique_image.array.shape)[::-1].reshape(3, -1)
    x = (oblique_image.index_to_lps @ np.vstack([indices, np.ones(indices.shape[1])]))[0]
    ramp = oblique_image.with_array(x.reshape(oblique_image.array.shape))
    inner = reoriented(oblique_image, (1, 0, 2), (True, False, False))
    center = inner.index_to_lps @ [4.2, 5.4, 3.3, 1]
    target = Image(np.zeros((1, 1, 1)), origin=tuple(center[:3]))
    assert resample(ramp, target).array[0, 0, 0] == pytest.approx(center[0], abs=1e-4)


@pytest.mark.parametrize(("axes", "flips"), ALL_48[::7])
def test_the_colors_of_a_picture_stay_together(oblique_image, axes, flips):
    """A color image is turned like its red, its green and its blue part."""
    stored = reoriented(oblique_image, axes, flips)
    colors = np.stack([stored.array, 2 * stored.array, 3 * stored.array], axis=-1)
    order = axis_order(stored)
    turned = order.apply(colors)
    for n in range(3):
        np.testing.assert_array_equal(turned[..., n], (n + 1) * order.apply(stored.array))
    np.testing.assert_array_equal(order.undo(turned), colors)


def test_the_slice_axis_is_the_one_that_runs_to_the_head(oblique_image):
    for axes in itertools.permutations(range(3)):
        order = axis_order(reoriented(oblique_image, axes, (False, True, False)))
        assert axes[order.slice_axis] == 2


def test_canonical_voxels_lie_side_by_side_in_memory(oblique_image):
    canonical, _ = to_canonical(reoriented(oblique_image, (2, 0, 1), (True, False, True)))
    assert canonical.array.flags.c_contiguous


@pytest.mark.parametrize(
    ("given", "kept"), [(bool, np.uint8), (np.float16, np.float32), (np.int16, np.int16), (np.float64, np.float64)]
)
def test_types_that_simpleitk_does_not_have_become_the_next_larger_one(oblique_image, given, kept):
    itk = to_sitk(oblique_image.with_array((oblique_image.array > 100).astype(given)))
    array = sitk.GetArrayFromImage(itk)
    assert array.dtype == kept
    np.testing.assert_array_equal(array, oblique_image.array > 100)


def test_on_its_own_grid_an_image_is_returned_as_it_is(oblique_image):
    assert resample(oblique_image, oblique_image) is oblique_image
    near = replace(oblique_image, origin=tuple(np.add(oblique_image.origin, 1e-5)))
    assert resample(oblique_image, near) is not oblique_image


def test_beyond_the_image_there_is_its_minimum_or_0_for_labels_or_what_is_asked_for():
    line = Image(np.array([[[5.0, np.nan, 7.0, 9.0]]], np.float32))
    grid = Image(np.zeros((1, 1, 3)), origin=(2.25, 0.0, 0.0))
    assert resample(line, grid).array.ravel().tolist() == [7.5, 9.0, 5.0]  # the last voxel reaches to 3.5
    assert resample(line, grid, outside=-1.0).array.ravel().tolist() == [7.5, 9.0, -1.0]
    labels = Image(np.array([[[5, 5, 70, 9]]], np.uint8), modality="MR", meta={"path": "a"})
    placed = resample(labels, grid, nearest=True)
    assert placed.array.ravel().tolist() == [70, 9, 0]  # not 55 at 2.25, between 70 and 9
    assert placed.same_geometry(grid)
    assert (placed.modality, placed.meta) == ("MR", {"path": "a"})


def test_resampling_gives_the_grid_of_the_reference_whatever_its_axes(oblique_image):
    target = reoriented(oblique_image, (1, 2, 0), (True, False, True))
    placed = resample(oblique_image, target, nearest=True)
    assert placed.same_geometry(target, tolerance_mm=1e-9)
    np.testing.assert_array_equal(placed.array, target.array)


def test_geometry_differs_when_an_axis_is_reversed(oblique_image):
    assert not oblique_image.same_geometry(reoriented(oblique_image, (0, 1, 2), (True, False, False)))
