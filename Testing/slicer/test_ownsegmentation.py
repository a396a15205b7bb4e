"""Our segmentation in the scene over several runs: used, moved, edited, renamed."""

from __future__ import annotations

import numpy as np
import pytest
from LiverAISlicer.nodes import imageFromVolumeNode, maskFromSegmentationNode
from LiverAISlicer.selftest import knownAssessment
from scene_tools import add_transform, affine, rotation

from LiverAILib.data.structures import LIVER


def test_given_segmentation_is_used_and_not_touched(scene, logic, volume, assessment):
    first = logic.write(volume, assessment)
    corrected = first.segmentationNode
    labelmap = corrected.GetBinaryLabelmapInternalRepresentation("liver")
    labelmap.SetScalarComponentFromDouble(1, 1, 1, 0, LIVER.label)
    labelmap.Modified()
    before = maskFromSegmentationNode(corrected, "liver", volume).array
    assert before[1, 1, 1]
    second = logic.write(volume, knownAssessment(assessment.image, shift=3), corrected)
    assert second.segmentationNode is corrected
    assert np.array_equal(maskFromSegmentationNode(corrected, "liver", volume).array, before)
    # Without it the next run must not write over the correction either.
    third = logic.write(volume, assessment)
    assert third.segmentationNode is not corrected
    assert np.array_equal(maskFromSegmentationNode(corrected, "liver", volume).array, before)
    assert third.tableNode is first.tableNode


def test_renamed_segment_counts_as_edited(logic, volume, assessment):
    node = logic.write(volume, assessment).segmentationNode
    node.GetSegmentation().GetSegment("liver").SetName("Liver, checked by AB")
    assert logic.write(volume, assessment).segmentationNode is not node


@pytest.mark.parametrize("how", ["under a transform", "under another transform", "by hardening", "back"])
def test_moved_volume_does_not_count_as_an_edited_segmentation(scene, logic, volume, assessment, how):
    if how in ("under another transform", "back"):
        volume.SetAndObserveTransformNodeID(add_transform(scene, affine(rotation(0, 0, 20), (5, 0, 0))).GetID())
    first = logic.write(volume, knownAssessment(imageFromVolumeNode(volume)))
    moved = None if how == "back" else add_transform(scene, affine(rotation(10, 20, 0), (40, -30, 20)))
    volume.SetAndObserveTransformNodeID(moved and moved.GetID())
    if how == "by hardening":
        first.segmentationNode.SetAndObserveTransformNodeID(moved.GetID())
        for node in (volume, first.segmentationNode):
            assert node.HardenTransform()
    count = scene.GetNumberOfNodes()
    second = logic.write(volume, knownAssessment(imageFromVolumeNode(volume), shift=2))
    assert second.segmentationNode is first.segmentationNode
    assert second.keptSegmentation is None
    assert scene.GetNumberOfNodes() == count
    assert second.segmentationNode.GetParentTransformNode() is volume.GetParentTransformNode()
    again = maskFromSegmentationNode(second.segmentationNode, "liver", volume).array > 0
    expected = knownAssessment(imageFromVolumeNode(volume), shift=2).segmentation.image.array == LIVER.label
    assert np.array_equal(again, expected)


def test_edited_segmentation_is_told_from_the_new_one(scene, logic, volume, assessment):
    """By its name, its colors and its visibility; what it holds stays, and a color that the user chose stays too."""
    kept = []
    for _ in range(2):
        node = logic.write(volume, assessment).segmentationNode
        assert node.GetName() == "T2 LiverAI segmentation"
        node.GetBinaryLabelmapInternalRepresentation("liver").SetScalarComponentFromDouble(1, 1, 1, 0, LIVER.label)
        node.GetSegmentation().GetSegment("spleen").SetColor(0.1, 0.2, 0.3)
        nodes = logic.write(volume, assessment)
        assert nodes.keptSegmentation is node
        assert not node.GetDisplayNode().GetVisibility()
        assert nodes.segmentationNode.GetDisplayNode().GetVisibility()
        assert maskFromSegmentationNode(node, "liver", volume).array[1, 1, 1]
        new = nodes.segmentationNode.GetSegmentation().GetSegment("liver").GetColor()
        assert node.GetSegmentation().GetSegment("liver").GetColor() == pytest.approx([(1 + c) / 2 for c in new])
        assert node.GetSegmentation().GetSegment("spleen").GetColor() == pytest.approx((0.1, 0.2, 0.3))
        kept.append(node.GetName())
    assert kept[0] == "T2 LiverAI segmentation (edited)"
    assert len(set(kept)) == 2
