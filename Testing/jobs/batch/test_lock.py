"""One batch at a time in a folder, and no lock that outlives its process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from LiverAILib.errors import UserError
from LiverAILib.jobs.batch.lock import batch_lock

HOLDS = """
import sys, time
from pathlib import Path
from LiverAILib.jobs.batch.lock import batch_lock
with batch_lock(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""


def test_the_second_batch_is_refused_until_the_first_one_was_killed(tmp_path):
    output = tmp_path / "new" / "out"
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(output)], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "locked\n"
        with (
            pytest.raises(
                UserError, match=rf"out: another batch writes to this folder \(process {first.pid} on .*, since"
            ),
            batch_lock(output),
        ):
            pass
        first.kill()
    with batch_lock(output):
        assert str(os.getpid()) in next(output.glob("*.json")).read_text()
    assert list(output.glob("*.json")) == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(UserError, match="cannot be locked against a second batch"),
        batch_lock(tmp_path / "file" / "out"),
    ):
        pass


def test_other_folders_are_free(tmp_path: Path):
    with batch_lock(tmp_path / "a"), batch_lock(tmp_path / "b"):
        pass
