"""What the slice views show: image, heat map over it, and the slice that was looked at. The layout stays the user's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import slicer
import vtk

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
    """In every slice view: the image in the background, the heat map (nothing where it is None) in the foreground.

    A view that showed another image is fitted to this one; else zoom and position stay.
    """
    changed = []
    for composite in nodesOfClass(transaction.scene, "vtkMRMLSliceCompositeNode"):
        if composite.GetBackgroundVolumeID() != volumeNode.GetID():
            changed.append(composite)
        transaction.setValue(composite, "BackgroundVolumeID", volumeNode.GetID())
        transaction.setValue(composite, "ForegroundVolumeID", None if heatMapNode is None else heatMapNode.GetID())
        transaction.setValue(composite, "ForegroundOpacity", opacity)
    _fit(changed, transaction)
    legend = None if heatMapNode is None else slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(heatMapNode)
    if legend is not None:
        legend.Modified()  # legends do not notice by themselves that a view shows another volume


def _fit(composites: list, transaction: SceneTransaction) -> None:
    """Let the views of these composite nodes show all of their image; without the application there are none."""
    application = getattr(slicer, "app", None)
    logics = application.applicationLogic().GetSliceLogics() if application is not None else None
    for index in range(0 if logics is None else logics.GetNumberOfItems()):
        logic = logics.GetItemAsObject(index)
        if logic.GetSliceCompositeNode() in composites:
            node = logic.GetSliceNode()
            transaction.change(logic.FitSliceToBackground, _restorer(node))


def _restorer(sliceNode) -> Callable[[], None]:
    """What puts position and zoom of a slice view back."""
    toRAS, fieldOfView, origin = vtk.vtkMatrix4x4(), sliceNode.GetFieldOfView(), sliceNode.GetXYZOrigin()
    toRAS.DeepCopy(sliceNode.GetSliceToRAS())

    def restore() -> None:
        sliceNode.SetFieldOfView(*fieldOfView)
        sliceNode.SetXYZOrigin(*origin)
        sliceNode.GetSliceToRAS().DeepCopy(toRAS)
        sliceNode.UpdateMatrices()

    return restore


def displayedVolume(scene, role: str):
    """The gray-scale volume that a slice view shows, else the first one of the scene; none of those with the attribute `role`."""
    composites = nodesOfClass(scene, "vtkMRMLSliceCompositeNode")
    shown = [scene.GetNodeByID(one.GetBackgroundVolumeID() or "") for one in composites]
    for node in (*shown, *nodesOfClass(scene, "vtkMRMLScalarVolumeNode")):
        if node is not None and node.GetClassName() == "vtkMRMLScalarVolumeNode" and not node.GetAttribute(role):
            return node
    return None


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
