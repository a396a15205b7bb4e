"""The cohort manifest: what is read, and every fault named by row and column."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from LiverAILib.data.cohort import read_cohort
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import write_image
from LiverAILib.imaging.image import Image

HEADER = "case_id,patient_id,split,stage,image:t2,mask:liver,age_years\n"


@pytest.fixture
def folder(tmp_path):
    labels = np.zeros((3, 8, 8), np.uint8)
    labels[1, 2:5, 2:6] = 3
    write_image(Image(labels + 10.0 * np.random.default_rng(0).random(labels.shape)), tmp_path / "a.nii.gz")
    write_image(Image(labels), tmp_path / "m.nrrd")
    return tmp_path


def write(folder, *lines: str, header: str = HEADER):
    path = folder / "manifest.csv"
    path.write_text(header + "\n".join(lines) + "\n")
    return path


def test_a_row_holds_its_files_label_and_covariates(folder):
    cohort = read_cohort(write(folder, "c1,p1,train,4,a.nii.gz,m.nrrd#3,61", "c2,p2,test,0,a.nii.gz,m.nrrd,"))
    first, second = cohort
    assert (first.case_id, first.patient_id, first.split, first.stage) == ("c1", "p1", "train", 4)
    assert first.covariates == {"age_years": "61"}
    assert second.covariates == {}
    image = first.read_image("t2", "MR")
    assert image.modality == "MR"
    assert first.read_mask("liver", image).sum() == 12
    assert [row.case_id for row in cohort.split("test")] == ["c2"]


def test_a_slice_a_group_and_a_fold_are_no_covariates(folder):
    header = HEADER.strip() + ",slice,group_id,fold\n"
    first, second = read_cohort(
        write(
            folder,
            "c1,p1,train,4,a.nii.gz,,61,2,g,3",
            "c2,p2,train,0,a.nii.gz,,,,,",
            header=header,
        )
    )
    assert (first.slice_index, first.group, first.fold) == (2, "g", "3")
    assert (second.slice_index, second.group, second.fold) == (None, "p2", "")
    assert first.covariates == {"age_years": "61"}


def test_faults_of_groups_folds_and_slices_are_named(folder):
    header = HEADER.strip() + ",slice,group_id,fold\n"
    path = write(
        folder,
        "c1,p1,train,4,a.nii.gz,,,-1,g,1",
        "c2,p2,test,4,a.nii.gz,,,,g,2",
        "c3,p2,test,4,a.nii.gz,,,,h,",
        header=header,
    )
    with pytest.raises(UserError) as error:
        read_cohort(path)
    for fault in (
        "line 2, column slice: '-1' is no slice number; slices are counted from 0",
        "line 3, column split: group 'g' is in 'train' and 'test'; a group belongs to one split",
        "line 3, column fold: group 'g' is in '1' and '2'; a group belongs to one fold",
        "line 4, column group_id: patient 'p2' is in 'g' and 'h'; a patient belongs to one group",
    ):
        assert fault in str(error.value)


def test_every_fault_is_named_by_line_and_column(folder):
    path = write(
        folder,
        "c1,p1,train,4,a.nii.gz,m.nrrd#3,61",
        "c1,p1,test,9,b.nii.gz,m.nrrd#,",
        ",p3,sometimes,,a.nii.gz,,",
    )
    with pytest.raises(UserError) as error:
        read_cohort(path)
    message = str(error.value)
    for fault in (
        "line 3, column case_id: 'c1' is a duplicate",
        "line 3, column stage: '9' is no stage 0-4",
        "line 3, column image:t2",
        "line 3, column mask:liver: there is nothing behind the '#'",
        "line 3, column split: patient 'p1'",
        "line 4, column case_id: empty",
        "line 4, column split: 'sometimes'",
    ):
        assert fault in message
    assert "\n" not in message


def test_a_patient_on_both_sides_of_a_split_is_refused(folder):
    with pytest.raises(UserError, match="a patient belongs to one split"):
        read_cohort(write(folder, "c1,p1,train,1,a.nii.gz,,", "c2,p1,validation,1,a.nii.gz,,"))


def test_a_manifest_without_its_columns_or_rows_is_refused(folder):
    with pytest.raises(UserError, match="patient_id missing"):
        read_cohort(write(folder, "c1", header="case_id\n"))
    with pytest.raises(UserError, match="no rows"):
        read_cohort(write(folder))
    with pytest.raises(UserError, match="no such manifest"):
        read_cohort(folder / "other.csv")


def test_an_image_that_the_manifest_lacks_is_named(folder):
    row = read_cohort(write(folder, "c1,p1,train,4,a.nii.gz,,")).rows[0]
    with pytest.raises(UserError, match="no image:ct"):
        row.read_image("ct")


def test_masks_are_chosen_as_everywhere_and_only_the_liver_must_be_there(folder):
    """One reader of masks: a label map needs a choice, evidence may be empty."""
    write_image(Image(np.zeros((3, 8, 8), np.uint8)), folder / "none.nrrd")
    header = HEADER.replace("age_years", "mask:evidence")
    first, second = read_cohort(
        write(folder, "c1,p1,,,a.nii.gz,m.nrrd#liver,none.nrrd", "c2,p2,,,a.nii.gz,none.nrrd,", header=header)
    )
    image = first.read_image("t2")
    with pytest.raises(UserError, match=r"m\.nrrd#liver: the file has no names"):
        first.read_mask("liver", image)
    assert not first.read_mask("evidence", image).any()
    with pytest.raises(UserError, match="the mask of the liver is empty"):
        second.read_mask("liver", image)


def test_each_image_of_a_role_has_its_own_mask(folder):
    mask = np.zeros((3, 8, 8), np.uint8)
    mask[2, 1, 1] = 255
    write_image(Image(mask), folder / "second.nrrd")
    header = "case_id,patient_id,image:t2,mask:evidence:t2,mask:liver\n"
    (row,) = read_cohort(write(folder, "c,p,a.nii.gz;a.nii.gz,m.nrrd#3;second.nrrd,m.nrrd#3", header=header))
    image = row.read_image("t2", "MR")
    assert [row.read_role_mask("t2", "evidence", image, number=n).sum() for n in (0, 1)] == [12, 1]
    assert row.read_role_mask("t2", "spleen", image) is None
    assert row.read_role_mask("ct", "evidence", image) is None
    assert list(row.masks) == ["liver"]
    assert [file.name for file in row.files()] == ["a.nii.gz"] * 2 + ["m.nrrd"] * 2 + ["second.nrrd"]


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        ("m.nrrd#3", "column mask:evidence:t2: 1 masks for 2 images; give one for each"),
        ("m.nrrd#3;x.nrrd", "x.nrrd does not exist"),
    ],
)
def test_masks_that_do_not_fit_the_images_of_a_role_are_named(folder, cell, fault):
    header = "case_id,patient_id,image:t2,mask:evidence:t2\n"
    with pytest.raises(UserError, match=fault):
        read_cohort(write(folder, f"c,p,a.nii.gz;a.nii.gz,{cell}", header=header))


def test_a_hash_in_the_name_of_a_mask_file(folder):
    (folder / "m.nrrd").rename(folder / "m#1.nrrd")
    first, second = read_cohort(write(folder, "c1,p1,,,a.nii.gz,m#1.nrrd,", "c2,p2,,,a.nii.gz,m#1.nrrd#3,"))
    for row in (first, second):
        assert row.read_mask("liver", row.read_image("t2")).sum() == 12


def test_a_stage_says_whether_there_is_cirrhosis_and_not_the_other_way_round(folder):
    """A cohort whose largest stage is F1 has no case of cirrhosis, and one of yes and no has no stages."""
    lines = ("c1,p1,train,1,a.nii.gz,,", "c2,p2,train,0,a.nii.gz,,", "c3,p3,train,,a.nii.gz,,")
    stages = read_cohort(write(folder, *lines))
    assert stages.check_labels() == "stage"
    assert [row.stage for row in stages] == [1, 0, None]
    assert [row.cirrhosis for row in stages] == [False, False, None]
    yes_and_no = read_cohort(write(folder, *lines, header=HEADER.replace("stage", "cirrhosis")))
    assert yes_and_no.check_labels() == "cirrhosis"
    assert [row.stage for row in yes_and_no] == [None] * 3
    assert [row.cirrhosis for row in yes_and_no] == [True, False, None]


def test_every_stage_below_4_is_no_cirrhosis(folder):
    lines = [f"c{stage},p{stage},train,{stage},a.nii.gz,," for stage in ("0", "F1", "s2", "F3", "S4")]
    cohort = read_cohort(write(folder, *lines))
    assert [row.stage for row in cohort] == [0, 1, 2, 3, 4]
    assert [row.cirrhosis for row in cohort] == [False, False, False, False, True]


@pytest.mark.parametrize("labels", [("0", "1"), ("0", "4")])
def test_a_label_that_does_not_say_what_it_is_is_not_guessed(folder, labels):
    """Not even where the largest one is no answer to yes or no; what needs no label does not ask."""
    lines = [f"c{n},p{n},train,{label},a.nii.gz,," for n, label in enumerate(labels)]
    path = write(folder, *lines, header=HEADER.replace("stage", "label"))
    cohort = read_cohort(path)
    assert [(row.stage, row.cirrhosis) for row in cohort] == [(None, None)] * 2
    assert "label" not in cohort.rows[0].covariates
    with pytest.raises(
        UserError, match=r"Rename the column to stage .* or cirrhosis .*--labels stage or --labels cirr"
    ):
        cohort.check_labels()
    assert read_cohort(path, labels="stage").rows[1].stage == int(labels[1])


def test_labels_that_contradict_what_they_are_said_to_be_are_refused(folder):
    line = "c1,p1,train,4,a.nii.gz,,"
    for header in ("cirrhosis", "label"):
        path = write(folder, line, header=HEADER.replace("stage", header))
        with pytest.raises(UserError, match=f"line 2, column {header}: '4' is neither 0 nor 1"):
            read_cohort(path, labels="cirrhosis")
    with pytest.raises(UserError, match=r"--labels cirrhosis: the column stage of .* says otherwise"):
        read_cohort(write(folder, line), labels="cirrhosis")
    with pytest.raises(UserError, match="--labels yes: unknown"):
        read_cohort(write(folder, line), labels="yes")
    with pytest.raises(UserError, match="columns stage and cirrhosis: only one"):
        read_cohort(write(folder, line + ",1", header=HEADER.replace("age_years", "age_years,cirrhosis")))


def test_labels_of_another_kind_or_none_are_refused_where_they_are_needed(folder):
    cohort = read_cohort(write(folder, "c1,p1,train,1,a.nii.gz,,", header=HEADER.replace("stage", "cirrhosis")))
    with pytest.raises(UserError, match=r"the labels are cirrhosis \(0 or 1\), but stage \(0-4\) is needed"):
        cohort.check_labels(["stage"])
    with pytest.raises(UserError, match=r"no labels\. Add a column stage \(0-4\) or cirrhosis"):
        read_cohort(write(folder, "c1,p1", header="case_id,patient_id\n")).check_labels()


def test_the_labels_of_a_quantity_are_numbers(folder):
    header = "case_id,patient_id,split,pdff_percent,stage,image:t2\n"
    manifest = write(folder, "c1,p1,train,12.5,2,a.nii.gz", "c2,p2,test,,,a.nii.gz", header=header)
    cohort = read_cohort(manifest, quantity="pdff_percent")
    first, second = cohort
    assert (first.value, first.label, second.value) == (12.5, None, None)
    assert first.covariates == {"stage": "2"}
    assert cohort.check_labels(("pdff_percent",)) == "pdff_percent"
    cohort.check_labeled("train")
    with pytest.raises(UserError, match=r"case c2: no label in the manifest\. Fill the column pdff_percent"):
        cohort.check_labeled("train", "test")
    with pytest.raises(UserError, match=r"the labels are pdff_percent \(a number\), but stage"):
        cohort.check_labels()
    with pytest.raises(UserError, match=r"no labels. Add a column fat \(a number\)"):
        read_cohort(manifest, quantity="fat").check_labels(("fat",))


def test_a_value_that_is_no_number_is_named_by_line_and_column(folder):
    manifest = write(folder, "c1,p1,nan", "c2,p2,5 %", header="case_id,patient_id,pdff_percent\n")
    with pytest.raises(UserError, match="line 2, column pdff_percent: 'nan' is no number; line 3, column pdff_percent"):
        read_cohort(manifest, quantity="pdff_percent")


def test_faults_are_counted_and_the_first_twenty_of_them_shown(folder):
    def message(count: int) -> str:
        lines = [f"c{n},p{n},,7,a.nii.gz,," for n in range(count)]
        with pytest.raises(UserError) as error:
            read_cohort(write(folder, *lines))
        return str(error.value)

    assert "manifest.csv: 1 fault. line 2, column stage" in message(1)
    assert "2 faults. " in message(2)
    assert "line 21, column stage" in message(20)
    assert "more" not in message(20)
    assert message(21).endswith("; and 1 more")
    assert message(25).endswith("line 21, column stage: '7' is no stage 0-4; and 5 more")


def test_a_mask_that_does_not_exist_is_named(folder):
    with pytest.raises(UserError, match=r"1 fault\. line 2, column mask:liver: .*gone\.nrrd#3 does not exist"):
        read_cohort(write(folder, "c1,p1,train,1,a.nii.gz,gone.nrrd#3,"))


def test_of_several_files_of_a_role_only_the_first_is_read_where_one_is_asked_for(folder):
    (folder / "damaged.nii.gz").write_bytes(b"no image")
    row = read_cohort(write(folder, "c1,p1,train,1,a.nii.gz; damaged.nii.gz,,")).rows[0]
    assert row.read_image("t2", "MR").modality == "MR"
    with pytest.raises(UserError, match=r"damaged\.nii\.gz"):
        row.read_images("t2")


def test_the_files_of_a_cohort_are_its_manifest_images_and_masks(folder):
    cohort = read_cohort(write(folder, "c1,p1,train,1,a.nii.gz,m.nrrd#3,", "c2,p2,,,,,"))
    assert len(cohort) == 2
    assert cohort.files() == [folder / "manifest.csv", folder / "a.nii.gz", folder / "m.nrrd"]
    assert cohort.rows[1].files() == []


def test_a_quantity_needs_no_option_that_says_what_the_labels_are(folder):
    manifest = write(folder, "c1,p1,12.5", header="case_id,patient_id,pdff_percent\n")
    with pytest.raises(UserError, match=r"--labels stage: the labels are numbers, column pdff_percent"):
        read_cohort(manifest, quantity="pdff_percent", labels="stage")


@pytest.mark.parametrize(
    ("unlabeled", "named"), [(1, "case c1: no label"), (2, "case c1 and 1 more: no label"), (4, "and 3 more")]
)
def test_cases_without_a_label_are_counted(folder, unlabeled, named):
    lines = [f"c{n},p{n},train,,a.nii.gz,," for n in range(1, unlabeled + 1)]
    cohort = read_cohort(write(folder, "c0,p0,train,1,a.nii.gz,,", *lines))
    cohort.check_labeled("validation")
    with pytest.raises(UserError, match=named):
        cohort.check_labeled("train")


def test_whoever_wants_to_know_is_told_of_every_image_that_is_read(folder):
    row = read_cohort(write(folder, "c1,p1,train,1,a.nii.gz;a.nii.gz,,")).rows[0]
    told = []
    images = replace(row, on_read=lambda path, image: told.append((path, image))).read_images("t2", "MR")
    assert [path for path, _ in told] == [folder / "a.nii.gz"] * 2
    for (_, seen), image in zip(told, images, strict=True):
        assert (seen.modality, image.modality) == (None, "MR")  # as it was read
