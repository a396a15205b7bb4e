"""Color images: the colors of each file format come back as they were stored."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
import SimpleITK as sitk

from LiverAILib.errors import UserError
from LiverAILib.imaging.color import gray_array
from LiverAILib.imaging.files import read_image, write_image
from LiverAILib.imaging.image import Image

COLORS = np.random.default_rng(5).integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_a_picture_keeps_its_colors(tmp_path, suffix):
    PIL.Image.fromarray(COLORS).save(tmp_path / f"view.{suffix}")
    image = read_image(tmp_path / f"view.{suffix}")
    assert image.color
    assert image.size == (30, 20, 1)
    np.testing.assert_array_equal(image.array[0], COLORS)


def test_a_jpeg_is_decoded_as_another_library_does_it(tmp_path):
    smooth = np.kron(COLORS[::5, ::5], np.ones((8, 8, 1), np.uint8))
    PIL.Image.fromarray(smooth).save(tmp_path / "view.jpg", dpi=(72, 72), quality=95, subsampling=0)
    image = read_image(tmp_path / "view.jpg")
    expected = np.asarray(PIL.Image.open(tmp_path / "view.jpg"))
    assert np.abs(image.array[0].astype(int) - expected).max() <= 4
    assert image.spacing == (1, 1, 1), "the resolution of a screen is no distance in the patient"


def test_palette_and_opacity_become_red_green_and_blue(tmp_path):
    picture = PIL.Image.fromarray(COLORS).quantize(64)
    picture.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_image(tmp_path / "palette.png").array[0], np.asarray(picture.convert("RGB")))
    PIL.Image.fromarray(COLORS).convert("RGBA").save(tmp_path / "opaque.png")
    np.testing.assert_array_equal(read_image(tmp_path / "opaque.png").array[0], COLORS)


def test_gray_pictures_stay_gray_and_gray_kept_as_rgb_is_a_color_image(tmp_path):
    gray = COLORS[..., 0]
    PIL.Image.fromarray(gray).save(tmp_path / "gray.png")
    PIL.Image.fromarray(gray).convert("RGB").save(tmp_path / "rgb.png")
    stored, colors = read_image(tmp_path / "gray.png"), read_image(tmp_path / "rgb.png")
    np.testing.assert_array_equal(stored.array[0], gray)
    assert colors.color
    np.testing.assert_array_equal(gray_array(colors)[0], gray)


def test_16_bits_of_each_color_are_read_as_8(tmp_path):
    wide = sitk.GetImageFromArray(COLORS.astype(np.uint16) * 257, isVector=True)
    sitk.WriteImage(wide, str(tmp_path / "wide.png"))
    np.testing.assert_array_equal(read_image(tmp_path / "wide.png").array[0], COLORS)


@pytest.mark.parametrize("suffix", ["nrrd", "mha"])
def test_a_written_color_image_is_read_back_with_its_place(tmp_path, suffix):
    array = np.random.default_rng(1).integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    image = Image(array, (0.5, 0.25, 2.0), (1, 2, 3), ((0, 1, 0), (1, 0, 0), (0, 0, -1)))
    back = read_image(write_image(image, tmp_path / f"view.{suffix}"))
    np.testing.assert_array_equal(back.array, array)
    assert back.same_geometry(image)


def test_color_is_refused_where_gray_values_are_needed(tmp_path):
    PIL.Image.fromarray(COLORS).save(tmp_path / "view.png")
    with pytest.raises(UserError, match=r"view\.png: a color image .*Export the gray-scale series"):
        read_image(tmp_path / "view.png", color=False)


def test_luminance_weighs_green_most():
    pure = np.diag([255, 255, 255]).astype(np.uint8).reshape(1, 1, 3, 3)
    assert gray_array(Image(pure)).ravel().tolist() == [76, 150, 29]
