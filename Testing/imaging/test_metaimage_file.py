"""MetaImage files with faults in the header or the data; whole ones come back as ITK wrote them."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image

VOXELS = np.random.default_rng(0).integers(-900, 900, (4, 5, 6)).astype(np.int16)


def written(path, *, voxels=VOXELS, compressed=False, **replaced):
    """A MetaImage with spacing 0.8 x 1.2 x 5 mm; `replaced` gives other values to header fields, None leaves one out."""
    itk = sitk.GetImageFromArray(voxels)
    itk.SetSpacing((0.8, 1.2, 5.0))
    itk.SetOrigin((10, -20, 30))
    sitk.WriteImage(itk, str(path), compressed)
    header, end, data = path.read_bytes().partition(b"ElementDataFile = LOCAL\n" if path.suffix == ".mha" else b"\0")
    lines = [line for line in header.decode().splitlines() if line.split(" =")[0] not in replaced]
    last = [] if path.suffix == ".mha" else lines[-1:]
    lines = lines if path.suffix == ".mha" else lines[:-1]
    lines += [f"{name} = {value}" for name, value in replaced.items() if value is not None]
    path.write_bytes("".join(f"{line}\n" for line in (*lines, *last)).encode() + end + data)
    return path


def refused(path, capfd, *words: str) -> None:
    with pytest.raises(UserError) as error:
        read_image(path)
    message = str(error.value)
    assert str(path.parent) in message
    assert "\n" not in message
    for word in words:
        assert word in message
    assert capfd.readouterr() == ("", "")  # the C++ library prints nothing beside


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("suffix", [".mha", ".mhd"])
def test_a_whole_file_comes_back(tmp_path, suffix, compressed):
    folder = tmp_path / "case #3 肝脏"
    folder.mkdir()
    image = read_image(written(folder / f"a{suffix}", compressed=compressed))
    np.testing.assert_array_equal(image.array, VOXELS)
    assert image.spacing == (0.8, 1.2, 5.0)
    assert image.origin == (10, -20, 30)
    assert image.read_warnings == ()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"ElementSpacing": "1 1 0"}, ("spacing",)),
        ({"ElementSpacing": "1 -1 1"}, ("spacing",)),
        ({"ElementSpacing": "1 1"}, ("spacing", "3")),
        ({"ElementSpacing": "1 nan 1"}, ("spacing",)),
        ({"ElementSpacing": None}, ("geometry", "spacing")),
        ({"ElementSpacing": "1 one 1"}, ("damaged",)),
        ({"Offset": "nan 0 0"}, ("origin",)),
        ({"TransformMatrix": "1 0 0 0 1 0 0 1 0"}, ("same direction",)),
        ({"TransformMatrix": "1 0 0 0 1 0"}, ("9 numbers",)),
        ({"Offset": "1 2"}, ("3 numbers",)),
        ({"TransformMatrix": "1 0 0 0 1 0 0 0.3 0.95"}, ("orthogonal", "shear")),
        ({"DimSize": "6 5 40"}, ("cut off",)),
        ({"DimSize": "6 5 0"}, ("no voxels",)),
        ({"ElementNumberOfChannels": "3"}, ("3 values per voxel", "gray-scale")),
        ({"ElementType": "MET_OTHER"}, ("MET_OTHER",)),
    ],
)
def test_a_fault_of_the_header_is_named(tmp_path, capfd, fields, words):
    refused(written(tmp_path / "a.mha", **fields), capfd, *words)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("pixel", [sitk.sitkUInt8, sitk.sitkInt8, sitk.sitkInt16, sitk.sitkUInt16, sitk.sitkInt32,
                                   sitk.sitkUInt32, sitk.sitkInt64, sitk.sitkFloat32, sitk.sitkFloat64])  # fmt: skip
def test_what_itk_writes_comes_back(tmp_path, oblique_image, pixel, compressed):
    itk = sitk.Cast(sitk.GetImageFromArray(np.abs(oblique_image.array).astype(np.float64)), pixel)
    itk.SetSpacing(oblique_image.spacing)
    itk.SetOrigin(oblique_image.origin)
    itk.SetDirection(np.ravel(oblique_image.direction).tolist())
    sitk.WriteImage(itk, str(tmp_path / "a.mha"), compressed)
    image = read_image(tmp_path / "a.mha")
    np.testing.assert_array_equal(image.array, sitk.GetArrayFromImage(itk))
    assert image.array.dtype == sitk.GetArrayFromImage(itk).dtype
    assert image.same_geometry(oblique_image)


def test_big_endian_and_text(tmp_path):
    path = written(tmp_path / "a.mhd", BinaryDataByteOrderMSB="True")
    (tmp_path / "a.raw").write_bytes(VOXELS.astype(">i2").tobytes())
    np.testing.assert_array_equal(read_image(path).array, VOXELS)
    path = written(tmp_path / "b.mhd", BinaryData="False")
    (tmp_path / "b.raw").write_text(" ".join(str(value) for value in VOXELS.ravel()))
    np.testing.assert_array_equal(read_image(path).array, VOXELS)


@pytest.mark.parametrize("size", ["9", "-1"])
def test_data_behind_another_header(tmp_path, size):
    path = written(tmp_path / "a.mhd", HeaderSize=size)
    (tmp_path / "a.raw").write_bytes(b"123456789" + VOXELS.tobytes())
    np.testing.assert_array_equal(read_image(path).array, VOXELS)


def test_no_direction_is_warned_of(tmp_path):
    image = read_image(written(tmp_path / "a.mha", TransformMatrix=None))
    assert [code for code, _ in image.read_warnings] == ["orientation_unknown"]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("lost", [1, 60])
@pytest.mark.parametrize("suffix", [".mha", ".mhd"])
def test_a_file_that_lost_its_end_is_cut_off(tmp_path, capfd, suffix, compressed, lost):
    path = written(tmp_path / f"a{suffix}", compressed=compressed)
    data = path if suffix == ".mha" else path.with_suffix(".zraw" if compressed else ".raw")
    data.write_bytes(data.read_bytes()[:-lost])
    refused(path, capfd, "cut off")


def test_a_missing_data_file_is_named(tmp_path, capfd):
    path = written(tmp_path / "a.mhd")
    (tmp_path / "a.raw").unlink()
    refused(path, capfd, "a.raw", "missing")


@pytest.mark.parametrize("lines", ["LIST\n0.raw\n1.raw\n2.raw\n3.raw\n", "%d.raw 0 3 1\n"])
def test_voxels_in_several_files(tmp_path, capfd, lines):
    path = written(tmp_path / "a.mhd")
    path.write_text(path.read_text().replace("a.raw\n", lines))
    for n in range(4):
        (tmp_path / f"{n}.raw").write_bytes(VOXELS[n].tobytes())
    np.testing.assert_array_equal(read_image(path).array, VOXELS)
    (tmp_path / "2.raw").unlink()
    refused(path, capfd, "2.raw", "missing")


def test_a_header_that_ends_early_is_refused(tmp_path, capfd):
    path = tmp_path / "a.mha"
    path.write_text("ObjectType = Image\nNDims = 3\n")
    refused(path, capfd, "ElementDataFile")


def test_a_4d_file_is_refused_and_slices_in_the_fourth_axis_are_read(tmp_path, capfd):
    several = tmp_path / "a.mha"
    sitk.WriteImage(sitk.JoinSeries([sitk.GetImageFromArray(VOXELS)] * 2), str(several))
    refused(several, capfd, "4D", "one time point")
    path = tmp_path / "b.mha"
    sitk.WriteImage(sitk.JoinSeries([sitk.GetImageFromArray(section[None]) for section in VOXELS]), str(path))
    image = read_image(path)
    np.testing.assert_array_equal(image.array, VOXELS)
    assert [code for code, _ in image.read_warnings] == ["slices_in_fourth_axis"]
