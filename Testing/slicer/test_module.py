"""The module's own classes: self-test, requirements, and the logic with the real library."""

from __future__ import annotations

import subprocess
import zipfile
from dataclasses import replace
from importlib import metadata

import numpy as np
import pytest
import slicer
import slicer.util
from LiverAISlicer import dependencies
from LiverAISlicer.nodes import imageFromVolumeNode, maskFromSegmentationNode, volumeNodeFromImage
from LiverAISlicer.selftest import addKnownVolume, knownAssessment
from scene_tools import add_transform, affine, rotation, scene_text

import LiverAI
from LiverAILib.errors import UserError
from LiverAILib.resources import resources_folder

BUNDLED = "nowak2021-simulated"
SEGMENTER = "liver-mr-ct"


def test_self_test_of_the_application(scene):
    case = LiverAI.LiverAITest()
    case.runTest()
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1


def test_module_description():
    class Parent:
        pass

    module = LiverAI.LiverAI(Parent())
    assert module.parent.title == "LiverAI"
    assert module.parent.categories == ["Segmentation"]
    assert "research use only" in module.parent.helpText


def test_logic_with_the_real_library_repeats_only_what_the_mask_changes(scene, untrained_model, slice_views):
    """Random weights, real network: result equal to the library's own, under a transform, twice."""
    volume = addKnownVolume(scene)
    volume.SetAndObserveTransformNodeID(add_transform(scene, affine(rotation(0, 0, 12), (5, 6, 7))).GetID())
    logic = LiverAI.LiverAILogic()
    known = logic.write(volume, knownAssessment(imageFromVolumeNode(volume)))
    reported = []
    nodes = logic.assess(
        volume,
        untrained_model,
        known.segmentationNode,
        6,
        "cirrhosis",
        lambda share, text: reported.append((share, text)),
        device="cpu",
        covariates={"age_years": 54, "ast_u_per_l": 80, "alt_u_per_l": 64, "platelets_1e9_per_l": 120},
        inProcess=True,
    )
    from LiverAILib.data.case import Case
    from LiverAILib.jobs.assess import assess

    mask = maskFromSegmentationNode(known.segmentationNode, "liver", volume)
    case = Case({"t2": imageFromVolumeNode(volume)}, masks={"liver": mask})
    direct = assess(case, untrained_model, slice_index=6, target_class="cirrhosis", device="cpu")
    assert nodes.record["probabilities"] == pytest.approx(dict(direct.probabilities), abs=1e-6)
    assert np.allclose(slicer.util.arrayFromVolume(nodes.heatMapNode), direct.heatmap.image.array, atol=1e-6)
    assert {one["key"]: one["value"] for one in nodes.record["measurements"]}["fib4"] == 4.5
    assert nodes.segmentationNode is known.segmentationNode
    assert reported[-1][0] == 1.0
    assert len(logic._assessors) == 1
    again = logic.assess(volume, untrained_model, known.segmentationNode, 6, "cirrhosis", device="cpu", inProcess=True)
    assert again.tableNode is nodes.tableNode
    assert again.record["probabilities"] == nodes.record["probabilities"]


def test_error_of_the_library_leaves_the_scene_as_it_was(scene, untrained_model, slice_views):
    volume = addKnownVolume(scene)
    logic = LiverAI.LiverAILogic()
    known = logic.write(volume, knownAssessment(imageFromVolumeNode(volume)))
    before = scene_text(scene)
    with pytest.raises(UserError, match="shows no liver"):
        logic.assess(volume, untrained_model, known.segmentationNode, 0, device="cpu", inProcess=True)
    assert scene_text(scene) == before


@pytest.mark.skipif(
    not all((resources_folder() / "Models" / name / "model.json").is_file() for name in (BUNDLED, SEGMENTER)),
    reason=f"the bundled models {BUNDLED} and {SEGMENTER} are not in Resources/Models",
)
def test_bundled_models_from_volume_to_scene(tmp_path, scene, slice_views):
    """The whole way: a simulated case in the scene, the bundled models, all result nodes; then a corrected mask."""
    from LiverAILib.imaging.files import read_image
    from LiverAILib.jobs.demo import sample_files
    from LiverAILib.methods import method_named

    volume = volumeNodeFromImage(
        read_image(sample_files(method_named("nowak2021"), tmp_path)["t2"][0]), "sample", scene
    )
    volume.SetAndObserveTransformNodeID(add_transform(scene, affine(rotation(3, -4, 5), (10, 20, 30))).GetID())
    logic = LiverAI.LiverAILogic()
    nodes = logic.assess(volume, BUNDLED, device="cpu", inProcess=True)
    liver = maskFromSegmentationNode(nodes.segmentationNode, "liver", volume)
    assert 500 < liver.array.sum() * liver.voxel_volume_ml < 5000
    assert set(nodes.heatMapNodes) == set(nodes.record["outcomes"])
    heat = slicer.util.arrayFromVolume(nodes.heatMapNode)
    used = np.flatnonzero(np.moveaxis(heat, 2 - nodes.record["slice"]["axis"], 0).any((1, 2)))
    assert list(used) == [nodes.record["slice"]["index"]]
    assert imageFromVolumeNode(nodes.heatMapNode).same_geometry(imageFromVolumeNode(volume))
    again = logic.assess(volume, BUNDLED, nodes.segmentationNode, device="cpu", inProcess=True)
    assert again.record["probabilities"] == pytest.approx(nodes.record["probabilities"], abs=1e-6)
    assert "segment" not in again.record["seconds"] or again.record["seconds"]["segment"] < 1


def test_volume_from_image_and_back(scene, volume):
    image = replace(imageFromVolumeNode(volume), modality="MR")
    for kind in (np.int64, np.float16, bool, np.int16, np.float64):
        node = volumeNodeFromImage(image.with_array(image.array.astype(kind)), "again", scene)
        back = imageFromVolumeNode(node)
        assert back.same_geometry(image, tolerance_mm=1e-9)
        assert back.modality == "MR"
        assert np.array_equal(back.array, image.array.astype(kind).astype(back.array.dtype))


def test_requirements_of_this_environment_are_met():
    assert dependencies.missingRequirements() == []
    assert dependencies.installDependencies(lambda names: pytest.fail("asked without need"))


def test_missing_and_too_old_packages_are_named(monkeypatch):
    versions = {"torch": "2.1.0+cpu", "safetensors": None}
    real = metadata.version

    def version(name):
        if versions.get(name, "") is None:
            raise metadata.PackageNotFoundError(name)
        return versions.get(name) or real(name)

    monkeypatch.setattr(dependencies.metadata, "version", version)
    assert dependencies.missingRequirements() == ["torch>=2.4", "safetensors>=0.4"]
    with pytest.raises(UserError, match=r"torch>=2\.4, safetensors>=0\.4.*pip install -r"):
        dependencies.checkDependencies()
    asked = []
    assert not dependencies.installDependencies(lambda names: asked.append(names))
    assert asked == ["torch>=2.4, safetensors>=0.4"]


def test_failed_installation_names_its_cause(monkeypatch):
    monkeypatch.setattr(dependencies, "missingRequirements", lambda: ["safetensors>=0.4"])

    def fail(lines):
        raise RuntimeError("No space left on device")

    monkeypatch.setattr(dependencies, "_pipInstall", fail)
    with pytest.raises(UserError, match=r"safetensors>=0\.4 could not be installed: No space left on device"):
        dependencies.installDependencies(lambda names: True)


def test_pips_own_reason_reaches_the_user(monkeypatch):
    """Slicer before 5.12: the real pip, without an index, so that nothing can be installed."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(dependencies, "missingRequirements", lambda: ["no-such-package-of-liverai>=1"])
    with pytest.raises(UserError, match=r"No matching distribution found for no-such-package-of-liverai>=1\. Check"):
        dependencies.installDependencies(lambda names: True)


def test_pip_refuses_to_replace_slicers_own_packages(monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(RuntimeError, match=r"numpy==0\.0\.1") as refused:
        dependencies._runPip(["numpy==0.0.1"])
    assert metadata.version("numpy") in str(refused.value) or "conflict" in str(refused.value)


def test_packages_are_installed_from_a_folder_of_wheels_without_any_network(monkeypatch, tmp_path):
    """The real pip, with an index that does not exist; it installs into a folder of its own."""
    wheels, target = tmp_path / "wheels", tmp_path / "installed"
    wheels.mkdir()
    write_wheel(wheels, "liverai_planted_package", "1.5")
    monkeypatch.setenv("PIP_TARGET", str(target))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    installed = target / "liverai_planted_package.py"
    monkeypatch.setattr(
        dependencies, "missingRequirements", lambda: [] if installed.exists() else ["liverai-planted-package>=1"]
    )
    monkeypatch.setenv("LIVERAI_WHEELS", str(wheels))
    assert not dependencies.installDependencies(lambda names: False)
    assert not installed.exists()
    assert dependencies.installDependencies(lambda names: True)
    assert installed.read_text() == "planted = True\n"


def test_a_folder_without_the_packages_is_refused_with_pips_reason(monkeypatch, tmp_path):
    monkeypatch.setattr(dependencies, "missingRequirements", lambda: ["no-such-package-of-liverai>=1"])
    with pytest.raises(UserError, match=r"could not be installed from .*No matching distribution found"):
        dependencies.installFromFolder(tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        dependencies.installFromFolder(tmp_path / "nothing")


def write_wheel(folder, name: str, version: str) -> None:
    """A wheel with one module."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": "planted = True\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in files)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)


def test_output_of_a_failed_command_is_the_reason():
    error = subprocess.CalledProcessError(1, "pip", output="Collecting x\nERROR: No space left on device\n")
    assert dependencies._reason(error) == "No space left on device"
    assert dependencies._reason(RuntimeError("proxy refused.")) == "proxy refused"
    assert dependencies.pipReason(["Killed", ""]) == "Killed"


def test_slicers_own_packages_are_kept(monkeypatch):
    """pip gets the missing packages only, with Slicer's own ones to be skipped, and without prompts of its own."""
    import sys
    import types

    calls = []
    packaging = types.ModuleType("slicer.packaging")
    packaging.pip_ensure = lambda requirements, **options: calls.append((requirements, options))
    monkeypatch.setitem(sys.modules, "slicer.packaging", packaging)
    dependencies._pipInstall(["safetensors>=0.4"])
    ((requirements, options),) = calls
    assert requirements == ["safetensors>=0.4"]
    assert set(options["skip_packages"]) == {"numpy", "SimpleITK", "requests"}
    assert options["prompt_install"] is False
    assert options["prompt_restart"] is False
