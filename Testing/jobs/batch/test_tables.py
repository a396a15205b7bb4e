"""The tables of a batch do not depend on the order in which its cases are ready."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import pytest

from LiverAILib.data.case import Case
from LiverAILib.data.cohort import CohortRow
from LiverAILib.jobs.batch.case_job import CaseJob
from LiverAILib.jobs.batch.case_worker import CaseOutcome
from LiverAILib.jobs.batch.tables import BatchTables
from LiverAILib.jobs.case_search.find_cases import FoundCase
from LiverAILib.jobs.case_search.folder_files import SetAside

RECORD = {
    "predicted": "F2",
    "primary_outcome": "ct",
    "outcomes": {"ct": {"kind": "classification", "answer": "F2", "probabilities": {"F0": 0.25, "F2": 0.75}}},
    "slice": {"index": 4},
    "measurements": [{"key": "fib4", "name": "FIB-4", "unit": "", "value": 1.5}],
    "warnings": [{"code": "no_liver_dome", "text": "No dome."}, {"code": "low_resolution", "text": "Coarse."}],
    "notes": ["simulated", "research"],
    "reservations": ["simulated"],
}


def job(number: int, name: str, output: Path, patient: str | None = None) -> CaseJob:
    """A case of a folder, or of a manifest where a patient is given; its result is there already."""
    (output / name).mkdir(parents=True, exist_ok=True)
    (output / name / "assessment.json").touch()
    row = CohortRow(name, patient) if patient else None
    case = FoundCase(name, f"{name}.nii.gz", name, read=lambda: Case({}), paths=(Path(f"{name}.nii.gz"),), row=row)
    return CaseJob(case, "model", output, number=number)


def assessed(number: int, key: str) -> CaseOutcome:
    return CaseOutcome(number, RECORD, image_key=key)


def rows(output: Path, name: str) -> list[dict[str, str]]:
    with (output / name).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_the_first_case_of_a_folder_keeps_the_image_of_several(tmp_path, order):
    jobs = [job(number, name, tmp_path) for number, name in enumerate("abcd")]
    tables = BatchTables(jobs, [SetAside(Path("notes.txt"), "not an image file")], tmp_path)
    for number in order:
        tables.add(assessed(number, "other" if number == 2 else "same"))
    assert [one.path for one in tables.settle_duplicates()] == [Path("b.nii.gz"), Path("d.nii.gz")]
    tables.write()
    assert [row["case_id"] for row in rows(tmp_path, "summary.csv")] == ["a", "c"]
    assert [(row["path"], row["reason"]) for row in rows(tmp_path, "set_aside.csv")] == [
        ("notes.txt", "not an image file"),
        ("b.nii.gz", "the same voxels as a.nii.gz"),
        ("d.nii.gz", "the same voxels as a.nii.gz"),
    ]
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"a", "c"}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_patient_of_the_first_row_of_a_manifest_counts(tmp_path, order):
    jobs = [job(0, "a", tmp_path, "p1"), job(1, "b", tmp_path, "p2"), job(2, "c", tmp_path, "p1")]
    tables = BatchTables(jobs, [], tmp_path)
    for number in order:
        tables.add(assessed(number, "same"))
    assert tables.settle_duplicates() == []
    assert [bool(row.get("error")) for row in tables.rows] == [False, True, False]
    assert "another patient (case a)" in str(tables.rows[1]["error"])
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"a", "c"}


def test_a_copy_that_could_not_be_assessed_is_set_aside_and_no_failure(tmp_path):
    jobs = [job(0, "a", tmp_path), job(1, "b", tmp_path)]
    tables = BatchTables(jobs, [], tmp_path)
    tables.add(CaseOutcome(1, error="RuntimeError: gone", details="Traceback", image_key="same"))
    tables.add(assessed(0, "same"))
    tables.settle_duplicates()
    tables.write()
    assert [row["case_id"] for row in rows(tmp_path, "summary.csv")] == ["a"]
    assert not (tmp_path / "errors.log").exists()


def test_a_row_has_classes_measurements_and_warnings_and_the_error_comes_last(tmp_path):
    tables = BatchTables([job(0, "a", tmp_path), job(1, "b", tmp_path)], [], tmp_path)
    tables.add(CaseOutcome(1, error="b.nii.gz: cut off"))
    tables.add(assessed(0, "a"))
    tables.write()
    first, second = rows(tmp_path, "summary.csv")
    assert first == {
        "case_id": "a", "file": "a.nii.gz", "reservations": "simulated", "predicted": "F2",
        "probability ct: F0": "0.25", "probability ct: F2": "0.75",
        "slice": "4", "FIB-4 []": "1.5", "warnings": "no_liver_dome; low_resolution", "notes": "research", "error": "",
    }  # fmt: skip
    assert second["error"] == "b.nii.gz: cut off"
    assert list(second)[-1] == "error"
