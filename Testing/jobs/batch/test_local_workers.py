"""Worker processes: the same results as one process, and none lost when one of them is killed."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from LiverAILib.errors import UserError
from LiverAILib.jobs.batch.run import assess_all
from LiverAILib.jobs.batch.workers import Workers
from Testing.batch_files import comparable_files, unfinished_files
from Testing.jobs.batch.killing_writer import KillingWriter


def table(output: Path, name: str = "summary.csv") -> dict[str, dict[str, str]]:
    with (output / name).open(newline="", encoding="utf-8") as stream:
        return {next(iter(row.values())): row for row in csv.DictReader(stream)}


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


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the memory of a process is read from /proc")
def test_a_worker_that_needs_more_memory_than_it_may_is_ended_with_the_reason(scans, tmp_path):
    """The libraries alone take more than 0.1 GB."""
    workers = Workers(2, worker_bytes=100_000_000)
    with pytest.raises(UserError, match=r"no worker process can be started \(more than 0\.1 GB of memory\)"):
        assess_all(scans, tmp_path / "out", "nowak2021-simulated", device="cpu", workers=workers)
