"""`liverai cohort split`: a new manifest, whole, with paths that lead to the same files."""

from __future__ import annotations

import json

import pytest

from LiverAILib.cli import main
from LiverAILib.data.cohort import read_cohort
from LiverAILib.errors import UserError
from LiverAILib.jobs.split_cohort import split_cohort
from LiverAILib.training.folds import split_by_folds
from Testing.tiny_cohort import write_tiny_cohort


@pytest.fixture
def manifest(tmp_path):
    return write_tiny_cohort(tmp_path / "cohort", [""] * 20)


def test_the_new_manifest_differs_in_its_splits_alone(manifest, tmp_path, capsys):
    new = tmp_path / "elsewhere" / "split.csv"
    assert main(["cohort", "split", str(manifest), "--output", str(new), "--seed", "4"]) == 0
    old, found = read_cohort(manifest), read_cohort(new)
    assert [row.stage for row in found] == [row.stage for row in old]
    for one, other in zip(found, old, strict=True):
        assert one.images["t2"][0].resolve() == other.images["t2"][0].resolve()
        assert one.masks["liver"].endswith("liver.nrrd")
    assert [len(found.split(name)) for name in ("train", "validation", "test")] == [14, 3, 3]
    assert "train: 14 cases (F0 7, F4 7)" in capsys.readouterr().out
    assert [row.split for row in split_cohort(manifest, tmp_path / "again.csv", seed=4)] == [row.split for row in found]


def test_a_choice_of_a_mask_stays_behind_its_file(manifest, tmp_path):
    manifest.write_text(manifest.read_text().replace("liver.nrrd", "liver.nrrd#1"))
    found = split_cohort(manifest, tmp_path / "new.csv")
    assert {mask.rpartition("/")[2] for row in found for mask in row.masks.values()} == {"liver.nrrd#1"}


def test_folds_of_the_manifest_are_those_of_the_training(manifest, tmp_path, capsys):
    new = manifest.with_name("folds.csv")
    assert main(["cohort", "split", str(manifest), "--output", str(new), "--folds", "5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["1"] == {"F0": 2, "F4": 2}
    cohort = read_cohort(new)
    for fold, part in split_by_folds(cohort, 5, tmp_path / "folds.csv", seed=9):
        assert {row.case_id for row in part.split("test")} == {row.case_id for row in cohort if row.fold == str(fold)}
    with pytest.raises(UserError, match=r"no case is in fold 6 of the column fold"):
        split_by_folds(cohort, 6, tmp_path / "folds.csv")
    with pytest.raises(UserError, match=r"its fold is '5', and --folds 4 needs 1 to 4"):
        split_by_folds(cohort, 4, tmp_path / "folds.csv")


def test_test_cases_are_in_no_fold(tmp_path):
    manifest = write_tiny_cohort(tmp_path / "cohort", ["test"] * 4 + [""] * 8)
    cohort = split_cohort(manifest, tmp_path / "new.csv", folds=2)
    assert [row.fold for row in cohort][:4] == [""] * 4
    assert {row.fold for row in cohort.split("")} == {"1", "2"}


def test_values_are_divided_by_their_size(tmp_path):
    manifest = write_tiny_cohort(tmp_path / "cohort", [""] * 20, stages=range(20), labels="pdff_percent")
    cohort = split_cohort(manifest, tmp_path / "new.csv")
    mean = sum(row.value for row in cohort.split("test")) / len(cohort.split("test"))
    assert 4 <= mean <= 15


def test_nothing_is_overwritten_by_chance(manifest, tmp_path):
    with pytest.raises(UserError, match="would overwrite the input"):
        split_cohort(manifest, manifest, overwrite=True)
    split_cohort(manifest, tmp_path / "new.csv")
    with pytest.raises(UserError, match="exists already"):
        split_cohort(manifest, tmp_path / "new.csv")
    split_cohort(manifest, tmp_path / "new.csv", overwrite=True)


def test_a_wrong_option_is_one_line(manifest, tmp_path, capsys):
    assert main(["cohort", "split", str(manifest), "--output", str(tmp_path / "a.csv"), "--shares", "most"]) == 2
    assert capsys.readouterr().err == "liverai: --shares most: not three numbers. Write for example 70,15,15.\n"
    assert not (tmp_path / "a.csv").exists()
