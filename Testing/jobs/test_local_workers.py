"""Worker processes: the same results as one process, and none lost when one of them is killed."""

from __future__ import annotations

import csv
import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from LiverAILib.data.assessment import Assessment
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import write_image
from LiverAILib.jobs.batch import assess_all
from LiverAILib.jobs.workers import Workers
from LiverAILib.results.files import write_assessment
from LiverAILib.simulation.t2_mr import simulate_t2_mr
from Testing.batch_files import comparable_files, unfinished_files

SIMULATED = {"size": (64, 64, 8), "spacing": (5.0, 5.0, 25.0)}


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> Path:
    """Two scans, a copy of the first that comes last, one that is cut off, and a label map."""
    folder = tmp_path_factory.mktemp("scans")
    for seed, name in enumerate("ab"):
        simulated = simulate_t2_mr(4 * (seed % 2), seed=seed, **SIMULATED)
        write_image(simulated.image, folder / f"{name}.nii.gz")
    write_image(simulated.labels, folder / "labels.nii.gz")
    shutil.copy(folder / "a.nii.gz", folder / "z.nii.gz")
    whole = (folder / "a.nii.gz").read_bytes()
    (folder / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.fixture(scope="module")
def one_worker(scans, tmp_path_factory) -> Path:
    """Results of the bundled model by a single process."""
    output = tmp_path_factory.mktemp("one") / "out"
    assess_all(scans, output, "nowak2021-simulated", device="cpu")
    return output


def table(output: Path, name: str = "summary.csv") -> dict[str, dict[str, str]]:
    with (output / name).open(newline="", encoding="utf-8") as stream:
        return {next(iter(row.values())): row for row in csv.DictReader(stream)}


@dataclass(frozen=True)
class KillingWriter:
    """Writes results as always, but kills its process in the middle of writing some cases.

    Attributes:
        times: How often, by case.
        marks: Here the folder "kills of CASE" gets a file for each kill.
    """

    times: Mapping[str, int]
    marks: Path

    def __call__(self, assessment: Assessment, place: Path) -> Mapping[str, Any]:
        marks = self.marks / f"kills of {assessment.case_id}"
        if len(list(marks.iterdir())) < self.times[assessment.case_id]:
            (marks / str(os.getpid())).touch()
            half_written = place / ".writing-killed"
            half_written.mkdir(parents=True)
            (half_written / "segmentation.seg.nrrd").write_bytes(b"NRRD")
            os.kill(os.getpid(), signal.SIGKILL)
        write_assessment(assessment, place)
        return assessment.record()


def test_two_workers_write_the_same_bytes_as_one_process(scans, one_worker, tmp_path):
    said: list[str] = []
    two = tmp_path / "out"
    rows = assess_all(
        scans,
        two,
        "nowak2021-simulated",
        device="cpu",
        workers=Workers(2),
        progress=lambda share, text: said.append(text),
    )
    expected = comparable_files(one_worker)
    found = comparable_files(two)
    assert list(found) == list(expected)
    assert [name for name in expected if found[name] != expected[name]] == []
    assert [row["case_id"] for row in rows] == ["a", "b", "cut"]
    assert {Path(path).name: row["reason"] for path, row in table(two, "set_aside.csv").items()} == {
        "labels.nii.gz": "a label map, no image",
        "z.nii.gz": "the same voxels as a.nii.gz",
    }
    assert any("cases/h" in text and "left" in text for text in said)
    assert "GB of memory at most in a process" in said[-1]


def test_a_killed_worker_costs_a_second_try_of_its_case_and_a_case_that_kills_every_worker_fails(
    scans, one_worker, tmp_path
):
    marks = {name: tmp_path / f"kills of {name}" for name in "ab"}
    for folder in marks.values():
        folder.mkdir()
    write = KillingWriter({"a": 1, "b": 9}, tmp_path)
    output = tmp_path / "out"
    assess_all(scans, output, "nowak2021-simulated", device="cpu", workers=Workers(2), write=write)
    assert {name: len(list(folder.iterdir())) for name, folder in marks.items()} == {"a": 1, "b": 2}
    expected, found = table(one_worker), table(output)
    assert "b.nii.gz: the worker process ended 2 times" in found["b"]["error"]
    assert "SIGKILL" in found["b"]["error"]
    assert {**found, "b": expected["b"]} == expected
    assert not (output / "b").exists()
    results = {name: content for name, content in comparable_files(one_worker).items() if name.startswith("a/")}
    assert results == {name: content for name, content in comparable_files(output).items() if name.startswith("a/")}
    assert unfinished_files(output) == []


def test_workers_that_cannot_start_are_said_in_one_line(scans, tmp_path, monkeypatch):
    broken = tmp_path / "broken" / "LiverAILib"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise SystemExit(7)")
    monkeypatch.syspath_prepend(broken.parent)  # spawned processes search the same path
    with pytest.raises(UserError, match=r"no worker process can be started \(exit code 7\)\. Use --workers 1"):
        assess_all(scans, tmp_path / "out", "nowak2021-simulated", device="cpu", workers=Workers(2))
