"""What the slice views show of a heat map: a copy that fades where the map ends, and leaves out all but the liver if asked to.

The raw map stays as it is, for measuring and saving; the copy covers only where the raw map has values, and is hidden from lists.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import slicer
import slicer.util
import vtk

from LiverAILib.data.structures import LIVER
from LiverAILib.errors import UserError
from LiverAISlicer import build, display
from LiverAISlicer.nodes import labelmapOnGrid, nodeToWorld, segmentFor, segmentLabelmap
from LiverAISlicer.resultnodes import LIVER_SEGMENT, METHOD, PIPELINE, SIGNED, SLICE, TARGET
from LiverAISlicer.transaction import SceneTransaction

SHOWN = "liveraiShown"
"""Reference of a heat map to the copy that the views show."""
LOOK = "LiverAI.Look"
"""Attribute of the copy: the look that it was made for."""
SHOWN_ROLE = "shown heat map"
EDGE_MM = 12.0
"""Where a map ends inside the image, it fades over this distance."""
LIVER_EDGE_MM = 4.0
"""The same at the edge of the liver."""


def shownNode(heatMapNode):
    """The copy of a heat map that views show; the map itself in results of earlier versions."""
    return heatMapNode.GetNodeReference(SHOWN) or heatMapNode


def updateShown(heatMapNode, segmentationNode, look: display.HeatMapLook, transaction: SceneTransaction):
    """Make or update the copy of a heat map that views show.

    Args:
        heatMapNode: The raw map.
        segmentationNode: With the liver, where the map is to be shown inside it only; None for a method without.
        look: How maps are shown.
        transaction: Takes everything back where something fails.

    Returns:
        The copy, a vtkMRMLVectorVolumeNode: of the scalar volumes' colors, slice views draw no half-transparent ones.
    """
    style = display.styleOf(heatMapNode.GetAttribute(SIGNED) == "yes")
    raw = slicer.util.arrayFromVolume(heatMapNode)
    box, extent = nonzeroBox(raw), style.extent(raw)
    matrix = _matrixOfBox(heatMapNode, box)
    shares = raw[box] / extent if extent > 0 else np.zeros(raw[box].shape, np.float32)
    colors = style.rgba(shares, look.threshold)
    weight = edgeWeight(shares.shape, raw.shape, box, heatMapNode.GetSpacing()[::-1], _sliceAxis(heatMapNode))
    if look.insideLiver and segmentationNode is not None:
        weight = weight * liverWeight(_liverOnBox(segmentationNode, heatMapNode, shares.shape, matrix), heatMapNode)
    colors[..., 3] = (colors[..., 3] * weight).round()
    node = _writeColors(build.imageDataFromArray(colors), matrix, heatMapNode, transaction)
    transaction.setAttribute(node, LOOK, _lookOf(segmentationNode, look))
    display.showLegend(node, legendTitle(heatMapNode), look.legend, style, transaction)
    return node


def _writeColors(data, matrix, heatMapNode, transaction: SceneTransaction):
    name = f"{heatMapNode.GetName()}, as shown"
    node = heatMapNode.GetNodeReference(SHOWN)
    if node is None:
        node = display.newNode("vtkMRMLVectorVolumeNode", name, SHOWN_ROLE)
        node.SetHideFromEditors(True)
        exclude = slicer.vtkMRMLSubjectHierarchyConstants.GetSubjectHierarchyExcludeFromTreeAttributeName()
        node.SetAttribute(exclude, "1")
        node.SetAndObserveImageData(data)
        node.SetIJKToRASMatrix(matrix)
        node = transaction.addNode(node)
        display.showColors(node, transaction)
        transaction.setReference(heatMapNode, SHOWN, node)
    else:
        old, oldMatrix = node.GetImageData(), vtk.vtkMatrix4x4()
        node.GetIJKToRASMatrix(oldMatrix)
        transaction.change(lambda: node.SetAndObserveImageData(data), lambda: node.SetAndObserveImageData(old))
        transaction.change(lambda: node.SetIJKToRASMatrix(matrix), lambda: node.SetIJKToRASMatrix(oldMatrix))
        transaction.setValue(node, "Name", name)
    transaction.placeUnderTransformOf(node, heatMapNode)
    return node


def applyLook(heatMapNode, segmentationNode, look: display.HeatMapLook, transaction: SceneTransaction) -> None:
    """Bring the copy of a heat map to a look, where it has another one; the opacity is the views'."""
    node = heatMapNode.GetNodeReference(SHOWN)
    if node is None or node.GetAttribute(LOOK) != _lookOf(segmentationNode, look):
        updateShown(heatMapNode, segmentationNode, look, transaction)


def _lookOf(segmentationNode, look: display.HeatMapLook) -> str:
    """What of a look is in the copy itself."""
    inLiver = look.insideLiver and segmentationNode is not None
    return json.dumps({"threshold": look.threshold, "insideLiver": inLiver, "legend": look.legend})


def legendTitle(heatMapNode) -> str:
    """What the colors of a map mean, one short line for each word: legends are narrow."""
    lines = [heatMapNode.GetAttribute(name) for name in (METHOD, TARGET, PIPELINE)]
    return "\n".join([*filter(None, lines), "% of its maximum"])


def nonzeroBox(array: np.ndarray) -> tuple[slice, ...]:
    """Where a map has values, with a margin of one voxel; the first voxel of a map without any."""
    box = []
    for axis in range(array.ndim):
        inside = np.flatnonzero(array.any(axis=tuple(other for other in range(array.ndim) if other != axis)))
        first, last = (inside[0], inside[-1]) if len(inside) else (0, 0)
        box.append(slice(max(int(first) - 1, 0), min(int(last) + 2, array.shape[axis])))
    return tuple(box)


def edgeWeight(
    shape: tuple[int, ...], whole: tuple[int, ...], box: tuple[slice, ...], spacing: Any, sliceAxis: int
) -> np.ndarray:
    """1 inside, falling smoothly to 0 towards those sides of a box that do not lie at the image's own edge.

    Args:
        shape: Of the box, (k, j, i).
        whole: Of the image.
        box: Where the box lies in the image.
        spacing: In mm, (k, j, i).
        sliceAxis: Axis of the array along which nothing fades.
    """
    weight = np.ones(shape, np.float32)
    for axis, size in enumerate(shape):
        if axis == sliceAxis or size < 4:
            continue
        width = min(EDGE_MM, size * spacing[axis] / 6)
        position = np.arange(size)
        distance = np.full(size, np.inf)
        if box[axis].start > 0:
            distance = np.minimum(distance, position - 1)
        if box[axis].stop < whole[axis]:
            distance = np.minimum(distance, size - 2 - position)
        along = [1] * len(shape)
        along[axis] = size
        weight *= smoothStep(distance * spacing[axis] / width).reshape(along)
    return weight


def liverWeight(inside: np.ndarray, heatMapNode) -> np.ndarray:
    """1 in the liver, falling smoothly to 0 at its edge, slice by slice; `inside` is bool (k, j, i)."""
    from scipy import ndimage  # not when the module is opened

    axis, spacing = _sliceAxis(heatMapNode), heatMapNode.GetSpacing()[::-1]
    inSlice = [spacing[other] for other in range(3) if other != axis]
    slices = np.moveaxis(inside, axis, 0)
    weight = np.stack([smoothStep(ndimage.distance_transform_edt(one, inSlice) / LIVER_EDGE_MM) for one in slices])
    return np.moveaxis(weight, 0, axis)


def smoothStep(value: np.ndarray) -> np.ndarray:
    """0 below 0, 1 above 1, without a corner."""
    value = np.clip(value, 0, 1)
    return (value * value * (3 - 2 * value)).astype(np.float32)


def shareInLiver(heatMapNode, segmentationNode) -> float | None:
    """Which share of a map's magnitude lies inside the liver; None where it has none, or there is no liver."""
    raw = slicer.util.arrayFromVolume(heatMapNode)
    box = nonzeroBox(raw)
    part = np.abs(raw[box])
    try:
        inside = _liverOnBox(segmentationNode, heatMapNode, part.shape, _matrixOfBox(heatMapNode, box))
    except UserError:  # the user's segmentation has no liver any more
        return None
    return float(part[inside].sum() / part.sum()) if part.any() else None


def _sliceAxis(heatMapNode) -> int:
    """Axis of the array (k, j, i) across the slices."""
    stored = heatMapNode.GetAttribute(SLICE)
    return 2 - json.loads(stored)[1] if stored else 0


def _matrixOfBox(heatMapNode, box: tuple[slice, ...]):
    """IJK to RAS of a part of the map's grid."""
    matrix = vtk.vtkMatrix4x4()
    heatMapNode.GetIJKToRASMatrix(matrix)
    array = slicer.util.arrayFromVTKMatrix(matrix)
    array[:3, 3] += array[:3, :3] @ [one.start for one in reversed(box)]
    return slicer.util.vtkMatrixFromArray(array)


def _liverOnBox(segmentationNode, heatMapNode, shape: tuple[int, ...], matrix) -> np.ndarray:
    """Bool (k, j, i): the liver of a segmentation on a part of the map's grid."""
    grid = slicer.vtkOrientedImageData()
    grid.SetDimensions(tuple(reversed(shape)))
    grid.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    toWorld = nodeToWorld(heatMapNode) @ slicer.util.arrayFromVTKMatrix(matrix)
    grid.SetImageToWorldMatrix(slicer.util.vtkMatrixFromArray(np.linalg.inv(nodeToWorld(segmentationNode)) @ toWorld))
    segmentId = heatMapNode.GetAttribute(LIVER_SEGMENT) or segmentFor(segmentationNode, LIVER)
    return labelmapOnGrid(segmentLabelmap(segmentationNode, segmentId), grid)
