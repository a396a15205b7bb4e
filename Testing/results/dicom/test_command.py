"""`liverai assess --dicom`, from a DICOM series to objects that go in again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest

from LiverAILib.cli import main
from LiverAILib.imaging.files import read_image, write_image
from Testing.imaging.dicom_files import write_series
from Testing.models import untrained_nowak2021
from Testing.phantom import phantom_liver, phantom_values
from Testing.results.dicom.assessed import PATIENT, violations


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """An untrained model, a DICOM series, the same scan as NIfTI, and a mask."""
    folder = tmp_path_factory.mktemp("command")
    untrained_nowak2021(folder / "classifier")
    liver = phantom_liver()
    values = phantom_values()
    write_series(folder / "series", values.astype(np.int16), Modality="MR", **PATIENT)
    image = read_image(folder / "series")
    write_image(image, folder / "scan.nii.gz")
    write_image(image.with_array(liver.astype(np.uint8)), folder / "mask.nrrd")
    return folder


def assess(folder: Path, image: str, output: Path, *options: str) -> int:
    mask = [] if "--segmentation" in options else ["--segmentation", str(folder / "mask.nrrd")]
    return main(
        ["assess", str(folder / image), "--model", str(folder / "classifier"), "--output", str(output), "--device", "cpu",
         "--quiet", *mask, *options]
    )  # fmt: skip


def test_the_objects_of_a_series_are_valid_and_its_segmentation_goes_in_again(folder, tmp_path):
    assert assess(folder, "series", tmp_path / "first", "--dicom") == 0
    made = sorted((tmp_path / "first" / "dicom").iterdir())
    names = ["fusion_1", "fusion_2", "heatmap_1", "heatmap_2", "report", "segmentation"]
    assert [path.stem for path in made] == names
    for path in made:
        assert violations(path) == []
        assert pydicom.dcmread(path, stop_before_pixels=True).PatientID == PATIENT["PatientID"]
    segmentation = str(tmp_path / "first" / "dicom" / "segmentation.dcm")
    assert assess(folder, "series", tmp_path / "second", "--segmentation", segmentation) == 0
    results = [json.loads((tmp_path / name / "assessment.json").read_text()) for name in ("first", "second")]
    assert results[0]["probabilities"] == results[1]["probabilities"]
    assert results[0]["measurements"] == results[1]["measurements"]
    assert not (tmp_path / "second" / "dicom").exists()


def test_other_input_is_refused_before_anything_is_computed(folder, tmp_path, capsys):
    assert assess(folder, "scan.nii.gz", tmp_path / "out", "--dicom") == 2
    error = capsys.readouterr().err
    assert "scan.nii.gz: not read from DICOM files" in error
    assert "leave --dicom out" in error
    assert not (tmp_path / "out").exists()
