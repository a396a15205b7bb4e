"""Names of bare label maps: nnU-Net's dataset.json, TotalSegmentator's tasks, JSON files; a map without names stays refused."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from LiverAILib.data.case import Case
from LiverAILib.data.masks import MASK_SOURCE, read_mask, stated_names
from LiverAILib.data.masks.nifti_labels import label_names
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import write_image
from LiverAILib.imaging.geometry import to_sitk
from Testing.data.masks.files import box


@pytest.fixture
def liver(oblique_image) -> np.ndarray:
    return box(oblique_image, (2, 5), (2, 6), (1, 5))


@pytest.fixture
def other(oblique_image) -> np.ndarray:
    return box(oblique_image, (5, 7), (2, 6), (1, 5))


@pytest.fixture
def save(tmp_path, oblique_image):
    def write(array: np.ndarray, name: str = "case.nii.gz") -> Path:
        itk = sitk.GetImageFromArray(array)
        itk.CopyInformation(to_sitk(oblique_image))
        (tmp_path / name).parent.mkdir(exist_ok=True)
        sitk.WriteImage(itk, str(tmp_path / name))
        return tmp_path / name

    return write


NNUNET = {
    "channel_names": {"0": "CT"},
    "labels": {"background": 0, "spleen": 1, "liver": 7},
    "numTraining": 3,
    "file_ending": ".nii.gz",
}


@pytest.mark.parametrize(
    ("labels", "place"),
    [
        (NNUNET["labels"], "case.nii.gz"),
        ({"0": "background", "1": "spleen", "7": "liver"}, "case.nii.gz"),
        (NNUNET["labels"], "labelsTr/case.nii.gz"),
    ],
    ids=["version 2", "version 1", "training labels"],
)
def test_nnunet_names_its_labels_in_dataset_json(save, tmp_path, oblique_image, liver, other, labels, place):
    path = save(liver * np.uint8(7) + other, place)
    (tmp_path / "dataset.json").write_text(json.dumps({**NNUNET, "labels": labels}))
    for name, inside in (("liver", liver), ("spleen", other)):
        mask = read_mask(path, name, reference=oblique_image)
        np.testing.assert_array_equal(mask.array, inside)
        assert mask.meta[MASK_SOURCE] == f"segment '{name}' (its name, names from dataset.json)"
    np.testing.assert_array_equal(read_mask(f"{path}#7", "liver", reference=oblique_image).array, liver)
    with pytest.raises(UserError, match=r"left kidney.*'spleen' \(label 1, .* mL\)"):
        read_mask(path, "left_kidney", reference=oblique_image)


def test_a_region_of_nnunet_is_the_union_of_its_labels(save, tmp_path, oblique_image, liver, other):
    path = save(liver + other * np.uint8(2))
    regions = {"background": 0, "liver": [1, 2], "liver_tumor": 2}
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": regions}))
    np.testing.assert_array_equal(read_mask(path, "liver", reference=oblique_image).array, liver | other)
    np.testing.assert_array_equal(read_mask(path, "lesions", reference=oblique_image).array, other)
    np.testing.assert_array_equal(read_mask(f"{path}#1", "liver", reference=oblique_image).array, liver)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not json",
        "[1, 2]",
        '{"labels": [1, 2]}',
        '{"labels": {"liver": {"a": 1}}}',
        '{"labels": "liver"}',
        "[" * 5000,
    ],
)
def test_a_dataset_json_of_something_else_gives_no_names(save, tmp_path, oblique_image, liver, other, content):
    path = save(liver * np.uint8(5) + other)
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(UserError, match="a label map of 2 labels: which label is the liver"):
        read_mask(path, "liver", reference=oblique_image)


def test_totalsegmentator_names_a_bare_label_map_only_where_the_user_says_so(
    save, tmp_path, oblique_image, liver, other
):
    path = save(liver * np.uint8(5) + other * np.uint8(2))
    write_image(oblique_image, tmp_path / "scan.nii.gz")
    with pytest.raises(UserError, match="which label is the liver"):
        Case.from_file(tmp_path / "scan.nii.gz", liver_mask=path)
    case = Case.from_file(
        tmp_path / "scan.nii.gz", liver_mask=path, masks={"right_kidney": [path]}, label_names="totalsegmentator"
    )
    np.testing.assert_array_equal(case.masks["liver"].array, liver)
    np.testing.assert_array_equal(case.masks["right_kidney"].array, other)
    assert "names from TotalSegmentator's task total" in case.masks["liver"].meta[MASK_SOURCE]


def test_couinaud_segments_of_a_bare_map_become_lobes(save, oblique_image, liver, other):
    path = save(liver * np.uint8(1) + other * np.uint8(6))
    names = stated_names("totalsegmentator:liver_segments")
    np.testing.assert_array_equal(read_mask(path, "caudate", reference=oblique_image, label_names=names).array, liver)
    right = read_mask(path, "right_lobe", reference=oblique_image, label_names=names)
    np.testing.assert_array_equal(right.array, other)
    assert "mask_parts_missing" in dict(right.read_warnings)


def test_a_label_that_the_task_does_not_have_is_refused(save, oblique_image, liver, other):
    path = save(liver * np.uint8(5) + other * np.uint8(130))
    with pytest.raises(
        UserError, match=r"has the label 130, which TotalSegmentator's task total does not have \(1 to 117\)"
    ):
        read_mask(path, "liver", reference=oblique_image, label_names=stated_names("totalsegmentator"))


@pytest.mark.parametrize("names", [{"liver": 3, "spleen": 4}, {"3": "liver", "4": "spleen"}, {"labels": {"liver": 3}}])
def test_a_json_file_names_labels(save, tmp_path, oblique_image, liver, other, names):
    path = save(liver * np.uint8(3) + other * np.uint8(4))
    (tmp_path / "names.json").write_text(json.dumps(names))
    mask = read_mask(path, "liver", reference=oblique_image, label_names=stated_names(tmp_path / "names.json"))
    np.testing.assert_array_equal(mask.array, liver)


def test_names_in_the_file_itself_come_first(tmp_path, oblique_image, liver):
    image = nibabel.Nifti1Image((liver * 9).transpose(2, 1, 0), np.diag([-1.0, -1, 1, 1]) @ oblique_image.index_to_lps)
    table = '<Label Key="9" Red="0"><![CDATA[liver]]></Label>'
    text = f"<CaretExtension><VolumeInformation><LabelTable>{table}</LabelTable></VolumeInformation></CaretExtension>"
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(0, text.encode()))
    nibabel.save(image, tmp_path / "a.nii.gz")
    (tmp_path / "dataset.json").write_text('{"labels": {"spleen": 9}}')
    mask = read_mask(
        tmp_path / "a.nii.gz", "liver", reference=oblique_image, label_names=stated_names("totalsegmentator")
    )
    np.testing.assert_array_equal(mask.array, liver)


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ("nosuch", "no such file"),
        ("totalsegmentator:heart", "no known task"),
        ("{folder}/bad.json", "holds no names of labels"),
    ],
)
def test_wrong_choices_are_refused(tmp_path, choice, reason):
    (tmp_path / "bad.json").write_text('{"labels": 3}')
    with pytest.raises(UserError, match=reason) as error:
        stated_names(choice.format(folder=tmp_path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("file", "task"), [("example_seg_fast.nii.gz", "total"), ("example_seg_mr.nii.gz", "total_mr")]
)
def test_the_lists_are_those_that_totalsegmentator_writes(data_folder, file, task):
    written = label_names(data_folder / "totalsegmentator" / file)
    named = {labels[0]: name for name, labels in stated_names(f"totalsegmentator:{task}").labels.items()}
    assert named == written


def test_organs_of_monai_auto3dseg_are_found_by_code_and_by_name(tmp_path, oblique_image, liver, other):
    """Its terminology has the codes of Slicer's; a segment whose code is not known keeps the name of the label."""
    from Testing.data.masks.files import LIVER_CODE, entry, write_with_slicer

    segments = [("liver", liver), ("kidney right", other)]
    path = write_with_slicer(tmp_path / "m.seg.nrrd", oblique_image, segments, entries={"liver": entry(LIVER_CODE)})
    np.testing.assert_array_equal(read_mask(path, "liver", reference=oblique_image).array, liver)
    np.testing.assert_array_equal(read_mask(path, "right_kidney", reference=oblique_image).array, other)
