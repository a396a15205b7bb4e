"""A file that is written whole or not at all."""

from __future__ import annotations

import pytest

from LiverAILib.errors import UserError
from LiverAILib.whole_file import whole_file


def test_the_file_takes_its_place_when_it_is_whole(tmp_path):
    with whole_file(tmp_path / "a.txt") as unfinished:
        unfinished.write_text("new")
        assert not (tmp_path / "a.txt").exists()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "new")]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_is_interrupted_leaves_the_earlier_file(tmp_path, error):
    (tmp_path / "a.txt").write_text("old")

    def write_half() -> None:
        with whole_file(tmp_path / "a.txt") as unfinished:
            unfinished.write_text("ne")
            raise error

    with pytest.raises(error):
        write_half()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "old")]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with (
        pytest.raises(UserError, match=r"absent.a\.txt: cannot be written"),
        whole_file(tmp_path / "absent" / "a.txt") as file,
    ):
        file.write_text("new")
