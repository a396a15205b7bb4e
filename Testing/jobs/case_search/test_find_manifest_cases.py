"""The rows of a manifest as cases, and the manifests that are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from LiverAILib.errors import UserError
from LiverAILib.imaging.files import write_image
from Testing.jobs.case_search.case_files import SHAPE, find, image, names, write


def manifest(folder: Path, *rows: str) -> Path:
    write(folder / "a.nii.gz", folder / "b.nii.gz")
    inside = np.zeros(SHAPE, np.uint8)
    inside[1:3, 3:9, 4:12] = 1
    write_image(image().with_array(inside), folder / "m.nrrd")
    path = folder / "cohort.csv"
    path.write_text("\n".join(("case_id,patient_id,image:t2,mask:liver,age_years", *rows)) + "\n")
    return path


def test_rows_of_a_manifest_are_its_cases(tmp_path):
    found = find(manifest(tmp_path, "x/1,p1,a.nii.gz,m.nrrd,54", "CON,p2,b.nii.gz,,", "c,p3,,,"))
    assert [(case.case_id, case.file, case.folder) for case in found.cases] == [
        ("x/1", "a.nii.gz", "x%2F1"),
        ("CON", "b.nii.gz", "%43ON"),
        ("c", "cohort.csv", "c"),
    ]
    case = found.cases[0].read()
    assert case.covariates == {"age_years": "54"}
    assert set(case.masks) == {"liver"}


def test_an_image_of_two_patients_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"a.nii.gz belongs to patient p1 \(case 1\) and to patient p2 \(case 2\)"):
        find(manifest(tmp_path, "1,p1,a.nii.gz,,", "2,p2,./a.nii.gz,,"))


def test_two_rows_with_the_same_everything_are_refused_and_with_another_mask_or_value_not(tmp_path):
    with pytest.raises(UserError, match="cases 1 and 2 have the same images, masks and covariates"):
        find(manifest(tmp_path, "1,p1,a.nii.gz,m.nrrd,54", "2,p1,a.nii.gz,m.nrrd,54"))
    rows = ("1,p1,a.nii.gz,m.nrrd,54", "2,p1,a.nii.gz,,54", "3,p1,a.nii.gz,m.nrrd,55")
    assert names(find(manifest(tmp_path, *rows))) == ["1", "2", "3"]


def test_masks_are_not_named_twice(tmp_path):
    with pytest.raises(UserError, match="the manifest names the masks"):
        find(manifest(tmp_path, "1,p1,a.nii.gz,,"), masks=tmp_path)


@pytest.mark.parametrize("name", ["cohort.xls", "cohort.ODS"])
def test_a_manifest_is_no_spreadsheet(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(UserError, match="a spreadsheet"):
        find(tmp_path / name)


def test_a_manifest_may_be_named_in_capitals(tmp_path):
    path = manifest(tmp_path, "1,p1,a.nii.gz,,")
    assert names(find(path.rename(tmp_path / "COHORT.CSV"))) == ["1"]


def test_a_manifest_of_another_role_is_refused(tmp_path):
    path = manifest(tmp_path, "1,p1,a.nii.gz,,")
    path.write_text(path.read_text().replace("image:t2", "image:ct"))
    with pytest.raises(UserError, match="no column image:t2, which the model needs"):
        find(path)


def test_several_images_of_a_role_belong_to_one_patient_each(tmp_path):
    with pytest.raises(UserError, match=r"a\.nii\.gz belongs to patient p1 \(case 1\) and to patient p2 \(case 2\)"):
        find(manifest(tmp_path, "1,p1,b.nii.gz;a.nii.gz,,", "2,p2,a.nii.gz,,"))
    found = find(manifest(tmp_path, "1,p1,b.nii.gz;a.nii.gz,,", "2,p1,a.nii.gz,,"))
    assert found.cases[0].paths == (tmp_path / "b.nii.gz", tmp_path / "a.nii.gz")
    assert found.cases[0].file == "b.nii.gz"


def test_rows_of_one_patient_without_an_image_are_no_copies_of_each_other(tmp_path):
    assert names(find(manifest(tmp_path, "1,p1,a.nii.gz,,", "2,p1,,,", "3,p1,,,"))) == ["1", "2", "3"]


def test_an_image_elsewhere_is_named_without_its_folder(tmp_path):
    write(tmp_path / "scans" / "x.nii.gz")
    (tmp_path / "lists").mkdir()
    path = manifest(tmp_path / "lists", "1,p1,../scans/x.nii.gz,,", f"2,p1,{tmp_path / 'scans' / 'x.nii.gz'},,5")
    assert [case.file for case in find(path).cases] == ["../scans/x.nii.gz", "x.nii.gz"]
