"""Lobes from the Couinaud segments of TotalSegmentator: one file with a label table, or a file a segment."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from LiverAILib.data.masks import read_mask
from LiverAILib.data.masks.segment_choice import CodedTerm, SegmentName, Terminology
from LiverAILib.data.masks.segment_union import PARTS_OF
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import READ_WARNINGS, Image

SHAPE = (6, 24, 24)
IMAGE = Image(np.zeros(SHAPE, np.int16))
LOBES = {"caudate": (1,), "left_lobe": (2, 3, 4), "right_lobe": (5, 6, 7, 8)}
"""Couinaud segments of each lobe (Couinaud 1957; segment 4 belongs to the left lobe)."""


def segments() -> np.ndarray:
    """Label maps (k, j, i) of eight blocks, segment n in columns 2n to 2n + 1; the last slice holds segment 1 only."""
    labels = np.zeros(SHAPE, np.uint8)
    for number in range(1, 9):
        labels[1:5, 5:15, 2 * number : 2 * number + 2] = number
    labels[5, 5:9, 2:4] = 1
    return labels


def save(path: Path, labels: np.ndarray, names: dict[int, str] | None = None) -> Path:
    """A NIfTI file as TotalSegmentator writes it, with the label names in the header if given."""
    image = nibabel.Nifti1Image(labels.transpose(2, 1, 0), np.diag([-1.0, -1.0, 1.0, 1.0]))
    if names:
        table = "".join(f'<Label Key="{key}"><![CDATA[{name}]]></Label>' for key, name in names.items())
        text = (
            f"<CaretExtension><VolumeInformation><LabelTable>{table}</LabelTable></VolumeInformation></CaretExtension>"
        )
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(0, text.encode()))
    nibabel.save(image, path)
    return path


def named(path: Path, labels: np.ndarray | None = None, numbers=range(1, 9)) -> Path:
    return save(path, segments() if labels is None else labels, {n: f"liver_segment_{n}" for n in numbers})


@pytest.mark.parametrize("lobe", LOBES)
def test_a_lobe_is_the_union_of_its_segments_in_one_file(tmp_path, lobe):
    mask = read_mask(named(tmp_path / "liver_segments.nii.gz"), lobe, reference=IMAGE)
    assert np.array_equal(mask.array > 0, np.isin(segments(), LOBES[lobe]))
    assert "liver_segment_" in mask.meta["mask_source"]
    assert not mask.meta.get(READ_WARNINGS)


@pytest.mark.parametrize("lobe", LOBES)
def test_a_lobe_is_the_union_of_its_segments_in_a_folder(tmp_path, lobe):
    for number in range(1, 9):
        save(tmp_path / f"liver_segment_{number}.nii.gz", (segments() == number).astype(np.uint8))
    mask = read_mask(tmp_path, lobe, reference=IMAGE)
    assert np.array_equal(mask.array > 0, np.isin(segments(), LOBES[lobe]))


def test_other_structures_are_found_by_their_file_in_a_folder(tmp_path):
    save(tmp_path / "stomach.nii.gz", (segments() == 3).astype(np.uint8))
    save(tmp_path / "autochthon_left.nii.gz", (segments() == 1).astype(np.uint8))
    save(tmp_path / "autochthon_right.nii.gz", (segments() == 2).astype(np.uint8))
    assert np.array_equal(read_mask(tmp_path, "stomach", reference=IMAGE).array > 0, segments() == 3)
    muscle = read_mask(tmp_path, "spinal_muscle", reference=IMAGE).array > 0
    assert np.array_equal(muscle, np.isin(segments(), (1, 2)))


def test_lobe_masks_of_other_tools_are_taken_as_they_are(tmp_path):
    """A segment that is called the lobe comes before its parts."""
    file = save(tmp_path / "lobes.nii.gz", segments(), {7: "Right lobe", 5: "liver_segment_5"})
    assert np.array_equal(read_mask(file, "right_lobe", reference=IMAGE).array > 0, segments() == 7)


def test_labels_without_names_are_joined_by_the_user(tmp_path):
    file = save(tmp_path / "labels.nii.gz", segments())
    mask = read_mask(f"{file}#5+6+7+8", "right_lobe", reference=IMAGE)
    assert np.array_equal(mask.array > 0, np.isin(segments(), (5, 6, 7, 8)))
    with pytest.raises(UserError, match="a label map of 8 labels"):
        read_mask(file, "right_lobe", reference=IMAGE)
    with pytest.raises(UserError, match="no voxel has the label 9"):
        read_mask(f"{file}#5+9", "right_lobe", reference=IMAGE)


def test_missing_segments_are_a_warning(tmp_path):
    labels = np.where(segments() == 6, 0, segments())
    mask = read_mask(named(tmp_path / "a.nii.gz", labels), "right_lobe", reference=IMAGE)
    (warning,) = mask.meta[READ_WARNINGS]
    assert warning[0] == "mask_parts_missing"
    assert "liver segment 6 is not there" in warning[1]


def test_a_segment_outside_of_the_image_does_no_harm_but_a_lobe_does(tmp_path):
    """The image is the one slice that only segment 1 reaches, or lies where no segment does."""
    file = named(tmp_path / "a.nii.gz")
    slice_5 = Image(np.zeros((1, 24, 24), np.int16), origin=(0.0, 0.0, 5.0))
    assert read_mask(file, "caudate", reference=slice_5).array.sum() == 8
    with pytest.raises(UserError, match="nothing of the right lobe lies in the image"):
        read_mask(file, "right_lobe", reference=slice_5, empty_allowed=True)


def test_segments_are_known_by_their_codes_and_roman_numbers():
    coded = SegmentName("1", "S5", Terminology(CodedTerm("SCT", "277959000", "Couinaud hepatic segment V")))
    roman = SegmentName("2", "Couinaud segment VIII")
    other = SegmentName("3", "liver segment 4")
    assert [[part.is_segment(one) for part in PARTS_OF["right_lobe"]].count(True) for one in (coded, roman, other)] == [
        1, 1, 0,
    ]  # fmt: skip
