"""Preparation of the network input of Nowak 2021."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from LiverAILib.methods.nowak2021.view import network_input, prepare_slice
from LiverAILib.methods.slice_box import SliceBox
from LiverAILib.networks.pretrained import IMAGENET_MEAN, IMAGENET_STD


@pytest.fixture
def section():
    rng = np.random.default_rng(0)
    liver = np.zeros((80, 100), bool)
    liver[30:60, 5:45] = True
    return rng.normal(100, 10, liver.shape) + 50 * liver, liver


@pytest.mark.parametrize("pixel_mm", [(1.0, 1.0), (0.5, 2.0), (1.7, 0.9)])
def test_the_box_is_square_in_the_patient_and_holds_the_liver_with_its_margin(section, pixel_mm):
    _, liver = section
    box = SliceBox.around(liver, pixel_mm, margin=0.1)
    assert box.rows * pixel_mm[0] == pytest.approx(box.columns * pixel_mm[1], abs=max(pixel_mm))
    assert max(box.rows * pixel_mm[0] / (30 * pixel_mm[0]), box.columns / 40) >= 1.19
    assert box.cut(liver).sum() == liver.sum()


def test_the_input_shows_the_liver_and_a_tenth_of_its_longer_side_around_it(section):
    """The liver fills rows 30 to 59 and columns 5 to 44: 40 pixels and 4 on each side are 48, around the middle (45, 25)."""
    _, box = prepare_slice(*section, (1.0, 1.0), pipeline="segmented")
    assert (box.top, box.left, box.rows, box.columns) == (45 - 24, 25 - 24, 48, 48)
    # Rows of 2 mm: the liver is 60 mm high and 40 mm wide, so that 72 mm are 36 rows and 72 columns.
    _, box = prepare_slice(*section, (2.0, 1.0), pipeline="segmented")
    assert (box.top, box.left, box.rows, box.columns) == (45 - 18, 25 - 36, 36, 72)


def test_cutting_and_pasting_is_the_identity_inside_the_slice(section):
    image, liver = section
    box = SliceBox.around(liver, (1.0, 1.0), margin=0.4)
    assert box.left < 0  # the box reaches beyond the slice here
    pasted = np.zeros_like(image)
    box.paste(box.cut(image), pasted)
    inside = np.zeros(image.shape, bool)
    inside[max(box.top, 0) : box.top + box.rows, max(box.left, 0) : box.left + box.columns] = True
    np.testing.assert_array_equal(pasted, np.where(inside, image, 0))


def test_the_segmented_input_depends_on_the_liver_only(section):
    image, liver = section
    prepared, _ = prepare_slice(image, liver, (1.0, 1.0), pipeline="segmented")
    changed, _ = prepare_slice(np.where(liver, image, 1e4), liver, (1.0, 1.0), pipeline="segmented")
    torch.testing.assert_close(prepared, changed)
    full, _ = prepare_slice(np.where(liver, image, 1e4), liver, (1.0, 1.0), pipeline="full")
    assert not torch.allclose(full, prepare_slice(image, liver, (1.0, 1.0), pipeline="full")[0])


def test_the_scanner_gain_does_not_change_the_input(section):
    image, liver = section
    for pipeline in ("segmented", "full"):
        one, _ = prepare_slice(image, liver, (1.0, 1.0), pipeline=pipeline)
        other, _ = prepare_slice(7 * image + 3, liver, (1.0, 1.0), pipeline=pipeline)
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


def test_the_network_input_has_the_statistics_of_imagenet():
    plain = torch.rand(2, 8, 8)
    for channel, (mean, deviation) in enumerate(zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)):
        torch.testing.assert_close(network_input(plain)[:, channel] * deviation + mean, plain)
