"""A method of several single images, without segmentation, with a quantity and signed maps: console, headless script, panel.

Nothing in the module knows the method: `LIVERAI_METHODS` registers it.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import slicer
import slicer.util
from LiverAISlicer.display import HeatMapLook
from LiverAISlicer.nodes import imageFromVolumeNode, volumeNodeFromImage
from LiverAISlicer.resultnodes import findResult, readNodes
from LiverAISlicer.shownmaps import shownNode
from LiverAISlicer.summary import headlineHtml
from panel_run import run_panel
from scene_tools import add_transform, affine, rotation, scene_text

from LiverAILib.errors import UserError
from LiverAILib.imaging.files import read_image, write_image
from Testing.slicer.toy_case import METHODS, ROOT, expected_map, expected_value, save_toy_model, toy_images

SCRIPT = ROOT / "LiverAI" / "Scripts" / "liverai_batch.py"


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save_toy_model(tmp_path_factory.mktemp("models") / "planted").folder


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    for name, value in METHODS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def images(scene) -> dict[str, list]:
    """The case's images as nodes by role; the second view lies under a transform."""
    nodes: dict[str, list] = {}
    for (role, number), image in toy_images().items():
        nodes.setdefault(role, []).append(volumeNodeFromImage(image, f"{role}{number}", scene))
    moved = add_transform(scene, affine(rotation(0, 0, 30), (3, 4, 5)))
    nodes["view"][1].SetAndObserveTransformNodeID(moved.GetID())
    return nodes


def table_text(node) -> str:
    table = node.GetTable()
    rows = [[table.GetValue(r, c).ToString() for c in range(5)] for r in range(table.GetNumberOfRows())]
    return "\n".join("\t".join(row) for row in rows)


def test_assess_gives_the_planted_value_and_a_map_over_each_image(logic, images, model, slice_views):
    nodes = logic.assess(None, model, images=images, device="cpu", inProcess=True)
    outcome = nodes.record["outcomes"]["brightness"]
    assert outcome["value"] == pytest.approx(expected_value(), abs=1e-4)
    assert nodes.segmentationNode is None
    assert list(nodes.imageNodes) == [("view", 0), ("view", 1), ("reference", 0)]
    for (role, number), input_node in nodes.imageNodes.items():
        assert input_node is images[role][number]
        node = nodes.heatMaps["brightness", role, number]
        assert np.allclose(slicer.util.arrayFromVolume(node), expected_map((role, number)), atol=1e-5)
        assert imageFromVolumeNode(node).same_geometry(imageFromVolumeNode(input_node), tolerance_mm=1e-6)
        assert node.GetParentTransformNode() is input_node.GetParentTransformNode()
    assert nodes.heatMapNode is nodes.heatMapNodes["brightness"] is nodes.heatMaps["brightness", "view", 0]

    text = table_text(nodes.tableNode)
    assert f"Result\tbrightness: Brightness\t{expected_value():.6g} [{expected_value() - 5:.6g}," in text
    assert "explains view 2." in text
    assert "explains reference." in text
    assert f"{expected_value():.4g} %" in headlineHtml(nodes.record, str)
    assert "plus or minus 5" in headlineHtml(nodes.record, str)


def test_views_show_an_image_with_its_own_map_and_go_there(logic, images, model, slice_views):
    nodes = logic.assess(None, model, images=images, device="cpu", inProcess=True)
    slice_node, composite = slice_views[0]
    assert composite.GetBackgroundVolumeID() == images["view"][0].GetID()
    assert composite.GetForegroundVolumeID() == shownNode(nodes.heatMapNode).GetID()
    assert slice_node.GetSliceOffset() == pytest.approx(30)
    logic.show(nodes, "brightness", 0.4, role="reference")
    assert composite.GetBackgroundVolumeID() == images["reference"][0].GetID()
    assert composite.GetForegroundVolumeID() == shownNode(nodes.heatMaps["brightness", "reference", 0]).GetID()
    assert slice_node.GetSliceOffset() == pytest.approx(-60)
    logic.setLook(nodes, HeatMapLook(opacity=0.9))
    assert composite.GetForegroundOpacity() == pytest.approx(0.9)
    with pytest.raises(UserError, match="not in the scene any more"):
        logic.show(nodes, "brightness", role="reference", number=1)


def test_signed_maps_are_red_and_blue_about_zero(logic, images, model):
    display = logic.assess(
        None, model, images=images, device="cpu", inProcess=True
    ).heatMapNode.GetScalarVolumeDisplayNode()
    strongest = np.abs(expected_map(("view", 0))).max()
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == pytest.approx((-strongest, strongest))
    table = display.GetColorNode().GetLookupTable()
    negative, middle, positive = (np.array(table.GetTableValue(index)) for index in (0, 128, 255))
    assert negative[2] > 2 * negative[0]
    assert positive[0] > 2 * positive[2]
    assert middle[3] == 0 < min(negative[3], positive[3])


def test_second_run_updates_and_another_choice_of_images_is_another_result(scene, logic, images, model):
    first = logic.assess(None, model, images=images, device="cpu", inProcess=True)
    count = scene.GetNumberOfNodes()
    slicer.util.arrayFromVolume(images["reference"][0])[:] = 0
    second = logic.assess(None, model, images=images, device="cpu", inProcess=True)
    assert scene.GetNumberOfNodes() == count
    assert [node.GetID() for node in second.heatMaps.values()] == [node.GetID() for node in first.heatMaps.values()]
    assert not slicer.util.arrayFromVolume(second.heatMaps["brightness", "reference", 0]).any()
    swapped = {**images, "view": images["view"][::-1]}
    third = logic.assess(None, model, images=swapped, device="cpu", inProcess=True)
    assert third.tableNode is not first.tableNode
    every = [*images["view"], *images["reference"]]
    assert findResult(every[0], images=every) is first.tableNode
    again = readNodes(first.tableNode)
    assert again.imageNodes == first.imageNodes
    assert again.heatMaps == first.heatMaps
    assert again.heatMapTitles == ["brightness: view 1", "brightness: view 2", "brightness: reference"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda given: {"view": given["view"]}, "needs an image 'reference', the case has 2 'view'"),
        (lambda given: {**given, "view": given["view"][:1]}, "needs 2 images 'view'"),
        (lambda given: {**given, "reference": given["view"][:1]}, "view0: chosen for two images"),
        (lambda given: {**given, "t2": given["view"]}, "'t2': the method toy has no such image. Give view, reference"),
    ],
)
def test_wrong_images_are_refused_and_the_scene_stays(scene, logic, images, model, change, message):
    before = scene_text(scene)
    with pytest.raises(UserError, match=message):
        logic.assess(None, model, images=change(images), device="cpu", inProcess=True)
    assert scene_text(scene) == before


def test_a_volume_is_no_single_image(logic, images, model, volume):
    with pytest.raises(UserError, match="T2: a volume of 12 slices"):
        logic.assess(None, model, images={**images, "reference": [volume]}, device="cpu", inProcess=True)


def run_script(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, str(SCRIPT), "--", *map(str, arguments)]
    environment = {**os.environ, **METHODS}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)


def test_headless_script_with_a_manifest(tmp_path, model, new_scene):
    files: dict[str, list[str]] = {}
    for (role, number), image in toy_images().items():
        write_image(image, tmp_path / f"{role}{number}.nrrd")
        files.setdefault(f"image:{role}", []).append(f"{role}{number}.nrrd")
    columns = {"case_id": "first", "patient_id": "p1", **{name: ";".join(paths) for name, paths in files.items()}}
    manifest, output = tmp_path / "cohort.csv", tmp_path / "out"
    manifest.write_text(f"{','.join(columns)}\n{','.join(columns.values())}\n", encoding="utf-8")
    arguments = ["--input", manifest, "--output", output, "--model", model, "--device", "cpu", "--save-scene"]
    done = run_script(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    names = {path.name for path in (output / "first").iterdir()}
    maps = {f"heatmap_{role}_{number + 1}.nrrd": (role, number) for role, number in toy_images()}
    assert names == {"assessment.json", "result.tsv", "scene.mrb", "thumbnail.jpg", *maps}
    record = json.loads((output / "first" / "assessment.json").read_text(encoding="utf-8"))
    assert record["outcomes"]["brightness"]["value"] == pytest.approx(expected_value(), abs=1e-4)
    for name, key in maps.items():
        heat = read_image(output / "first" / name, constant_allowed=True)
        assert np.allclose(heat.array, expected_map(key), atol=1e-5)
        assert heat.same_geometry(toy_images()[key])
    with (output / "summary.csv").open(newline="", encoding="utf-8") as stream:
        (row,) = csv.DictReader(stream)
    assert float(row["brightness [%]"]) == pytest.approx(expected_value(), abs=1e-4)

    loaded = new_scene()
    assert loaded.ReadFromMRB(str(output / "first" / "scene.mrb"))
    nodes = readNodes(findResult(loaded.GetFirstNodeByName("first view 1")))
    assert [node.GetName() for node in nodes.imageNodes.values()] == ["first view 1", "first view 2", "first reference"]
    assert nodes.segmentationNode is None
    for (role, number), image in toy_images().items():
        assert np.array_equal(imageFromVolumeNode(nodes.imageNodes[role, number]).array, image.array)
        heat = slicer.util.arrayFromVolume(nodes.heatMap("brightness", role, number))
        assert np.allclose(heat, expected_map((role, number)), atol=1e-5)

    before = (output / "first" / "result.tsv").stat().st_mtime_ns
    assert run_script(*arguments).returncode == 0
    assert (output / "first" / "result.tsv").stat().st_mtime_ns == before  # nothing has changed


@pytest.mark.skipif(
    importlib.util.find_spec("PySide6") is None, reason="needs PySide6-Essentials: pip install PySide6-Essentials"
)
def test_panel(tmp_path, model):
    picture = Path(os.environ.get("LIVERAI_PICTURES", tmp_path)) / "panel_toy.png"
    run_panel("toy_panel_scenario.py", picture, **METHODS, LIVERAI_MODELS=str(model.parent))
    assert picture.stat().st_size > 5000
