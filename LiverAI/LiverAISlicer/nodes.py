"""MRML volumes and segments as the library's `Image`, under their parent transforms. MRML is RAS, the library LPS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import slicer
import slicer.util
import vtk
from vtk.util import numpy_support

from LiverAILib.data.assessment import Segmentation
from LiverAILib.data.structures import KNOWN_STRUCTURES, LIVER, Structure
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image

if TYPE_CHECKING:
    from LiverAILib.data.masks import SegmentName

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
BINARY_LABELMAP = "Binary labelmap"
SHEAR_TOLERANCE = 1e-3
COLOR_COMPONENTS = (3, 4)
"""Values a voxel of RGB and RGBA images."""


def imageFromVolumeNode(volumeNode, *, color: bool = False) -> Image:
    """The library's image of a volume node: a copy of its voxels, placed in the world. A single image is one slice.

    Args:
        volumeNode: vtkMRMLScalarVolumeNode or, where `color`, vtkMRMLVectorVolumeNode. Linear parent transforms are composed
            into the geometry.
        color: Whether a color image is accepted; transparency is dropped.

    Returns:
        Image with array (k, j, i), or (k, j, i, 3) of a color image, of the node's type, LPS geometry in mm, modality where
        the scene knows it.

    Raises:
        UserError: No voxels, a color image where `color` is not set, a label map, or a transform that is not linear or shears.
    """
    checkVolumeNode(volumeNode, color=color)
    array = slicer.util.arrayFromVolume(volumeNode)
    return gridOfVolumeNode(volumeNode).with_array(
        np.array(array[..., :3] if array.ndim == 4 else array),
        modality=modalityOf(volumeNode),
        meta={"name": volumeNode.GetName()},
    )


def gridOfVolumeNode(volumeNode) -> Image:
    """Where the voxels of a gray or color volume node lie: an image without voxel values, array (k, j, i).

    Raises:
        UserError: No voxels, a label map, or a transform that is not linear or shears.
    """
    checkVolumeNode(volumeNode, color=True)
    matrix = RAS_TO_LPS @ ijkToWorld(volumeNode)
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    direction = matrix[:3, :3] / spacing
    if np.abs(direction.T @ direction - np.eye(3)).max() > SHEAR_TOLERANCE:
        raise UserError(
            f"{volumeNode.GetName()}: the axes of the volume are not perpendicular (sheared by its transform, or "
            "gantry tilt). Harden the transform, resample the volume (module Resample Scalar/Vector/DWI Volume) and "
            "use the result."
        )
    shape = tuple(reversed(volumeNode.GetImageData().GetDimensions()))
    return Image(np.broadcast_to(np.uint8(0), shape), tuple(spacing), tuple(matrix[:3, 3]), direction)


def volumeNodeFromImage(image: Image, name: str, scene):
    """A new scalar or, for a color image, vector volume node with the voxels and geometry of `image`.

    The modality goes into the subject hierarchy.
    """
    node = slicer.vtkMRMLVectorVolumeNode() if image.color else slicer.vtkMRMLScalarVolumeNode()
    node.SetName(name)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(RAS_TO_LPS @ image.index_to_lps))
    # VTK has no half precision, and Slicer refuses 64-bit integers.
    array = image.array
    if array.dtype == np.float16 or (array.dtype.kind in "iu" and array.dtype.itemsize == 8):
        array = array.astype(np.float32)
    slicer.util.updateVolumeFromArray(node, array.astype(np.uint8) if array.dtype == bool else array)
    if image.color:
        node.SetVoxelVectorType(slicer.vtkMRMLVolumeNode.VoxelVectorTypeColorRGB)
    node = scene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    if image.modality:
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
        item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
        modalityName = slicer.vtkMRMLSubjectHierarchyConstants.GetDICOMSeriesModalityAttributeName()
        hierarchy.SetItemAttribute(item, modalityName, image.modality)
    return node


def segmentationNodeFromMask(mask: Image, structure: Structure, volumeNode):
    """A new segmentation node beside a volume node with one segment: where `mask`, on the volume's grid, is not 0."""
    from LiverAISlicer.build import buildSegmentation

    node = slicer.vtkMRMLSegmentationNode()
    node.SetName(f"{volumeNode.GetName()} mask")
    labels = (mask.array > 0).astype(np.uint8) * np.uint8(structure.label)
    node.SetAndObserveSegmentation(
        buildSegmentation(Segmentation(mask.with_array(labels), (structure,), "given"), volumeNode)
    )
    node = volumeNode.GetScene().AddNode(node)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    return node


def checkVolumeNode(volumeNode, *, color: bool = False) -> None:
    """Raise UserError unless the node is a gray-scale volume with voxels, or a color one where `color`."""
    if volumeNode is None:
        raise UserError("No input volume. Load an image and choose it.")
    name = volumeNode.GetName()
    if not volumeNode.IsA("vtkMRMLScalarVolumeNode") or volumeNode.IsA("vtkMRMLLabelMapVolumeNode"):
        raise UserError(
            f"{name}: this is a {volumeNode.GetNodeTagName()}, a gray-scale volume is needed. Choose the image."
        )
    imageData = volumeNode.GetImageData()
    if imageData is None or imageData.GetNumberOfPoints() == 0:
        raise UserError(f"{name}: the volume has no voxels. Load the image again.")
    components = imageData.GetNumberOfScalarComponents()
    if components == 1 and not volumeNode.IsA("vtkMRMLVectorVolumeNode"):
        return
    if not color:
        raise UserError(f"{name}: a color or vector volume; one value per voxel is needed. Load the gray-scale series.")
    if volumeNode.GetClassName() != "vtkMRMLVectorVolumeNode" or components not in COLOR_COMPONENTS:
        raise UserError(
            f"{name}: a volume of {components} values per voxel, neither gray-scale nor RGB. Choose the image."
        )


def ijkToWorld(volumeNode) -> np.ndarray:
    """4x4 matrix from voxel index (i, j, k, 1) to world RAS mm, through all parent transforms.

    Raises:
        UserError: A parent transform is not linear.
    """
    matrix = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(matrix)
    return nodeToWorld(volumeNode) @ slicer.util.arrayFromVTKMatrix(matrix)


def nodeToWorld(node) -> np.ndarray:
    """4x4 matrix from the coordinates of a transformable node to the world, RAS mm; UserError where there is none."""
    transformNode = node.GetParentTransformNode()
    if transformNode is None:
        return np.eye(4)
    if not transformNode.IsTransformToWorldLinear():
        raise UserError(
            f"{node.GetName()}: it lies under a transform that is not linear ({transformNode.GetName()}). "
            "Harden the transform (right-click the node in the Data module), then try again."
        )
    matrix = vtk.vtkMatrix4x4()
    transformNode.GetMatrixTransformToWorld(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def modalityOf(volumeNode) -> str | None:
    """DICOM modality ("MR", "CT", "US") where the subject hierarchy or the voxel units say it, else None."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(volumeNode.GetScene())
    item = hierarchy.GetItemByDataNode(volumeNode) if hierarchy else 0
    if item:
        name = slicer.vtkMRMLSubjectHierarchyConstants.GetDICOMSeriesModalityAttributeName()
        modality = hierarchy.GetItemAttribute(item, name)
        if modality:
            return modality
    units = volumeNode.GetVoxelValueUnits()
    return "CT" if units is not None and "hounsfield" in str(units.GetCodeMeaning()).lower() else None


def maskFromSegmentationNode(segmentationNode, segmentId: str, volumeNode) -> Image:
    """One segment on the grid of a volume.

    Args:
        segmentationNode: vtkMRMLSegmentationNode with a binary labelmap; it may lie under another linear transform.
        segmentId: Which segment.
        volumeNode: Volume whose grid the mask gets (nearest neighbor).

    Returns:
        Image with array (k, j, i) uint8, 1 inside, and the geometry of `imageFromVolumeNode(volumeNode)`.

    Raises:
        UserError: No such segment, no binary labelmap, or a transform that is not linear.
    """
    labelmap = segmentLabelmap(segmentationNode, segmentId)
    reference = slicer.vtkOrientedImageData()
    reference.SetDimensions(volumeNode.GetImageData().GetDimensions())
    reference.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    gridToSegmentation = np.linalg.inv(nodeToWorld(segmentationNode)) @ ijkToWorld(volumeNode)
    reference.SetImageToWorldMatrix(slicer.util.vtkMatrixFromArray(gridToSegmentation))
    inside = labelmapOnGrid(labelmap, reference)
    return gridOfVolumeNode(volumeNode).with_array(inside.astype(np.uint8))


def labelmapOnGrid(labelmap, grid) -> np.ndarray:
    """Bool (k, j, i) of `grid`, a vtkOrientedImageData with scalars: where a labelmap is not 0 (nearest neighbor)."""
    resampled = slicer.vtkOrientedImageData()
    slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(labelmap, grid, resampled, False)
    scalars = resampled.GetPointData().GetScalars()
    return numpy_support.vtk_to_numpy(scalars).reshape(tuple(reversed(resampled.GetDimensions()))) > 0


def segmentLabelmap(segmentationNode, segmentId: str):
    """A segment as vtkOrientedImageData with its own labels only; UserError where it cannot be had."""
    segmentation = segmentationNode.GetSegmentation()
    if segmentation.GetSegment(segmentId) is None:
        raise UserError(
            f"{segmentationNode.GetName()}: no segment '{segmentId}'. It has {_segmentNames(segmentation)}."
        )
    if not segmentation.ContainsRepresentation(BINARY_LABELMAP):
        raise UserError(
            f"{segmentationNode.GetName()}: no binary labelmap. Create it in the module Segmentations, "
            "section Representations."
        )
    labelmap = slicer.vtkOrientedImageData()
    segmentationNode.GetBinaryLabelmapRepresentation(segmentId, labelmap)
    return labelmap


def segmentFor(segmentationNode, structure: Structure = LIVER) -> str:
    """ID of the segment that holds a structure, by the rule of the library's reader of mask files.

    Raises:
        UserError: None or several fit; the text lists the segments.
    """
    from LiverAILib.data.masks import choose_segment  # loads SimpleITK

    return choose_segment(
        segmentNamesOf(segmentationNode),
        structure,
        source=segmentationNode.GetName(),
        advice=f"Choose the segment, or name it '{structure.title}'.",
    ).segment.segment_id


def segmentNamesOf(segmentationNode) -> list[SegmentName]:
    """ID, name and terminology of every segment."""
    from LiverAILib.data.masks import SegmentName, Terminology  # loads SimpleITK

    segmentation = segmentationNode.GetSegmentation()
    tag = slicer.vtkSegment.GetTerminologyEntryTagName()
    return [
        SegmentName(segmentId, segment.GetName() or "", Terminology.from_slicer(_tag(segment, tag)))
        for segmentId in segmentation.GetSegmentIDs()
        if (segment := segmentation.GetSegment(segmentId))
    ]


def otherMasksFromSegmentationNode(segmentationNode, volumeNode, *, without: str) -> dict[str, Image]:
    """Masks of other organs and of parts of the liver that a segmentation clearly names, by name; empty ones are left out.

    Args:
        segmentationNode: Not changed.
        volumeNode: On its grid.
        without: ID of the segment that is the liver.
    """
    from LiverAILib.data.masks import find_segment  # loads SimpleITK

    segments = segmentNamesOf(segmentationNode)
    masks = {}
    for name, structure in KNOWN_STRUCTURES.items():
        choice = None if name == LIVER.name else find_segment(segments, structure)
        if choice is None or choice.segment.is_unnamed or choice.segment.segment_id == without:
            continue
        mask = maskFromSegmentationNode(segmentationNode, choice.segment.segment_id, volumeNode)
        if mask.array.any():
            masks[name] = mask
    return masks


def _tag(segment, name: str) -> str:
    value = vtk.reference("")
    return str(value) if segment.GetTag(name, value) else ""


def _segmentNames(segmentation) -> str:
    names = [segmentation.GetSegment(s).GetName() for s in segmentation.GetSegmentIDs()]
    return ", ".join(names) if names else "no segment"
