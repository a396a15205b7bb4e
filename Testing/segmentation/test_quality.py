"""Warnings about masks and images, each with its figure."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.imaging.image import Image
from LiverAILib.segmentation.quality import image_warnings, segmentation_warnings


def image(shape=(20, 100, 100), spacing=(2.0, 2.0, 5.0)):
    return Image(np.zeros(shape, np.float32), spacing)


def liver(shape=(20, 100, 100), slices=slice(5, 15), side=50):
    labels = np.zeros(shape, np.uint8)
    labels[slices, 20 : 20 + side, 20 : 20 + side] = 1
    return labels


def codes(warnings):
    return {warning.code for warning in warnings}


def test_an_ordinary_liver_gives_no_warning():
    assert segmentation_warnings(liver(slices=slice(3, 18)), image(), {"liver": [30000, 20]}) == ()


def test_no_liver():
    assert codes(segmentation_warnings(np.zeros((20, 100, 100), np.uint8), image())) == {"no_liver"}


def test_a_cut_liver_is_named_with_its_end_and_area():
    warnings = segmentation_warnings(liver(slices=slice(6, 20)), image())
    assert codes(warnings) == {"liver_cut_off"}
    assert "upper" in warnings[0].text
    assert "100 cm2" in warnings[0].text  # 50 x 50 pixels of 4 mm2


@pytest.mark.parametrize(
    ("rows", "columns", "end"), [(slice(0, 50), slice(20, 70), "anterior"), (slice(20, 70), slice(50, 100), "left")]
)
def test_a_liver_at_the_side_of_the_field_of_view_is_cut_off_too(rows, columns, end):
    labels = np.zeros((20, 100, 100), np.uint8)
    labels[3:18, rows, columns] = 1
    warnings = segmentation_warnings(labels, image())
    assert codes(warnings) == {"liver_cut_off"}
    assert end in warnings[0].text
    assert "75 cm2" in warnings[0].text  # 15 slices of 5 mm, 50 voxels of 2 mm


def test_an_implausible_volume_is_named():
    warnings = segmentation_warnings(liver(side=10), image())
    assert codes(warnings) == {"implausible_liver_volume"}
    assert "20 mL" in warnings[0].text


@pytest.mark.parametrize(("second", "warned"), [(4, False), (6, True)])
def test_a_large_second_component_is_named_with_its_share(second, warned):
    found = segmentation_warnings(liver(slices=slice(3, 18)), image(), {"liver": [100, second]})
    assert codes(found) == ({"several_components"} if warned else set())


def test_a_single_slice_is_not_called_cut_off():
    assert segmentation_warnings(liver((1, 100, 100), slice(0, 1)), image((1, 100, 100))) == ()


def test_image_warnings():
    array = np.ones((3, 4, 4), np.float32)
    read = Image(array, (1.2, 1.2, 5.0)).with_read_warning("not_orthogonal", "A shear.")
    assert [(warning.code, warning.text) for warning in image_warnings(read)] == [("not_orthogonal", "A shear.")]
    assert codes(image_warnings(Image(array[1:], (0.5, 1.2, 5.0)))) == {"odd_spacing"}


def test_an_image_that_may_be_another_modality_is_doubted():
    rng = np.random.default_rng(0)
    window = np.clip(np.where(rng.random((8, 40, 40)) < 0.5, 0, rng.normal(200, 60, (8, 40, 40))), 0, 400)
    window[0, 0:4] = 400
    found = image_warnings(Image(window, (1.2, 1.2, 5.0)))
    assert codes(found) == {"modality_in_doubt"}
    assert "--modality MR" in found[0].text
