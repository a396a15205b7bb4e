"""NRRD files as Slicer, ITK and others write them, and headers with faults; SimpleITK is the witness of what is right."""

from __future__ import annotations

import bz2
import gzip

import numpy as np
import pytest
import SimpleITK as sitk

from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image
from LiverAILib.imaging.nrrd_file import read_nrrd_header

VOXELS = np.random.default_rng(0).integers(-900, 900, (4, 5, 6)).astype("<i2")
PLACED = {
    "space": "left-posterior-superior",
    "space directions": "(0.8,0,0) (0,1.2,-0.5) (0,2,4.8)",
    "space origin": "(10,-20,30)",
}


def nrrd(path, *, voxels=VOXELS, data=None, encoding="raw", **fields):
    """An NRRD file with these fields; `_` in a name is a blank, and None leaves a field out."""
    lines = {
        "type": {"i2": "short", "f4": "float", "u1": "unsigned char", "f8": "double"}[voxels.dtype.str[1:]],
        "dimension": str(voxels.ndim),
        "sizes": " ".join(str(n) for n in voxels.shape[::-1]),
        "endian": "little",
        "encoding": encoding,
        **PLACED,
        **{name.replace("_", " "): value for name, value in fields.items()},
    }
    header = "NRRD0005\n# comment\n" + "".join(f"{n}: {v}\n" for n, v in lines.items() if v is not None)
    raw = voxels.tobytes()
    content = {"raw": raw, "gzip": gzip.compress(raw), "bzip2": bz2.compress(raw)}.get(encoding, raw)
    content = content if data is None else data
    path.write_bytes(header.encode() + (b"" if "data_file" in fields else b"\n" + content))
    return path


def refused(path, *words: str) -> None:
    with pytest.raises(UserError) as error:
        read_image(path)
    message = str(error.value)
    assert str(path) in message
    assert "\n" not in message
    for word in words:
        assert word in message


def codes(image) -> set[str]:
    return {code for code, _ in image.read_warnings}


def as_itk_reads(path, image) -> None:
    itk = sitk.ReadImage(str(path))
    np.testing.assert_array_equal(image.array, sitk.GetArrayFromImage(itk))
    np.testing.assert_allclose(image.spacing, itk.GetSpacing())
    np.testing.assert_allclose(image.origin, itk.GetOrigin())
    np.testing.assert_allclose(np.ravel(image.direction), itk.GetDirection(), atol=1e-9)


@pytest.mark.parametrize("pixel", [sitk.sitkUInt8, sitk.sitkInt8, sitk.sitkInt16, sitk.sitkUInt16, sitk.sitkInt32,
                                   sitk.sitkUInt32, sitk.sitkInt64, sitk.sitkFloat32, sitk.sitkFloat64])  # fmt: skip
@pytest.mark.parametrize("compressed", [False, True])
def test_what_itk_writes_comes_back(tmp_path, oblique_image, pixel, compressed):
    itk = sitk.Cast(sitk.GetImageFromArray(np.abs(oblique_image.array).astype(np.float64)), pixel)
    itk.SetSpacing(oblique_image.spacing)
    itk.SetOrigin(oblique_image.origin)
    itk.SetDirection(np.ravel(oblique_image.direction).tolist())
    sitk.WriteImage(itk, str(tmp_path / "a.nrrd"), compressed)
    as_itk_reads(tmp_path / "a.nrrd", read_image(tmp_path / "a.nrrd"))


@pytest.mark.parametrize("space", ["left-posterior-superior", "LPS", "right-anterior-superior", "RAS",
                                   "left-anterior-superior", "LAS"])  # fmt: skip
def test_every_anatomical_space_is_read_as_itk_reads_it(tmp_path, space):
    path = nrrd(tmp_path / "a.nrrd", space=space, space_directions="(0.8,0,0) (0,1.2,0) (0,0,5)")
    image = read_image(path)
    as_itk_reads(path, image)
    assert codes(image) == set()


@pytest.mark.parametrize("space", ["scanner-xyz", "3D-right-handed", None])
def test_a_space_without_anatomy_is_warned_of(tmp_path, space):
    extra = {"space_dimension": "3"} if space is None else {}
    assert codes(
        read_image(nrrd(tmp_path / "a.nrrd", space=space, **extra, space_directions="(1,0,0) (0,1,0) (0,0,5)"))
    ) == {"orientation_unknown"}


@pytest.mark.parametrize("encoding", ["raw", "gzip", "gz", "bzip2", "ascii", "text"])
def test_every_encoding_gives_the_same_voxels(tmp_path, encoding):
    data = None
    if encoding in ("ascii", "text"):
        data = " ".join(str(v) for v in VOXELS.ravel()).encode()
    elif encoding == "gz":
        data = gzip.compress(VOXELS.tobytes())
    path = nrrd(tmp_path / "a.nrrd", encoding=encoding, data=data, space_directions="(1,0,0) (0,1,0) (0,0,5)")
    np.testing.assert_array_equal(read_image(path).array, VOXELS)


def test_big_endian_and_skipped_bytes(tmp_path):
    data = b"12345" + VOXELS.astype(">i2").tobytes()
    for skip in ("5", "-1"):
        path = nrrd(
            tmp_path / "a.nrrd", endian="big", data=data, byte_skip=skip, space_directions="(1,0,0) (0,1,0) (0,0,5)"
        )
        np.testing.assert_array_equal(read_image(path).array, VOXELS)


@pytest.mark.parametrize("lines", ["raw.bin", "LIST\nraw0\nraw1\nraw2\nraw3", "raw%d 0 3 1"])
def test_voxels_in_other_files(tmp_path, lines):
    folder = tmp_path / "case #3 Ä"
    folder.mkdir()
    (folder / "raw.bin").write_bytes(VOXELS.tobytes())
    for n in range(4):
        (folder / f"raw{n}").write_bytes(VOXELS[n].tobytes())
    path = nrrd(folder / "a.nhdr", data_file=lines, space_directions="(1,0,0) (0,1,0) (0,0,5)")
    np.testing.assert_array_equal(read_image(path).array, VOXELS)
    (folder / "raw2").unlink()
    (folder / "raw.bin").unlink()
    refused(path, "raw.bin" if lines == "raw.bin" else "raw2", "missing")


@pytest.mark.parametrize(("unit", "mm"), [("mm", 1), ("cm", 10), ("m", 1000), ("um", 0.001)])
def test_units_of_the_space(tmp_path, unit, mm):
    units = " ".join([f'"{unit}"'] * 3)
    image = read_image(nrrd(tmp_path / "a.nrrd", space_units=units, space_directions="(2,0,0) (0,3,0) (0,0,5)"))
    np.testing.assert_allclose(image.spacing, np.array([2, 3, 5]) * mm)
    np.testing.assert_allclose(image.origin, np.array([10, -20, 30]) * mm)
    assert codes(image) == set()


def test_an_unknown_unit_is_warned_of(tmp_path):
    units = '"furlong" "furlong" "furlong"'
    path = nrrd(tmp_path / "a.nrrd", space_units=units, space_directions="(2,0,0) (0,3,0) (0,0,5)")
    assert codes(read_image(path)) == {"unknown_unit"}


@pytest.mark.parametrize("place", [0, 3])
def test_an_axis_outside_of_space_is_dropped_if_it_has_size_1(tmp_path, place):
    vectors = ["(1,0,0)", "(0,1,0)", "(0,0,5)"]
    vectors.insert(place, "none")
    path = nrrd(tmp_path / "a.nrrd", voxels=np.expand_dims(VOXELS, 3 - place), space_directions=" ".join(vectors))
    image = read_image(path)
    np.testing.assert_array_equal(image.array, VOXELS)
    np.testing.assert_allclose(image.spacing, (1, 1, 5))
    several = nrrd(
        tmp_path / "b.nrrd",
        voxels=np.repeat(np.expand_dims(VOXELS, 3 - place), 3, axis=3 - place),
        space_directions=" ".join(vectors),
    )
    refused(several, "3 values per voxel", "gray-scale")


def test_spacings_alone_leave_the_orientation_open(tmp_path):
    path = nrrd(tmp_path / "a.nrrd", space=None, space_directions=None, space_origin=None, spacings="0.8 1.2 5")
    image = read_image(path)
    np.testing.assert_allclose(image.spacing, (0.8, 1.2, 5))
    assert codes(image) == {"orientation_unknown"}


def test_slices_in_the_fourth_axis(tmp_path):
    path = nrrd(
        tmp_path / "a.nrrd",
        voxels=VOXELS[:, None],
        space=None,
        space_directions=None,
        space_origin=None,
        spacings="0.8 1.2 5 1",
    )
    image = read_image(path)
    np.testing.assert_array_equal(image.array, VOXELS)
    assert "slices_in_fourth_axis" in codes(image)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"space_directions": None, "space": None, "space_origin": None}, ("geometry", "spacing")),
        ({"space_directions": "(1,0,0) (0,1,0) (0,0,0)"}, ("spacing",)),
        ({"space_directions": "(1,0,0) (0,1,0) (0,nan,0)"}, ("direction",)),
        ({"space_directions": "(1,0,0) (0,1,0) (0,x,0)"}, ("'x'",)),
        ({"space_directions": "(1,0,0) (0,1,0) (2,0,0)"}, ("same direction",)),
        ({"space_directions": "(1,0,0) (0,1,0)"}, ("3 axes", "2")),
        ({"space_directions": "(1,0,0) (0,1,0) (0,2,5)"}, ("orthogonal", "shear")),
        ({"space_directions": None, "spacings": "1 1 nan"}, ("spacing",)),
        ({"space_origin": "(nan,0,0)"}, ("origin",)),
        ({"sizes": "6 5 4 2", "dimension": "4"}, ("4 axes",)),
        ({"sizes": "6 5 -4"}, ("sizes",)),
        ({"sizes": "6 5 0"}, ("no voxels",)),
        ({"sizes": "6 5 40"}, ("cut off", "promises")),
        ({"type": "block"}, ("block",)),
        ({"encoding": "hex"}, ("hex",)),
    ],
)
def test_a_fault_of_the_header_is_named(tmp_path, fields, words):
    fields = {"space_directions": "(1,0,0) (0,1,0) (0,0,5)"} | fields
    refused(nrrd(tmp_path / "a.nrrd", **fields), *words)


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2"])
def test_a_file_that_lost_its_end_is_cut_off(tmp_path, encoding):
    path = nrrd(tmp_path / "a.nrrd", encoding=encoding, space_directions="(1,0,0) (0,1,0) (0,0,5)")
    path.write_bytes(path.read_bytes()[:-3])
    refused(path, "cut off")


def test_pairs_of_the_header_are_kept_as_they_are(tmp_path):
    path = nrrd(tmp_path / "a.nrrd")
    content = path.read_bytes().replace(b"# comment\n", "Segment0_Name:=Leber (größer)\n".encode())
    path.write_bytes(content)
    assert read_nrrd_header(path).pairs == {"Segment0_Name": "Leber (größer)"}
