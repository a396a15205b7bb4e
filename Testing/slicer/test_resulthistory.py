"""The results of a scene: listed with what they are about, and removed without a trace."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timezone

import pytest
import slicer
import slicer.util
from LiverAISlicer.display import HeatMapLook
from LiverAISlicer.nodes import imageFromVolumeNode, maskFromSegmentationNode
from LiverAISlicer.resulthistory import listResults, removeResult
from LiverAISlicer.resultnodes import findResult, readNodes
from LiverAISlicer.selftest import addKnownVolume, knownAssessment
from LiverAISlicer.shownmaps import shareInLiver, shownNode


def classes(scene) -> Counter[str]:
    """How many nodes of each class the scene has, color tables aside: they serve all results."""
    names = [scene.GetNthNode(index).GetClassName() for index in range(scene.GetNumberOfNodes())]
    return Counter(name for name in names if name != "vtkMRMLColorTableNode")


def test_results_are_listed_with_image_model_time_and_outcome(scene, logic, volume, assessment):
    created = "2026-03-04T10:20:30+00:00"
    logic.write(volume, replace(assessment, provenance={**assessment.provenance, "created": created}))
    other = addKnownVolume(scene, "CT")
    logic.write(other, knownAssessment(imageFromVolumeNode(other), cirrhosis=0.3, model="another"))
    first, second = listResults(scene)
    assert (first.image, first.model, first.outcome) == ("T2", "known-model", "cirrhosis 80 %")
    shown = datetime.strptime(first.made, "%Y-%m-%d %H:%M").astimezone(timezone.utc)
    assert shown == datetime(2026, 3, 4, 10, 20, tzinfo=timezone.utc)
    assert (second.image, second.model, second.made, second.outcome) == ("CT", "another", "", "no cirrhosis 70 %")
    scene.RemoveNode(other)
    assert listResults(scene)[1].image == ""


def test_a_removed_result_leaves_the_scene_as_it_was_before(scene, logic, volume, assessment, slice_views):
    before = classes(scene)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    nodes = logic.write(volume, assessment)
    items = hierarchy.GetNumberOfItems()
    assert removeResult(nodes.tableNode) is None
    after = classes(scene)
    assert {name: count for name, count in after.items() if count != before[name]} == {}
    assert items - hierarchy.GetNumberOfItems() == 4  # segmentation, two heat maps, table; the copies have none
    assert all(composite.GetForegroundVolumeID() is None for _, composite in slice_views)
    assert slice_views[0][1].GetBackgroundVolumeID() == volume.GetID()
    assert listResults(scene) == []


@pytest.mark.parametrize("reason", ["edited", "used"])
def test_a_segmentation_that_is_needed_stays(scene, logic, volume, assessment, reason):
    nodes = logic.write(volume, assessment)
    segmentation = nodes.segmentationNode
    if reason == "edited":
        segmentation.GetSegmentation().RemoveSegment("spleen")
    else:
        logic.write(volume, knownAssessment(imageFromVolumeNode(volume), model="another"), segmentation)
    assert removeResult(nodes.tableNode) is segmentation
    assert segmentation.GetScene() is scene
    assert len(listResults(scene)) == (reason == "used")


def test_the_segment_that_the_user_chose_is_the_liver_of_the_result(logic, volume, assessment):
    """The segment is coded as spleen: without the choice, the segment that is coded as liver would be taken."""
    mask = logic.write(volume, assessment).segmentationNode
    other = knownAssessment(imageFromVolumeNode(volume), model="another")
    look = HeatMapLook(insideLiver=True)
    chosen = logic.write(volume, other, mask, look, segmentId="spleen")
    again = readNodes(findResult(volume, "another"))
    assert again.liverSegment == chosen.liverSegment == "spleen"
    spleen = maskFromSegmentationNode(mask, "spleen", volume).array > 0
    heat = other.heatmap.image.array
    assert shareInLiver(chosen.heatMapNode, mask) == pytest.approx(heat[spleen].sum() / heat.sum(), abs=1e-6)
    colors = slicer.util.arrayFromVolume(shownNode(chosen.heatMapNode))
    assert not colors[..., 3].any()  # the map lies in the liver, none of it in the spleen
    by_name = logic.write(volume, other, mask, look)
    assert by_name.liverSegment == "liver"
    assert slicer.util.arrayFromVolume(shownNode(by_name.heatMapNode))[..., 3].any()
