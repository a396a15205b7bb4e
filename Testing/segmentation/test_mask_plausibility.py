"""Mirrored masks and those of other patients, on real scans with their true masks."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.data.structures import LIVER, SPLEEN, STRUCTURES
from LiverAILib.imaging.files import read_image
from LiverAILib.imaging.geometry import resample, to_canonical
from LiverAILib.imaging.image import Image
from LiverAILib.segmentation.mask_plausibility import plausibility_warnings


@pytest.fixture
def body() -> tuple[Image, np.ndarray]:
    """A canonical CT: a body of fat and muscle with an even liver on the right and a spleen on the left, and their labels."""
    values = np.full((30, 60, 80), -1000.0, np.float32)
    k, j, i = np.indices(values.shape)
    inside = ((j - 30) / 25) ** 2 + ((i - 40) / 36) ** 2 < 1
    values[inside] = np.where((i // 4 + j // 4 + k // 4) % 2, -90, 60)[inside]
    labels = np.zeros(values.shape, np.uint8)
    labels[((k - 11) / 9) ** 2 + ((j - 26) / 14) ** 2 + ((i - 24) / 14) ** 2 < 1] = LIVER.label
    labels[((k - 18) / 6) ** 2 + ((j - 38) / 7) ** 2 + ((i - 62) / 8) ** 2 < 1] = SPLEEN.label
    values[labels > 0] = 100
    values += np.random.default_rng(0).normal(0, 8, values.shape)
    return Image(values, (4.0, 4.0, 5.0), modality="CT"), labels


def codes(labels: np.ndarray, canonical: Image, given=(LIVER,)) -> list[str]:
    return [warning.code for warning in plausibility_warnings(labels, canonical, given)]


def test_true_masks_say_nothing_and_mirrored_ones_are_told(body):
    image, labels = body
    assert codes(labels, image, (LIVER, SPLEEN)) == []
    assert codes(labels[:, :, ::-1], image, (LIVER, SPLEEN)) == ["mask_flipped", "mask_on_wrong_side"]


@pytest.mark.parametrize("axes", [(0,), (1,), (1, 2)])
def test_other_flips_are_told(body, axes):
    image, labels = body
    assert codes(np.flip(labels, axes), image) == ["mask_flipped"]


def test_situs_inversus_or_a_mirrored_image_is_named_as_that(body):
    image, labels = body
    mirrored = image.with_array(np.ascontiguousarray(image.array[:, :, ::-1]))
    (warning,) = plausibility_warnings(labels[:, :, ::-1], mirrored, (LIVER,))
    assert warning.code == "mask_on_wrong_side"
    assert "situs inversus" in warning.text


def test_a_mask_on_fat_and_liver_is_told(body):
    image, labels = body
    assert codes(np.roll(labels, 12, axis=2), image) == ["mask_on_other_tissue"]


def test_a_single_slice_says_nothing(body):
    image, labels = body
    one = Image(image.array[15:16], image.spacing, modality="CT")
    assert codes(labels[15:16, :, ::-1], one) == []


@pytest.mark.slow
def test_true_masks_of_real_scans_say_nothing_and_mirrored_ones_do(data_folder):
    """CHAOS MR with four organs: no false alarm in 14, every mirrored mask is found."""
    files = sorted((data_folder / "mr_t2_chaos").glob("image_*.nii.gz"))
    assert len(files) == 14
    for file in files:
        image = read_image(file)
        labels = read_image(file.with_name(file.name.replace("image", "label")), constant_allowed=True)
        labels = resample(labels.with_array(labels.array.astype(np.uint8)), image, nearest=True)
        canonical, order = to_canonical(image)
        canonical = canonical.with_array(canonical.array, modality="MR")
        own = order.apply(labels.array)
        organs = tuple(STRUCTURES.values())
        assert codes(own, canonical, organs) == [], file
        assert codes(own[:, :, ::-1], canonical, organs) == ["mask_flipped", *["mask_on_wrong_side"] * 3], file
