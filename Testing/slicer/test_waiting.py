"""Console and headless script: the networks run in a child process, torch never comes into the application's own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import slicer
import slicer.util
from LiverAISlicer import waiting
from LiverAISlicer.logic import AssessmentLogic
from LiverAISlicer.nodes import imageFromVolumeNode
from LiverAISlicer.selftest import knownAssessment
from scene_tools import scene_text
from test_background import ends

from LiverAILib.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "LiverAI" / "Scripts" / "liverai_batch.py"
LAST = "print('TORCH', 'torch' in sys.modules)"


@pytest.fixture(scope="module", autouse=True)
def _close():
    yield
    waiting.closeSharedAssessor()


@pytest.fixture
def known(volume, logic):
    """The volume's known segmentation, so that no segmentation network is needed."""
    return logic.write(volume, knownAssessment(imageFromVolumeNode(volume))).segmentationNode


def test_console_call_gives_the_result_of_a_call_in_process(volume, known, logic, untrained_model):
    reported = []
    progress = lambda share, text: reported.append((share, text))  # noqa: E731
    nodes = logic.assess(volume, untrained_model, known, 6, "cirrhosis", progress, device="cpu")
    assert reported[-1][0] == 1.0
    assert not logic._assessors
    worker = waiting.sharedAssessor()._background.workerId
    heat = slicer.util.arrayFromVolume(nodes.heatMapNode).copy()
    direct = logic.assess(volume, untrained_model, known, 6, "cirrhosis", device="cpu", inProcess=True)
    assert direct.tableNode is nodes.tableNode
    assert direct.record["outcomes"] == nodes.record["outcomes"]
    assert np.array_equal(slicer.util.arrayFromVolume(direct.heatMapNode), heat)
    # Another logic uses the same process, with its networks loaded.
    again = AssessmentLogic().assess(volume, untrained_model, known, 6, "cirrhosis", device="cpu")
    assert again.record["outcomes"] == nodes.record["outcomes"]
    assert waiting.sharedAssessor()._background.workerId == worker


def test_failure_is_one_sentence_and_leaves_the_scene(scene, volume, known, logic, untrained_model):
    before = scene_text(scene)
    with pytest.raises(UserError, match="shows no liver"):
        logic.assess(volume, untrained_model, known, 0, device="cpu")
    assert scene_text(scene) == before


def test_interrupted_call_ends_the_child_process(volume, known, logic, untrained_model):
    workers = []

    def interrupt(share: float, text: str) -> None:
        workers.append(waiting.sharedAssessor()._background.workerId)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        logic.assess(volume, untrained_model, known, 6, progress=interrupt, device="cpu")
    assert ends(workers[0])
    assert logic.assess(volume, untrained_model, known, 6, device="cpu").heatMapNode is not None


def test_another_environment_is_another_process(monkeypatch):
    first = waiting.sharedAssessor()
    assert waiting.sharedAssessor() is first
    monkeypatch.setenv("LIVERAI_MODELS", "/elsewhere")
    second = waiting.sharedAssessor()
    assert second is not first
    assert second.environment["LIVERAI_MODELS"] == "/elsewhere"


def run(code: str) -> str:
    """What a process of its own prints that runs Slicer's libraries."""
    lines = [
        f"import sys; sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(ROOT / 'LiverAI')!r}, {str(ROOT)!r}]",
        "import slicer, slicer.util, slicer_standins; slicer_standins.install()",
        code,
        LAST,
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_torch_stays_out_of_the_process_of_the_console(untrained_model):
    code = """
slicer.mrmlScene = slicer.vtkMRMLScene()
from LiverAI import LiverAILogic
from LiverAISlicer.nodes import imageFromVolumeNode
from LiverAISlicer.selftest import addKnownVolume, knownAssessment
volume = addKnownVolume(slicer.mrmlScene)
mask = LiverAILogic().write(volume, knownAssessment(imageFromVolumeNode(volume))).segmentationNode
nodes = LiverAILogic().assess(volume, MODEL, mask, 6, device="cpu")
print("ASSESSED", nodes.heatMapNode.GetName())
"""
    out = run(code.replace("MODEL", repr(str(untrained_model))))
    assert "ASSESSED T2 Grad-CAM" in out
    assert "TORCH False" in out


def test_torch_stays_out_of_the_process_of_the_headless_script(tmp_path, volume, untrained_model):
    from LiverAILib.imaging.files import write_image

    image = imageFromVolumeNode(volume)
    liver = image.with_array((knownAssessment(image).segmentation.image.array == 1).astype(np.uint8), modality=None)
    write_image(image, tmp_path / "in" / "a.nrrd")
    write_image(liver, tmp_path / "masks" / "a.nrrd")
    outputs = {}
    for how, torch in (([], "False"), (["--in-process"], "True")):
        output = tmp_path / f"out{len(how)}"
        options = ["--input", tmp_path / "in", "--masks", tmp_path / "masks", "--output", output, "--save-scene", *how]
        arguments = [str(SCRIPT), "--", *map(str, options), "--model", str(untrained_model), "--device", "cpu"]
        code = f"import runpy; sys.argv = {arguments!r}; del slicer.app  # as with slicer-core alone\n"
        code += (
            "try: runpy.run_path(sys.argv[0], run_name='__main__')\nexcept SystemExit as end: print('CODE', end.code)"
        )
        out = run(code)
        assert "CODE 0" in out
        assert "1 of 1 cases assessed" in out
        assert f"TORCH {torch}" in out
        outputs[torch] = {path.name for path in (output / "a").iterdir()}
        record = json.loads((output / "a" / "assessment.json").read_text(encoding="utf-8"))
        outputs[torch, "record"] = record["outcomes"], record["measurements"], record["provenance"]["fingerprint"]
    assert outputs["True"] == outputs["False"]
    assert outputs["True", "record"] == outputs["False", "record"]
