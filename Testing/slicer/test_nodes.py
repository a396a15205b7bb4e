"""Volumes and segments to the library's images and back, in every axis order and under transforms."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import slicer.util
import vtk
from LiverAISlicer.build import imageDataFromArray
from LiverAISlicer.nodes import (
    imageFromVolumeNode,
    maskFromSegmentationNode,
    modalityOf,
    otherMasksFromSegmentationNode,
    segmentFor,
)
from LiverAISlicer.selftest import addKnownVolume, knownAssessment
from scene_tools import add_transform, add_volume, affine, all_axis_orders, reorder, rotation, world_of_voxel

from LiverAILib.data.structures import SPLEEN
from LiverAILib.errors import UserError

ANATOMY = np.random.default_rng(0).normal(100, 20, (7, 9, 11)).astype(np.float32)
OBLIQUE = affine(rotation(12, -25, 33) @ np.diag([-0.8, -1.3, 5.0]), (31.0, -12.0, 77.0))
NESTED = (
    affine(rotation(5, 40, -10), (10, 20, -30)),
    affine(rotation(-60, 3, 8) @ np.diag([1.2, 1.2, 1.2]), (-4, 5, 6)),
)


def to_world_lps(image, ijk) -> np.ndarray:
    return (image.index_to_lps @ [*ijk, 1.0])[:3]


@pytest.mark.parametrize("transformed", [False, True], ids=["no transform", "nested transforms"])
def test_every_axis_order_lies_where_slicer_shows_it_and_comes_back(scene, logic, transformed):
    outer = add_transform(scene, NESTED[0])
    inner = add_transform(scene, NESTED[1], outer)
    for number, (axes, flips) in enumerate(all_axis_orders()):
        array, ijk_to_ras = reorder(ANATOMY, OBLIQUE, axes, flips)
        node = add_volume(scene, array, ijk_to_ras, f"order {number}")
        if transformed:
            node.SetAndObserveTransformNodeID(inner.GetID())
        image = imageFromVolumeNode(node)
        assert np.array_equal(image.array, array)
        for ijk in ((0, 0, 0), (image.size[0] - 1, 2, 1), (1, image.size[1] - 1, image.size[2] - 1)):
            expected = world_of_voxel(node, ijk) * (-1, -1, 1)
            assert np.allclose(to_world_lps(image, ijk), expected, atol=1e-4)

        assessment = knownAssessment(image, axis=int(np.argmax([axis == 2 for axis in axes])), index=1)
        nodes = logic.write(node, assessment)
        assert np.array_equal(slicer.util.arrayFromVolume(nodes.heatMapNode), assessment.heatmap.image.array)
        assert imageFromVolumeNode(nodes.heatMapNode).same_geometry(image, tolerance_mm=1e-6)
        assert nodes.heatMapNode.GetParentTransformNode() is node.GetParentTransformNode()
        assert nodes.segmentationNode.GetParentTransformNode() is node.GetParentTransformNode()
        for structure in assessment.segmentation.structures:
            back = maskFromSegmentationNode(nodes.segmentationNode, structure.name, node)
            assert np.array_equal(back.array > 0, assessment.segmentation.image.array == structure.label)
            assert back.same_geometry(image)


def test_voxels_are_copied(volume):
    image = imageFromVolumeNode(volume)
    before = image.array.copy()
    slicer.util.arrayFromVolume(volume)[:] = 0
    assert np.array_equal(image.array, before)
    assert image.array.any()


def test_segment_of_another_geometry_and_transform(scene):
    """A mask drawn on another grid, under another transform, covers the same places in the world."""
    source = add_volume(scene, ANATOMY, OBLIQUE, "source")
    source.SetAndObserveTransformNodeID(add_transform(scene, NESTED[0]).GetID())
    middle = world_of_voxel(source, (5.5, 4.0, 3.0))
    grid = affine(rotation(0, 0, 20) @ np.diag([-1.0, -1.0, 2.0]), middle - rotation(0, 0, 20) @ (-10, -10, 16))
    target = add_volume(scene, np.zeros((16, 20, 20), np.float32), grid, "target")
    target.SetAndObserveTransformNodeID(add_transform(scene, affine(np.eye(3), (3, -2, 1))).GetID())
    labels = np.zeros(ANATOMY.shape, np.uint8)
    labels[2:5, 2:7, 3:9] = 1
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mask")
    segmentation.SetAndObserveTransformNodeID(source.GetTransformNodeID())
    labelmap = slicer.vtkOrientedImageData()
    imageDataFromArray(labels, labelmap)
    matrix = vtk.vtkMatrix4x4()
    source.GetIJKToRASMatrix(matrix)
    labelmap.SetImageToWorldMatrix(matrix)
    segmentation.AddSegmentFromBinaryLabelmapRepresentation(labelmap, "Liver")
    mask = maskFromSegmentationNode(segmentation, segmentFor(segmentation), target)

    world_to_source = vtk.vtkGeneralTransform()
    source.GetParentTransformNode().GetTransformFromWorld(world_to_source)
    ras_to_ijk = vtk.vtkMatrix4x4()
    source.GetRASToIJKMatrix(ras_to_ijk)
    checked = 0
    for k, j, i in np.ndindex(mask.array.shape):
        in_source = world_to_source.TransformPoint(world_of_voxel(target, (i, j, k)))
        position = np.array(ras_to_ijk.MultiplyPoint([*in_source, 1.0])[:3])
        if np.abs(position - np.round(position)).max() > 0.45:
            continue  # at the border of two voxels either is right
        index = np.round(position).astype(int)
        inside = (index >= 0).all() and (index < np.array(ANATOMY.shape[::-1])).all() and labels[tuple(index[::-1])]
        assert mask.array[k, j, i] == bool(inside)
        checked += bool(inside)
    assert checked > 50


def test_warped_volume_is_refused_with_the_fix(scene, volume):
    grid = scene.AddNewNodeByClass("vtkMRMLTransformNode", "warp")
    warp = vtk.vtkThinPlateSplineTransform()
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for point in np.random.default_rng(1).uniform(-50, 50, (6, 3)):
        source.InsertNextPoint(point)
        target.InsertNextPoint(point + np.sin(point))
    warp.SetSourceLandmarks(source)
    warp.SetTargetLandmarks(target)
    warp.SetBasisToR()
    grid.SetAndObserveTransformToParent(warp)
    volume.SetAndObserveTransformNodeID(grid.GetID())
    with pytest.raises(UserError, match="Harden the transform"):
        imageFromVolumeNode(volume)


def test_sheared_volume_is_refused_with_the_fix(scene, volume):
    shear = np.eye(4)
    shear[1, 2] = 0.3
    volume.SetAndObserveTransformNodeID(add_transform(scene, shear).GetID())
    with pytest.raises(UserError, match=r"not perpendicular.*resample"):
        imageFromVolumeNode(volume)


def test_what_is_no_gray_scale_volume_is_refused(scene):
    with pytest.raises(UserError, match="No input volume"):
        imageFromVolumeNode(None)
    with pytest.raises(UserError, match="no voxels"):
        imageFromVolumeNode(scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty"))
    label = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    slicer.util.updateVolumeFromArray(label, np.ones((2, 2, 2), np.uint8))
    with pytest.raises(UserError, match="gray-scale volume is needed"):
        imageFromVolumeNode(label)
    color = scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "color")
    data = vtk.vtkImageData()
    data.SetDimensions(3, 3, 3)
    data.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 3)
    color.SetAndObserveImageData(data)
    with pytest.raises(UserError, match="color or vector volume"):
        imageFromVolumeNode(color)


def test_modality_from_subject_hierarchy_and_units(scene, volume):
    assert modalityOf(volume) is None
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    item = hierarchy.CreateItem(hierarchy.GetSceneItemID(), volume)
    hierarchy.SetItemAttribute(item, "DICOM.Modality", "MR")
    assert imageFromVolumeNode(volume).modality == "MR"
    other = addKnownVolume(scene, "ct")
    units = slicer.vtkCodedEntry()
    units.SetValueSchemeMeaning("[hnsf'U]", "UCUM", "Hounsfield unit")
    other.SetVoxelValueUnits(units)
    assert imageFromVolumeNode(other).modality == "CT"


def test_which_segment_is_the_liver(scene, volume, logic):
    nodes = logic.write(volume, knownAssessment(imageFromVolumeNode(volume)))
    node = nodes.segmentationNode
    node.GetSegmentation().GetSegment("liver").SetName("anything")
    assert segmentFor(node) == "liver"  # by SNOMED CT code
    for segment_id in node.GetSegmentation().GetSegmentIDs():
        node.GetSegmentation().GetSegment(segment_id).RemoveTag(slicer.vtkSegment.GetTerminologyEntryTagName())
    with pytest.raises(UserError, match=r"'anything'; 'Spleen'.*name it 'Liver'"):
        segmentFor(node)
    node.GetSegmentation().GetSegment("spleen").SetName("my liver")
    with pytest.raises(UserError, match="which segment is the liver"):
        segmentFor(node)
    node.GetSegmentation().GetSegment("spleen").SetName("LIVER")
    assert segmentFor(node) == "spleen"  # by its exact name
    node.GetSegmentation().RemoveSegment("liver")
    node.GetSegmentation().GetSegment("spleen").SetName("Milz")
    with pytest.raises(UserError, match="which segment is the liver"):
        segmentFor(node)  # the only one, but a person named it
    node.GetSegmentation().GetSegment("spleen").SetName("Segment_1")
    assert segmentFor(node) == "spleen"  # the only one, and nobody named it
    node.GetSegmentation().AddEmptySegment("liver", "x")
    with pytest.raises(UserError, match="no segment 'kidney'"):
        maskFromSegmentationNode(node, "kidney", volume)


def test_a_mass_in_the_liver_is_not_the_liver(scene, volume, logic):
    """Its anatomic region has the code of the liver."""
    node = logic.write(volume, knownAssessment(imageFromVolumeNode(volume))).segmentationNode
    mass = node.GetSegmentation().GetSegment("spleen")
    mass.SetName("Liver mass")
    mass.SetTerminology("a~SCT^49755003^Morphologically Altered Structure~SCT^4147007^Mass~^^~b~SCT^10200004^Liver~^^")
    assert segmentFor(node) == "liver"
    assert set(otherMasksFromSegmentationNode(node, volume, without="liver")) == {"lesions"}


def test_other_organs_and_parts_are_taken_along_where_they_are_clearly_named(scene, volume, logic):
    assessment = knownAssessment(imageFromVolumeNode(volume))
    node = logic.write(volume, assessment).segmentationNode
    masks = otherMasksFromSegmentationNode(node, volume, without="liver")
    assert set(masks) == {"spleen"}
    assert np.array_equal(masks["spleen"].array > 0, assessment.segmentation.image.array == SPLEEN.label)
    assert otherMasksFromSegmentationNode(node, volume, without="spleen") == {}
    spleen = node.GetSegmentation().GetSegment("spleen")
    spleen.RemoveTag(slicer.vtkSegment.GetTerminologyEntryTagName())  # the code would say spleen whatever the name
    for name, part in (("Caudate lobe", "caudate"), ("right_lobe", "right_lobe"), ("Portal vein", "portal_vein")):
        spleen.SetName(name)
        assert set(otherMasksFromSegmentationNode(node, volume, without="liver")) == {part}
    spleen.SetName("Spleen")
    node.GetSegmentation().GetSegment("liver").SetName("Spleen")  # now two could be meant
    assert otherMasksFromSegmentationNode(node, volume, without="liver") == {}
