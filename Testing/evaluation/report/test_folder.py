import errno
import os

import pytest

from LiverAILib.errors import UserError
from LiverAILib.evaluation.report.folder import whole_folder


def content(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_folder_appears_when_all_is_written(tmp_path):
    target = tmp_path / "deep" / "report"
    with whole_folder(target) as work:
        (work / "a.txt").write_text("a")
        assert not target.exists()
    assert content(target) == ["a.txt"]
    assert content(target.parent) == ["report"]


def write_and_fail(target, error, **options):
    """A report whose second file cannot be written."""
    with whole_folder(target, **options) as work:
        (work / "new.txt").write_text("new")
        raise error


def test_nothing_is_left_after_a_failure(tmp_path):
    with pytest.raises(RuntimeError):
        write_and_fail(tmp_path / "report", RuntimeError())
    assert content(tmp_path) == []


def test_a_full_disk_leaves_the_old_report(tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "old.txt").write_text("old")
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(UserError, match=r"report: cannot be written \(No space left on device\)"):
        write_and_fail(tmp_path / "report", full, overwrite=True)
    assert content(tmp_path / "report") == ["old.txt"]
    assert content(tmp_path) == ["report"]


def test_a_full_folder_is_not_touched(tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match=r"not empty; give a new one with --output, or allow it with --overwrite"):
        whole_folder(tmp_path / "report").__enter__()
    assert content(tmp_path / "report") == ["mine.txt"]
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "report", overwrite=True):
        raise RuntimeError
    assert content(tmp_path / "report") == ["mine.txt"]


def test_overwriting_replaces_the_folder_as_a_whole(tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "old.txt").write_text("old")
    with whole_folder(tmp_path / "report", overwrite=True) as work:
        (work / "new.txt").write_text("new")
    assert content(tmp_path / "report") == ["new.txt"]
    assert content(tmp_path) == ["report"]


def test_an_empty_folder_and_a_file_in_the_way(tmp_path):
    (tmp_path / "empty").mkdir()
    with whole_folder(tmp_path / "empty") as work:
        (work / "a").write_text("")
    assert content(tmp_path / "empty") == ["a"]
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        whole_folder(tmp_path / "file").__enter__()
    with pytest.raises(UserError, match="cannot be written"):
        whole_folder(tmp_path / "file" / "below").__enter__()
