"""What is refused before the work: endings, folders, and outputs that are inputs."""

from __future__ import annotations

import os

import pytest

from LiverAILib.errors import UserError
from LiverAILib.output_paths import check_ending, check_keeps_inputs, check_output_file, check_output_folder


@pytest.mark.parametrize("name", ["a.nrrd", "A.SEG.NRRD", "a.b.nii.gz"])
def test_known_endings_pass(tmp_path, name):
    check_ending(tmp_path / name, (".nii.gz", ".nrrd"))


@pytest.mark.parametrize("name", ["a.txt", "a", "nrrd", ".nrrd", "a.nrrd.bak"])
def test_other_endings_are_refused(tmp_path, name):
    with pytest.raises(UserError, match=rf"{name}: .*ending.*\.nii\.gz, \.nrrd"):
        check_ending(tmp_path / name, (".nii.gz", ".nrrd"))


def test_a_file_is_checked_without_making_anything(tmp_path):
    check_output_file(tmp_path / "new" / "deep" / "a.png", (".png",))
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        check_output_file(tmp_path / "folder.png", (".png",))
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file"):
        check_output_file(tmp_path / "file" / "a.png", (".png",))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png"]


def test_a_folder_is_checked_without_making_it(tmp_path):
    check_output_folder(tmp_path / "new" / "deep")
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "new"):
        with pytest.raises(UserError, match="is a file"):
            check_output_folder(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    for check in (check_output_folder, lambda path: check_output_file(path / "a.png", (".png",))):
        with pytest.raises(UserError, match="not writable"):
            check(tmp_path / "new")


@pytest.fixture
def files(tmp_path):
    """An input image beside a link to it, a hard link, and a DICOM folder."""
    (tmp_path / "in").mkdir()
    image = tmp_path / "in" / "a.nrrd"
    image.write_text("image")
    (tmp_path / "link.nrrd").symlink_to(image)
    (tmp_path / "hard.nrrd").hardlink_to(image)
    (tmp_path / "series").mkdir()
    (tmp_path / "series" / "1.dcm").write_bytes(bytes(128) + b"DICM")
    (tmp_path / "series" / "mask.nrrd").write_text("an earlier output")
    return tmp_path


@pytest.mark.parametrize("output", ["in/a.nrrd", "in/../in/a.nrrd", "link.nrrd", "hard.nrrd", "in", "."])
def test_an_output_that_is_the_input_or_holds_it_is_refused(files, output):
    with pytest.raises(UserError, match=r"would overwrite the input .*a\.nrrd\. Choose another output\."):
        check_keeps_inputs([files / "new.nrrd", files / output], [None, files / "series", files / "in" / "a.nrrd"])


def test_an_input_that_is_a_link_to_the_output_is_refused(files):
    with pytest.raises(UserError, match="would overwrite"):
        check_keeps_inputs([files / "in" / "a.nrrd"], [files / "link.nrrd"])


def test_a_slice_of_an_input_folder_is_refused_and_an_earlier_output_in_it_is_not(files):
    with pytest.raises(UserError, match=r"1\.dcm: would overwrite the input .*series"):
        check_keeps_inputs([files / "series" / "1.dcm"], [files / "series"])
    check_keeps_inputs([files / "series" / "mask.nrrd", files / "series" / "new.nrrd"], [files / "series"])


def test_other_outputs_pass(files):
    check_keeps_inputs([files / "in" / "b.nrrd", files / "new", files / "series"], [files / "in" / "a.nrrd"])
    check_keeps_inputs([files / "in" / "a.nrrd"], [files / "no-such-input", None, "imagenet"])
