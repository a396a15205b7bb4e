"""Files that were made to do harm: to fill the memory, to run forever, or to have other files of the computer read."""

from __future__ import annotations

import bz2
import gzip
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from LiverAILib.errors import UserError
from LiverAILib.imaging import stored_bytes
from LiverAILib.imaging.dicom import read, scan_dicom
from LiverAILib.imaging.files import read_image
from Testing.imaging.dicom_files import AXIAL, compress, dataset, save

VOXELS = np.random.default_rng(0).integers(0, 255, (10, 10, 10)).astype(np.uint8)
GIGABYTE = 1 << 30


def refused(path: Path) -> str:
    with pytest.raises(UserError) as error:
        read_image(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
    return str(error.value)


def nrrd(path: Path, data: bytes = VOXELS.tobytes(), **fields: str) -> Path:
    """An NRRD file of 10 x 10 x 10 bytes; `fields` replace or add to its header, "_" standing for a blank."""
    header = {
        "type": "uint8",
        "dimension": "3",
        "space": "left-posterior-superior",
        "sizes": "10 10 10",
        "space directions": "(1,0,0) (0,1,0) (0,0,1)",
        "encoding": "raw",
        **{name.replace("_", " "): value for name, value in fields.items()},
    }
    lines = "".join(f"{name}: {value}\n" for name, value in header.items())
    path.write_bytes(f"NRRD0004\n{lines}\n".encode() + data)
    return path


def mha(path: Path, data: bytes = VOXELS.tobytes(), **fields: str) -> Path:
    """A MetaImage file likewise."""
    header = {
        "ObjectType": "Image",
        "NDims": "3",
        "DimSize": "10 10 10",
        "ElementSpacing": "1 1 1",
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "ElementType": "MET_UCHAR",
        "ElementDataFile": "LOCAL",
    } | fields
    end = header.pop("ElementDataFile")
    lines = "".join(f"{name} = {value}\n" for name, value in header.items())
    path.write_bytes(f"{lines}ElementDataFile = {end}\n".encode() + data)
    return path


def test_the_files_are_read_where_they_are_harmless(tmp_path):
    for path in (nrrd(tmp_path / "a.nrrd"), mha(tmp_path / "a.mha")):
        np.testing.assert_array_equal(read_image(path).array, VOXELS)


# --- to fill the memory -----------------------------------------------------------------------------------------------


def zeros(count: int, packed: Callable[[], object]) -> bytes:
    """So many compressed zeros, made without having them."""
    compressor, parts = packed(), []
    for _ in range(count >> 24):
        parts.append(compressor.compress(bytes(1 << 24)))
    return b"".join([*parts, compressor.flush()])


def gzip_stream():
    return zlib.compressobj(9, zlib.DEFLATED, 31)


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """3 GB of zeros in 3 MB."""
    return zeros(3 * GIGABYTE, gzip_stream)


def nifti_header(sizes: tuple[int, int, int]) -> bytes:
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *sizes, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 2, 8)
    struct.pack_into("<8f", header, 76, *[1.0] * 8)
    struct.pack_into("<f", header, 108, 352.0)
    header[344:348] = b"n+1\0"
    return bytes(header)


def test_a_gzip_bomb_is_refused_before_it_is_unpacked(tmp_path, bomb):
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(nifti_header((1500, 1500, 1400))) + bomb)
    assert "GB in memory" in refused(path)
    path = nrrd(tmp_path / "a.nrrd", bomb, sizes="1500 1500 1400", encoding="gzip")
    assert "which no scan does" in refused(path)
    path = mha(tmp_path / "a.mha", bomb, DimSize="1500 1500 1400", CompressedData="True")
    assert "GB in memory" in refused(path)


def test_an_empty_mask_is_no_bomb(tmp_path):
    path = nrrd(tmp_path / "a.nrrd", zeros(1 << 26, gzip_stream), sizes="1024 1024 64", encoding="gzip")
    image = read_image(path, constant_allowed=True)
    assert image.size == (1024, 1024, 64)


def test_a_compressed_stream_that_goes_on_behind_the_image_is_refused(tmp_path, bomb):
    path = nrrd(tmp_path / "a.nrrd", bomb, encoding="gzip")
    assert "go on far behind the image" in refused(path)


def test_a_bzip2_stream_that_goes_on_behind_the_image_is_refused(tmp_path):
    packed = zeros(1 << 28, bz2.BZ2Compressor)
    assert len(packed) < 10_000
    assert "go on far behind the image" in refused(nrrd(tmp_path / "a.nrrd", packed, encoding="bzip2"))


def test_a_picture_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(stored_bytes, "LARGEST_UNPACKED", 1 << 20)
    PIL.Image.new("L", (4000, 4000)).save(tmp_path / "a.png")
    assert "which no scan does" in refused(tmp_path / "a.png")


def test_a_deflated_dicom_bomb_is_refused_before_pydicom_unpacks_it(tmp_path, monkeypatch):
    made = dataset(np.zeros((3000, 3000), np.int16), (0.0, 0.0, 0.0), AXIAL)
    made.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    save(made, tmp_path / "a.dcm")
    assert "GB" not in str(scan_dicom(tmp_path / "a.dcm").damaged)
    monkeypatch.setattr(stored_bytes, "LARGEST_UNPACKED", 1 << 20)
    monkeypatch.setattr("LiverAILib.imaging.dicom.deflated.LARGEST_UNPACKED", 1 << 20)
    assert "which no scan does" in refused(tmp_path / "a.dcm")


@pytest.mark.parametrize(
    "tags", [{"NumberOfFrames": "9999999"}, {"Rows": 65535, "Columns": 65535, "NumberOfFrames": "500"}]
)
def test_compressed_frames_that_cannot_be_there_take_no_memory(tmp_path, tags):
    made = compress(dataset(VOXELS[0].astype(np.int16), (0.0, 0.0, 0.0), AXIAL), RLELossless)
    for name, value in tags.items():
        setattr(made, name, value)
    refused(save(made, tmp_path / "a.dcm"))


def test_frames_that_would_not_fit_into_the_memory_are_refused_before_they_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(stored_bytes, "LARGEST_UNPACKED", 1000)
    monkeypatch.setattr(stored_bytes, "SUSPICIOUS_RATIO", 10)
    monkeypatch.setattr(read, "stored_frames", lambda *_: pytest.fail("frames were read"))
    made = compress(dataset(np.zeros((2000, 2000), np.int16), (0.0, 0.0, 0.0), AXIAL), RLELossless)
    assert "which no scan does" in refused(save(made, tmp_path / "a.dcm"))


# --- to run forever, or to end in a traceback -------------------------------------------------------------------------


@pytest.mark.parametrize("count", ["999999999999999", "inf", "nan", "1e300", "9" * 5000, "-1e300"])
@pytest.mark.parametrize("field", ["line_skip", "byte_skip"])
def test_lines_and_bytes_to_skip_are_bounded(tmp_path, field, count):
    refused(nrrd(tmp_path / "a.nrrd", **{field: count}))


@pytest.mark.parametrize(
    "sizes", ["9" * 5000 + " 10 10", "10 10 -10", "10 10 1e3", "999999999999 999999999999 999999999999"]
)
def test_sizes_that_no_image_has_are_refused(tmp_path, sizes):
    refused(nrrd(tmp_path / "a.nrrd", sizes=sizes))
    refused(mha(tmp_path / "a.mha", DimSize=sizes.replace("1e3", "1e300")))


def test_a_header_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("LiverAILib.imaging.nrrd_file.LONGEST_HEADER", 10_000)
    (tmp_path / "a.nrrd").write_bytes(b"NRRD0004\n" + b"# comment\n" * 5000)
    assert "header does not end" in refused(tmp_path / "a.nrrd")


@pytest.mark.parametrize("number", ["1e300", "inf", "nan"])
@pytest.mark.parametrize("field", ["HeaderSize", "CompressedDataSize", "ElementNumberOfChannels"])
def test_numbers_of_a_metaimage_are_bounded(tmp_path, field, number):
    (tmp_path / "a.raw").write_bytes(VOXELS.tobytes())
    refused(mha(tmp_path / "a.mhd", b"", CompressedData="True", ElementDataFile="a.raw", **{field: number}))


def test_frames_by_the_billion_are_not_listed(tmp_path):
    made = dataset(VOXELS[0].astype(np.int16), (0.0, 0.0, 0.0), AXIAL)
    made.NumberOfFrames = "999999999"
    assert "damaged or cut off" in refused(save(made, tmp_path / "a.dcm"))


# --- to have other files read -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["{}/secret.raw", "../secret.raw", "sub/../../secret.raw", "..\\secret.raw"])
def test_a_header_reads_no_file_outside_of_its_folder(tmp_path, place):
    (tmp_path / "secret.raw").write_bytes(VOXELS.tobytes())
    (tmp_path / "in" / "sub").mkdir(parents=True)
    name = place.format(tmp_path)
    assert "outside of its folder" in refused(nrrd(tmp_path / "in" / "a.nhdr", b"", data_file=name))
    assert "outside of its folder" in refused(mha(tmp_path / "in" / "a.mhd", b"", ElementDataFile=name))


def test_a_link_to_another_file_is_followed_only_by_a_header_that_is_a_link_too(tmp_path):
    """Archives of data (git-annex, DVC) link every file; a link beside a plain header leads elsewhere."""
    (tmp_path / "store").mkdir()
    (tmp_path / "in").mkdir()
    (tmp_path / "store" / "1").write_bytes(VOXELS.tobytes())
    (tmp_path / "in" / "a.raw").symlink_to(tmp_path / "store" / "1")
    header = nrrd(tmp_path / "in" / "a.nhdr", b"", data_file="a.raw")
    assert "outside of its folder" in refused(header)
    header.rename(tmp_path / "store" / "2")
    header.symlink_to(tmp_path / "store" / "2")
    np.testing.assert_array_equal(read_image(header).array, VOXELS)


def test_a_data_file_below_the_folder_of_its_header_is_read(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.raw").write_bytes(VOXELS.tobytes())
    np.testing.assert_array_equal(read_image(nrrd(tmp_path / "a.nhdr", b"", data_file="raw/a.raw")).array, VOXELS)
