"""The check of what kills lose: it finds what is wrong, and a few kills lose nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from Testing.conftest import ROOT

EXPECTED = {"a/assessment.json": b"{}", "a/mask.nrrd": b"mask", "summary.csv": b"case_id,error\na,\n"}


@pytest.fixture(scope="module")
def kill_batch():
    """The benchmark as a module."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import kill_batch
    finally:
        sys.path.pop(0)
    return kill_batch


@pytest.fixture
def output(tmp_path) -> Path:
    """A folder with the finished case a."""
    (tmp_path / "a").mkdir()
    for name, content in EXPECTED.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_a_whole_case_and_an_unfinished_one_are_no_faults(output, kill_batch):
    (output / "b" / ".writing-x").mkdir(parents=True)
    (output / "b" / "mask.nrrd").write_bytes(b"half")
    assert kill_batch.faults(output, EXPECTED, kill_batch.finished_cases(output)) == []


def test_every_kind_of_loss_is_found(output, kill_batch):
    before = kill_batch.finished_cases(output)
    (output / "a" / "mask.nrrd").write_bytes(b"ma")
    (output / "summary.csv").write_bytes(b"case_id,error\na")
    assert kill_batch.faults(output, EXPECTED, before) == [
        "a/mask.nrrd: differs although the case has a record", "summary.csv: a row that the undisturbed run has not",
    ]  # fmt: skip
    (output / "a" / "mask.nrrd").unlink()
    assert "a/mask.nrrd: missing although the case has a record" in kill_batch.faults(output, EXPECTED, before)
    assert "a: was finished and was written again" in kill_batch.faults(output, EXPECTED, {"a": before["a"] - 1})
    (output / "a" / "assessment.json").unlink()
    assert "a: was finished and is gone" in kill_batch.faults(output, EXPECTED, before)


@pytest.mark.slow
def test_a_few_kills_at_random_moments_lose_nothing():
    command = [sys.executable, str(ROOT / "benchmarks" / "kill_batch.py"), "--kills", "4", "--cases", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'kills': 4" in done.stdout
    assert "everything is the same" in done.stdout
