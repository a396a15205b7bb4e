"""DICOM SEG: the mask comes back voxel for voxel, read by highdicom, dcmqi and LiverAI, whatever the geometry of the source."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from LiverAILib.data.masks import read_mask
from LiverAILib.imaging.files import read_image
from LiverAILib.imaging.image import Image
from LiverAILib.results.dicom import write_dicom_objects
from Testing.imaging.dicom_files import AXIAL, CORONAL, SAGITTAL, item, write_enhanced, write_series
from Testing.results.dicom.assessed import PATIENT, assessed, labels_in, violations, write_patient_series

ANGLE = np.deg2rad(17)
OBLIQUE = (np.cos(ANGLE), np.sin(ANGLE), 0.0, -np.sin(ANGLE) * np.cos(0.3), np.cos(ANGLE) * np.cos(0.3), np.sin(0.3))
LABELS = {"liver": 1, "right_kidney": 2, "spleen": 4}


def check_masks(file: Path, image: Image) -> None:
    """Every structure read back by LiverAI is where it was, and the file says so to dciodvfy."""
    for name, label in LABELS.items():
        back = read_mask(file, name, reference=image)
        np.testing.assert_array_equal(back.array, labels_in(image) == label)
        assert not [code for code, _ in back.read_warnings if code.startswith(("mask_of", "mask_partly"))]
    assert violations(file) == []


@pytest.mark.parametrize(
    "orientation", [AXIAL, CORONAL, SAGITTAL, OBLIQUE], ids=["axial", "coronal", "sagittal", "oblique"]
)
def test_masks_come_back_voxel_for_voxel(tmp_path, orientation):
    image = read_image(write_patient_series(tmp_path / "in", orientation=orientation))
    written = write_dicom_objects(assessed(image), tmp_path / "out")
    check_masks(written["segmentation"], image)


def test_dcmqi_and_itk_put_the_mask_at_the_same_place_of_the_patient(tmp_path):
    image = read_image(write_patient_series(tmp_path / "in", orientation=OBLIQUE))
    written = write_dicom_objects(assessed(image), tmp_path / "out")
    converter = Path(sys.executable).with_name("segimage2itkimage")
    command = [
        converter,
        "--inputDICOM",
        written["segmentation"],
        "--outputDirectory",
        tmp_path,
        "--outputType",
        "nrrd",
    ]
    subprocess.run(command, check=True, capture_output=True)
    reference = sitk.GetImageFromArray(image.array)
    reference.SetSpacing(image.spacing)
    reference.SetOrigin(image.origin)
    reference.SetDirection(np.ravel(image.direction))
    for number, label in enumerate(LABELS.values(), 1):
        converted = sitk.ReadImage(str(tmp_path / f"{number}.nrrd"))
        placed = sitk.Resample(converted, reference, sitk.Transform(), sitk.sitkNearestNeighbor)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(placed) > 0, labels_in(image) == label)


def test_segments_are_coded_colored_and_say_what_made_them(tmp_path):
    source = write_patient_series(tmp_path / "in")
    provenance = {**assessed(source).provenance, "masks": {"spleen": "label 5 (chosen by the user)"}}
    written = write_dicom_objects(assessed(source, provenance=provenance), tmp_path / "out")
    read = highdicom.seg.segread(written["segmentation"])
    liver, kidney, spleen = (read.get_segment_description(number) for number in (1, 2, 3))
    assert [one.segmented_property_type.value for one in (liver, kidney, spleen)] == [
        "10200004",
        "64033007",
        "78961009",
    ]
    side = kidney.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence[0]
    assert (side.CodeValue, side.CodeMeaning) == ("24028007", "Right")
    algorithm = liver.SegmentationAlgorithmIdentificationSequence[0]
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("some-segmentation", "0.2.0")
    assert (liver.SegmentAlgorithmType, spleen.SegmentAlgorithmType) == ("AUTOMATIC", "MANUAL")
    color = highdicom.color.CIELabColor.from_dicom_value(tuple(liver.RecommendedDisplayCIELabValue)).to_rgb()
    assert np.abs(np.subtract(color, (0, 200, 140))).max() <= 2


def test_every_frame_refers_to_the_slice_it_lies_on(tmp_path):
    source = write_patient_series(tmp_path / "in")
    image = read_image(source)
    written = write_dicom_objects(assessed(image), tmp_path / "out")
    positions = {
        header.SOPInstanceUID: header.ImagePositionPatient for header in map(pydicom.dcmread, source.iterdir())
    }
    made = pydicom.dcmread(written["segmentation"])
    assert made.FrameOfReferenceUID == "1.2.3.3"
    for frame in made.PerFrameFunctionalGroupsSequence:
        (referenced,) = frame.DerivationImageSequence[0].SourceImageSequence
        assert positions[referenced.ReferencedSOPInstanceUID] == frame.PlanePositionSequence[0].ImagePositionPatient


def enhanced(folder: Path) -> Path:
    """Two echoes of nine slices, interleaved, from the head down, in one enhanced MR object."""
    values = np.random.default_rng(0).integers(0, 1000, (9, 2, 20, 26)).astype(np.uint16)
    frames = [
        (values[k, echo], 2.5 * k, {"MREchoSequence": item(EffectiveEchoTime=(2.3, 4.6)[echo])})
        for k in reversed(range(9))
        for echo in (0, 1)
    ]
    path = write_enhanced(folder / "enhanced.dcm", frames)
    made = pydicom.dcmread(path)
    for name, value in PATIENT.items():
        setattr(made, name, value)
    made.save_as(path)
    return path


def test_a_volume_of_some_frames_of_an_enhanced_object_refers_to_these_frames(tmp_path):
    source = enhanced(tmp_path)
    image = read_image(source, series="2")
    written = write_dicom_objects(assessed(image), tmp_path / "out")
    check_masks(written["segmentation"], image)
    stored = pydicom.dcmread(source).PerFrameFunctionalGroupsSequence
    times = set()
    for frame in pydicom.dcmread(written["segmentation"]).PerFrameFunctionalGroupsSequence:
        (referenced,) = frame.DerivationImageSequence[0].SourceImageSequence
        original = stored[int(referenced.ReferencedFrameNumber) - 1]
        assert (
            original.PlanePositionSequence[0].ImagePositionPatient
            == frame.PlanePositionSequence[0].ImagePositionPatient
        )
        times.add(float(original.MREchoSequence[0].EffectiveEchoTime))
    assert times == {4.6}


def test_uneven_slices_keep_their_own_positions(tmp_path):
    positions = [0.0, 2.5, 5.0, 7.5, 10.0, 12.5, 20.0, 22.5, 25.0]
    values = np.random.default_rng(0).integers(-1000, 1000, (9, 20, 26)).astype(np.int16)
    write_series(tmp_path / "in", values, positions=positions, **PATIENT)
    image = read_image(tmp_path / "in")
    assert any(code == "uneven_slices" for code, _ in image.read_warnings)
    written = write_dicom_objects(assessed(image), tmp_path / "out")
    made = pydicom.dcmread(written["segmentation"])
    for pixels, groups in zip(made.pixel_array, made.PerFrameFunctionalGroupsSequence, strict=True):
        height = float(groups.PlanePositionSequence[0].ImagePositionPatient[2]) - 40.0
        number = int(groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        expected = labels_in(image)[positions.index(height)] == list(LABELS.values())[number - 1]
        np.testing.assert_array_equal(pixels > 0, expected)
    assert "SpacingBetweenSlices" not in made.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
