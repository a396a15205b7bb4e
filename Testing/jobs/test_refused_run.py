"""What a refused run leaves in its folder."""

from __future__ import annotations

import pytest

from LiverAILib.errors import UserError
from LiverAILib.jobs.refused_run import nothing_left_where_refused


def run(output, *files, error):
    """A run that writes some files and ends with an error."""
    with nothing_left_where_refused(output):
        for name in files:
            (output / name).parent.mkdir(parents=True, exist_ok=True)
            (output / name).write_text("{}")
        raise error


def refuse(output, *files):
    with pytest.raises(UserError, match="no"):
        run(output, *files, error=UserError("no"))


def left(output):
    return sorted(one.relative_to(output).as_posix() for one in output.rglob("*"))


def test_settings_and_empty_folders_are_taken_back(tmp_path):
    refuse(tmp_path / "new", "run.json", "folds.csv")
    assert not (tmp_path / "new").exists()
    existing = tmp_path / "existing"
    existing.mkdir()
    refuse(existing, "run.json")
    assert left(existing) == []


def test_a_run_that_has_worked_keeps_everything(tmp_path):
    refuse(tmp_path / "run", "run.json", "network/checkpoint.safetensors")
    assert left(tmp_path / "run") == ["network", "network/checkpoint.safetensors", "run.json"]


def test_an_earlier_run_stays(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    refuse(tmp_path)
    assert left(tmp_path) == ["run.json"]


def test_other_errors_leave_what_is_needed_to_resume(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, "run.json", error=KeyboardInterrupt())
    assert left(tmp_path) == ["run.json"]
