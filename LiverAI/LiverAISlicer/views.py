"""What the slice views show: image, heat map over it, and the slice that was looked at. The layout stays the user's."""

from __future__ import annotations

import numpy as np
import slicer

from LiverAISlicer.nodes import ijkToWorld
from LiverAISlicer.transaction import SceneTransaction


def nodesOfClass(scene, className: str) -> list:
    """The scene's nodes of a class, in their order."""
    return [scene.GetNthNodeByClass(i, className) for i in range(scene.GetNumberOfNodesByClass(className))]


def sliceCenter(volumeNode, index: int, axis: int) -> np.ndarray:
    """World position, RAS mm, of the center of slice `index` (from 0) along `axis` (0..2 for i, j, k) of a volume."""
    center = [(n - 1) / 2 for n in volumeNode.GetImageData().GetDimensions()]
    center[axis] = index
    return (ijkToWorld(volumeNode) @ [*center, 1.0])[:3]


def showFusion(volumeNode, heatMapNode, transaction: SceneTransaction, opacity: float) -> None:
    """In every slice view: the image in the background, the heat map (nothing where it is None) in the foreground."""
    for composite in nodesOfClass(transaction.scene, "vtkMRMLSliceCompositeNode"):
        transaction.setValue(composite, "BackgroundVolumeID", volumeNode.GetID())
        transaction.setValue(composite, "ForegroundVolumeID", None if heatMapNode is None else heatMapNode.GetID())
        transaction.setValue(composite, "ForegroundOpacity", opacity)
    legend = None if heatMapNode is None else slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(heatMapNode)
    if legend is not None:
        legend.Modified()  # legends do not notice by themselves that a view shows another volume


def isShown(volumeNode) -> bool:
    """Whether a slice view has the volume in its background."""
    composites = nodesOfClass(volumeNode.GetScene(), "vtkMRMLSliceCompositeNode")
    return any(composite.GetBackgroundVolumeID() == volumeNode.GetID() for composite in composites)


def jumpToSlice(volumeNode, index: int, axis: int, transaction: SceneTransaction) -> None:
    """Move the slice views to the center of a slice, see `sliceCenter`; orientation and zoom stay."""
    position = sliceCenter(volumeNode, index, axis)
    for node in nodesOfClass(transaction.scene, "vtkMRMLSliceNode"):
        offset = node.GetSliceOffset()
        transaction.change(
            lambda n=node: n.JumpSliceByOffsetting(*position), lambda n=node, o=offset: n.SetSliceOffset(o)
        )


def setForegroundOpacity(scene, volumeNodes, opacity: float) -> None:
    """Opacity of the foreground, 0..1, where it is one of the volumes."""
    nodeIds = {node.GetID() for node in volumeNodes}
    for composite in nodesOfClass(scene, "vtkMRMLSliceCompositeNode"):
        if composite.GetForegroundVolumeID() in nodeIds:
            composite.SetForegroundOpacity(opacity)
