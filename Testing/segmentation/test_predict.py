"""From volume to masks with a network whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from LiverAILib.data.structures import LIVER, SPLEEN
from LiverAILib.errors import UserError
from LiverAILib.imaging.geometry import resample
from LiverAILib.imaging.image import Image
from LiverAILib.segmentation.grid import most_probable
from Testing.conftest import reoriented
from Testing.segmentation.planted import dice, phantom, planted_segmenter


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory):
    return planted_segmenter(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def case():
    return phantom()


def test_the_planted_organs_are_found_in_the_input_geometry(segmenter, case):
    image, truth = case
    result = segmenter.examine(image)
    assert result.segmentation.image.same_geometry(image, tolerance_mm=1e-9)
    for structure in (LIVER, SPLEEN):
        mask = result.segmentation.image.array == structure.label
        assert dice(mask, truth == structure.label) > 0.93, structure.name
    assert result.warnings == ()


@pytest.mark.parametrize(("pixel", "thickness"), [(0.6, 5.0), (1.7, 2.5), (4.0, 0.5), (2.5, 1.0), (3.0, 10.0)], ids=str)
def test_any_spacing_finds_the_same_liver(segmenter, case, pixel, thickness):
    image, truth = case
    extent = [n * s for n, s in zip(image.size, image.spacing, strict=True)]
    size = [round(extent[0] / pixel), round(extent[1] / pixel), round(extent[2] / thickness)]
    if pixel < 1:  # a window around the liver keeps the test small
        size = [round(n * 0.75) for n in size[:2]] + size[2:]
    grid = Image(np.zeros(size[::-1], np.int8), (pixel, pixel, thickness), image.origin, image.direction)
    moved = resample(image, grid, outside=-1000)
    expected = resample(image.with_array((truth == LIVER.label).astype(np.uint8)), grid, nearest=True)
    found = segmenter.segment(moved)[0].image.array == LIVER.label
    assert dice(found, expected.array > 0) > 0.9


@pytest.mark.parametrize("way", ["in HU", "clipped", "shifted to 0..400", "without intercept"])
def test_a_ct_is_segmented_alike_however_its_values_are_stored(segmenter, case, way):
    image, _ = case
    stored = {
        "in HU": image.array,
        "clipped": np.clip(image.array, -125, 275),
        "shifted to 0..400": np.clip(image.array, -125, 275) + 125,
        "without intercept": image.array + 1024,
    }[way]
    expected = segmenter.segment(image)[0].image.array
    found = segmenter.segment(image.with_array(stored, modality="CT"))[0].image.array
    assert dice(found == 1, expected == 1) > 0.99


@pytest.mark.parametrize(("axes", "flips"), [((2, 0, 1), (True, False, True)), ((1, 0, 2), (False, True, True))])
def test_the_stored_axis_order_changes_nothing(segmenter, case, axes, flips):
    image, _ = case
    expected = segmenter.segment(image)[0].image
    found = segmenter.segment(reoriented(image, axes, flips))[0].image
    np.testing.assert_array_equal(found.array, reoriented(expected, axes, flips).array)


def test_a_single_slice_is_segmented(segmenter, case):
    image, truth = case
    one = Image(image.array[12:13], image.spacing, image.origin, modality="CT")
    mask = segmenter.segment(one)[0].image.array == LIVER.label
    assert dice(mask, truth[12:13] == LIVER.label) > 0.9


def test_all_views_together_find_what_one_finds_and_agree(tmp_path, case):
    image, truth = case
    result = planted_segmenter(tmp_path, views=6).examine(image)
    assert dice(result.segmentation.image.array == LIVER.label, truth == LIVER.label) > 0.93
    assert 0 < result.view_spread < 0.1


def test_a_wrong_number_of_views_is_refused(tmp_path):
    with pytest.raises(UserError, match="--views 9"):
        planted_segmenter(tmp_path, views=9)


def test_an_image_of_another_modality_is_refused_with_the_reason(segmenter, case):
    image, _ = case
    ultrasound = image.with_array(image.array, modality="US", meta={"path": "us.nrrd"})
    with pytest.raises(UserError, match=r"us.nrrd: the image is US: given with the image.*--modality"):
        segmenter.segment(ultrasound)


def test_a_scan_without_a_liver_says_so(segmenter):
    body = np.full((12, 40, 50), -1000, np.int16)
    body[:, 5:35, 5:45] = -55
    body[:, 20, 20] = 100  # something else than air and fat
    _, warnings = segmenter.segment(Image(body, (4.0, 4.0, 6.0), modality="CT"))
    assert "no_liver" in {w.code for w in warnings} or "implausible_liver_volume" in {w.code for w in warnings}


def test_part_of_a_scan_is_segmented_as_in_the_whole(segmenter, case):
    image, truth = case
    labels = segmenter.segment_slices(image, range(10, 14))
    assert dice(labels == LIVER.label, truth[10:14] == LIVER.label) > 0.93


def test_a_piece_taken_from_one_organ_does_not_become_a_far_piece_of_another(segmenter):
    """Where a second spleen is dropped the next best class was the kidney, 80 mm from the kidney itself."""
    probabilities = torch.zeros(5, 12, 32, 32)
    probabilities[0] = 0.5
    probabilities[:, 1:5, 4:12, 4:12] = torch.tensor([0.1, 0.0, 0.9, 0.0, 0.0])[:, None, None, None]  # kidney
    probabilities[:, 1:5, 20:30, 20:30] = torch.tensor([0.1, 0.0, 0.0, 0.0, 0.9])[:, None, None, None]  # spleen
    probabilities[:, 9:11, 4:9, 20:25] = torch.tensor([0.1, 0.0, 0.3, 0.0, 0.6])[:, None, None, None]  # neither
    sizes = segmenter._keep_largest(probabilities)
    labels = most_probable(probabilities).numpy()
    assert sizes["spleen"] == [400, 50]
    assert not labels[9:11].any()
    assert [(labels == label).sum() for label in (2, 4)] == [256, 400]
