"""Which squares of a region the backbone sees, in which gray values, and where a map of them lies on the image."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from LiverAILib.data.case import Case
from LiverAILib.data.regions import Region
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image
from LiverAILib.methods.byra2021.region import ROLE
from LiverAILib.methods.byra2021.region.settings import GRAY_FACTOR, RegionSettings
from LiverAILib.methods.byra2021.region.view import RegionView, prepare, stacked, tiles, tissues, unstacked
from LiverAILib.methods.byra2021.settings import BackboneSettings, InputSettings

SETTINGS = RegionSettings(InputSettings(224, (0.5,) * 3, (0.5,) * 3), BackboneSettings("none", "bundled", 64 * "0", 4))
LIVER, KIDNEY = Region(10, 20, 60, 30), Region(80, 20, 30, 30)


def picture(columns: int = 120, rows: int = 90, *, liver: int = 120, kidney: int = 80) -> Image:
    gray = np.full((rows, columns), 20, np.uint8)
    LIVER.cut(gray)[:] = liver
    KIDNEY.cut(gray)[:] = kidney
    return Image(gray[None], modality="US")


@pytest.mark.parametrize(
    ("region", "squares"),
    [
        (Region(5, 6, 28, 28), [(5, 6)]),
        (Region(5, 6, 40, 28), [(11, 6)]),
        (Region(5, 6, 60, 28), [(5, 6), (37, 6)]),
        (Region(0, 0, 56, 56), [(0, 0), (28, 0), (0, 28), (28, 28)]),
    ],
)
def test_a_region_is_looked_at_in_squares_side_by_side(region, squares):
    found = tiles(region, 28)
    assert [(square.left, square.top) for square in found] == squares
    assert all(square.width == square.height == 28 for square in found)


def test_squares_one_below_the_other_come_apart_again():
    inputs = torch.arange(3 * 2 * 4 * 4, dtype=torch.float32).reshape(3, 2, 4, 4)
    both = torch.stack([stacked(inputs), stacked(inputs + 100)])
    assert both.shape == (2, 2, 12, 4)
    torch.testing.assert_close(unstacked(both), torch.cat([inputs, inputs + 100]))


def test_a_square_becomes_the_backbone_s_input():
    gray = np.zeros((90, 120), np.uint8)
    gray[:, 24:] = 255
    (inputs,) = prepare(gray, [Region(10, 20, 28, 28)], SETTINGS)
    assert inputs.shape == (3, 224, 224)
    torch.testing.assert_close(inputs[0], inputs[2])
    assert inputs[0, 100, 50] == -1
    assert inputs[0, 100, 200] == 1
    (brighter,) = prepare(gray // 4, [Region(10, 20, 28, 28)], SETTINGS, gain=2.0)
    assert brighter[0, 100, 200] == pytest.approx(2 * 2 * (255 // 4) / 255 - 1, abs=1e-5)


def test_gray_values_of_a_whole_image_are_calibrated_by_the_kidney():
    case = Case({ROLE: picture()}, regions={"liver": LIVER, "kidney": KIDNEY})
    (tissue,) = tissues(case, SETTINGS)
    assert tissue.region == LIVER
    assert tissue.gain == pytest.approx(GRAY_FACTOR * 1.5)
    assert tissue.calibrated
    (guessed,) = tissues(Case({ROLE: picture()}, regions={"liver": LIVER}), SETTINGS)
    assert (guessed.gain, guessed.calibrated) == (GRAY_FACTOR, False)


def test_a_published_square_is_the_region_and_keeps_its_gray_values():
    square = Image(np.arange(784, dtype=np.uint16).reshape(1, 28, 28).astype(np.uint8), modality="US")
    for regions in ({}, {"liver": Region(0, 0, 28, 28)}):
        (tissue,) = tissues(Case({ROLE: square}, regions=regions), SETTINGS)
        assert (tissue.region, tissue.gain, tissue.calibrated) == (Region(0, 0, 28, 28), 1.0, True)


@pytest.mark.parametrize(
    ("image", "regions", "message"),
    [
        (
            picture(),
            {},
            "no region in the liver was drawn, and the model looks at nothing else. Draw one: --roi liver=",
        ),
        (picture(), {"kidney": KIDNEY}, "no region in the liver was drawn"),
        (picture(), {"liver": Region(10, 20, 20, 30)}, "has 20x30 pixels; the model looks at 28x28"),
        (picture(), {"liver": Region(100, 20, 30, 30)}, "outside of image 1"),
        (picture(20, 40), {}, "20x40 pixels; the model looks at 28x28"),
        (picture(), {"liver": LIVER, "kidney": LIVER}, "overlap"),
    ],
)
def test_a_case_without_a_usable_region_is_refused(image, regions, message):
    with pytest.raises(UserError, match=message):
        tissues(Case({ROLE: image}, regions=regions), SETTINGS)


def test_a_map_lies_on_the_squares():
    (tissue,) = tissues(Case({ROLE: picture()}, regions={"liver": LIVER, "kidney": KIDNEY}), SETTINGS)
    view = RegionView.of(picture(), tissue, SETTINGS)
    assert view.tensor.shape == (3, 2 * 224, 224)
    map_ = torch.cat([torch.full((7, 7), 1.0), torch.full((7, 7), -2.0)])
    restored = view.restore(map_)[0]
    assert np.all(restored[21:49, 10:38] == 1)
    assert np.all(restored[21:49, 42:70] == -2)
    np.testing.assert_array_equal(restored != 0, view.seen()[0])
    assert view.seen().sum() == 2 * 28 * 28
