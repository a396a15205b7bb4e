"""Reading and writing: round trips, and bad files that have to be refused in one clear line."""

from __future__ import annotations

import gzip
import os

import numpy as np
import pytest
import SimpleITK as sitk

from LiverAILib.errors import UserError
from LiverAILib.imaging.files import image_name, read_image, write_image
from LiverAILib.imaging.image import Image


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_an_image_comes_back_as_it_was_written(tmp_path, oblique_image, suffix):
    path = write_image(oblique_image, tmp_path / f"image{suffix}")
    back = read_image(path)
    np.testing.assert_allclose(back.array, oblique_image.array)
    assert back.same_geometry(oblique_image, tolerance_mm=1e-4)  # NIfTI stores single precision
    assert list(tmp_path.iterdir()) == [path]


def refused(path, *words: str) -> None:
    with pytest.raises(UserError) as error:
        read_image(path)
    message = str(error.value)
    assert str(path) in message
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_missing_file_is_refused(tmp_path):
    refused(tmp_path / "nothing.nii.gz", "no such file", "Check the path")


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "empty.nii.gz"
    path.touch()
    refused(path, "empty")


def test_a_text_file_is_refused(tmp_path):
    path = tmp_path / "notes.nrrd"
    path.write_text("not an image")
    refused(path, "not a readable image")


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_a_cut_off_file_is_refused(tmp_path, oblique_image, suffix, share):
    path = write_image(oblique_image, tmp_path / f"image{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UserError):
        read_image(path)


def test_a_nifti_whose_compressed_stream_is_whole_but_short_is_refused(tmp_path, oblique_image):
    path = write_image(oblique_image, tmp_path / "image.nii.gz")
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-500]))
    refused(path, "cut off", "promises")


def test_a_vector_image_is_refused(tmp_path):
    path = tmp_path / "vector.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((3, 8, 8, 3), np.float32), isVector=True), str(path))
    refused(path, "color", "gray-scale")


def test_a_4d_image_is_refused(tmp_path):
    path = tmp_path / "time.nii.gz"
    sitk.WriteImage(sitk.JoinSeries([sitk.GetImageFromArray(np.ones((3, 8, 8), np.float32))] * 4), str(path))
    refused(path, "4D", "one time point")


def test_a_4d_image_of_one_time_point_is_read(tmp_path):
    path = tmp_path / "time.nii.gz"
    volume = np.random.default_rng(0).random((3, 8, 8)).astype(np.float32)
    sitk.WriteImage(sitk.JoinSeries([sitk.GetImageFromArray(volume)]), str(path))
    np.testing.assert_array_equal(read_image(path).array, volume)


def test_a_2d_image_is_read_as_one_slice(tmp_path):
    path = tmp_path / "slice.mha"
    section = np.random.default_rng(0).random((8, 9)).astype(np.float32)
    sitk.WriteImage(sitk.GetImageFromArray(section), str(path))
    np.testing.assert_array_equal(read_image(path).array, section[None])


@pytest.mark.parametrize(("value", "word"), [(7.0, "constant"), (np.nan, "NaN")])
def test_an_image_without_content_is_refused(tmp_path, value, word):
    path = write_image(Image(np.full((3, 8, 8), value, np.float32)), tmp_path / "image.nrrd")
    refused(path, word)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("value", [np.nan, -np.inf, np.inf, np.finfo(np.float32).max])
def test_what_was_not_measured_gets_the_lowest_value_and_a_warning(tmp_path, suffix, value):
    array = np.random.default_rng(0).uniform(-900, 900, (3, 8, 8)).astype(np.float32)
    lowest = array.min()
    array[1, 2:4] = value
    image = read_image(write_image(Image(array), tmp_path / f"image{suffix}"))
    expected = array.copy()
    expected[1, 2:4] = lowest
    np.testing.assert_array_equal(image.array, expected)
    [(code, text)] = image.read_warnings
    assert code == "not_a_number"
    assert "NaN" in text
    assert "8.3 %" in text  # 16 of 192


def test_the_format_is_told_from_the_content(tmp_path, oblique_image):
    for suffix, other in ((".nrrd", ".nii.gz"), (".nii.gz", ".nrrd"), (".mha", ".nii")):
        path = write_image(oblique_image, tmp_path / f"image{suffix}")
        renamed = path.rename(tmp_path / f"renamed{other}")
        np.testing.assert_allclose(read_image(renamed).array, oblique_image.array)


def test_a_folder_or_a_device_with_an_image_ending(tmp_path):
    (tmp_path / "a.nii.gz").mkdir()
    refused(tmp_path / "a.nii.gz", "no DICOM")
    os.mkfifo(tmp_path / "b.nii.gz")
    refused(tmp_path / "b.nii.gz", "neither a file nor a folder")


@pytest.mark.parametrize("name", ["a.txt", "a.mhd", "a.nhdr", "a.dcm", ".nrrd", "nii.gz"])
def test_only_formats_of_one_file_are_written(tmp_path, oblique_image, name):
    with pytest.raises(UserError, match=r"ending.*Use one of \.nii\.gz"):
        write_image(oblique_image, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_nothing_and_names_the_file(tmp_path, oblique_image):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        write_image(oblique_image, tmp_path / "file" / "image.nrrd")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("file", "name"),
    [("a.nii.gz", "a"), ("b.c.nrrd", "b.c"), ("m.seg.nrrd", "m"), ("folder", "folder"), (".nrrd", ".nrrd")],
)
def test_the_name_of_a_case_is_that_of_its_file(tmp_path, file, name):
    assert image_name(tmp_path / file) == name


def test_real_mr_is_read_with_its_geometry(data_folder):
    image = read_image(data_folder / "mr_t2_chaos" / "image_1.nii.gz")
    assert image.size == (256, 256, 37)
    np.testing.assert_allclose(image.spacing, (1.25, 1.25, 7.7), rtol=1e-6)
