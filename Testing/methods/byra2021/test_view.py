"""What the backbone sees of an ultrasound picture, its training copies, and the way back of a map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from LiverAILib.imaging.image import Image
from LiverAILib.imaging.ultrasound import Box
from LiverAILib.methods.byra2021.settings import InputSettings
from LiverAILib.methods.byra2021.view import COPIES, Crop, UltrasoundView, copies, prepare
from Testing.imaging.ultrasound.pictures import b_mode

PLAIN = InputSettings(64, (0.0,) * 3, (1.0,) * 3)


@pytest.fixture(scope="module")
def picture():
    """A drawn B-mode export with text and scales around its fan."""
    return b_mode(seed=4)


@pytest.fixture(scope="module")
def image(picture) -> Image:
    """It as an image."""
    return Image(picture.colors[None], spacing=(0.5, 0.5, 1.0), origin=(10.0, 20.0, 0.0), modality="US")


@pytest.fixture
def square() -> Crop:
    """All of the rows 10 to 50 and columns 20 to 80 of a picture of 60 x 100 pixels."""
    mask = np.zeros((60, 100), bool)
    mask[10:50, 20:80] = True
    return Crop(mask, Box(10, 50, 20, 80))


def test_the_crop_is_the_fan_without_text_and_scales(picture, image):
    crop = Crop.of(image)
    truth = picture.areas[0]
    assert (crop.mask & truth).sum() / (crop.mask | truth).sum() > 0.95
    part = crop.cut(picture.colors)
    assert part[~crop.mask[crop.box.slices]].max() == 0
    np.testing.assert_array_equal(part[crop.mask[crop.box.slices]], picture.colors[crop.mask])


def test_resizing_is_bicubic(square):
    pixels = np.random.default_rng(0).integers(40, 200, (60, 100, 3), dtype=np.uint8)
    found = prepare(pixels, square, PLAIN).permute(1, 2, 0).numpy() * 255
    expected = Pillow.fromarray(pixels[10:50, 20:80]).resize((64, 64), Pillow.Resampling.BICUBIC)
    np.testing.assert_allclose(found, np.asarray(expected), atol=1.1)  # Pillow rounds in between


def test_colors_are_normalized_as_the_backbone_expects(square):
    pixels = np.full((60, 100, 3), 51, np.uint8)
    found = prepare(pixels, square, InputSettings(32, (0.1, 0.2, 0.3), (0.5, 0.25, 0.1)))
    for channel, value in zip(found, (0.2, 0.0, -1.0), strict=True):
        torch.testing.assert_close(channel, torch.full((32, 32), value), atol=1e-5, rtol=0)


def test_copies_are_shifted_before_they_are_cropped_and_mirrored(square):
    assert COPIES[0] == (0, False)
    assert {shift for shift, _ in COPIES} == {0, -10, 10, -20, 20}
    assert len(set(COPIES)) == 10
    pixels = np.zeros((60, 100, 3), np.uint8)
    pixels[:, 50] = 255
    for shift in (-20, -10, 0, 10, 20):
        assert square.cut(pixels, shift=shift)[:, 30 + shift].min() == 255
    # What lies beyond the scan area, text for example, does not come in from the side.
    pixels[:, 85] = 255
    assert (square.cut(pixels, shift=-10).max(0).max(1) > 0).sum() == 1
    straight, mirrored = (prepare(pixels, square, PLAIN, shift=10, mirrored=flag) for flag in (False, True))
    torch.testing.assert_close(mirrored, straight.flip(-1))


def test_a_training_image_has_ten_copies_and_the_first_is_what_is_assessed(image):
    found = copies(image, PLAIN)
    assert found.shape == (10, 3, 64, 64)
    torch.testing.assert_close(found[0], UltrasoundView.of(image, "liver_kidney", PLAIN).tensor)
    torch.testing.assert_close(found[1], found[0].flip(-1))


def test_gray_values_are_three_equal_channels(image):
    color = UltrasoundView.of(image, "liver_kidney", PLAIN).tensor
    gray = replace(image, array=image.array[..., 0])
    assert (image.array == image.array[..., :1]).all()
    torch.testing.assert_close(UltrasoundView.of(gray, "liver_kidney", PLAIN).tensor, color)


def test_a_map_returns_to_the_pixels_that_it_came_from(picture, image):
    view = UltrasoundView.of(image, "liver_kidney", PLAIN)
    box = view.crop.box
    map_ = torch.zeros(7, 7)
    map_[5, 1] = -1.0
    restored = view.restore(map_)
    assert restored.shape == image.array.shape[:3]
    assert restored.dtype == np.float32
    _, row, column = np.unravel_index(restored.argmin(), restored.shape)
    assert abs(row - (box.top + 5.5 / 7 * box.height)) < 0.5 / 7 * box.height
    assert abs(column - (box.left + 1.5 / 7 * box.width)) < 0.5 / 7 * box.width
    assert np.abs(restored[~view.seen()]).max() == 0
    assert (view.support() & ~view.seen()).sum() == 0
    heatmap = view.heatmap(map_, kind="signed-cam", target="fat", outcome="x", scale="", zero="", signed=True)
    assert heatmap.image.same_geometry(image)
    assert heatmap.role == "liver_kidney"
