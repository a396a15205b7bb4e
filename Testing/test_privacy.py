"""What a DICOM header says of a person reaches no file, no output and no log, unless it is asked for."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pydicom
import pytest
from PIL.PngImagePlugin import PngInfo
from pydicom.datadict import dictionary_VR

from LiverAILib.cli import main
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image, write_image
from LiverAILib.results.files import read_assessment, write_assessment
from Testing.imaging.dicom_files import write_series
from Testing.models import untrained_models
from Testing.phantom import phantom_liver, phantom_values

IDENTIFYING = (
    "AccessionNumber", "AcquisitionDate", "AcquisitionDateTime", "AcquisitionTime", "AdditionalPatientHistory",
    "AdmissionID", "AdmittingDate", "AdmittingDiagnosesDescription", "ContentDate", "ContentTime",
    "CountryOfResidence", "CurrentPatientLocation", "DerivationDescription", "DeviceSerialNumber",
    "EthnicGroup", "FillerOrderNumberImagingServiceRequest", "FrameOfReferenceUID", "ImageComments",
    "InstanceCreationDate", "InstanceCreationTime", "InstanceCreatorUID", "InstitutionAddress",
    "InstitutionName", "InstitutionalDepartmentName", "MedicalAlerts", "MilitaryRank",
    "NameOfPhysiciansReadingStudy", "Occupation", "OperatorsName", "OtherPatientIDs", "OtherPatientNames",
    "PatientAddress", "PatientAge", "PatientBirthDate", "PatientBirthName", "PatientBirthTime",
    "PatientComments", "PatientID", "PatientInsurancePlanCodeSequence", "PatientMotherBirthName", "PatientName",
    "PatientReligiousPreference", "PatientTelephoneNumbers", "PerformedProcedureStepDescription",
    "PerformedProcedureStepID", "PerformedProcedureStepStartDate", "PerformingPhysicianName",
    "PhysiciansOfRecord", "PlacerOrderNumberImagingServiceRequest", "ProtocolName", "ReferringPhysicianName",
    "ReferringPhysicianAddress", "RegionOfResidence", "RequestAttributesSequence",
    "RequestedProcedureDescription", "RequestedProcedureID", "RequestingPhysician", "RequestingService",
    "ResponsiblePerson", "ScheduledPerformingPhysicianName", "SeriesDate", "SeriesDescription",
    "SeriesInstanceUID", "SeriesTime", "SOPInstanceUID", "SpecialNeeds", "StationName", "StudyComments",
    "StudyDate", "StudyDescription", "StudyID", "StudyInstanceUID", "StudyTime", "TextComments", "TextString",
    "TimezoneOffsetFromUTC",
)  # fmt: skip
"""Attributes that the Basic Application Level Confidentiality Profile (PS3.15, table E.1-1) removes or replaces."""

PLANTED = {"DA": "19010203", "TM": "113355.778899", "DT": "19010203113355.778899"}
SECRETS = ("qxleak", "19010203", "113355", "1.2.826.0.1.888888")
"""Some part of every planted value."""


def planted_value(keyword: str, number: int) -> str | None:
    """An unmistakable value; None for sequences and what cannot hold one."""
    vr = dictionary_VR(keyword)
    if keyword in ("SOPInstanceUID", "FrameOfReferenceUID") or vr == "UI":
        return f"1.2.826.0.1.888888.{number}"
    if vr in ("SQ", "AS") or keyword == "TimezoneOffsetFromUTC":
        return None
    return PLANTED.get(vr, "Qxleak^Name" if vr == "PN" else "QXLEAK" + keyword[:8].upper())


def plant(number: int):
    """A change of every slice that fills all identifying attributes; descriptions hold the name beside the sequence."""

    def change(k, made):
        for keyword in IDENTIFYING:
            value = planted_value(keyword, number)
            if value is not None:
                setattr(made, keyword, value)
        made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.888888.{number}.{k + 1}"
        made.SeriesDescription = f"T2 SPIR qxleak name 19010203 QXLEAKPATIENTI {number}"
        made.ProtocolName = f"liver qxleak {number}"
        made.StudyInstanceUID = "1.2.826.0.1.888888.77"
        return made

    return change


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Untrained models and a folder with two series of planted identifiers."""
    folder = tmp_path_factory.mktemp("privacy")
    untrained_models(folder / "models")
    liver = phantom_liver()
    for number in (1, 2):
        values = phantom_values(number)
        write_series(
            folder / "export", values.astype(np.int16), name=f"{number}_{{}}.dcm", each=plant(number), Modality="MR"
        )
    image = read_image(folder / "export", series="1")
    write_image(image.with_array(liver.astype(np.uint8)), folder / "liver.nrrd")
    (folder / "masks").mkdir()
    return folder


@pytest.fixture(autouse=True)
def models(folder, monkeypatch):
    monkeypatch.setenv("LIVERAI_MODELS", str(folder / "models"))


def contents(path: Path) -> Iterator[bytes]:
    """The bytes of a file, and what is compressed in it."""
    data = path.read_bytes()
    yield data
    if data.startswith(b"NRRD"):
        header, _, rest = data.partition(b"\n\n")
        if b"gzip" in header:
            yield gzip.decompress(rest)
    if data.startswith(b"\x1f\x8b"):
        yield gzip.decompress(data)
    if path.suffix == ".png":
        with PIL.Image.open(path) as picture:
            yield repr(picture.info).encode()
    for start in range(len(data)):
        if data[start : start + 4] in (b"zTXt", b"iCCP"):
            yield zlib.decompressobj().decompress(data[start + 4 :].partition(b"\0\0")[2])


def leaks(*roots: Path) -> list[str]:
    """The files below some folders that hold a planted value in their content or name."""
    files = [path for root in roots for path in root.rglob("*") if path.is_file()]
    found = []
    for path in files:
        texts = [path.name.encode(), *contents(path)]
        found += [f"{path}: {secret}" for secret in SECRETS for text in texts if secret.encode() in text.lower()]
    return found


def said(capfd) -> list[str]:
    captured = capfd.readouterr()
    text = (captured.out + captured.err).lower()
    return [secret for secret in SECRETS if secret in text]


def run(folder: Path, *words: object) -> int:
    return main([str(word) for word in words])


def test_the_identifiers_are_there_and_the_search_finds_them(folder, tmp_path):
    """Otherwise the other tests could not fail."""
    assert len(leaks(folder / "export")) > 60
    (tmp_path / "a.txt").write_text("... QXLeak ...")
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(b"qxleak"))
    picture = PngInfo()
    picture.add_text("Comment", "qxleak" * 100, zip=True)
    PIL.Image.new("L", (4, 4)).save(tmp_path / "c.png", pnginfo=picture)
    assert sorted({Path(one.split(": ")[0]).name for one in leaks(tmp_path)}) == ["a.txt", "b.nii.gz", "c.png"]


@pytest.mark.parametrize("output", ["--json", "--progress", "--device=cpu"], ids=["json", "progress", "plain"])
def test_assess_and_its_report_hold_no_identifier(folder, tmp_path, capfd, output):
    assert run(
        folder, "assess", folder / "export", "--series", "2", "--model", "classifier", "--output", tmp_path / "out",
        "--segmentation", folder / "liver.nrrd", "--device", "cpu", output,
    ) == 0  # fmt: skip
    assert (tmp_path / "out" / "report.html").exists()
    assert leaks(tmp_path / "out") == []
    assert said(capfd) == []


def test_dicom_objects_carry_the_patient_and_nothing_beside_them_does(folder, tmp_path, capfd):
    assert run(
        folder, "assess", folder / "export", "--series", "1", "--model", "classifier", "--output", tmp_path / "out",
        "--segmentation", folder / "liver.nrrd", "--device", "cpu", "--dicom",
    ) == 0  # fmt: skip
    for path in (tmp_path / "out" / "dicom").iterdir():
        made = pydicom.dcmread(path)
        assert str(made.PatientName) == "Qxleak^Name"
        assert made.StudyInstanceUID == "1.2.826.0.1.888888.77"
        path.unlink()
    assert leaks(tmp_path / "out") == []
    assert said(capfd) == []


def test_identifiers_are_kept_in_the_record_where_they_are_asked_for(folder, tmp_path, capfd):
    run(
        folder, "assess", folder / "export", "--series", "1", "--model", "classifier", "--output", tmp_path / "out",
        "--segmentation", folder / "liver.nrrd", "--device", "cpu", "--keep-identifiers",
    )  # fmt: skip
    (image,) = json.loads((tmp_path / "out" / "assessment.json").read_text())["images"]
    assert image["identifiers"] == {
        "PatientID": "QXLEAKPATIENTI",
        "StudyInstanceUID": "1.2.826.0.1.888888.77",
        "SeriesInstanceUID": "1.2.826.0.1.888888.1",
        "SeriesDescription": "T2 SPIR qxleak name 19010203 QXLEAKPATIENTI 1",
        "FrameOfReferenceUID": "1.2.826.0.1.888888.1",
    }
    assert {Path(one.split(": ")[0]).name for one in leaks(tmp_path / "out")} == {"assessment.json"}
    assert said(capfd) == []
    write_assessment(read_assessment(tmp_path / "out"), tmp_path / "again", pictures=False)
    assert leaks(tmp_path / "again") == []


def test_a_batch_holds_no_identifier_in_results_tables_and_names(folder, tmp_path, capfd):
    code = run(
        folder, "batch", folder / "export", "--model", "classifier", "--output", tmp_path / "out", "--device", "cpu"
    )
    summary = (tmp_path / "out" / "summary.csv").read_text()
    assert "T2 SPIR 1" in summary, "the series are told apart by what remains of their descriptions"
    assert "T2 SPIR 2" in summary
    assert code == 0
    assert leaks(tmp_path / "out") == []
    assert said(capfd) == []


def test_a_batch_writes_dicom_objects_and_identifiers_where_they_are_asked_for(folder, tmp_path, capfd):
    def batch(*options: str) -> dict[str, float]:
        words = ("batch", folder / "export", "--model", "classifier", "--output", tmp_path / "out", "--device", "cpu")
        assert run(folder, *words, *options) == 0
        return {path.parent.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*/assessment.json")}

    plain = batch()
    again = batch("--dicom")
    assert all(again[name] > plain[name] for name in plain), "results without the objects do not count as finished"
    reports = list((tmp_path / "out").glob("*/dicom/report.dcm"))
    assert {str(pydicom.dcmread(path).PatientName) for path in reports} == {"Qxleak^Name"}
    assert len(reports) == 2
    assert batch("--dicom") == again
    kept = batch("--keep-identifiers")
    assert len(leaks(tmp_path / "out")) > 0
    cleaned = batch()
    assert all(cleaned[name] > kept[name] for name in kept), "a record with identifiers is written anew without them"
    assert leaks(tmp_path / "out") == []
    assert said(capfd) == []


def test_segment_holds_no_identifier(folder, tmp_path, capfd):
    run(
        folder, "segment", folder / "export", "--series", "1", "--model", "segmenter", "--device", "cpu",
        "--output", tmp_path / "out" / "liver.nii.gz", "--contact-sheet", tmp_path / "out" / "sheet.png",
    )  # fmt: skip
    assert list((tmp_path / "out").iterdir())
    assert leaks(tmp_path / "out") == []
    assert said(capfd) == []


def test_a_choice_of_volumes_shows_no_identifier(folder, tmp_path, capfd):
    assert run(folder, "assess", folder / "export", "--model", "classifier", "--output", tmp_path / "out") == 2
    listing = capfd.readouterr().err
    assert "1: MR 'T2 SPIR 1', 9 images; 2: MR 'T2 SPIR 2', 9 images" in listing
    assert not any(secret in listing.lower() for secret in SECRETS)


def test_images_that_say_that_text_is_burned_in_are_warned_of(tmp_path):
    volume = np.random.default_rng(0).integers(0, 100, (3, 8, 9)).astype(np.int16)
    write_series(tmp_path / "yes", volume, BurnedInAnnotation="YES")
    write_series(tmp_path / "no", volume, BurnedInAnnotation="NO")
    write_series(tmp_path / "screenshot", volume, SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    write_series(tmp_path / "screenshot_no", volume, SOPClassUID="1.2.840.10008.5.1.4.1.1.7", BurnedInAnnotation="NO")
    warned = {
        name: "burned_in_annotation" in dict(read_image(tmp_path / name).read_warnings)
        for name in ("yes", "no", "screenshot", "screenshot_no")
    }
    assert warned == {"yes": True, "no": False, "screenshot": True, "screenshot_no": False}


def test_a_damaged_file_is_named_without_what_it_holds(folder, tmp_path):
    damaged = tmp_path / "in" / "a.dcm"
    damaged.parent.mkdir()
    damaged.write_bytes((folder / "export" / "1_0.dcm").read_bytes()[:-100])
    with pytest.raises(UserError) as error:
        read_image(damaged)
    assert not any(secret in str(error.value).lower() for secret in SECRETS)
