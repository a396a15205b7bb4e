"""DICOM folders: real series, and series made with pydicom."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from LiverAILib.errors import UserError
from LiverAILib.imaging.dicom import list_dicom_series
from LiverAILib.imaging.files import read_image


def write_series(folder, volume, *, description="portal venous", positions=None, modality="CT"):
    """Write a volume (slices, rows, columns) as DICOM files in shuffled order of file names."""
    folder.mkdir(parents=True, exist_ok=True)
    uid, study = generate_uid(), generate_uid()
    positions = np.arange(len(volume)) * 2.5 if positions is None else positions
    names = np.random.default_rng(1).permutation(len(volume))
    for number, (section, position) in enumerate(zip(volume, positions, strict=True)):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = study, uid, study
        data.Modality, data.SeriesDescription, data.InstanceNumber = modality, description, number + 1
        data.Rows, data.Columns = section.shape
        data.PixelSpacing, data.ImageOrientationPatient = [0.7, 0.7], [1, 0, 0, 0, 1, 0]
        data.ImagePositionPatient = [-100.0, -120.0, float(position)]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated = data.BitsStored = 16
        data.HighBit, data.PixelRepresentation = 15, 1
        data.RescaleIntercept, data.RescaleSlope = 0, 1
        data.PixelData = section.astype(np.int16).tobytes()
        data.save_as(folder / f"{description[:3]}{names[number]:03d}.dcm", enforce_file_format=True)
    return uid


@pytest.fixture
def volume():
    return np.random.default_rng(0).integers(-100, 200, (6, 12, 10))


def test_slices_are_ordered_by_position_not_by_file_name(tmp_path, volume):
    write_series(tmp_path / "ct", volume)
    image = read_image(tmp_path / "ct")
    np.testing.assert_array_equal(image.array, volume)
    np.testing.assert_allclose(image.spacing, (0.7, 0.7, 2.5))
    np.testing.assert_allclose(image.origin, (-100, -120, 0))
    assert image.modality == "CT"


@pytest.mark.parametrize("agent", [None, "Iomeprol 400"])
def test_the_contrast_agent_is_known_where_the_header_names_it(tmp_path, volume, agent):
    write_series(tmp_path / "ct", volume)
    for file in (tmp_path / "ct").glob("*.dcm"):
        data = pydicom.dcmread(file)
        if agent:
            data.ContrastBolusAgent = agent
        data.save_as(file)
    assert read_image(tmp_path / "ct").meta.get("contrast_agent") == agent


def test_several_series_are_listed_and_chosen_by_number_uid_or_description(tmp_path, volume):
    write_series(tmp_path / "ct", volume)
    uid = write_series(tmp_path / "ct", volume + 50, description="arterial")
    with pytest.raises(UserError, match="2 series") as error:
        read_image(tmp_path / "ct")
    assert "arterial" in str(error.value)
    assert "--series" in str(error.value)
    np.testing.assert_array_equal(read_image(tmp_path / "ct", series="arterial").array, volume + 50)
    number = [s.description for s in list_dicom_series(tmp_path / "ct")].index("arterial") + 1
    np.testing.assert_array_equal(read_image(tmp_path / "ct", series=str(number)).array, volume + 50)
    listed = next(s for s in list_dicom_series(tmp_path / "ct") if s.description == "arterial")
    assert listed.uid.startswith(uid)
    np.testing.assert_array_equal(read_image(tmp_path / "ct", series=listed.uid).array, volume + 50)


def test_an_unknown_series_is_refused_with_the_list(tmp_path, volume):
    write_series(tmp_path / "ct", volume)
    with pytest.raises(UserError, match="portal venous"):
        read_image(tmp_path / "ct", series="7")


def test_missing_slices_are_noted(tmp_path, volume):
    write_series(tmp_path / "ct", volume, positions=[0, 2.5, 5.0, 12.5, 15.0, 17.5])
    assert "unevenly spaced" in read_image(tmp_path / "ct").meta["geometry_warning"]


def test_a_folder_without_dicom_is_refused(tmp_path):
    with pytest.raises(UserError, match="no DICOM"):
        read_image(tmp_path)


def test_a_cut_off_dicom_file_is_refused(tmp_path, volume):
    write_series(tmp_path / "ct", volume)
    file = sorted((tmp_path / "ct").iterdir())[2]
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UserError, match="damaged or cut off"):
        read_image(tmp_path / "ct")


def test_the_real_series_has_the_spacing_of_its_positions(data_folder):
    folder = data_folder / "ct_chaos" / "DICOM_anon"
    image = read_image(folder)
    positions = sorted(
        float(pydicom.dcmread(f, stop_before_pixels=True).ImagePositionPatient[2]) for f in folder.glob("*.dcm")
    )
    assert image.spacing[2] == pytest.approx(positions[1] - positions[0])
    assert image.size[2] == len(positions) == 78
