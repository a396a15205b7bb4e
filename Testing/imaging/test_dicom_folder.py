"""Which volumes a folder holds, and the choice of one: nothing is mixed that is not one volume."""

from __future__ import annotations

import shutil

import numpy as np
import pydicom
import pytest
from pydicom.fileset import FileSet
from pydicom.uid import SegmentationStorage, generate_uid

from LiverAILib.errors import UserError
from LiverAILib.imaging.dicom import choose_volume, is_dicom, read_volume, scan_dicom, sop_class
from LiverAILib.imaging.files import read_image
from Testing.imaging.dicom_files import (
    AXIAL,
    CORONAL,
    ORIGIN,
    STEP,
    dataset,
    item,
    save,
    without_file_meta,
    write_enhanced,
    write_series,
)

FLIPPED = (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@pytest.fixture
def volume():
    return np.random.default_rng(0).integers(0, 1000, (6, 12, 10)).astype(np.uint16)


def numbered_by_slice(second, **tags):
    """Sets tags whose values depend on the slice: `tag=lambda k: value`."""

    def each(k, made):
        for name, value in tags.items():
            setattr(made, name, value(k))
        made.InstanceNumber = k + 1 + 6 * second
        return made

    return each


APART = {
    "patient": ({"PatientID": "A"}, {"PatientID": "B"}, ["1: patient 1", "2: patient 2"]),
    "patient, upper and lower case": ({"PatientID": "a1"}, {"PatientID": "A1"}, ["1: patient 1", "2: patient 2"]),
    "patient without ID": ({"PatientID": ""}, {"PatientID": "B"}, ["1: patient 1", "2: patient 2"]),
    "name of the patient": ({"PatientName": "A"}, {"PatientName": "B"}, ["1: patient 1", "2: patient 2"]),
    "study": ({"StudyInstanceUID": "1.2.8"}, {"StudyInstanceUID": "1.2.9"}, ["2 series"]),
    "orientation": ({}, {"orientation": CORONAL}, ["axial", "coronal"]),
    "orientation mirrored": ({}, {"orientation": FLIPPED}, ["(1 0 0 0 1 0)", "(-1 0 0 0 1 0)"]),
    "pixel spacing": ({}, {"PixelSpacing": [0.8, 0.71]}, ["0.7 x 0.8 mm", "0.71 x 0.8 mm"]),
    "frame of reference": (
        {},
        {"FrameOfReferenceUID": "1.2.3.9"},
        ["frame of reference 1 of 2", "frame of reference 2 of 2"],
    ),
    "image type": ({}, {"ImageType": ["DERIVED", "SECONDARY", "MPR"]}, ["MPR"]),
    "echo time": ({"EchoTime": 2.3}, {"EchoTime": 4.6}, ["echo time 2.3 ms", "echo time 4.6 ms"]),
    "echo number": ({"EchoNumbers": 1}, {"EchoNumbers": 2}, ["echo number 2"]),
    "b value": ({"DiffusionBValue": 50.0}, {"DiffusionBValue": 800.0}, ["b value 50 s/mm2", "b value 800 s/mm2"]),
    "sequence name with b value": ({"SequenceName": "*ep_b50"}, {"SequenceName": "*ep_b800t"}, ["b value 800"]),
    "temporal position": (
        {"TemporalPositionIdentifier": 1},
        {"TemporalPositionIdentifier": 2},
        ["temporal position 1", "temporal position 2"],
    ),
    "acquisition": (
        {"AcquisitionNumber": 1},
        {"AcquisitionNumber": 2},
        ["acquisition number 1", "acquisition number 2"],
    ),
    "kernel": ({"ConvolutionKernel": "B30f"}, {"ConvolutionKernel": "B70f"}, ["kernel B30f", "kernel B70f"]),
    "contrast agent": ({}, {"ContrastBolusAgent": "Iomeprol"}, ["contrast agent Iomeprol", "not stated"]),
    "description": ({"SeriesDescription": "arterial"}, {"SeriesDescription": "late"}, ["'arterial'", "'late'"]),
    "reconstruction diameter": (
        {"ReconstructionDiameter": 350},
        {"ReconstructionDiameter": 400},
        ["reconstruction diameter 350 mm"],
    ),
    "slice thickness": ({"SliceThickness": 2.5}, {"SliceThickness": 5}, ["slice thickness 5 mm"]),
    "flip angle": ({"FlipAngle": 5}, {"FlipAngle": 15}, ["flip angle 15 degrees"]),
    "inversion time": ({"InversionTime": 100}, {"InversionTime": 800}, ["inversion time 800 ms"]),
    "trigger time": ({"TriggerTime": 0}, {"TriggerTime": 400}, ["trigger time 400 ms"]),
    "tube voltage": ({"KVP": 80}, {"KVP": 140}, ["tube voltage 140 kV"]),
    "field of view": ({}, {"origin": (-50.0, -120.0, 40.0)}, ["in-plane position -50.0, -120.0 mm"]),
    "content time": (
        {"ContentTime": "120000"},
        {"ContentTime": "120100"},
        ["content time 1 of 2", "content time 2 of 2"],
    ),
    "acquisition time of every slice": (
        {"each": numbered_by_slice(False, AcquisitionTime=lambda k: f"12000{k}")},
        {"each": numbered_by_slice(True, AcquisitionTime=lambda k: f"12010{k}")},
        ["acquisition time 1 of 2", "acquisition time 2 of 2"],
    ),
    "instance numbers alone": (
        {"each": numbered_by_slice(False)},
        {"each": numbered_by_slice(True)},
        ["instance numbers 1 to 6", "instance numbers 7 to 12"],
    ),
    "acquisitions half a slice apart": (
        {"AcquisitionNumber": 1},
        {"AcquisitionNumber": 2, "positions": STEP * (np.arange(6) + 0.4)},
        ["acquisition number 1", "acquisition number 2"],
    ),
}


@pytest.mark.parametrize("reason", APART)
def test_two_volumes_under_one_series_uid_are_refused_and_can_be_chosen(tmp_path, volume, reason):
    first, second, said = APART[reason]
    write_series(tmp_path / "in", volume, name="a{:03d}", **first)
    write_series(tmp_path / "in", volume + 1, name="b{:03d}", **second)
    with pytest.raises(UserError) as error:
        read_image(tmp_path / "in")
    message = str(error.value)
    assert message.startswith(f"{tmp_path / 'in'}: 2 ")
    assert "--series on the command line" in message
    assert all(words in message for words in said), message
    arrays = [read_image(tmp_path / "in", series=str(number)).array for number in (1, 2)]
    assert sorted(array.sum() for array in arrays) == [volume.sum(), (volume + 1).sum()]
    assert all(array.shape == volume.shape for array in arrays)


def test_images_of_two_sizes_are_two_volumes(tmp_path, volume):
    write_series(tmp_path / "in", volume, name="a{:03d}")
    write_series(tmp_path / "in", volume[:, 2:, :], name="b{:03d}", positions=20 + STEP * np.arange(6))
    with pytest.raises(UserError, match=r"matrix 10 x 12.*matrix 10 x 10"):
        read_image(tmp_path / "in")


SAME_VOLUME = {
    "echo times rounded differently": lambda k: {"EchoTime": 4.6 + 0.001 * (k % 2)},
    "orientations rounded differently": lambda k: {"ImageOrientationPatient": [1, 1e-5 * (k % 2), 0, 0, 1, 0]},
    "acquisition number of every slice": lambda k: {"AcquisitionNumber": k},
    "two breath holds, slices in turn": lambda k: {"AcquisitionNumber": k % 2, "SpacingBetweenSlices": STEP},
    "temporal position of every slice": lambda k: {"TemporalPositionIdentifier": k + 1},
    "times of every slice": lambda k: {"AcquisitionTime": f"12000{k}", "ContentTime": f"12000{k}", "TriggerTime": k},
    "repetition times of every slice": lambda k: {"RepetitionTime": 1000 + k},
    "padded texts": lambda k: {"SeriesDescription": "liver" + " " * (k % 2), "PatientName": "A^B" + "^" * (k % 2)},
}


@pytest.mark.parametrize("reason", SAME_VOLUME)
def test_what_changes_from_slice_to_slice_parts_no_volume(tmp_path, volume, reason):
    def each(k, made):
        for name, value in SAME_VOLUME[reason](k).items():
            setattr(made, name, value)
        return made

    write_series(tmp_path / "in", volume, each=each)
    np.testing.assert_array_equal(read_image(tmp_path / "in").array, volume)


def test_series_are_chosen_by_number_uid_or_description(tmp_path, volume):
    write_series(tmp_path / "in", volume, name="a{:03d}")
    write_series(
        tmp_path / "in",
        volume + 50,
        name="b{:03d}",
        SeriesInstanceUID="1.9",
        SeriesDescription="arterial",
        SeriesNumber=3,
    )
    with pytest.raises(UserError, match=r"2 series.*1: CT 'portal venous', 6 images.*2: CT 'arterial', 6 images$"):
        read_image(tmp_path / "in")
    for choice in ("2", "1.9", "arterial"):
        np.testing.assert_array_equal(read_image(tmp_path / "in", series=choice).array, volume + 50)
    with pytest.raises(UserError, match=r"'7' names 0 of its 2 volumes.*portal venous"):
        read_image(tmp_path / "in", series="7")


def test_a_volume_is_chosen_by_what_tells_it_apart(tmp_path, volume):
    for b in (0, 800):
        write_series(tmp_path / "in", volume + b, name=f"b{b}" + "_{:03d}", DiffusionBValue=float(b))
    found = scan_dicom(tmp_path / "in")
    assert [one.differs for one in found.volumes] == ["b value 0 s/mm2", "b value 800 s/mm2"]
    np.testing.assert_array_equal(read_volume(choose_volume(found, "b value 800 s/mm2")).array, volume + 800)


ENHANCED = {
    "b value": lambda v: {"MRDiffusionSequence": item(DiffusionBValue=400.0 * v)},
    "echo time": lambda v: {"MREchoSequence": item(EffectiveEchoTime=2.5 * (v + 1))},
    "temporal position": lambda v: {"FrameContentSequence": item(StackID="1", TemporalPositionIndex=v + 1)},
    "stack": lambda v: {"FrameContentSequence": item(StackID=str(v + 1))},
    "image type": lambda v: {"MRImageFrameTypeSequence": item(FrameType=["DERIVED", "PRIMARY", "DIXON", "WF"[v]])},
    "trigger time": lambda v: {"CardiacSynchronizationSequence": item(NominalCardiacTriggerDelayTime=100.0 * v)},
    "complex component": lambda v: {"MRImageFrameTypeSequence": item(ComplexImageComponent=("MAGNITUDE", "PHASE")[v])},
}


@pytest.mark.parametrize("reason", ENHANCED)
@pytest.mark.parametrize("slice_by_slice", [True, False])
def test_the_volumes_of_an_enhanced_object_are_parted_frame_by_frame(tmp_path, volume, reason, slice_by_slice):
    pairs = (
        [(v, k) for k in range(6) for v in range(2)] if slice_by_slice else [(v, k) for v in range(2) for k in range(6)]
    )
    file = write_enhanced(tmp_path / "enhanced.dcm", [(volume[k] + v, k * STEP, ENHANCED[reason](v)) for v, k in pairs])
    with pytest.raises(UserError, match=f"2 volumes under one series UID in this file.*{reason}") as error:
        read_image(file)
    assert str(error.value).startswith(str(file))
    for number in (1, 2):
        np.testing.assert_array_equal(read_image(file, series=str(number)).array, volume + number - 1)


def test_a_4d_object_is_parted_by_its_dimension_index(tmp_path, volume):
    def groups(v, k):
        return {"FrameContentSequence": item(DimensionIndexValues=[k + 1, v + 1])}

    file = write_enhanced(
        tmp_path / "4d.dcm", [(volume[k] + v, k * STEP, groups(v, k)) for v in range(3) for k in range(6)]
    )
    made = pydicom.dcmread(file)
    pointers = (0x00200032, 0x00209164)
    made.DimensionIndexSequence = [item(DimensionIndexPointer=pointer) for pointer in pointers]
    made.save_as(file)
    with pytest.raises(UserError, match=r"3 volumes.*dimension index 1.*dimension index 3"):
        read_image(file)
    np.testing.assert_array_equal(read_image(file, series="3").array, volume + 2)


def test_enhanced_files_of_one_series_are_not_mixed(tmp_path, volume):
    for n in range(2):
        write_enhanced(tmp_path / f"in/{n}.dcm", [(volume[k] + n, k * STEP, {}) for k in range(6)])
    with pytest.raises(UserError, match=r"2 volumes.*file 0\.dcm.*file 1\.dcm"):
        read_image(tmp_path / "in")


@pytest.mark.parametrize("number", [1, 3])
def test_localizers_within_a_series_are_left_out_and_said(tmp_path, volume, number):
    write_series(tmp_path / "in", volume)
    for n, orientation in enumerate((CORONAL, AXIAL, (0, 1, 0, 0, 0, -1))[:number]):
        made = dataset(volume[n], (1.0 * n, 2, 3), orientation, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
        save(made, tmp_path / f"in/scout{n}.dcm")
    image = read_image(tmp_path / "in")
    np.testing.assert_array_equal(image.array, volume)
    notes = " ".join(text for _, text in image.read_warnings)
    assert "Localizer images in the series were left out" in notes
    assert "scout0.dcm" in notes


def test_a_color_image_within_a_series_is_left_out_and_said(tmp_path, volume):
    write_series(tmp_path / "in", volume)
    color = dataset(np.zeros((12, 10), np.uint8), None, None, SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    color.SamplesPerPixel, color.PhotometricInterpretation, color.PlanarConfiguration = 3, "RGB", 0
    color.PixelData = bytes(12 * 10 * 3)
    save(color, tmp_path / "in/dose.dcm")
    image = read_image(tmp_path / "in")
    np.testing.assert_array_equal(image.array, volume)
    assert "Color images in the series were left out (dose.dcm" in dict(image.read_warnings)["reading_note"]
    with pytest.raises(UserError, match="in color"):
        read_image(tmp_path / "in/dose.dcm")


# --- the walk -------------------------------------------------------------------------------------------------------


def test_one_series_in_two_folders_of_a_nested_export_is_one_volume(tmp_path, volume):
    files = write_series(tmp_path / "disc/DICOM/PA000/ST000/SE000", volume, name="IM{:06d}")
    other = tmp_path / "disc/DICOM/PA000/ST000/SE001"
    other.mkdir()
    for file in files[::2]:
        shutil.move(file, other / file.name)
    (tmp_path / "disc/Thumbs.db").write_bytes(bytes(range(256)) * 4)
    (tmp_path / "disc/.hidden").mkdir()
    shutil.copy(files[1], tmp_path / "disc/.hidden/copy")
    (found,) = scan_dicom(tmp_path / "disc").volumes
    assert len(found.files) == 6
    np.testing.assert_array_equal(read_volume(found).array, volume)
    np.testing.assert_array_equal(read_image(tmp_path / "disc").array, volume)


def test_a_dicomdir_adds_nothing(tmp_path, volume):
    write_series(tmp_path / "in", volume, StudyDate="20240101", StudyTime="12", StudyID="1")
    disc = FileSet()
    for file in sorted((tmp_path / "in").iterdir()):
        disc.add(file)
    disc.write(tmp_path / "disc")
    assert (tmp_path / "disc/DICOMDIR").exists()
    np.testing.assert_array_equal(read_image(tmp_path / "disc").array, volume)


def test_a_series_that_was_exported_into_two_folders_is_there_once_and_it_is_said(tmp_path, volume):
    write_series(tmp_path / "in/a", volume)
    shutil.copytree(tmp_path / "in/a", tmp_path / "in/b")
    image = read_image(tmp_path / "in")
    np.testing.assert_array_equal(image.array, volume)
    assert "6 repeated images" in dict(image.read_warnings)["reading_note"]


def test_series_without_any_uid_are_told_apart_by_their_folders(tmp_path, volume):
    for name in "ab":
        write_series(
            tmp_path / "in" / name, volume, SeriesInstanceUID="", StudyInstanceUID="", PatientID="", PatientName=""
        )
    assert len(scan_dicom(tmp_path / "in").volumes) == 2


def test_identity_and_files_of_a_volume(tmp_path, volume):
    files = write_series(tmp_path / "in", volume, PatientID="P7", SeriesDescription="T1 Dixon", Modality="MR")
    (found,) = scan_dicom(tmp_path / "in").volumes
    assert (found.patient_id, found.study_uid, found.series_uid) == ("P7", "1.2.3.1", "1.2.3.2")
    assert (found.description, found.modality, found.differs) == ("T1 Dixon", "MR", "")
    assert list(found.files) == files  # written in the order of the slices, named in another


def test_each_header_is_read_once(tmp_path, volume, monkeypatch):
    from LiverAILib.imaging.dicom import folder

    read = []
    original = folder.read_header
    monkeypatch.setattr(folder, "read_header", lambda path: read.append(path) or original(path))
    write_series(tmp_path / "in", volume)
    read_image(tmp_path / "in")
    assert len(read) == len(set(read)) == 6


def test_a_segmentation_object_is_known_as_that(tmp_path, volume):
    made = dataset(volume[0], ORIGIN, AXIAL, SOPClassUID=SegmentationStorage, Modality="SEG")
    file = save(made, tmp_path / "in/seg.dcm")
    assert sop_class(file) == SegmentationStorage
    assert scan_dicom(tmp_path / "in").segmentations == (file,)
    with pytest.raises(UserError, match=r"seg\.dcm: a DICOM segmentation object"):
        read_image(file)
    write_series(tmp_path / "in", volume, SeriesInstanceUID=generate_uid())
    np.testing.assert_array_equal(read_image(tmp_path / "in").array, volume)


def test_files_are_known_as_dicom_by_their_content(tmp_path, volume):
    (file,) = write_series(tmp_path, volume[:1], name="IM{:03d}")
    assert is_dicom(file)
    assert sop_class(file) == "1.2.840.10008.5.1.4.1.1.2"
    assert is_dicom(without_file_meta(file, tmp_path / "bare"))
    for content in (b"", b"no image, only a note " * 20, bytes(400), b"\x08\0" + bytes(range(200)) * 4):
        (tmp_path / "notes.txt").write_bytes(content)
        assert not is_dicom(tmp_path / "notes.txt")
        assert sop_class(tmp_path / "notes.txt") == ""


def test_a_folder_without_dicom_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(UserError, match="no DICOM"):
        read_image(tmp_path)
