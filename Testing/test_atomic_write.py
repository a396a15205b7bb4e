"""Files that are written complete or not at all."""

from __future__ import annotations

import csv
import multiprocessing
from pathlib import Path

import pytest

from LiverAILib.atomic_write import atomic_bytes, atomic_csv, atomic_files, atomic_text, atomic_write
from LiverAILib.errors import UserError


def content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_the_file_takes_its_place_when_it_is_complete(tmp_path):
    with atomic_write(tmp_path / "new" / "a.txt") as unfinished:
        unfinished.write_text("new")
        assert unfinished.name == "a.txt"  # so that its ending says the format
        assert not (tmp_path / "new" / "a.txt").exists()
    assert content(tmp_path / "new") == {"a.txt": "new"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_is_interrupted_leaves_the_earlier_file(tmp_path, error):
    (tmp_path / "a.txt").write_text("old")

    def write_half() -> None:
        with atomic_write(tmp_path / "a.txt") as unfinished:
            unfinished.write_text("ne")
            raise error

    with pytest.raises(error):
        write_half()
    assert content(tmp_path) == {"a.txt": "old"}


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    for write in (atomic_bytes, atomic_text):
        with pytest.raises(UserError, match=r"a\.txt: cannot be written \(.*\)\. Choose"):
            write(tmp_path / "file" / "a.txt", b"" if write is atomic_bytes else "")
    assert content(tmp_path) == {"file": ""}


def test_text_is_utf_8_and_a_broken_file_name_in_it_becomes_an_escape(tmp_path):
    atomic_text(tmp_path / "a.txt", "肝 größer \udcff")
    assert (tmp_path / "a.txt").read_bytes() == "肝 größer \\udcff".encode()


def test_a_table_is_utf_8_csv(tmp_path):
    atomic_csv(tmp_path / "a.csv", ("case", "reason"), [("肝", 'no "liver", none'), (1, None)])
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as stream:
        assert list(csv.reader(stream)) == [["case", "reason"], ["肝", 'no "liver", none'], ["1", ""]]


def write_many(path: Path, letter: str) -> None:
    for _ in range(100):
        atomic_text(path, letter * 100_000)


def test_two_processes_write_the_same_file_without_mixing(tmp_path):
    path = tmp_path / "a.txt"
    start = multiprocessing.get_context("spawn")
    writers = [start.Process(target=write_many, args=(path, letter)) for letter in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert content(tmp_path) in ({"a.txt": "a" * 100_000}, {"a.txt": "b" * 100_000})


def test_files_appear_together_and_other_files_stay(tmp_path):
    for name in ("card", "weights", "notes"):
        (tmp_path / name).write_text("old")
    with atomic_files(tmp_path, last="card") as unfinished:
        (unfinished / "card").write_text("new")
        (unfinished / "weights").write_text("new")
        assert (tmp_path / "weights").read_text() == "old"
    assert content(tmp_path) == {"card": "new", "weights": "new", "notes": "old"}


def test_no_last_file_claims_a_mixture_complete(tmp_path, monkeypatch):
    """A kill between two replacements leaves no card beside weights that are not its own."""
    for name in ("card", "weights"):
        (tmp_path / name).write_text("old")
    real, replaced = Path.replace, []

    def killed(self, target):
        if replaced:
            raise KeyboardInterrupt
        replaced.append(self.name)
        return real(self, target)

    monkeypatch.setattr(Path, "replace", killed)

    def write_both() -> None:
        with atomic_files(tmp_path, last="card") as unfinished:
            (unfinished / "card").write_text("new")
            (unfinished / "weights").write_text("new")

    with pytest.raises(KeyboardInterrupt):
        write_both()
    assert replaced == ["weights"]
    assert content(tmp_path) == {"weights": "new"}


def test_nothing_of_an_interrupted_group_appears(tmp_path):
    (tmp_path / "card").write_text("old")

    def write_half() -> None:
        with atomic_files(tmp_path, last="card") as unfinished:
            (unfinished / "weights").write_text("new")
            raise ValueError("no room")

    with pytest.raises(ValueError, match="no room"):
        write_half()
    assert content(tmp_path) == {"card": "old"}
