"""An assessment in the scene: nodes, subject hierarchy, views, second runs, failures, and a saved scene."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import slicer
import slicer.util
import vtk
from LiverAISlicer import results
from LiverAISlicer.display import HeatMapLook
from LiverAISlicer.logic import GivenNodes
from LiverAISlicer.nodes import imageFromVolumeNode, maskFromSegmentationNode
from LiverAISlicer.resultnodes import findResult, readNodes
from LiverAISlicer.selftest import addKnownVolume, knownAssessment
from LiverAISlicer.shownmaps import shownNode
from scene_tools import add_transform, affine, rotation, scene_text, world_of_voxel

from LiverAILib.data.assessment import RESEARCH_USE, SIMULATED
from LiverAILib.data.measurement import Condition, Cutoff, Measurement, NotAssessed
from LiverAILib.data.structures import LIVER, SPLEEN
from LiverAILib.errors import UserError


def hierarchy_of(scene):
    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)


def parent_of(scene, node):
    hierarchy = hierarchy_of(scene)
    return hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node))


def ours(nodes):
    return [nodes.segmentationNode, nodes.tableNode, *nodes.heatMapNodes.values()]


def table_rows(node):
    table = node.GetTable()
    return [
        tuple(table.GetValue(row, column).ToString() for column in range(5)) for row in range(table.GetNumberOfRows())
    ]


def test_segmentation_is_named_colored_coded_and_knows_its_source(logic, volume, assessment):
    node = logic.write(volume, assessment).segmentationNode
    segmentation = node.GetSegmentation()
    assert list(segmentation.GetSegmentIDs()) == ["liver", "spleen"]
    for structure in (LIVER, SPLEEN):
        segment = segmentation.GetSegment(structure.name)
        assert segment.GetName() == structure.title
        assert np.allclose(np.array(segment.GetColor()) * 255, structure.color)
        tag = vtk.reference("")
        assert segment.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), tag)
        entry = slicer.vtkSlicerTerminologyEntry()
        logic_ = slicer.vtkSlicerTerminologiesModuleLogic()
        assert logic_.DeserializeTerminologyEntry(str(tag), entry)
        assert entry.GetTypeObject().GetCodeValue() == structure.code
        assert entry.GetCategoryObject().GetCodeValue() == "123037004"
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    assert node.GetNodeReference(role) is volume
    assert not node.GetDisplayNode().GetVisibility2DFill()
    assert node.GetDisplayNode().GetVisibility2DOutline()


def test_absent_structures_get_no_empty_segment(logic, volume, assessment):
    labels = assessment.segmentation.image.array
    labels[labels == SPLEEN.label] = 0
    node = logic.write(volume, assessment).segmentationNode
    assert list(node.GetSegmentation().GetSegmentIDs()) == ["liver"]


def test_heat_map_is_raw_and_hidden_where_low(logic, volume, assessment):
    node = logic.write(volume, assessment).heatMapNode
    raw = assessment.heatmap.image.array
    assert slicer.util.arrayFromVolume(node).dtype == np.float32
    assert np.array_equal(slicer.util.arrayFromVolume(node), raw)
    display = node.GetScalarVolumeDisplayNode()
    assert display.GetApplyThreshold()
    assert not display.GetAutoWindowLevel()
    assert 0 < display.GetLowerThreshold() < raw.max() / 2
    assert display.GetWindowLevelMin() == pytest.approx(0)
    assert display.GetWindowLevelMax() == pytest.approx(raw.max())
    colors = display.GetColorNode()
    luminance = [np.dot(colors.GetLookupTable().GetTableValue(i)[:3], (0.2126, 0.7152, 0.0722)) for i in range(256)]
    assert (np.diff(luminance) >= -1e-3).all(), "lightness does not rise evenly"
    assert node.GetAttribute("LiverAI.Target") == "cirrhosis"


def test_map_without_evidence_is_not_drawn(logic, volume):
    node = logic.write(volume, knownAssessment(imageFromVolumeNode(volume), peak=0.0)).heatMapNode
    assert node.GetScalarVolumeDisplayNode().GetLowerThreshold() > slicer.util.arrayFromVolume(node).max()


def test_table_says_everything(logic, volume, assessment):
    rows = table_rows(logic.write(volume, assessment).tableNode)
    texts = {(section, item): (value, unit) for section, item, value, unit, _ in rows}
    assert [row[2] for row in rows[:2]] == [SIMULATED, RESEARCH_USE]
    for pipeline, result in assessment.outcomes.items():
        assert texts["Result", f"{pipeline}: predicted class"][0] == result.predicted
        for name, value in result.probabilities.items():
            assert float(texts["Probability", f"{pipeline}: {name}"][0]) == pytest.approx(value, abs=1e-4)
    volume_ml = assessment.measurements[0].value
    assert texts["Measurement", "Liver volume"] == (f"{volume_ml:.6g}", "mL")
    assert texts["Warning", "known"][0] == "This result is made up for a test."
    assert texts["Provenance", "model.simulated"][0] == "True"
    assert texts["Slice", "index along k"][0] == str(assessment.chosen_slice.index)


def test_cutoffs_and_what_was_not_assessed_stand_in_table_and_panel(logic, volume, assessment):
    from LiverAISlicer.summary import cutoffsHtml, headlineHtml

    unknown, broken = Condition("adult", None), Condition("unenhanced CT", False)
    cutoffs = (
        Cutoff("<", 48.0, "steatosis", "A et al. 2012", "315 adults", "specificity 100 %", (unknown,)),
        Cutoff("<", 50.0, "not to be shown", "B et al. 2013", "2 adults", "none", (broken,)),
    )
    measured = Measurement("Liver attenuation", 40.0, "HU", key="liver_attenuation", cutoffs=cutoffs)
    missing = NotAssessed("FIB-4", "Not given: ALT (alt_u_per_l).", "fib4")
    nodes = logic.write(volume, replace(assessment, measurements=(measured,), not_assessed=(missing,)))
    rows = table_rows(nodes.tableNode)
    cells = [row[2:] for row in rows if row[0] == "Cut-off"]
    assert cells[0][0] == "< 48 HU: steatosis (reached, if it applies)"
    assert "315 adults" in cells[0][2]
    assert cells[1][0].endswith("(does not apply)")
    assert ("Not assessed", "FIB-4", "", "", "Not given: ALT (alt_u_per_l).") in rows
    html = cutoffsHtml(nodes.record, str)
    assert "Liver attenuation &lt; 48 HU: steatosis (A et al. 2012). Published for: adult. Whether that" in html
    assert "not to be shown" not in html
    assert "Not assessed: FIB-4" in html
    headline = headlineHtml(nodes.record, str)
    assert headline.index(SIMULATED) < headline.index(assessment.predicted)
    assert headline.count(SIMULATED) == 1


def test_placed_under_the_study_of_the_input(scene, logic, volume, assessment):
    hierarchy = hierarchy_of(scene)
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "patient")
    study = hierarchy.CreateStudyItem(patient, "study")
    hierarchy.CreateItem(study, volume)
    nodes = logic.write(volume, assessment)
    assert {parent_of(scene, node) for node in (volume, *ours(nodes))} == {study}


def test_placed_in_a_folder_of_its_name_where_there_is_no_study(scene, logic, volume, assessment):
    nodes = logic.write(volume, assessment)
    parents = {parent_of(scene, node) for node in (volume, *ours(nodes))}
    assert len(parents) == 1
    hierarchy = hierarchy_of(scene)
    folder = parents.pop()
    assert hierarchy.GetItemName(folder) == "T2"
    assert hierarchy.GetItemLevel(folder) == "Folder"
    logic.write(volume, assessment)
    assert parent_of(scene, volume) == folder
    assert slicer.util.getSubjectHierarchyItemChildren() == (folder,) or [folder] == list(
        slicer.util.getSubjectHierarchyItemChildren()
    )


@pytest.mark.parametrize("fails", [False, True])
def test_application_that_makes_and_removes_items_by_itself(monkeypatch, scene, logic, slice_views, fails):
    """In the application every node gets an item at the top when it is added, and loses it when it is removed."""

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def added(caller, event, node):
        constants = slicer.vtkMRMLSubjectHierarchyConstants
        excluded = node.GetAttribute(constants.GetSubjectHierarchyExcludeFromTreeAttributeName())
        if not excluded and (node.IsA("vtkMRMLDisplayableNode") or node.IsA("vtkMRMLTableNode")):
            hierarchy_of(scene).CreateItem(hierarchy_of(scene).GetSceneItemID(), node)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def removed(caller, event, node):
        item = hierarchy_of(scene).GetItemByDataNode(node)
        if item:
            hierarchy_of(scene).RemoveItem(item, False, False)

    scene.AddObserver(scene.NodeAddedEvent, added)
    scene.AddObserver(scene.NodeAboutToBeRemovedEvent, removed)
    volume = addKnownVolume(scene)
    before = scene_text(scene)
    if fails:
        monkeypatch.setattr(results.views, "jumpToSlice", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            logic.write(volume, knownAssessment(imageFromVolumeNode(volume)))
        assert scene_text(scene) == before
        return
    nodes = logic.write(volume, knownAssessment(imageFromVolumeNode(volume)))
    items = slicer.util.getSubjectHierarchyItemChildren(recursive=True)
    assert len(items) == 1 + 1 + len(ours(nodes))  # folder, input, results: none twice
    assert len({parent_of(scene, node) for node in (volume, *ours(nodes))}) == 1


@pytest.mark.parametrize("transformed", [False, True])
def test_views_jump_to_the_slice_and_keep_all_else(scene, logic, volume, slice_views, transformed):
    if transformed:
        moved = add_transform(scene, affine(rotation(0, 0, 90), (11, 22, 33)))
        volume.SetAndObserveTransformNodeID(moved.GetID())
    for node, _ in slice_views:
        node.SetFieldOfView(123, 99, 1)
    red, composite = slice_views[0]
    composite.SetLabelOpacity(0.25)
    before = [slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS()).copy() for node, _ in slice_views]
    nodes = logic.write(volume, knownAssessment(imageFromVolumeNode(volume), index=9))
    expected = world_of_voxel(volume, (23.5, 19.5, 9))
    assert red.GetSliceOffset() == pytest.approx(expected[2])
    for (node, composite), old in zip(slice_views, before, strict=True):
        assert node.GetFieldOfView() == (123, 99, 1)
        assert np.allclose(slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS())[:3, :3], old[:3, :3])
        assert composite.GetBackgroundVolumeID() == volume.GetID()
        assert composite.GetForegroundVolumeID() == shownNode(nodes.heatMapNode).GetID()
        assert composite.GetForegroundOpacity() == 0.5
    assert slice_views[0][1].GetLabelOpacity() == 0.25


def test_another_pipeline_and_opacity_can_be_shown(logic, volume, assessment, slice_views):
    nodes = logic.write(volume, assessment)
    logic.show(nodes, "full", 0.3)
    assert slice_views[0][1].GetForegroundVolumeID() == shownNode(nodes.heatMapNodes["full"]).GetID()
    slice_views[1][1].SetForegroundVolumeID(None)
    logic.setLook(nodes, HeatMapLook(opacity=0.7))
    assert slice_views[0][1].GetForegroundOpacity() == pytest.approx(0.7)
    assert slice_views[1][1].GetForegroundOpacity() == pytest.approx(0.3)


def test_second_run_updates_and_does_not_pile_up(scene, logic, volume, assessment):
    first = logic.write(volume, assessment)
    count = scene.GetNumberOfNodes()
    again = knownAssessment(assessment.image, cirrhosis=0.1, peak=7.0, shift=2)
    second = logic.write(volume, again)
    assert scene.GetNumberOfNodes() == count
    assert [node.GetID() for node in ours(second)] == [node.GetID() for node in ours(first)]
    assert np.array_equal(slicer.util.arrayFromVolume(second.heatMapNode), again.heatmap.image.array)
    mask = maskFromSegmentationNode(second.segmentationNode, "liver", volume)
    assert np.array_equal(mask.array > 0, again.segmentation.image.array == LIVER.label)
    assert second.heatMapNode.GetScalarVolumeDisplayNode().GetWindowLevelMax() == pytest.approx(7.0)
    assert readNodes(findResult(volume)).record["probabilities"]["cirrhosis"] == pytest.approx(0.1)


def test_second_run_keeps_colors_that_the_user_chose(logic, volume, assessment):
    display = logic.write(volume, assessment).heatMapNode.GetScalarVolumeDisplayNode()
    display.SetWindowLevel(1.5, 2.0)
    logic.write(volume, knownAssessment(assessment.image, peak=9.0))
    assert (display.GetWindow(), display.GetLevel()) == (1.5, 2.0)


def test_two_inputs_and_two_models_have_their_own_results(scene, logic, volume, assessment):
    other = addKnownVolume(scene, "other")
    first, second = logic.write(volume, assessment), logic.write(other, assessment)
    third = logic.write(volume, replace(assessment, model="another"))
    assert len({nodes.tableNode.GetID() for nodes in (first, second, third)}) == 3
    assert findResult(volume, "another") is third.tableNode
    colors = {nodes.heatMapNode.GetDisplayNode().GetColorNodeID() for nodes in (first, second, third)}
    assert len(colors) == 1


STEPS = ("hierarchy.placeBeside", "views.jumpToSlice", "_writeHeatMap", "display.showHeatMap")


# Only new heat maps get a display node, so the last step does not happen in a second run.
@pytest.mark.parametrize(
    ("broken", "again"), [*((step, False) for step in STEPS), *((step, True) for step in STEPS[:-1])]
)
def test_failure_leaves_the_scene_as_it_was(monkeypatch, scene, logic, volume, assessment, slice_views, broken, again):
    hierarchy_of(scene).CreateItem(hierarchy_of(scene).GetSceneItemID(), volume)
    if again:
        nodes = logic.write(volume, assessment)
        old = slicer.util.arrayFromVolume(nodes.heatMapNode).copy()
    before, count = scene_text(scene), scene.GetNumberOfNodes()
    owner, _, name = broken.rpartition(".")
    owner = getattr(results, owner) if owner else results
    real, calls = getattr(owner, name), []

    def fail(*arguments):
        calls.append(real(*arguments))  # after its work is done: all of it has to be taken back
        raise RuntimeError("disk on fire")

    monkeypatch.setattr(owner, name, fail)
    with pytest.raises(RuntimeError, match="disk on fire"):
        logic.write(volume, knownAssessment(assessment.image, peak=8.0, shift=4, index=2))
    assert calls
    assert scene.GetNumberOfNodes() == count
    assert scene_text(scene) == before
    if again:
        assert np.array_equal(slicer.util.arrayFromVolume(nodes.heatMapNode), old)
        liver = maskFromSegmentationNode(nodes.segmentationNode, "liver", volume)
        assert np.array_equal(liver.array > 0, assessment.segmentation.image.array == LIVER.label)


def test_writing_in_steps_touches_the_scene_in_the_last_one_only(scene, logic, volume, assessment, slice_views):
    """So that a run can be cancelled while its result is written, and nothing half-written is ever seen."""
    before = scene_text(scene)
    steps = logic.writeSteps(assessment, GivenNodes({"t2": [volume]}), HeatMapLook())
    for _ in range(4):
        next(steps)
        assert scene_text(scene) == before
    steps.close()
    assert scene_text(scene) == before
    steps = logic.writeSteps(assessment, GivenNodes({"t2": [volume]}), HeatMapLook())
    while True:
        try:
            next(steps)
        except StopIteration as end:
            nodes = end.value
            break
    assert nodes.tableNode is findResult(volume)


def test_volume_that_changed_while_a_result_is_written_is_refused(scene, logic, volume, assessment):
    steps = logic.writeSteps(assessment, GivenNodes({"t2": [volume]}), HeatMapLook())
    next(steps)
    scene.RemoveNode(volume)
    with pytest.raises(UserError, match="removed from the scene"):
        list(steps)


def test_result_of_an_earlier_version_is_shown_as_it_is(logic, volume, assessment, slice_views):
    """Its heat maps have no copy for the views yet: one is made when they are shown."""
    nodes = logic.write(volume, assessment)
    for node in nodes.heatMapNodes.values():
        volume.GetScene().RemoveNode(shownNode(node))
        assert shownNode(node) is node
    logic.show(readNodes(nodes.tableNode), "full")
    copy = shownNode(nodes.heatMapNodes["full"])
    assert copy is not nodes.heatMapNodes["full"]
    assert slice_views[0][1].GetForegroundVolumeID() == copy.GetID()


def test_volume_that_changed_or_went_is_refused(scene, logic, volume, assessment):
    slicer.util.updateVolumeFromArray(volume, np.zeros((3, 4, 5), np.float32))
    with pytest.raises(UserError, match="changed while it was assessed"):
        logic.write(volume, assessment)
    scene.RemoveNode(volume)
    with pytest.raises(UserError, match="removed from the scene"):
        logic.write(volume, assessment)


def test_saved_scene_loads_again(tmp_path, scene, new_scene, logic, volume, assessment, slice_views):
    moved = add_transform(scene, affine(rotation(10, 0, 30), (1, 2, 3)))
    volume.SetAndObserveTransformNodeID(moved.GetID())
    assessment = knownAssessment(imageFromVolumeNode(volume))
    nodes = logic.write(volume, assessment)
    geometry = imageFromVolumeNode(nodes.heatMapNode)
    file = tmp_path / "scene.mrb"
    assert scene.WriteToMRB(str(file))

    loaded = new_scene()
    assert loaded.ReadFromMRB(str(file))
    again = readNodes(findResult(loaded.GetFirstNodeByName("T2")))
    assert again.record == json.loads(json.dumps(assessment.record()))
    assert again.volumeNode.GetName() == "T2"
    assert set(again.heatMapNodes) == {"segmented", "full"}
    assert np.allclose(slicer.util.arrayFromVolume(again.heatMapNode), assessment.heatmap.image.array)
    assert imageFromVolumeNode(again.heatMapNode).same_geometry(geometry)
    display = again.heatMapNode.GetScalarVolumeDisplayNode()
    assert display.GetColorNode().GetName() == "LiverAI heat map"
    assert display.GetColorNode().GetNumberOfColors() == 256
    assert display.GetLowerThreshold() == pytest.approx(nodes.heatMapNode.GetDisplayNode().GetLowerThreshold())
    assert display.GetApplyThreshold()
    segmentation = again.segmentationNode
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    assert segmentation.GetNodeReference(role) is again.volumeNode
    assert segmentation.GetDisplayNode().GetVisibility2DOutline()
    assert not segmentation.GetDisplayNode().GetVisibility2DFill()
    mask = maskFromSegmentationNode(segmentation, "liver", again.volumeNode)
    assert np.array_equal(mask.array > 0, assessment.segmentation.image.array == LIVER.label)
    assert table_rows(again.tableNode) == table_rows(nodes.tableNode)
    composite = loaded.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
    assert composite.GetForegroundVolumeID() == shownNode(again.heatMapNode).GetID()
    # A run on the loaded scene updates the loaded result.
    count = loaded.GetNumberOfNodes()
    assert logic.write(again.volumeNode, assessment).tableNode is again.tableNode
    assert loaded.GetNumberOfNodes() == count
