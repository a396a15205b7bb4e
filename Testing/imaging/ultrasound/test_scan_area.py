"""The scan area: found as it was drawn and as it was outlined by hand, whatever lies around it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from matplotlib.path import Path as Polygon

from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.ultrasound import crop, find_panes, find_scan_area
from Testing.imaging.ultrasound.pictures import Picture, b_mode, elastogram, side_by_side, speckle


def image_of(picture: Picture) -> Image:
    return Image(picture.colors[None], (0.3, 0.3, 1.0))


@pytest.mark.parametrize("seed", range(4))
def test_a_drawn_fan_is_found_without_text_scale_and_bar(seed):
    rng = np.random.default_rng(seed)
    picture = b_mode(seed=seed, column=rng.uniform(290, 350), top=rng.uniform(45, 60), depth=rng.uniform(240, 330))
    area = find_scan_area(image_of(picture))
    assert area.shape == "fan"
    assert (area.mask == picture.areas[0]).mean() > 0.985
    top, bottom, left, right = picture.boxes["gray bar"]
    assert not area.mask[top:bottom, left:right].any()
    top, bottom, left, right = picture.boxes["text"]
    assert not area.mask[top:bottom, left:right].any()


def test_a_shadow_at_one_side_hardly_narrows_the_fan():
    picture = b_mode(seed=1)
    rows, columns = np.mgrid[:480, :640]
    picture.colors[(columns > 460 + 0.25 * rows) & (rows > 60) & picture.areas[0]] = 0
    area = find_scan_area(image_of(picture))
    assert (area.mask == picture.areas[0]).mean() > 0.96
    dark = picture.areas[0] & (columns > 460 + 0.25 * rows) & (rows > 60)
    assert area.mask[dark].mean() > 0.6


def test_a_gray_surface_around_the_fan_is_no_tissue():
    picture = b_mode(seed=2, background=40)
    picture.colors[:, :25] = 90
    assert (find_scan_area(image_of(picture)).mask == picture.areas[0]).mean() > 0.985


def test_the_area_of_a_linear_probe_is_a_rectangle():
    colors = np.zeros((300, 400, 3), np.uint8)
    colors[40:260, 60:330] = speckle((220, 270), np.random.default_rng(0))[..., None]
    area = find_scan_area(Image(colors[None]))
    assert area.shape == "rectangle"
    np.testing.assert_allclose(area.box, (40, 260, 60, 330), atol=3)


def test_the_panes_of_a_dual_display_come_from_left_to_right():
    picture = side_by_side(b_mode(seed=3), elastogram(seed=4))
    panes = find_panes(image_of(picture))
    assert len(panes) == 2
    for pane, truth in zip(panes, picture.areas, strict=True):
        assert (pane.mask == truth).mean() > 0.98


def test_a_cropped_picture_lies_where_it_was_and_holds_no_text():
    picture = b_mode(seed=5)
    image = Image(picture.colors[None], (0.3, 0.4, 1.0), (10, 20, 30), ((0, 1, 0), (1, 0, 0), (0, 0, -1)))
    area = find_scan_area(image)
    cropped = crop(image, area)
    assert cropped.size == (area.box.width, area.box.height, 1)
    corner = image.index_to_lps @ (area.box.left, area.box.top, 0, 1)
    np.testing.assert_allclose(cropped.index_to_lps @ (0, 0, 0, 1), corner)
    inside = area.mask[area.box.slices]
    np.testing.assert_array_equal(cropped.array[0][inside], picture.colors[area.mask])
    assert not cropped.array[0][~inside].any()


def test_a_picture_without_an_image_is_refused():
    text = b_mode(furniture=True)
    text.colors[text.areas[0]] = 0
    with pytest.raises(UserError, match=r"page\.png: no ultrasound image was found"):
        find_scan_area(Image(text.colors[None], meta={"path": "page.png"}))


@pytest.mark.parametrize("name", ["1", "20", "42", "62", "97", "100"])
def test_the_fan_of_a_real_image_is_the_one_outlined_by_hand(data_folder, name):
    """Rough outlines of few points: `benchmarks/scan_area_benchmark.py` has the figures for all 100 images."""
    folder = data_folder / "us_aul"
    if not folder.is_dir():
        pytest.skip(f"no real ultrasound here: {folder} does not exist")
    area = find_scan_area(read_image(folder / "images" / f"{name}.jpg"))
    rows, columns = np.mgrid[: area.mask.shape[0], : area.mask.shape[1]]
    outline = Polygon(json.loads((folder / "outline" / f"{name}.json").read_text()))
    truth = outline.contains_points(np.stack([columns.ravel(), rows.ravel()], axis=1)).reshape(area.mask.shape)
    assert (area.mask == truth).mean() > (0.92 if name == "42" else 0.96)  # 42: the far field is black
