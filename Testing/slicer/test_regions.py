"""Markups ROIs as regions in pixels: turned images, transforms, new ROIs, and the way into a job."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from LiverAISlicer.jobs import Job, readJob, writeJob
from LiverAISlicer.logic import AssessmentLogic
from LiverAISlicer.nodes import ijkToWorld, volumeNodeFromImage
from LiverAISlicer.regions import placeROINode, regionFromROINode
from panel_run import run_panel
from scene_tools import add_transform, affine, rotation

from LiverAILib.data.case import Case
from LiverAILib.data.regions import Region
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image


@pytest.fixture
def imageNode(scene):
    """A single image of 100 columns and 80 rows with pixels of 0.5 x 0.4 mm."""
    pixels = np.arange(8000, dtype=np.uint8).reshape(1, 80, 100)
    return volumeNodeFromImage(Image(pixels, (0.5, 0.4, 1.0), (5.0, 6.0, 7.0), modality="US"), "us", scene)


def roiOver(scene, imageNode, region: Region, *, shift: float = 0.0):
    """A box whose edges lie on the edges of pixels, moved by a share of a pixel."""
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "roi")
    placeROINode(node, imageNode)
    i, j = region.left + (region.width - 1) / 2 + shift, region.top + (region.height - 1) / 2 + shift
    node.SetSize(region.width * 0.5, region.height * 0.4, 3.0)
    node.SetCenterWorld((ijkToWorld(imageNode) @ [i, j, 0, 1])[:3].tolist())
    return node


@pytest.mark.parametrize("shift", [0.0, 0.4, -0.4])
def test_a_box_covers_the_pixels_under_it(scene, imageNode, shift):
    region = Region(30, 20, 28, 32)
    assert regionFromROINode(roiOver(scene, imageNode, region, shift=shift), imageNode) == region


def test_image_and_box_under_one_transform_belong_together(scene, imageNode):
    region = Region(30, 20, 28, 32)
    node = roiOver(scene, imageNode, region)
    transform = add_transform(scene, affine(rotation(10, -5, 20), (10.0, -4.0, 2.0)))
    for one in (imageNode, node):
        one.SetAndObserveTransformNodeID(transform.GetID())
    assert regionFromROINode(node, imageNode) == region


def test_a_new_box_lies_in_the_middle_of_the_image(scene, imageNode):
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "roi")
    placeROINode(node, imageNode)
    region = regionFromROINode(node, imageNode)
    assert abs(region.left + region.width / 2 - 50) <= 1
    assert abs(region.top + region.height / 2 - 40) <= 1
    assert region.width * 0.5 == pytest.approx(region.height * 0.4, abs=0.5)


@pytest.mark.parametrize(
    ("region", "message"),
    [(Region(90, 20, 28, 32), "reaches beyond us"), (Region(30, 20, 0, 32), "covers no pixel")],
)
def test_boxes_that_are_not_on_the_image_are_refused(scene, imageNode, region, message):
    with pytest.raises(UserError, match=message):
        regionFromROINode(roiOver(scene, imageNode, region), imageNode)


def test_an_unplaced_box_is_refused(scene, imageNode):
    with pytest.raises(UserError, match="was not placed"):
        regionFromROINode(scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "roi"), imageNode)


def test_regions_go_into_the_job_and_through_its_folder(scene, imageNode, tmp_path):
    liver, kidney = Region(30, 20, 28, 32), Region(65, 20, 28, 30)
    nodes = {"liver": roiOver(scene, imageNode, liver), "kidney": roiOver(scene, imageNode, kidney)}
    job = AssessmentLogic().job(imageNode, "byra2021-biopsy", regions=nodes)
    assert job.case.regions == {"liver": (liver,), "kidney": (kidney,)}
    writeJob(job, tmp_path / "job-1")
    assert readJob(tmp_path / "job-1").case.regions == job.case.regions


def test_a_job_without_regions_comes_back_without(tmp_path):
    image = Image(np.arange(8000, dtype=np.uint8).reshape(1, 80, 100))
    writeJob(Job(Case({"t2": image}), "model"), tmp_path / "job-1")
    assert readJob(tmp_path / "job-1").case.regions == {}


@pytest.mark.skipif(
    importlib.util.find_spec("PySide6") is None, reason="needs PySide6-Essentials: pip install PySide6-Essentials"
)
def test_panel():
    run_panel("region_panel_scenario.py")
