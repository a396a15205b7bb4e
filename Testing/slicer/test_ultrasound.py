"""The ultrasound models in the box in Slicer: several color images by role, from the console and from the headless script."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import slicer
import slicer.util
from LiverAISlicer.nodes import imageFromVolumeNode, volumeNodeFromImage
from LiverAISlicer.summary import headlineHtml
from scene_tools import scene_text

from LiverAILib import assess, load_model
from LiverAILib.data.case import Case
from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image
from LiverAILib.jobs.demo import sample_files
from LiverAILib.methods import method_named

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "LiverAI" / "Scripts" / "liverai_batch.py"
MODELS = {"xue2020": "xue2020-simulated", "byra2021": "byra2021-simulated"}


@pytest.fixture(scope="module", params=list(MODELS))
def method(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def files(method, tmp_path_factory) -> dict[str, tuple[Path, ...]]:
    """Simulated pictures by role, at most two of a role to save time."""
    found = sample_files(method_named(method), tmp_path_factory.mktemp(method))
    return {role: tuple(paths)[:2] for role, paths in found.items()}


def load(files, scene) -> dict[str, list]:
    """The pictures as nodes, as Slicer loads them."""
    return {
        role: [volumeNodeFromImage(read_image(path), path.stem, scene) for path in paths]
        for role, paths in files.items()
    }


def test_slicer_answers_as_the_library_does_with_a_map_over_each_picture(method, files, scene, logic):
    images = load(files, scene)
    nodes = logic.assess(None, MODELS[method], images=images, device="cpu", inProcess=True)
    spec = method_named(method)
    case = Case.from_files(files, modalities=spec.default_modalities)
    expected = assess(case, load_model(MODELS[method]), device="cpu")
    for name, outcome in expected.outcomes.items():
        record = nodes.record["outcomes"][name]
        if "value" in record:
            assert record["value"] == pytest.approx(outcome.value, abs=1e-4), name
        else:
            assert record["probabilities"] == pytest.approx(dict(outcome.probabilities), abs=1e-4), name
        for heatmap in outcome.heatmaps:
            node = nodes.heatMaps[name, heatmap.role, heatmap.number]
            picture = images[heatmap.role][heatmap.number]
            assert np.allclose(slicer.util.arrayFromVolume(node), heatmap.image.array, atol=1e-4)
            assert imageFromVolumeNode(node).same_geometry(imageFromVolumeNode(picture, color=True))
    assert "simulated" in headlineHtml(nodes.record, str)


def test_swapped_pictures_are_refused_and_the_scene_stays(scene, logic, tmp_path):
    images = load(sample_files(method_named("xue2020"), tmp_path), scene)
    slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)  # Slicer's scenes have one
    before = scene_text(scene)
    swapped = {"gray_scale": images["elastogram"], "elastogram": images["gray_scale"]}
    with pytest.raises(UserError, match="elastogram"):
        logic.assess(None, MODELS["xue2020"], images=swapped, device="cpu", inProcess=True)
    assert scene_text(scene) == before


def test_the_headless_script_takes_a_manifest_of_pictures(method, files, tmp_path):
    cells = {f"image:{role}": ";".join(map(str, paths)) for role, paths in files.items()}
    columns = {"case_id": "first", "patient_id": "p1", **cells}
    manifest, output = tmp_path / "cohort.csv", tmp_path / "out"
    manifest.write_text(f"{','.join(columns)}\n{','.join(columns.values())}\n", encoding="utf-8")
    command = [
        sys.executable,
        str(SCRIPT),
        "--",
        "--input",
        str(manifest),
        "--output",
        str(output),
        "--model",
        MODELS[method],
    ]
    done = subprocess.run([*command, "--device", "cpu"], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((output / "first" / "assessment.json").read_text(encoding="utf-8"))
    maps = {path.name for path in (output / "first").glob("heatmap_*.nrrd")}
    assert len(maps) == sum(len(one["heatmaps"]) for one in record["outcomes"].values()) > 0
    with (output / "summary.csv").open(newline="", encoding="utf-8") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["case_id"], row["error"]) == ("first", "")
