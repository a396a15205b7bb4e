"""Which DICOM volumes of a folder are cases, and how they are named."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from LiverAILib.errors import UserError
from Testing.jobs.case_search.case_files import SHAPE, aside, find, names, write_series


def test_loose_slices_are_one_case_named_like_the_folder(tmp_path):
    write_series(tmp_path / "study", name="{:03d}.dcm")
    (found,) = find(tmp_path / "study").cases
    assert found.case_id == found.file == "study"
    assert found.read().image("t2").array.shape == SHAPE


def test_an_export_of_an_archive_is_one_case_a_series(tmp_path):
    base = tmp_path / "DICOM"
    write_series(base / "PA000" / "ST000" / "SE000", seed=1)
    write_series(base / "PA000" / "ST000" / "SE001", seed=2, modality="CT", description="portal venous")
    write_series(base / "PA001" / "ST000" / "SE000", seed=3)
    write_series(
        base / "PA001" / "ST000" / "SE001", seed=4, description="loc", image_type="ORIGINAL\\PRIMARY\\LOCALIZER"
    )
    (tmp_path / "DICOMDIR").write_bytes(bytes(200))
    found = find(tmp_path)
    assert names(found) == ["DICOM/PA000/ST000/SE000", "DICOM/PA001/ST000/SE000"]
    assert aside(found, tmp_path) == {
        "DICOM/PA000/ST000/SE001": "CT series 'portal venous': the model needs MR",
        "DICOM/PA001/ST000/SE001": "MR series 'loc': a localizer",
    }


def test_several_series_of_one_folder_are_named_by_their_description(tmp_path):
    write_series(tmp_path / "p1", seed=1, description="t2 haste", name="A{:03d}")
    write_series(tmp_path / "p1", seed=2, description="t2 blade", name="B{:03d}")
    write_series(tmp_path / "p1", seed=3, description="t2 blade", name="C{:03d}")
    found = find(tmp_path)
    assert names(found) == ["p1/t2 blade (B001)", "p1/t2 blade (C001)", "p1/t2 haste"]
    arrays = [case.read().image("t2").array for case in found.cases]
    assert not np.array_equal(arrays[0], arrays[1])


def test_single_files_of_several_series_are_named_like_the_files(tmp_path):
    for number in (1, 2):
        write_series(tmp_path, seed=number, name=f"patient{number}.dcm", slices=range(1))
    assert names(find(tmp_path)) == ["patient1", "patient2"]


def test_a_series_in_two_folders_is_one_case(tmp_path):
    uid = write_series(tmp_path / "a", slices=range(2))
    write_series(tmp_path / "b", slices=range(2, 4), uid=uid)
    found = find(tmp_path)
    assert len(found.cases) == 1
    assert found.cases[0].read().image("t2").array.shape == SHAPE


def test_a_copy_of_a_series_is_set_aside(tmp_path):
    write_series(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "backup")
    found = find(tmp_path)
    assert names(found) == ["a"]
    assert aside(found, tmp_path) == {"backup": f"4 DICOM images that are also in {tmp_path / 'a'}"}


def test_a_damaged_slice_makes_its_series_fail_and_no_other(tmp_path):
    write_series(tmp_path / "good", seed=1)
    write_series(tmp_path / "cut", seed=2)
    path = tmp_path / "cut" / "IM0002"
    path.write_bytes(path.read_bytes()[:-100])
    cases = {case.case_id: case for case in find(tmp_path).cases}
    assert cases["good"].read().image("t2").array.shape == SHAPE
    with pytest.raises(UserError, match="IM0002"):
        cases["cut"].read()


def test_series_of_one_name_are_numbered(tmp_path):
    """A file and two series in folders may all be called the same."""
    for seed in (1, 2, 3):
        write_series(tmp_path / "p1", seed=seed, description="t2", name=f"{seed}{{:03d}}")
    found = names(find(tmp_path))
    assert len(set(found)) == 3
    assert all(name.startswith("p1/t2") for name in found)
