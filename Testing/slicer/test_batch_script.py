"""The headless script as a plain process on slicer-core: good cases, bad cases, a second run."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from LiverAISlicer.nodes import imageFromVolumeNode
from LiverAISlicer.selftest import addKnownVolume, knownAssessment

from LiverAILib.data.assessment import SIMULATED
from LiverAILib.imaging.files import read_image, write_image

SCRIPT = Path(__file__).resolve().parents[2] / "LiverAI" / "Scripts" / "liverai_batch.py"


def run(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, str(SCRIPT), "--", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def folders(tmp_path, scene):
    """Two good images with masks, and one that is cut off."""
    image = imageFromVolumeNode(addKnownVolume(scene))
    mask = image.with_array((knownAssessment(image).segmentation.image.array == 1).astype(np.uint8), modality=None)
    for number, name in enumerate(("a", "b")):
        write_image(image.with_array(image.array + number), tmp_path / "in" / f"{name}.nii.gz")
        write_image(mask, tmp_path / "masks" / f"{name}.nii.gz")
    whole = (tmp_path / "in" / "a.nii.gz").read_bytes()
    (tmp_path / "in" / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    return tmp_path / "in", tmp_path / "masks", tmp_path / "out"


def rows(output: Path) -> dict[str, dict[str, str]]:
    with (output / "summary.csv").open(newline="", encoding="utf-8") as stream:
        return {row["case_id"]: row for row in csv.DictReader(stream)}


def test_folder_with_a_bad_case_and_a_second_run(folders, untrained_model, scene):
    inputs, masks, output = folders
    arguments = ["--input", inputs, "--output", output, "--model", untrained_model, "--masks", masks]
    done = run(*arguments, "--device", "cpu", "--save-scene", "--workers", "2")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 of 3 cases assessed" in done.stdout
    assert "Traceback" not in done.stderr
    summary = rows(output)
    assert "cut off" in summary["cut"]["error"]
    assert not (output / "cut").exists()
    record = json.loads((output / "a" / "assessment.json").read_text())
    assert summary["a"]["predicted"] == record["predicted"]
    probability = float(summary["a"]["probability segmented: cirrhosis"])
    assert probability == pytest.approx(record["outcomes"]["segmented"]["probabilities"]["cirrhosis"], abs=1e-6)
    assert SIMULATED in summary["a"]["reservations"]
    names = {path.name for path in (output / "a").iterdir()}
    assert names == {
        "assessment.json",
        "segmentation.seg.nrrd",
        "heatmap.nrrd",
        "result.tsv",
        "scene.mrb",
        "thumbnail.jpg",
    }

    image = read_image(inputs / "a.nii.gz")
    heat = read_image(output / "a" / "heatmap.nrrd", constant_allowed=True)
    assert heat.same_geometry(image)
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = node.CreateDefaultStorageNode()
    storage.SetFileName(str(output / "a" / "segmentation.seg.nrrd"))
    assert storage.ReadData(node)
    assert node.GetSegmentation().GetSegment("liver").GetName() == "Liver"
    assert "Grad-CAM" in (output / "a" / "result.tsv").read_text()

    # A second run computes only what is missing or has changed.
    write_image(image.with_array(image.array[:, ::-1].copy()), inputs / "b.nii.gz")
    replaced = json.loads((output / "b" / "assessment.json").read_text())
    before = (output / "a" / "heatmap.nrrd").stat().st_mtime_ns
    (inputs / "cut.nii.gz").unlink()
    (inputs / "notes.txt").touch()
    again = run(*arguments, "--device", "cpu")
    assert again.returncode == 0, again.stdout + again.stderr
    assert (output / "a" / "heatmap.nrrd").stat().st_mtime_ns == before
    found = json.loads((output / "b" / "assessment.json").read_text())
    assert found["provenance"]["inputs"][0]["sha256"] != replaced["provenance"]["inputs"][0]["sha256"]
    assert set(rows(output)) == {"a", "b"}
    assert f"set aside: {inputs / 'notes.txt'}: not an image file" in again.stderr


def test_manifest_with_masks_and_covariates_and_the_finer_map(folders, untrained_model, tmp_path):
    inputs, masks, output = folders
    (tmp_path / "cohort.csv").write_text(
        "case_id,patient_id,image:t2,mask:liver,age_years,ast_u_per_l,alt_u_per_l,platelets_1e9_per_l\n"
        f"x/1,p1,{inputs}/a.nii.gz,{masks}/a.nii.gz,54,80,64,120\n"
    )
    arguments = ["--input", tmp_path / "cohort.csv", "--output", output, "--model", untrained_model, "--device", "cpu"]
    done = run(*arguments, "--heatmap", "hirescam")
    assert done.returncode == 0, done.stdout + done.stderr
    row = rows(output)["x/1"]
    assert float(row["FIB-4 []"]) == 4.5
    record = json.loads((output / "x%2F1" / "assessment.json").read_text())
    assert record["outcomes"]["segmented"]["heatmaps"][0]["method"] == "HiResCAM"
    assert record["provenance"]["segmentation"]["source"] == "given"

    refused = run(*arguments, "--masks", masks)
    assert refused.returncode == 2
    assert "the manifest names the masks" in refused.stderr


def test_what_cannot_be_started_ends_in_one_line(tmp_path):
    done = run("--input", tmp_path, "--output", tmp_path / "out", "--model", "no-such-model")
    assert done.returncode == 2
    assert "no such model" in done.stderr
    assert not (tmp_path / "out").exists()
    assert "Traceback" not in done.stderr
    assert run("--input", tmp_path).returncode == 2
