"""Results of several images in the scene: color images, places in the hierarchy, no heat map, failures, earlier scenes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import slicer
import slicer.util
import vtk
from LiverAISlicer import results
from LiverAISlicer.jobs import Job, readJob, writeJob
from LiverAISlicer.nodes import imageFromVolumeNode, volumeNodeFromImage
from LiverAISlicer.resultnodes import findResult, readNodes
from LiverAISlicer.selftest import addKnownVolume, knownAssessment
from LiverAISlicer.summary import headlineHtml
from scene_tools import add_transform, affine, rotation, scene_text

from LiverAILib.data.assessment import Assessment
from LiverAILib.data.case import Case
from LiverAILib.data.outcome import Classification, HeatMap, Quantity
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image
from Testing.records import as_version_1


def color_image() -> Image:
    """One slice of 40 x 30 pixels of random color."""
    pixels = np.random.default_rng(2).integers(0, 256, (1, 30, 40, 3)).astype(np.uint8)
    return Image(pixels, (0.3, 0.4, 1.0), (5.0, 6.0, 7.0), modality="US")


def heat_map(image: Image, peak: float, **about) -> HeatMap:
    """A map of one value on the grid of an image."""
    array = np.full(image.array.shape[:3], peak, np.float32)
    return HeatMap(image.with_array(array, modality=None), "Signed CAM", "fibrosis", "both", "raw", "nothing", **about)


@pytest.fixture
def nodes_by_role(scene):
    """A gray volume and a color image."""
    return {"gray": [addKnownVolume(scene, "gray")], "elastogram": [volumeNodeFromImage(color_image(), "color", scene)]}


@pytest.fixture
def assessment(nodes_by_role) -> Assessment:
    """Classes with a map over each image, and a quantity without a map; no segmentation."""
    images = {
        role: tuple(imageFromVolumeNode(node, color=True) for node in nodes) for role, nodes in nodes_by_role.items()
    }
    maps = (
        heat_map(images["gray"][0], 2.0, role="gray"),
        heat_map(images["elastogram"][0], -3.0, role="elastogram", signed=True),
    )
    outcomes = {
        "stiffness": Quantity("Stiffness", 7.5, "kPa", (6.0, 9.0), "95 % interval"),
        "both": Classification({"F0-1": 0.25, "F2-4": 0.75}, maps),
    }
    provenance = {"model": {"name": "pair", "simulated": False}}
    return Assessment("pair", images, "xue2020", "pair", None, outcomes, "both", provenance=provenance)


def test_color_images_come_and_go_with_their_colors(scene):
    image = color_image()
    node = volumeNodeFromImage(image, "color", scene)
    assert node.GetClassName() == "vtkMRMLVectorVolumeNode"
    back = imageFromVolumeNode(node, color=True)
    assert np.array_equal(back.array, image.array)
    assert back.modality == "US"
    assert back.same_geometry(image, tolerance_mm=1e-9)
    with pytest.raises(UserError, match="color or vector volume"):
        imageFromVolumeNode(node)
    gray = addKnownVolume(scene)
    assert np.array_equal(imageFromVolumeNode(gray, color=True).array, imageFromVolumeNode(gray).array)


def test_transparency_is_dropped_and_other_vectors_are_refused(scene):
    for components in (4, 2):
        node = scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", f"{components} values")
        data = vtk.vtkImageData()
        data.SetDimensions(3, 2, 1)
        data.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, components)
        node.SetAndObserveImageData(data)
        slicer.util.arrayFromVolume(node)[:] = np.arange(components)
        if components == 4:
            array = imageFromVolumeNode(node, color=True).array
            assert array.shape == (1, 2, 3, 3)
            assert np.array_equal(array[0, 0, 0], [0, 1, 2])
        else:
            with pytest.raises(UserError, match="2 values per voxel, neither gray-scale nor RGB"):
                imageFromVolumeNode(node, color=True)


def test_job_files_hold_every_image_exactly(tmp_path, volume):
    gray = imageFromVolumeNode(volume)
    mask = gray.with_array((gray.array > 200).astype(np.uint8))
    other = replace(gray.with_array(gray.array[:, ::-1]), origin=(1 / 3, 0.0, 2.0), meta={"name": "other"})
    images = {"gray": (gray, other), "elastogram": (color_image(),)}
    job = Job(Case(images, "pair", {"liver": mask}, {"stiffness_kpa": 7.5}), "pair")
    writeJob(job, tmp_path / "job-1")
    back = readJob(tmp_path / "job-1").case
    assert {role: len(given) for role, given in back.images.items()} == {"gray": 2, "elastogram": 1}
    for role, given in images.items():
        for number, image in enumerate(given):
            again = back.image(role, number)
            assert again.array.dtype == image.array.dtype
            assert np.array_equal(again.array, image.array)
            assert np.array_equal(again.index_to_lps, image.index_to_lps)
            assert (again.modality, again.meta) == (image.modality, image.meta)
    assert np.array_equal(back.masks["liver"].array, mask.array)
    assert (back.case_id, back.covariates) == ("pair", {"stiffness_kpa": 7.5})


def test_each_map_lies_over_its_image_under_its_transform_and_beside_it(scene, logic, nodes_by_role, assessment):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "patient")
    study = hierarchy.CreateStudyItem(patient, "study")
    gray, color = nodes_by_role["gray"][0], nodes_by_role["elastogram"][0]
    hierarchy.CreateItem(study, gray)
    moved = add_transform(scene, affine(rotation(10, 0, 30), (1, 2, 3)))
    color.SetAndObserveTransformNodeID(moved.GetID())
    nodes = logic.write(None, assessment, images=nodes_by_role)

    over_gray, over_color = nodes.heatMap("both", "gray"), nodes.heatMap("both", "elastogram")
    assert nodes.heatMapNode is over_gray
    assert imageFromVolumeNode(over_color).same_geometry(imageFromVolumeNode(color, color=True), tolerance_mm=1e-6)
    assert over_color.GetTransformNodeID() == moved.GetID()
    assert over_gray.GetTransformNodeID() is None
    assert (slicer.util.arrayFromVolume(over_color) == -3).all()

    def place(node):
        return hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node))

    assert place(over_gray) == place(nodes.tableNode) == study
    assert place(over_color) == place(color)
    assert hierarchy.GetItemName(place(color)) == "color"
    assert hierarchy.GetItemLevel(place(color)) == "Folder"


def test_images_without_a_place_share_a_folder(scene, logic, nodes_by_role, assessment):
    nodes = logic.write(None, assessment, images=nodes_by_role)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    everything = [*nodes.imageNodes.values(), *nodes.heatMaps.values(), nodes.tableNode]
    (folder,) = {hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) for node in everything}
    assert hierarchy.GetItemName(folder) == "gray"


def test_quantity_beside_classes_in_table_and_summary(logic, nodes_by_role, assessment):
    nodes = logic.write(None, assessment, images=nodes_by_role)
    table = nodes.tableNode.GetTable()
    rows = [tuple(table.GetValue(r, c).ToString() for c in range(5)) for r in range(table.GetNumberOfRows())]
    assert ("Result", "stiffness: Stiffness", "7.5 [6, 9]", "kPa", "pipeline stiffness; 95 % interval") in rows
    assert ("Probability", "both: F2-4", "0.7500", "", "pipeline both (headline)") in rows
    html = headlineHtml(nodes.record, str)
    assert "F2-4" in html


def test_without_a_heat_map_the_views_show_the_image_alone(logic, nodes_by_role, assessment, slice_views):
    logic.write(None, assessment, images=nodes_by_role)
    composite = slice_views[0][1]
    assert composite.GetForegroundVolumeID()
    nodes = logic.write(None, replace(assessment, primary="stiffness"), images=nodes_by_role)
    assert nodes.heatMapNode is None
    assert composite.GetBackgroundVolumeID() == nodes_by_role["gray"][0].GetID()
    assert composite.GetForegroundVolumeID() is None


def test_nodes_of_other_images_are_refused(logic, nodes_by_role, assessment):
    with pytest.raises(ValueError, match="nodes were given for"):
        logic.write(None, assessment, images={"gray": nodes_by_role["gray"]})
    swapped = dict(zip(nodes_by_role, reversed(nodes_by_role.values()), strict=True))
    with pytest.raises(UserError, match="changed while it was assessed"):
        logic.write(None, assessment, images=swapped)


@pytest.mark.parametrize("again", [False, True])
def test_failure_leaves_the_scene_as_it_was(monkeypatch, scene, logic, nodes_by_role, assessment, slice_views, again):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    for node in (node for nodes in nodes_by_role.values() for node in nodes):
        if not hierarchy.GetItemByDataNode(node):
            hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
    if again:
        logic.write(None, assessment, images=nodes_by_role)
    before = scene_text(scene)
    monkeypatch.setattr(results.views, "jumpToSlice", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        logic.write(None, replace(assessment, primary="stiffness"), images=nodes_by_role)
    assert scene_text(scene) == before


def test_a_result_of_version_1_is_read_and_updated(scene, logic, volume):
    """Scenes of 0.1.0: one image without a role, one heat map a pipeline, a record of schema 1."""
    image = imageFromVolumeNode(volume)
    inputs = [{"role": "t2", "number": 0, "sha256": "0"}]
    assessment = knownAssessment(image)
    assessment = replace(assessment, provenance={**assessment.provenance, "inputs": inputs})
    written = logic.write(volume, assessment)
    table = written.tableNode
    table.SetAttribute("LiverAI.Record", json.dumps(as_version_1(written.record)))
    table.SetAttribute("LiverAI.Images", None)
    for node in written.heatMaps.values():
        for name in ("LiverAI.ImageRole", "LiverAI.ImageNumber", "LiverAI.Slice"):
            node.SetAttribute(name, None)

    back = readNodes(findResult(volume, "known-model"))
    assert back.volumeNode is volume
    assert back.heatMapNode is written.heatMapNode
    assert back.heatMapNodes == written.heatMapNodes
    assert back.heatMapTitles == ["segmented", "full"]
    assert "cirrhosis" in headlineHtml(back.record, str)
    logic.show(back, "full")
    count = scene.GetNumberOfNodes()
    again = logic.write(volume, assessment)
    assert scene.GetNumberOfNodes() == count
    assert again.heatMaps == written.heatMaps
