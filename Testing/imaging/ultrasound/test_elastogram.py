"""The color box, its largest square, the same square elsewhere, the color bar, and the stiffness that was painted."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.ultrasound import (
    Box,
    find_color_bar,
    find_color_box,
    find_colors,
    find_scan_area,
    largest_square,
    mirrored,
    stiffness_kpa,
)
from LiverAILib.simulation.ultrasound import simulate_fibrosis_pair
from Testing.imaging.ultrasound.pictures import Picture, b_mode, doppler, elastogram, side_by_side


def image_of(picture: Picture) -> Image:
    return Image(picture.colors[None])


VARIANTS = [
    {"map_name": "jet", "opacity": 1.0},
    {"map_name": "jet", "opacity": 0.5, "place": (120, 300), "size": (90, 120)},
    {"map_name": "turbo", "opacity": 0.7, "bar": (60, 240, 20, 34), "furniture": False},
    {"map_name": "rainbow", "opacity": 0.6, "frame": False, "holes": True},
    {"map_name": "viridis", "opacity": 0.9, "bar": (430, 442, 40, 240), "furniture": False},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda one: f"{one['map_name']} {one['opacity']}")
def test_box_bar_and_stiffness_are_those_that_were_drawn(variant):
    if variant["map_name"] == "viridis":  # a bar that lies on its side
        picture = elastogram(seed=3, noise_kpa=5, **{**variant, "bar": None})
        picture.boxes["color bar"] = variant["bar"]
        top, bottom, left, right = variant["bar"]
        import matplotlib

        ramp = 255 * matplotlib.colormaps["viridis"](np.linspace(0, 1, right - left))[:, :3]
        picture.colors[top:bottom, left:right] = ramp[None].astype(np.uint8)
    else:
        picture = elastogram(seed=3, noise_kpa=5, **variant)
    image = image_of(picture)
    box, bar = find_color_box(image), find_color_bar(image)
    assert box is not None
    assert bar is not None
    np.testing.assert_allclose(box.box, picture.boxes["color box"], atol=4)
    np.testing.assert_allclose(bar.box, picture.boxes["color bar"], atol=2)
    assert not bar.shows_flow
    kpa = stiffness_kpa(image, bar, 40.0)
    both = np.isfinite(kpa) & np.isfinite(picture.kpa)
    assert both.sum() > 0.85 * np.isfinite(picture.kpa).sum()
    error = np.abs(kpa - picture.kpa)[both]
    assert error.mean() < 0.5
    assert np.percentile(error, 95) < 1.5


def test_a_simulated_elastogram_gives_the_stiffness_that_it_states():
    """Written by another part of the library: a box between two beams, vessels without color, a circle and results."""
    examination = simulate_fibrosis_pair(4, seed=1, images=1)
    image = examination.pictures["elastogram"][0].image
    bar = find_color_bar(image)
    assert bar is not None
    square = largest_square(find_color_box(image))
    values = stiffness_kpa(image, bar, 40.0)[square.slices]
    assert np.nanmean(values) == pytest.approx(examination.truth["stiffness_kpa"], rel=0.15)
    gray = examination.pictures["gray_scale"][0].image
    assert find_color_box(gray) is None
    assert mirrored(square, image, gray) == square


def test_flow_is_no_color_box_and_its_bar_is_dark_in_the_middle():
    image = image_of(doppler(seed=1))
    assert find_color_box(image) is None
    assert find_colors(image) is not None
    assert find_color_bar(image).shows_flow


def test_a_tinted_gray_scale_image_has_no_color_box():
    picture = b_mode(seed=4)
    picture.colors = (picture.colors * np.array([1.0, 0.85, 0.6])).astype(np.uint8)
    assert find_colors(image_of(picture)) is None


# --- squares --------------------------------------------------------------------------------------------------------


def test_the_largest_square_of_a_box_lies_in_its_middle():
    assert largest_square(Box(10, 50, 20, 100)) == (10, 50, 40, 80)


def test_the_largest_square_of_a_mask_is_the_largest_one_of_all():
    rng = np.random.default_rng(0)
    for _ in range(20):
        mask = rng.random((12, 15)) > 0.15
        square = largest_square(mask)
        assert mask[square.slices].all()
        sides = [
            side
            for side in range(1, 13)
            for top in range(13 - side)
            for left in range(16 - side)
            if mask[top : top + side, left : left + side].all()
        ]
        assert square.height == square.width == max(sides)


def test_the_square_of_a_fan_lies_within_the_fan():
    area = find_scan_area(image_of(b_mode(seed=2)))
    square = largest_square(area)
    assert area.mask[square.slices].all()
    assert square.height > 0.5 * area.box.height


@pytest.mark.parametrize("stacked", [False, True])
def test_the_square_of_a_dual_display_is_mirrored_into_the_gray_pane(stacked):
    color, gray = elastogram(seed=4), b_mode(seed=4)
    dual = side_by_side(color, gray)
    step = (0, color.colors.shape[1])
    if stacked:  # the elastogram above, as in figure 2 of Xue 2020
        dual = Picture(np.concatenate([color.colors, gray.colors]))
        step = (color.colors.shape[0], 0)
    image = image_of(dual)
    square = largest_square(find_color_box(image))
    np.testing.assert_allclose(mirrored(square, image, image), square.shifted(*step), atol=3)


def test_the_square_follows_a_picture_of_another_size_or_scale():
    color, gray = elastogram(seed=5), b_mode(seed=5)
    square = largest_square(find_color_box(image_of(color)))
    padded = Image(np.pad(gray.colors, ((30, 0), (80, 0), (0, 0)))[None])
    np.testing.assert_allclose(mirrored(square, image_of(color), padded), square.shifted(30, 80), atol=3)
    larger = Image(gray.colors[None].repeat(2, 1).repeat(2, 2))
    np.testing.assert_allclose(mirrored(square, image_of(color), larger), np.multiply(square, 2), atol=6)


def test_a_square_outside_of_the_gray_scale_image_is_refused():
    color = elastogram(seed=5)
    small = Image(b_mode(seed=5, depth=120, furniture=False).colors[None, :, 100:])
    with pytest.raises(UserError, match=r"b\.png: the place of the color box lies outside"):
        mirrored(Box(400, 470, 300, 370), image_of(color), small, name="b.png")


def test_stiffness_needs_a_color_box_and_a_scale():
    image = image_of(elastogram())
    bar = find_color_bar(image)
    with pytest.raises(UserError, match=r"0 kPa is no upper end"):
        stiffness_kpa(image, bar, 0)
    with pytest.raises(UserError, match="no color box was found"):
        stiffness_kpa(image_of(b_mode()), bar, 40)
