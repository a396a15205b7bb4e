"""A CT model of a method that looks at the whole liver: no slice is chosen, the map runs through the volume."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import slicer.util
from LiverAISlicer.nodes import (
    ijkToWorld,
    imageFromVolumeNode,
    maskFromSegmentationNode,
    segmentFor,
    volumeNodeFromImage,
)
from LiverAISlicer.selftest import addKnownVolume, knownAssessment
from LiverAISlicer.summary import headlineHtml

import LiverAI
from LiverAILib.errors import UserError
from Testing.models import untrained_yin2021


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return untrained_yin2021(tmp_path_factory.mktemp("models") / "untrained-ct", slices=8).folder


@pytest.fixture
def ct(scene):
    """A volume node that the scene knows as CT: the known volume, darkened to Hounsfield units with air around."""
    image = imageFromVolumeNode(addKnownVolume(scene))
    array = (image.array - 150).astype(np.int16)
    array[:, :4] = -1000
    return volumeNodeFromImage(replace(image, array=array, modality="CT"), "CT", scene)


def test_the_views_go_to_the_largest_area_of_liver_and_the_map_runs_through_the_volume(scene, slice_views, ct, model):
    logic = LiverAI.LiverAILogic()
    known = logic.write(ct, knownAssessment(imageFromVolumeNode(ct)))
    for node, _ in slice_views:
        node.SetSliceOffset(1e3)
    nodes = logic.assess(ct, model, known.segmentationNode, device="cpu", inProcess=True)
    assert nodes.record["slice"] is None
    assert list(nodes.record["probabilities"]) == ["F0", "F1", "F2", "F3", "F4"]
    liver = maskFromSegmentationNode(known.segmentationNode, segmentFor(known.segmentationNode), ct).array
    position = ijkToWorld(ct) @ [0, 0, liver.sum((1, 2)).argmax(), 1]
    assert slice_views[0][0].GetSliceOffset() == pytest.approx(position[2])
    heat = slicer.util.arrayFromVolume(nodes.heatMapNode)
    assert heat.shape == imageFromVolumeNode(ct).array.shape
    assert (heat.max((1, 2)) > 0).sum() > 3
    assert imageFromVolumeNode(nodes.heatMapNode).same_geometry(imageFromVolumeNode(ct))
    table = nodes.tableNode.GetTable()
    kinds = [table.GetValue(row, 0).ToString() for row in range(table.GetNumberOfRows())]
    assert "Probability" in kinds
    assert "Slice" not in kinds
    assert nodes.record["predicted"] in headlineHtml(nodes.record, str)


def test_a_slice_is_refused_and_the_scene_stays_as_it_was(scene, ct, model):
    logic = LiverAI.LiverAILogic()
    known = logic.write(ct, knownAssessment(imageFromVolumeNode(ct)))
    count = scene.GetNumberOfNodes()
    with pytest.raises(UserError, match="looks at the whole image"):
        logic.assess(ct, model, known.segmentationNode, 6, device="cpu", inProcess=True)
    assert scene.GetNumberOfNodes() == count


def test_an_mr_is_refused(scene, model):
    mr = addKnownVolume(scene)
    with pytest.raises(UserError, match="is for CT"):
        LiverAI.LiverAILogic().assess(mr, model, device="cpu", inProcess=True)
