"""What the networks of Xue 2020 see of an image, and where a map of it comes back to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from LiverAILib.data.outcome import GRAD_CAM
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.ultrasound import Box
from LiverAILib.methods.xue2020.view import SquareView, check_images, views_of
from LiverAILib.simulation.ultrasound import simulate_fibrosis_pair

BOX = Box(10, 50, 20, 60)
ANGLE = np.deg2rad(30)
GEOMETRY = {
    "spacing": (0.2, 0.2, 1.0),
    "origin": (-12.0, 30.0, 5.0),
    "direction": ((np.cos(ANGLE), -np.sin(ANGLE), 0), (np.sin(ANGLE), np.cos(ANGLE), 0), (0, 0, 1)),
    "modality": "US",
}


def image(*, color: bool) -> Image:
    """Rows get brighter by 2 each; a color image has more green and less blue."""
    array = np.broadcast_to((2 * np.arange(80, dtype=np.uint8))[None, :, None], (1, 80, 100))
    return Image(np.stack([array, array + 50, array // 2], 3) if color else array.copy(), **GEOMETRY)


@pytest.fixture(scope="module")
def pair():
    """Images by role of a simulated patient with cirrhosis, and the masks of what is in color."""
    pictures = simulate_fibrosis_pair(4, seed=5, images=1).pictures
    return {role: tuple(one.image for one in own) for role, own in pictures.items()}, pictures["elastogram"][0].evidence


@pytest.mark.parametrize("color", [False, True])
def test_the_square_is_seen_in_color(color):
    view = SquareView.of(image(color=color), BOX, role="gray_scale", number=0, size=20)
    assert view.tensor.shape == (3, 20, 20)
    # Two rows of the image become one: 21, 25, ... are their means, at the border a bit of the inside.
    middle = 2 * (np.arange(10, 50, 2) + 0.5)
    np.testing.assert_allclose(view.tensor[0, :, 7] * 255, middle, atol=1)
    expected = [middle, middle + 50, middle / 2] if color else [middle] * 3
    np.testing.assert_allclose(view.tensor[:, 5:15, 3] * 255, np.array(expected)[:, 5:15], atol=1)


def test_a_map_comes_back_to_its_place():
    view = SquareView.of(image(color=True), BOX, role="elastogram", number=2, size=20)
    map_ = torch.zeros(8, 8)
    map_[:4, 4:] = 1  # the upper right quarter
    heatmap = view.heatmap(map_, kind=GRAD_CAM, target="S4", outcome="elastogram", scale="", zero="")
    np.testing.assert_allclose(heatmap.image.index_to_lps, view.image.index_to_lps)
    assert (heatmap.role, heatmap.number) == ("elastogram", 2)
    array = heatmap.image.array
    assert array.shape == (1, 80, 100)
    assert array[0, 10:28, 42:60].min() > 0.9
    assert array[0, 10:28, 20:38].max() < 0.1
    assert array[0, 32:50, 20:60].max() < 0.1
    assert array[~view.seen()].max() == 0
    assert view.seen().sum() == 40 * 40


def test_the_square_lies_in_the_color_box_of_both_images(pair):
    images, colored = pair
    views = views_of(images, size=64)
    [gray], [color] = views.gray_scale, views.elastograms
    assert gray.box == color.box
    assert colored.array[0][color.box.slices].mean() > 0.85  # but for vessels and the measuring circle
    # No larger one: it reaches the border of the colors, whose bounding box is little larger.
    rows, columns = np.nonzero(colored.array[0])
    assert color.box.height > 0.55 * min(np.ptp(rows), np.ptp(columns))
    assert gray.tensor.std() < color.tensor.std()


def test_what_several_images_share_is_said_once(pair):
    images, _ = pair
    found = check_images({role: own * 3 for role, own in images.items()}, case_id="a")
    assert [one.code for one in found] == ["burned_in_text"]
    assert found[0].text.endswith("The same of 5 more images.")


def test_images_that_cannot_be_used_are_refused(pair):
    images, _ = pair
    gray, color = images["gray_scale"], images["elastogram"]
    with pytest.raises(UserError, match="case a: 2 images 'gray_scale' and 1 'elastogram'"):
        views_of({"gray_scale": gray * 2, "elastogram": color}, size=64, case_id="a")
    with pytest.raises(UserError, match="case a, elastogram 1: a gray-scale image without a color box"):
        views_of({"gray_scale": gray, "elastogram": gray}, size=64, case_id="a")
    with pytest.raises(UserError, match=r"case a, gray_scale 1: an elastogram .*, where a gray-scale image"):
        views_of({"gray_scale": color, "elastogram": color}, size=64, case_id="a")
    tomography = (replace(gray[0], modality="CT"),)
    with pytest.raises(UserError, match="the image is CT, not ultrasound"):
        views_of({"gray_scale": tomography, "elastogram": color}, size=64)
