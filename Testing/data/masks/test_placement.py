"""Masks that do not lie where the image lies."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from LiverAILib.data.masks import read_mask
from LiverAILib.data.masks.placement import _same_box, check_coverage, check_placement
from LiverAILib.data.structures import LIVER
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import write_image
from LiverAILib.imaging.image import IDENTITY, Image
from Testing.conftest import reoriented


@pytest.fixture
def image() -> Image:
    """A scan of 320 x 320 x 200 mm."""
    array = np.random.default_rng(0).normal(100, 10, (20, 64, 64)).astype(np.float32)
    return Image(array, (5.0, 5.0, 10.0), (-160.0, -150.0, 40.0), modality="MR")


@pytest.fixture
def mask(image) -> Image:
    array = np.zeros(image.array.shape, np.uint8)
    array[5:15, 20:50, 10:34] = 1
    return image.with_array(array, modality=None)


def codes(tmp_path, mask, image) -> list[str]:
    placed = read_mask(write_image(mask, tmp_path / "m.nii.gz"), "liver", reference=image)
    assert placed.same_geometry(image)
    return [code for code, _ in placed.read_warnings]


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (5.0, 5.0, 10.0)])
@pytest.mark.parametrize("axes", [IDENTITY, ((-1, 0, 0), (0, -1, 0), (0, 0, 1))])
def test_a_mask_without_a_place_is_refused(tmp_path, image, mask, spacing, axes):
    """Saved by a program that knows no geometry: in LPS, or in RAS with the identity as affine."""
    with pytest.raises(UserError, match=r"lost its geometry.*the image has 64 x 64 x 20 voxels, spacing 5 x 5 x 10 mm"):
        codes(tmp_path, Image(mask.array, spacing, (0, 0, 0), axes), image)


def test_an_image_without_a_place_takes_such_a_mask(tmp_path, image, mask):
    lost = Image(image.array, modality="MR")
    assert codes(tmp_path, Image(mask.array), lost) == []


def test_other_axis_orders_of_the_same_place_say_nothing(tmp_path, image, mask):
    for axes, flips in (((2, 0, 1), (True, False, True)), ((0, 1, 2), (True, True, False))):
        assert codes(tmp_path, reoriented(mask, axes, flips), image) == []


def test_the_mask_of_another_image_of_equal_size_is_told(tmp_path, image, mask):
    assert codes(tmp_path, replace(mask, origin=(-140.0, -170.0, 60.0)), image) == ["mask_of_other_geometry"]
    found = codes(tmp_path, replace(mask, origin=(-160.0, -150.0, 140.0)), image)
    assert found == ["mask_of_other_geometry", "mask_partly_outside"]


def test_a_part_outside_of_the_image_is_told_with_its_share(tmp_path, image, mask):
    slab = replace(image, array=image.array[:10], modality="MR")
    placed = read_mask(write_image(mask, tmp_path / "m.nii.gz"), "liver", reference=slab)
    assert ": 50 % of the mask of the liver lies outside" in placed.read_warnings[0][1]
    assert placed.array.sum() == 5 * 30 * 24


def test_coarser_and_finer_grids_of_the_same_place_say_nothing(tmp_path, image, mask):
    half = Image(mask.array[::2, ::2, ::2], (10, 10, 20), mask.origin)
    assert codes(tmp_path, half, image) == []
    fine = Image(mask.array.repeat(2, 1).repeat(2, 2), (2.5, 2.5, 10), (-161.25, -151.25, 40))
    placed = read_mask(write_image(fine, tmp_path / "f.nii.gz"), "liver", reference=image)
    np.testing.assert_array_equal(placed.array, mask.array)
    assert placed.read_warnings == ()


def test_a_mask_elsewhere_is_refused(tmp_path, image, mask):
    with pytest.raises(
        UserError, match=r"m\.nii\.gz: nothing of the liver lies in the image; all of the mask is outside"
    ):
        codes(tmp_path, replace(mask, origin=(900.0, 0.0, 0.0)), image)


def test_all_ones_and_an_inverted_mask_are_refused(tmp_path, image, mask):
    for array in (np.ones_like(mask.array), 1 - mask.array):
        with pytest.raises(UserError, match=r"covers \d+ % of the image.*inverted"):
            codes(tmp_path, mask.with_array(array), image)


def test_a_patch_of_a_2d_image_may_be_liver_throughout(tmp_path):
    patch = Image(np.random.default_rng(0).normal(size=(1, 28, 28)), (0.2, 0.2, 1.0))
    assert codes(tmp_path, patch.with_array(np.ones((1, 28, 28), np.uint8)), patch) == []


CORNERS = [(k, j, i) for k in (0, -1) for j in (0, -1) for i in (0, -1)]


def covered_but(*corners: tuple[int, int, int], share: float = 1.0) -> Image:
    """A mask of 10 slices of which the first `share` and all corners but those given are marked."""
    array = np.zeros((10, 10, 10), np.uint8)
    array[: round(10 * share)] = 1
    for corner in CORNERS:
        array[corner] = corner not in corners
    return Image(array)


@pytest.mark.parametrize("missing", list(itertools.combinations(CORNERS, 2)))
def test_six_corners_and_more_than_half_of_the_image_are_no_organ(missing):
    with pytest.raises(UserError, match=r"m: the mask of the liver covers 100 % of the image"):
        check_coverage(covered_but(*missing), "m", LIVER)


@pytest.mark.parametrize("missing", list(itertools.combinations(CORNERS, 3)))
def test_five_corners_may_be_an_organ(missing):
    check_coverage(covered_but(*missing), "m", LIVER)


def test_all_corners_and_half_of_the_image_may_be_an_organ():
    half = covered_but(share=0.5)
    half.array[2, 5, :4] = 0  # as many as corners of the other half
    check_coverage(half, "m", LIVER)
    half.array[2, 5, 0] = 1
    with pytest.raises(UserError, match=r"covers 50 %"):
        check_coverage(half, "m", LIVER)
    with pytest.raises(UserError, match=r"covers 60 %"):
        check_coverage(covered_but(share=0.6), "m", LIVER)


@pytest.mark.parametrize(("moved", "warned"), [(6.0, False), (7.0, True)])
def test_a_twentieth_of_the_mask_may_lie_outside(moved, warned):
    """Of 20 columns of 6 mm the last leaves the image when its center is more than half a voxel beyond the last one of it."""
    reference = Image(np.zeros((4, 20, 20)), (6.0, 6.0, 6.0))
    mask = Image(np.ones((4, 20, 40), np.uint8), (3.0, 6.0, 6.0), (moved, 0.0, 0.0))
    found = dict(check_placement(mask, reference, "m", LIVER))
    outside = np.mean(moved + 3.0 * np.arange(40) > 19.5 * 6)
    assert (outside > 0.05) == warned
    assert ("mask_partly_outside" in found) == warned


def test_a_mask_beyond_the_first_voxels_lies_outside_too():
    reference = Image(np.zeros((4, 20, 20)), (6.0, 6.0, 6.0))
    for shift, share in ((-3.0, 0), (-9.0, 5), (-21.0, 15)):  # of 20 rows of 6 mm those whose center is before -3 mm
        mask = Image(np.ones((4, 20, 20), np.uint8), (6.0, 6.0, 6.0), (0.0, shift, 0.0))
        texts = [text for _, text in check_placement(mask, reference, "m", LIVER) if "lies outside" in text]
        assert [text.split(" %")[0] for text in texts] == ([f"m: {share}"] if share > 5 else [])


def test_a_mask_at_the_origin_with_directions_has_a_place(image, mask):
    """Its geometry may be another image's, but it is no program's that knows none."""
    turned = replace(mask, origin=(0.0, 0.0, 0.0), direction=((0.6, -0.8, 0.0), (0.8, 0.6, 0.0), (0.0, 0.0, 1.0)))
    moved = replace(image, origin=(-80.0, 0.0, 0.0))
    assert "mask_of_other_geometry" in dict(check_placement(turned, moved, "m", LIVER))


def test_boxes_are_the_same_where_each_has_its_corners_at_those_of_the_other():
    large = Image(np.zeros((4, 5, 6)), (6.0, 6.0, 6.0))
    small = Image(np.zeros((4, 5, 6)), (0.1, 0.1, 0.1), (-3.0, -3.0, -3.0))  # at one corner of the large one
    assert _same_box(large, large)
    assert _same_box(large, reoriented(large, (0, 1, 2), (True, False, True)))
    assert not _same_box(small, large)
    assert not _same_box(large, small)
    assert _same_box(large, replace(large, origin=(5.9, 0.0, 0.0)))
    assert not _same_box(large, replace(large, origin=(6.1, 0.0, 0.0)))
