"""The automatic choice of the slice."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.imaging.files import read_image
from LiverAILib.imaging.geometry import to_canonical
from LiverAILib.segmentation.caudate_level import caudate_level

# Slices that show the caudate lobe between vena cava and fissure, read by eye off the real volumes before the rule was set.
BY_EYE = {
    1: (27, 26), 2: (21, 20), 3: (21, 20), 5: (22, 21), 8: (22, 21), 10: (25, 24), 13: (25, 24),
    15: (22, 21), 19: (24, 23), 20: (22, 21), 21: (22, 21), 22: (28, 27), 31: (23, 22), 32: (31, 30),
}  # fmt: skip


def test_the_level_is_a_share_of_the_volume():
    liver = np.zeros((20, 10, 10), bool)
    liver[5:15] = True
    assert caudate_level(liver) == 9  # the middle of the sixth of ten equal slices from above has 0.55 above it


def test_a_long_right_lobe_tip_hardly_moves_the_level():
    liver = np.zeros((40, 30, 30), bool)
    liver[20:35, 5:25, 5:25] = True
    short = caudate_level(liver)
    liver[5:20, 5:9, 5:9] = True
    assert abs(caudate_level(liver) - short) <= 1


def test_an_empty_mask_is_refused():
    with pytest.raises(ValueError, match="empty"):
        caudate_level(np.zeros((3, 4, 5), bool))


def test_the_level_shows_the_caudate_lobe_in_every_real_volume(data_folder):
    for subject, (upper, lower) in BY_EYE.items():
        label, _ = to_canonical(read_image(data_folder / "mr_t2_chaos" / f"label_{subject}.nii.gz"))
        level = caudate_level(label.array == 1)
        assert lower - 1 <= level <= upper + 1, f"subject {subject}: chosen {level}, by eye {lower} to {upper}"
