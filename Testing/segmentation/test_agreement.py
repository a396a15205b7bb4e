"""Agreement of masks against answers that can be counted."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.segmentation.agreement import mask_agreement


def cube(shift: int = 0, side: int = 10) -> np.ndarray:
    mask = np.zeros((20, 30, 30), bool)
    mask[5:15, 5 : 5 + side, 5 + shift : 5 + shift + side] = True
    return mask


def test_equal_masks_agree():
    found = mask_agreement(cube(), cube(), spacing=(1.0, 1.0, 5.0))
    assert (found.dice, found.surface_dice, found.hd95_mm, found.volume_error_percent) == (1, 1, 0, 0)


def test_a_shift_has_the_dice_of_the_overlap_and_its_own_length_as_distance():
    found = mask_agreement(cube(3), cube(), spacing=(1.5, 1.0, 5.0))
    assert found.dice == pytest.approx(0.7)
    assert found.hd95_mm == pytest.approx(4.5)
    assert found.volume_error_percent == 0
    assert found.surface_dice < 1
    assert mask_agreement(cube(3), cube(), spacing=(1.5, 1.0, 5.0), tolerance_mm=4.5).surface_dice == 1


def test_volume_error_is_signed():
    assert mask_agreement(cube(side=12), cube(), spacing=(1.0, 1.0, 1.0)).volume_error_percent == pytest.approx(44)


def test_an_empty_mask_is_refused():
    with pytest.raises(ValueError, match="not empty"):
        mask_agreement(np.zeros((3, 3, 3), bool), np.ones((3, 3, 3), bool), spacing=(1.0, 1.0, 1.0))
