"""Files that are cut off, empty or no DICOM at all: refused with their name, wherever the cut falls."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image
from Testing.imaging.dicom_files import AXIAL, ORIGIN, compress, dataset, item, save, without_file_meta, write_series

SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
    JPEGLSLossless,
    JPEG2000Lossless,
    JPEGLosslessSV1,
)
COMPRESSED = (RLELossless, JPEGLSLossless, JPEG2000Lossless, JPEGLosslessSV1)


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 4000, (16, 12)).astype(np.uint16)


def with_icon(pixels: np.ndarray, syntax: str = ExplicitVRLittleEndian) -> Dataset:
    """A slice with an icon image (nested pixel data) before its own pixel data."""
    made = dataset(pixels, ORIGIN, AXIAL)
    icon = item(Rows=2, Columns=2, BitsAllocated=8, PixelData=b"\1\2\3\4")
    icon["PixelData"].VR = "OB"
    made.IconImageSequence = [icon]
    made["IconImageSequence"].is_undefined_length = True
    if syntax in COMPRESSED:
        return compress(made, syntax)
    made.file_meta.TransferSyntaxUID = syntax
    return made


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_a_whole_file_is_read_and_every_cut_one_is_refused(tmp_path, pixels, syntax):
    file = save(with_icon(pixels, syntax), tmp_path / "slice.dcm")
    np.testing.assert_array_equal(read_image(file).array[0], pixels)
    content = file.read_bytes()
    shortest = 2 if syntax == DeflatedExplicitVRLittleEndian else 1  # its last byte may be padding (PS3.5, A.5)
    cut = tmp_path / "cut.dcm"
    for length in (len(content) - shortest, len(content) - 40, len(content) // 2):
        cut.write_bytes(content[:length])
        with pytest.raises(UserError, match=r"cut\.dcm: .*(damaged|cut off).*again"):
            read_image(cut)


def test_a_cut_within_the_header_is_found_at_every_byte(tmp_path, pixels):
    content = save(with_icon(pixels), tmp_path / "slice.dcm").read_bytes()
    cut = tmp_path / "cut.dcm"
    for length in range(1, content.rindex(bytes.fromhex("e07f1000")) + 12):
        cut.write_bytes(content[:length])
        with pytest.raises(UserError, match=r"cut\.dcm: "):
            read_image(cut)


def test_a_slice_that_is_cut_within_the_header_refuses_its_series_at_every_byte(tmp_path, pixels):
    files = write_series(tmp_path / "in", np.stack([pixels] * 3))
    content = files[2].read_bytes()
    for length in range(0, content.rindex(bytes.fromhex("e07f1000")) + 12, 3):
        files[2].write_bytes(content[:length])
        with pytest.raises(UserError, match=rf"{files[2].name}: "):
            read_image(tmp_path / "in")


def test_a_bare_data_set_that_is_cut_off_is_refused(tmp_path, pixels):
    bare = without_file_meta(save(with_icon(pixels), tmp_path / "slice.dcm"), tmp_path / "bare.dcm")
    np.testing.assert_array_equal(read_image(bare).array[0], pixels)
    bare.write_bytes(bare.read_bytes()[:-3])
    with pytest.raises(UserError, match="damaged or cut off"):
        read_image(bare)


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, b"DICM", bytes(128) + b"DICM"])
def test_a_slice_that_is_empty_or_overwritten_refuses_its_series(tmp_path, pixels, content):
    files = write_series(tmp_path / "in", np.stack([pixels] * 4))
    files[3].write_bytes(content)
    with pytest.raises(UserError, match=rf"{files[3].name}: .*(empty|damaged)"):
        read_image(tmp_path / "in")


def test_a_cut_slice_refuses_its_own_series_alone(tmp_path, pixels):
    files = write_series(tmp_path / "in", np.stack([pixels] * 4), name="a{:03d}")
    write_series(
        tmp_path / "in", np.stack([pixels + 1] * 4), name="b{:03d}", SeriesInstanceUID="1.9", SeriesDescription="other"
    )
    files[2].write_bytes(files[2].read_bytes()[:-100])
    with pytest.raises(UserError, match=f"{files[2].name}: the DICOM file is damaged or cut off"):
        read_image(tmp_path / "in", series="portal venous")
    assert read_image(tmp_path / "in", series="other").size[2] == 4


def test_the_bytes_of_the_pixel_tag_within_compressed_pixels_refuse_nothing(tmp_path):
    pixels = np.zeros((8, 16), np.uint16)
    pixels[2, :12] = [0xE0, 0x7F, 0x10, 0x00, *b"OW\0\0", 0xFF, 0xFF, 0xFF, 0x7F]
    file = save(with_icon(pixels, RLELossless), tmp_path / "slice.dcm")
    assert file.read_bytes().count(bytes.fromhex("e07f1000")) == 3
    np.testing.assert_array_equal(read_image(file).array[0], pixels)


@pytest.mark.parametrize("keyword", ["Rows", "Columns", "BitsAllocated"])
def test_a_missing_size_is_named(tmp_path, pixels, keyword):
    file = save(dataset(pixels, ORIGIN, AXIAL), tmp_path / "slice.dcm")
    made = pydicom.dcmread(file)
    delattr(made, keyword)
    made.save_as(file)
    with pytest.raises(UserError, match=rf"slice\.dcm: {keyword} is missing"):
        read_image(file)


@pytest.mark.parametrize("factor", [0.5, 2])
def test_pixel_data_of_another_length_than_the_header_says_are_refused(tmp_path, pixels, factor):
    made = dataset(pixels, ORIGIN, AXIAL)
    made.PixelData = (made.PixelData * 2)[: int(pixels.nbytes * factor)]
    made["PixelData"].VR = "OW"
    with pytest.raises(UserError, match=r"slice\.dcm: .*(cut off|more pixel data)"):
        read_image(save(made, tmp_path / "slice.dcm"))


def test_an_image_object_without_pixels_is_refused(tmp_path, pixels):
    made = dataset(pixels, ORIGIN, AXIAL)
    del made.PixelData
    with pytest.raises(UserError, match=r"report\.dcm: the DICOM file has no pixel data"):
        read_image(save(made, tmp_path / "report.dcm"))
