"""Whether the pixel data of a DICOM file are whole, on files that pydicom wrote in every transfer syntax."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from LiverAILib.imaging.dicom_elements import pixel_data_state
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
    generate_uid,
)

from LiverAILib.imaging.files import read_image

TAG_BYTES = bytes.fromhex("e07f1000")
SYNTAXES = {
    "implicit": ImplicitVRLittleEndian,
    "explicit": ExplicitVRLittleEndian,
    "big endian": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "RLE": RLELossless,
}


def write_slice(
    path, pixels: np.ndarray, syntax: str = "explicit", *, position: float = 0.0, series: str | None = None
):
    """One CT slice, with an icon image and a private sequence (nested pixel data) before its own pixel data."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == "RLE" else SYNTAXES[syntax]
    encoding = {"is_implicit_VR": syntax == "implicit", "is_little_endian": syntax != "big endian"}
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128, **encoding)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.SeriesInstanceUID, data.StudyInstanceUID, data.Modality = series or generate_uid(), generate_uid(), "CT"
    data.Rows, data.Columns = pixels.shape
    data.PixelSpacing, data.ImageOrientationPatient = [0.7, 0.7], [1, 0, 0, 0, 1, 0]
    data.ImagePositionPatient = [0.0, 0.0, position]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation = 15, 0
    icon = Dataset()
    icon.Rows = icon.Columns = 2
    icon.BitsAllocated = 8
    icon.PixelData = b"\1\2\3\4"
    data.IconImageSequence = Sequence([icon])
    data["IconImageSequence"].is_undefined_length = True
    icon.is_undefined_length_sequence_item = True
    data.PixelData = pixels.astype(">u2" if syntax == "big endian" else "<u2").tobytes()
    if syntax == "RLE":
        data.compress(RLELossless, generate_instance_uid=False)
    data.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 4000, (16, 12))


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_whole_file_is_whole_and_every_cut_one_is_not(tmp_path, pixels, syntax):
    file = write_slice(tmp_path / "slice.dcm", pixels, syntax)
    assert np.array_equal(pydicom.dcmread(file).pixel_array, pixels)  # the file is what it is meant to be
    assert pixel_data_state(file) == "whole"
    content = file.read_bytes()
    shortest_loss = (
        2 if syntax == "deflated" else 1
    )  # the last byte may pad a deflated stream to even length (PS3.5, A.5)
    for length in (len(content) - shortest_loss, len(content) - 40, len(content) // 2):
        (tmp_path / "cut.dcm").write_bytes(content[:length])
        assert pixel_data_state(tmp_path / "cut.dcm") == "cut_off", length


def test_a_cut_within_the_header_is_found_at_every_byte(tmp_path, pixels):
    content = write_slice(tmp_path / "slice.dcm", pixels).read_bytes()
    own_pixels = content.rindex(TAG_BYTES)
    states = set()
    for length in range(140, own_pixels, 7):
        (tmp_path / "cut.dcm").write_bytes(content[:length])
        states.add(pixel_data_state(tmp_path / "cut.dcm"))
    assert states <= {"cut_off", "absent"}  # "absent" where the cut falls between two elements
    assert "whole" not in states


def test_the_tag_bytes_by_chance_in_compressed_pixels_refuse_nothing(tmp_path):
    """The bytes of the pixel data tag, a VR and a length far beyond the file stand within the compressed pixels."""
    series = generate_uid()
    pixels = np.zeros((8, 16), int)
    pixels[2, :12] = [*TAG_BYTES, *b"OW\0\0", 0xFF, 0xFF, 0xFF, 0x7F]
    for number in range(3):
        file = write_slice(tmp_path / f"{number}.dcm", pixels, "RLE", position=2.0 * number, series=series)
        content = file.read_bytes()
        assert content.rindex(TAG_BYTES) > content.index(b"\xfe\xff\x00\xe0", content.index(TAG_BYTES + b"OB"))
    image = read_image(tmp_path)
    np.testing.assert_array_equal(image.array, np.stack([pixels] * 3))
    assert image.meta["modality_source"] == "DICOM Modality"


def test_a_file_without_pixel_data_or_without_dicom_is_told_apart(tmp_path, pixels):
    data = pydicom.dcmread(write_slice(tmp_path / "slice.dcm", pixels))
    del data.PixelData
    data.save_as(tmp_path / "report.dcm")
    assert pixel_data_state(tmp_path / "report.dcm") == "absent"  # the icon's pixel data do not count
    (tmp_path / "notes.txt").write_text("no image, only a note of some length " * 8)
    assert pixel_data_state(tmp_path / "notes.txt") == "not_dicom"


def test_a_bare_data_set_without_preamble_is_walked(tmp_path, pixels):
    file = write_slice(tmp_path / "slice.dcm", pixels, "implicit")
    data = pydicom.dcmread(file)
    body = pydicom.filebase.DicomBytesIO()
    body.is_little_endian, body.is_implicit_VR = True, True
    pydicom.filewriter.write_dataset(body, data)
    (tmp_path / "bare.dcm").write_bytes(body.getvalue())
    assert pixel_data_state(tmp_path / "bare.dcm") == "whole"
    (tmp_path / "bare.dcm").write_bytes(body.getvalue()[:-3])
    assert pixel_data_state(tmp_path / "bare.dcm") == "cut_off"


def test_the_real_series_is_whole(data_folder):
    files = sorted((data_folder / "ct_chaos" / "DICOM_anon").glob("*.dcm"))[:5]
    assert {pixel_data_state(file) for file in files} == {"whole"}
