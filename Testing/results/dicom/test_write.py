"""DICOM objects of an assessment: patient and study, reports, maps, pictures, reproducible UIDs, and what is refused."""

from __future__ import annotations

from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest

from LiverAILib.data.assessment import RESEARCH_USE, SIMULATED
from LiverAILib.data.outcome import HeatMap, Quantity
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image, write_image
from LiverAILib.results.dicom import write_dicom_objects
from LiverAILib.results.files import read_assessment, remove_assessment, write_assessment
from Testing.imaging.dicom_files import save, ultrasound, write_series
from Testing.results.dicom.assessed import PATIENT, assessed, violations, write_patient_series

GREEN = (0, 255, 0)
NAMES = ["fusion_1.dcm", "heatmap_1.dcm", "report.dcm", "segmentation.dcm"]


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    return write_patient_series(tmp_path_factory.mktemp("source") / "series")


@pytest.fixture(scope="module")
def written(source, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    write_dicom_objects(assessed(source), folder)
    return folder


def test_all_objects_belong_to_the_patient_and_study_of_the_source(written):
    assert sorted(path.name for path in written.iterdir()) == NAMES
    series = set()
    for path in written.iterdir():
        made = pydicom.dcmread(path)
        for keyword in set(PATIENT) - {"SpecificCharacterSet", "StudyDescription"}:
            assert str(made[keyword].value) == PATIENT[keyword], keyword
        assert made.StudyDescription == "Abdomen"
        assert made.StudyInstanceUID == "1.2.3.1"
        assert "research use only" in made.SeriesDescription
        series.add(made.SeriesInstanceUID)
    assert len(series) == 4
    assert "1.2.3.2" not in series


@pytest.mark.parametrize("name", NAMES)
def test_dciodvfy_finds_no_violation(written, name):
    assert violations(written / name) == []


def test_the_report_holds_measurements_outcomes_notes_and_warnings(written):
    report = highdicom.sr.srread(written / "report.dcm").content
    (liver, kidney, spleen) = report.get_volumetric_roi_measurement_groups()
    volume = liver.get_measurements()[0]
    assert (volume.name.value, volume.value, volume.unit.value) == ("118565006", 1234.5, "mL")
    assert volume.unit.scheme_designator == "UCUM"
    segmentation = pydicom.dcmread(written / "segmentation.dcm")
    (segment,) = liver.referenced_segment[0].ReferencedSOPSequence
    assert (segment.ReferencedSOPInstanceUID, segment.ReferencedSegmentNumber) == (segmentation.SOPInstanceUID, 1)
    assert [one.finding_type.meaning for one in (kidney, spleen)] == ["Kidney", "Spleen"]
    groups = {group.tracking_identifier: group for group in report.get_image_measurement_groups()}
    ratio, lower, upper = groups["LiverAI measurements"].get_measurements()
    assert (ratio.name.scheme_designator, ratio.name.value, ratio.value) == ("99LIVERAI", "caudate_ratio", 0.33333333)
    assert (lower.value, upper.value) == (0.25, 0.5)
    primary = groups["LiverAI outcome segmented (primary)"]
    assert {m.name.meaning: m.value for m in primary.get_measurements()} == {
        "Probability of no cirrhosis": 0.25,
        "Probability of cirrhosis": 0.75,
    }
    evaluations = {e.name.meaning: e.value for e in primary.get_qualitative_evaluations()}
    assert (evaluations["Predicted class"].meaning, evaluations["Predicted class"].scheme_designator) == (
        "cirrhosis",
        "99LIVERAI",
    )
    assert groups["LiverAI outcome fat"].get_measurements()[0].unit.value == "%"
    texts = [item.TextValue for item in report[0].ContentSequence[-1].ContentSequence]
    assert texts[:2] == [SIMULATED, RESEARCH_USE]
    assert "The liver reaches the end of the stack ≥ 5 mm." in texts
    assert "APRI: AST is not known." in texts
    listed = (
        pydicom.dcmread(written / "report.dcm").CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    )
    instances = {one.ReferencedSOPInstanceUID for series in listed for one in series.ReferencedSOPSequence}
    assert segmentation.SOPInstanceUID in instances
    assert len(instances) == 9 + 2


def test_the_parametric_map_holds_the_raw_values_where_they_lie(source, written):
    image = read_image(source)
    heat = assessed(image).heatmap.image.array
    made = highdicom.imread(written / "heatmap_1.dcm")
    (mapping,) = made.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence
    assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1, 0)
    assert mapping.MeasurementUnitsCodeSequence[0].CodingSchemeDesignator == "UCUM"
    assert mapping.QuantityDefinitionSequence[0].ConceptCodeSequence[0].CodingSchemeDesignator == "99LIVERAI"
    values = made.get_frames(apply_real_world_transform=True)
    np.testing.assert_array_equal(values, heat[4:5])
    position = made.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0].ImagePositionPatient
    np.testing.assert_allclose(np.array(position, float), (image.index_to_lps @ [0, 0, 4, 1])[:3], atol=1e-6)


def test_the_picture_says_that_it_is_for_research(written):
    made = pydicom.dcmread(written / "fusion_1.dcm")
    assert made.PhotometricInterpretation == "RGB"
    assert list(made.PatientOrientation) == ["L", "P"]
    caption = made.pixel_array[-70:]
    assert caption.min() == 0
    assert caption.max() == 255


def test_the_same_result_gives_the_same_bytes_and_another_one_other_uids(source, written, tmp_path):
    write_dicom_objects(assessed(source), tmp_path / "again")
    for name in NAMES:
        assert (tmp_path / "again" / name).read_bytes() == (written / name).read_bytes(), name
    provenance = {**assessed(source).provenance, "fingerprint": "b" * 64}
    write_dicom_objects(assessed(source, provenance=provenance), tmp_path / "other")
    for name in NAMES:
        first, other = (pydicom.dcmread(folder / name).SOPInstanceUID for folder in (written, tmp_path / "other"))
        assert first != other


def test_files_can_be_given_for_an_image_that_came_from_elsewhere(source, tmp_path):
    image = read_image(source)
    bare = image.with_array(image.array.astype(np.float32), meta={"name": "a node of Slicer"})
    files = sorted(source.iterdir())
    made = write_dicom_objects(assessed(bare), tmp_path / "out", sources=files)
    reference = pydicom.dcmread(made["segmentation"]).ReferencedSeriesSequence[0]
    assert len(reference.ReferencedInstanceSequence) == 9
    with pytest.raises(UserError, match=r"a node of Slicer: not read from DICOM files.*leave --dicom out"):
        write_dicom_objects(assessed(bare), tmp_path / "none")


def test_sources_of_another_image_are_refused_and_nothing_is_written(source, tmp_path):
    other = write_patient_series(tmp_path / "other")
    changed = read_image(source).with_array(read_image(source).array + np.int16(1))
    with pytest.raises(UserError, match="no DICOM volume with the geometry and the voxels of the assessed image"):
        write_dicom_objects(assessed(changed), tmp_path / "out", sources=[other])
    assert not (tmp_path / "out").exists()


def test_images_of_other_formats_are_refused(source, tmp_path):
    image = read_image(source)
    write_image(image, tmp_path / "scan.nii.gz")
    nifti = read_image(tmp_path / "scan.nii.gz")
    with pytest.raises(UserError, match=r"scan\.nii\.gz: not read from DICOM files"):
        write_dicom_objects(assessed(nifti), tmp_path / "out")
    with pytest.raises(UserError, match=r"scan\.nii\.gz: not a DICOM file"):
        write_dicom_objects(assessed(nifti), tmp_path / "out", sources=[tmp_path / "scan.nii.gz"])


@pytest.mark.parametrize("keyword", ["FrameOfReferenceUID", "SOPInstanceUID", "StudyInstanceUID"])
def test_a_source_that_nothing_can_refer_to_is_refused(tmp_path, keyword):
    def without(k, made):
        made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
        delattr(made, keyword)
        return made

    source = write_patient_series(tmp_path / "in", each=without)
    with pytest.raises(UserError, match=f"has no {keyword}"):
        write_dicom_objects(assessed(source), tmp_path / "out")


def test_a_sparse_header_is_completed_with_empty_elements(tmp_path):
    values = np.random.default_rng(0).integers(-1000, 1000, (9, 20, 26)).astype(np.int16)
    write_series(tmp_path / "in", values, PatientID=None, PatientName=None)
    source = tmp_path / "in"
    for path in write_dicom_objects(assessed(source), tmp_path / "out").values():
        assert pydicom.dcmread(path).PatientID == ""
        assert violations(path) == []


def test_patient_elements_that_break_the_standard_are_kept_as_they_are(tmp_path):
    """Names without a caret, as de-identified data have them, and dates that are none: an archive matches them as they are."""
    odd = {"PatientName": "ANON 17", "PatientSex": "unknown", "PatientBirthDate": "1960", "StudyTime": "noon"}
    source = write_patient_series(tmp_path / "in", **odd)
    for path in write_dicom_objects(assessed(source), tmp_path / "out").values():
        made = pydicom.dcmread(path)
        assert {name: str(made[name].value) for name in odd} == odd


def test_an_ultrasound_picture_gets_a_report_and_a_picture_without_what_is_burned_in(tmp_path):
    pixels = np.zeros((120, 160, 3), np.uint8)
    pixels[20:110, 20:150] = np.random.default_rng(0).integers(20, 200, (90, 130, 1))
    pixels[2:8, 100:158] = GREEN
    save(ultrasound(pixels, **PATIENT), tmp_path / "us.dcm")
    image = read_image(tmp_path / "us.dcm")
    heat = image.with_array(np.pad(np.ones((1, 40, 40), np.float32), ((0, 0), (40, 40), (60, 60))))
    outcome = Quantity(
        "Steatosis", 12.0, "%", heatmaps=(HeatMap(heat, "Signed CAM", "fat", "fat", "", "", "us", signed=True),)
    )
    one = assessed(image, images={"us": (image,)}, segmentation=None, outcomes={"fat": outcome}, primary="fat")
    made = write_dicom_objects(one, tmp_path / "out")
    assert sorted(made) == ["fusion_1", "report"]
    for path in made.values():
        assert violations(path) == []
        assert pydicom.dcmread(path).PatientID == PATIENT["PatientID"]
    picture = pydicom.dcmread(made["fusion_1"])
    assert picture.BurnedInAnnotation == "NO"
    red, green, blue = picture.pixel_array.astype(int).transpose(2, 0, 1)
    assert ((green - red < 50) | (green - blue < 50)).all(), "the text that is burned in beside the tissue is shown"


def test_objects_lie_beside_the_result_and_go_with_it(source, tmp_path):
    one = assessed(source)
    files = write_assessment(one, tmp_path / "result", pictures=False, dicom=True)
    assert files["DICOM report"] == tmp_path / "result" / "dicom" / "report.dcm"
    assert sorted(path.name for path in (tmp_path / "result" / "dicom").iterdir()) == NAMES
    write_dicom_objects(read_assessment(tmp_path / "result"), tmp_path / "later")
    for name in NAMES:
        assert (tmp_path / "later" / name).read_bytes() == (tmp_path / "result" / "dicom" / name).read_bytes(), name
    remove_assessment(tmp_path / "result")
    assert not (tmp_path / "result" / "dicom").exists()
    assert len(list(source.iterdir())) == 9
