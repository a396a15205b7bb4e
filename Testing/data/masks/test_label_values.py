"""What the values of a mask file are: labels, one mask, or probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.data.masks.label_values import label_counts, labels_of
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image


def volume(*values: float, dtype: object = np.float32) -> Image:
    return Image(np.array(values, dtype).reshape(-1, 1, 2))


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.int64, np.float32, np.float64])
def test_whole_numbers_are_labels(dtype):
    found = labels_of(volume(0, 3, 3, 5, 0, 3, dtype=dtype), "m")
    assert found.counts == {3: 3, 5: 1}
    assert not found.from_probabilities
    assert found.image.array.ravel().tolist() == [0, 3, 3, 5, 0, 3]
    assert found.image.array.dtype.kind in "iu"


def test_true_and_false_are_a_mask():
    found = labels_of(volume(True, False, dtype=bool), "m")
    assert found.counts == {1: 1}
    assert found.image.array.dtype == np.uint8
    assert not found.from_probabilities


@pytest.mark.parametrize("spread", [1, 1 << 14, 1 << 20])
def test_labels_are_counted_over_every_range(spread):
    random = np.random.default_rng(0).integers(-3, 9, (4, 5, 6)) * spread
    values, numbers = np.unique(random, return_counts=True)
    expected = {int(value): int(number) for value, number in zip(values, numbers, strict=True) if value}
    assert label_counts(random) == expected
    assert label_counts(np.zeros((0, 2, 2), np.uint8)) == {}


def test_a_thousand_labels_are_a_map_and_more_are_an_image():
    assert len(labels_of(Image(np.arange(1001).reshape(1, 7, 143)), "m").counts) == 1000
    with pytest.raises(UserError, match="m: 1001 different values: this is an image"):
        labels_of(Image(np.arange(1002).reshape(1, 6, 167)), "m")


def test_one_negative_value_is_a_mask_and_several_values_with_one_are_none():
    assert labels_of(volume(0, -1, dtype=np.int8), "m").counts == {-1: 1}
    with pytest.raises(UserError, match="the values go from -1 to 2; labels are not negative"):
        labels_of(volume(-1, 0, 0, 2, dtype=np.int8), "m")


def test_labels_may_lie_a_thousandth_beside_whole_numbers():
    assert labels_of(volume(0, 1.0009, 1.9991, 3), "m").counts == {1: 1, 2: 1, 3: 1}
    with pytest.raises(UserError, match="neither labels nor probabilities"):
        labels_of(volume(0, 1.0, 1.998, 3), "m")


@pytest.mark.parametrize("value", [0.25, 0.5, 7.5, -2.5])
def test_one_value_beside_0_is_a_mask_though_it_is_no_whole_number(value):
    found = labels_of(volume(0, value, value, 0), "m")
    assert found.image.array.ravel().tolist() == [0, 1, 1, 0]
    assert not found.from_probabilities


def test_probabilities_are_inside_from_one_half_on():
    found = labels_of(volume(0, 0.4999, 0.5, 1.0005), "m")
    assert found.from_probabilities
    assert found.counts == {1: 2}
    assert found.image.array.ravel().tolist() == [0, 0, 1, 1]
    assert [code for code, _ in found.image.read_warnings] == ["mask_from_probabilities"]


@pytest.mark.parametrize("values", [(0, 0.25, 1.002), (-0.002, 0.25, 1.0), (0, 0.25, 255.0)])
def test_other_fractions_are_refused(values):
    with pytest.raises(UserError, match=f"the values go from {values[0]:g} to {values[2]:g}"):
        labels_of(volume(*values, 0), "m")


def test_what_is_no_number_counts_as_outside_and_its_share_is_stated():
    found = labels_of(volume(np.nan, np.inf, 3, 3, 0, 0, 0, 0, 0, 0), "m")
    assert found.counts == {3: 2}
    ((code, text),) = found.image.read_warnings
    assert code == "mask_not_a_number"
    assert "m: 20 % of the voxels" in text
