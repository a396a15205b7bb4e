"""Masks, label maps and probability maps without segments: every type of number, and what is refused."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from LiverAILib.data.masks import MASK_SOURCE, read_mask, split_choice, united
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import write_image
from LiverAILib.imaging.geometry import to_sitk
from LiverAILib.imaging.image import Image
from Testing.data.masks.files import box


@pytest.fixture
def inside(oblique_image) -> np.ndarray:
    return box(oblique_image, (2, 5), (2, 6), (1, 5))


@pytest.fixture
def save(tmp_path, oblique_image):
    """Saves an array with the geometry of the image by SimpleITK."""

    def write(array: np.ndarray, name: str = "mask.nii.gz"):
        itk = sitk.GetImageFromArray(array)
        itk.CopyInformation(to_sitk(oblique_image))
        sitk.WriteImage(itk, str(tmp_path / name))
        return tmp_path / name

    return write


def read(path, image, structure="liver", **options) -> Image:
    return read_mask(path, structure, reference=image, **options)


def refused(path, image, structure="liver", **options) -> str:
    with pytest.raises(UserError) as error:
        read(path, image, structure, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "i4", "i8", "f4", "f8"])
@pytest.mark.parametrize("value", [1, 100])
@pytest.mark.parametrize("name", ["mask.nii.gz", "mask.nrrd", "mask.mha"])
def test_one_value_beside_0_is_a_mask_whatever_its_type(save, inside, oblique_image, dtype, value, name):
    mask = read(save((inside * value).astype(dtype), name), oblique_image)
    assert mask.array.dtype == np.uint8
    np.testing.assert_array_equal(mask.array, inside)
    assert mask.same_geometry(oblique_image)
    assert mask.read_warnings == ()
    assert mask.meta[MASK_SOURCE] == f"label {value} (the only label)"


def test_255_and_minus_1_and_scaled_floats_are_masks(save, inside, oblique_image):
    for array in (inside * 255, inside.astype(np.int8) * -1, inside.astype(np.float32) * 0.9997):
        np.testing.assert_array_equal(read(save(array), oblique_image).array, inside)


def test_labels_without_a_choice_are_listed_with_their_volumes(save, inside, oblique_image):
    labels = inside.copy()
    labels[0, :3, :2] = 4
    message = refused(save(labels), oblique_image)
    voxel_ml = 0.8 * 1.3 * 5 / 1000
    assert f"label 1 ({48 * voxel_ml:.4g} mL), label 4 ({6 * voxel_ml:.4g} mL)" in message
    assert "FILE#LABEL" in message
    for structure, label, count in (("liver", 1, 48), ("spleen", 4, 6)):
        mask = read(f"{save(labels)}#{label}", oblique_image, structure)
        assert mask.array.sum() == count
        assert mask.meta[MASK_SOURCE] == f"label {label} (chosen by the user)"


def test_a_label_that_is_not_there_and_a_word_for_a_label_are_refused(save, inside, oblique_image):
    path = save(inside + 3 * box(oblique_image, (5, 6), (2, 6), (1, 5)))  # labels 1 and 3
    assert "no voxel has the label 999. The file has label 1" in refused(f"{path}#999", oblique_image)
    assert "no voxel has the label 2. The file has label 1" in refused(f"{path}#2", oblique_image)
    message = refused(f"{path}#liver", oblique_image)
    assert "mask.nii.gz#liver: the file has no names" in message
    assert "nothing behind the '#'" in refused(f"{path}#", oblique_image)
    absent = read(f"{path}#999", oblique_image, "lesions", empty_allowed=True)
    assert not absent.array.any()
    assert absent.read_warnings[0][0] == "mask_label_absent"


def test_an_empty_mask_is_called_empty(save, inside, oblique_image):
    path = save(inside * 0)
    assert "the mask of the liver is empty" in refused(path, oblique_image)
    empty = read(path, oblique_image, "evidence", empty_allowed=True)
    assert not empty.array.any()
    assert empty.same_geometry(oblique_image)
    color = oblique_image.with_array(np.stack([oblique_image.array] * 3, 3))
    assert read(path, color, "evidence", empty_allowed=True).array.shape == inside.shape


def test_a_probability_map_has_a_stated_threshold(save, inside, oblique_image):
    soft = inside * 0.5 + box(oblique_image, (2, 5), (2, 6), (5, 8)) * 0.499
    soft[0, 0, 0] = 0.01
    mask = read(save(soft.astype(np.float32)), oblique_image)
    np.testing.assert_array_equal(mask.array, inside)
    code, text = mask.read_warnings[0]
    assert code == "mask_from_probabilities"
    assert "at least 0.5" in text
    assert "is empty" in refused(save((soft * 0.9).astype(np.float32)), oblique_image)


def test_what_is_no_mask_is_refused(save, inside, oblique_image):
    image = oblique_image.array
    assert "not whole numbers" in refused(save(image), oblique_image)
    ct = np.random.default_rng(0).integers(-1000, 1000, image.shape).astype(np.int16)
    assert "labels are not negative" in refused(save(ct), oblique_image)
    big = Image(np.resize(np.arange(5000), (20, 20, 20)).astype(np.int32), oblique_image.spacing)
    assert "this is an image, not a mask" in refused(write_image(big, save(image).with_name("big.nrrd")), oblique_image)


def test_nan_counts_as_outside_and_is_told(save, inside, oblique_image):
    array = inside.astype(np.float32)
    array[0] = np.nan
    mask = read(save(array, "mask.nrrd"), oblique_image)
    np.testing.assert_array_equal(mask.array, inside)
    assert any("NaN" in text for _, text in mask.read_warnings)


def test_one_time_point_of_a_4d_file_is_a_mask(tmp_path, inside, oblique_image):
    affine = np.diag([-1.0, -1, 1, 1]) @ oblique_image.index_to_lps
    array = inside.transpose(2, 1, 0)[..., None]
    nibabel.save(nibabel.Nifti1Image(array, affine), tmp_path / "m.nii.gz")
    np.testing.assert_array_equal(read(tmp_path / "m.nii.gz", oblique_image).array, inside)


def test_names_that_totalsegmentator_writes_into_nifti_choose_a_label(tmp_path, inside, oblique_image):
    labels = inside * 5 + box(oblique_image, (5, 7), (2, 6), (1, 5))
    image = nibabel.Nifti1Image(labels.transpose(2, 1, 0), np.diag([-1.0, -1, 1, 1]) @ oblique_image.index_to_lps)
    table = "".join(f'<Label Key="{n}" Red="0"><![CDATA[{name}]]></Label>' for n, name in ((1, "spleen"), (5, "liver")))
    text = f"<CaretExtension><VolumeInformation><LabelTable>{table}</LabelTable></VolumeInformation></CaretExtension>"
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(0, text.encode()))
    nibabel.save(image, tmp_path / "organs.nii.gz")
    np.testing.assert_array_equal(read(tmp_path / "organs.nii.gz", oblique_image).array, inside)
    assert read(tmp_path / "organs.nii.gz", oblique_image, "spleen").array.sum() == 32
    assert "'spleen' (label 1" in refused(tmp_path / "organs.nii.gz", oblique_image, "left_kidney")


def test_the_label_names_of_a_real_totalsegmentator_file(data_folder):
    from LiverAILib.data.masks.nifti_labels import label_names

    names = label_names(data_folder / "totalsegmentator" / "example_seg_mr.nii.gz")
    assert names[1] == "spleen"
    assert names[5] == "liver"


def test_a_color_picture_and_a_folder_of_pictures_are_refused(tmp_path, inside, oblique_image):
    color = sitk.GetImageFromArray(np.stack([inside] * 3, -1), isVector=True)
    sitk.WriteImage(color, str(tmp_path / "color.nrrd"))
    assert "a mask has one label per voxel" in refused(tmp_path / "color.nrrd", oblique_image)
    (tmp_path / "slices").mkdir()
    for k, part in enumerate(inside):
        sitk.WriteImage(sitk.GetImageFromArray(part * 255), str(tmp_path / "slices" / f"{k}.png"))
    assert "pictures (.png), which have no geometry" in refused(tmp_path / "slices", oblique_image)
    (tmp_path / "empty").mkdir()
    assert "the folder is empty" in refused(tmp_path / "empty", oblique_image)


def test_a_hash_may_belong_to_the_path_or_to_the_choice(save, tmp_path, inside, oblique_image):
    labels = inside + box(oblique_image, (5, 7), (2, 6), (1, 5)) * 3
    (tmp_path / "case #12").mkdir()
    path = save(labels, "case #12/m#1.nii.gz")
    assert "label 3" in refused(path, oblique_image)
    np.testing.assert_array_equal(read(f"{path}#1", oblique_image).array, inside)
    assert "no such file" in refused(tmp_path / "case #12" / "other.nii.gz#1", oblique_image)


def test_a_path_that_begins_with_a_hash_has_no_choice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert split_choice("#liver") == (Path("#liver"), None)
    (tmp_path / "m.nrrd").touch()
    assert split_choice("m.nrrd#1") == (Path("m.nrrd"), "1")
    assert split_choice("m.nrrd#a#b") == (Path("m.nrrd"), "a#b")
    assert split_choice("n.nrrd#1") == (Path("n.nrrd#1"), None)


@pytest.mark.parametrize(
    ("labels", "listed", "hint"),
    [(12, "", False), (13, "and 1 more", False), (50, "and 38 more", False), (51, "", True)],
)
def test_a_long_list_of_labels_is_cut_and_a_very_long_one_is_suspected(save, oblique_image, labels, listed, hint):
    array = np.zeros(oblique_image.array.shape, np.uint8)
    array.ravel()[:labels] = np.arange(labels) + 1
    message = refused(save(array), oblique_image)
    assert f"a label map of {labels} labels" in message
    assert listed in message
    assert ("more" in message) == (labels > 12)
    assert ("or an image" in message) == hint


def test_a_label_is_absent_only_where_no_voxel_has_it(save, inside, oblique_image):
    path = save(inside + 3 * box(oblique_image, (5, 6), (2, 6), (1, 5)))  # labels 1 and 3
    for label in (0, 2, 4):
        absent = read(f"{path}#{label}", oblique_image, "lesions", empty_allowed=True)
        assert not absent.array.any()
        assert absent.meta[MASK_SOURCE] == "empty"
    for label in (1, 3):
        assert read(f"{path}#{label}", oblique_image, "lesions", empty_allowed=True).array.any()
    assert "chooses no label" in refused(f"{path}#lesions", oblique_image, "lesions", empty_allowed=True)
    assert "which label is the lesions" in refused(path, oblique_image, "lesions", empty_allowed=True)


def test_a_mask_between_the_voxels_of_the_image_is_refused(tmp_path, oblique_image):
    """One fine voxel lies in the image, but at no center of a voxel of it."""
    array = np.zeros((9, 9, 9), np.uint8)
    array[4, 4, 1] = 1
    center = (oblique_image.index_to_lps @ [4, 4, 3, 1])[:3]
    fine = Image(array, (0.1, 0.1, 0.1), tuple(center), oblique_image.direction)
    path = write_image(fine, tmp_path / "fine.nrrd")
    assert "between whose voxels the mask falls" in refused(path, oblique_image)


def test_masks_of_one_grid_are_united_with_what_was_said_of_each(oblique_image, inside):
    other = box(oblique_image, (5, 7), (2, 6), (1, 5))
    masks = [
        Image(array, oblique_image.spacing, meta={MASK_SOURCE: source, "path": source}).with_read_warning(
            source, "text"
        )
        for array, source in ((inside, "one"), (other, "two"))
    ]
    assert united(masks[:1]) is masks[0]
    both = united(masks)
    np.testing.assert_array_equal(both.array, inside | other)
    assert both.meta[MASK_SOURCE] == "one; two"
    assert both.meta["path"] == "one"
    assert [code for code, _ in both.read_warnings] == ["one", "two"]


def test_a_folder_that_holds_folders_is_not_called_empty(tmp_path, oblique_image):
    (tmp_path / "export" / "series").mkdir(parents=True)
    (tmp_path / "export" / "series" / "notes.txt").write_text("x")
    assert "is empty" not in refused(tmp_path / "export", oblique_image)


def test_a_picture_among_other_files_does_not_make_a_folder_of_pictures(tmp_path, oblique_image):
    for name in ("a.png", "notes.txt", ".hidden"):
        (tmp_path / name).write_bytes(b"x")
    assert "pictures" not in refused(tmp_path, oblique_image)
    (tmp_path / "notes.txt").unlink()
    assert "a folder of 1 pictures (.png)" in refused(tmp_path, oblique_image)


def test_where_all_but_the_mask_is_not_a_number_only_the_mask_is_inside(save, inside, oblique_image):
    """In an image such voxels get its lowest value, which would be that of the mask here."""
    array = np.where(inside > 0, np.float32(1), np.float32(np.nan))
    np.testing.assert_array_equal(read(save(array, "mask.nrrd"), oblique_image).array, inside)
