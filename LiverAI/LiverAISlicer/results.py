"""An assessment in the scene: segmentation, heat maps and result table, beside the input, all of them or none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import slicer.util
import vtk

from LiverAILib.data.assessment import Assessment
from LiverAILib.data.record import upgrade_record
from LiverAILib.errors import UserError
from LiverAISlicer import build, display, hierarchy, views
from LiverAISlicer.display import ROLE
from LiverAISlicer.nodes import checkVolumeNode, maskFromSegmentationNode
from LiverAISlicer.transaction import SceneTransaction

RESULT_ROLE, SEGMENTATION_ROLE, HEATMAP_ROLE = "result", "segmentation", "heat map"
MODEL, PIPELINE, RECORD, CONTENT = "LiverAI.Model", "LiverAI.Pipeline", "LiverAI.Record", "LiverAI.Content"
INPUT = "liveraiInput"
SEGMENTATION = "liveraiSegmentation"
OWN_SEGMENTATION = "liveraiOwnSegmentation"
HEATMAP = "liveraiHeatMap"


@dataclass(frozen=True)
class AssessmentNodes:
    """Where an assessment lies in the scene.

    Attributes:
        volumeNode: The input.
        segmentationNode: The segmentation that was used: ours, or the one that the user gave.
        heatMapNodes: vtkMRMLScalarVolumeNode by name of the pipeline.
        tableNode: vtkMRMLTableNode with everything in words and numbers.
        record: What `assessment.json` holds.
    """

    volumeNode: Any
    segmentationNode: Any
    heatMapNodes: Mapping[str, Any]
    tableNode: Any
    record: Mapping[str, Any]

    @property
    def heatMapNode(self):
        """Heat map of the primary pipeline."""
        return self.heatMapNodes[self.record["primary_outcome"]]


def writeAssessment(
    volumeNode, assessment: Assessment, segmentationNode=None, opacity: float = views.DEFAULT_OPACITY
) -> AssessmentNodes:
    """Write an assessment of a volume node into the node's scene.

    An earlier result of the same input and model is updated. A segmentation that the user gave is only referred to, and
    one of ours that was edited since is left alone, a new one is made.

    Args:
        volumeNode: The input; its grid must still be that of the assessment.
        assessment: What was found.
        segmentationNode: The segmentation that the user gave as input, or None.
        opacity: Of the heat map over the image, 0..1.

    Raises:
        UserError: The volume is not the one that was assessed any more. The scene is then as it was.
    """
    from LiverAILib.results.shown_slice import shown_slice  # loads SimpleITK

    _checkStillThere(volumeNode, segmentationNode, assessment)
    segmentation = build.buildSegmentation(assessment.segmentation, volumeNode) if segmentationNode is None else None
    shownMaps = {name: one.heatmaps[0] for name, one in assessment.outcomes.items() if one.heatmaps}
    maps = {name: np.asarray(one.image.array, np.float32) for name, one in shownMaps.items()}
    mapData = {name: build.imageDataFromArray(array) for name, array in maps.items()}
    table = build.buildTable(assessment)
    record = json.loads(json.dumps(assessment.record(), default=str))
    shown = shown_slice(assessment)

    with SceneTransaction(volumeNode.GetScene()) as transaction:
        tableNode = findResult(volumeNode, assessment.model)
        if tableNode is None:
            tableNode = _newNode("vtkMRMLTableNode", f"{volumeNode.GetName()} {assessment.model} result", RESULT_ROLE)
            transaction.addNode(tableNode)
            transaction.setReference(tableNode, INPUT, volumeNode)
        if segmentation is not None:
            segmentationNode = _writeSegmentation(segmentation, assessment, volumeNode, tableNode, transaction)
        transaction.setReference(tableNode, SEGMENTATION, segmentationNode)
        heatMapNodes = {
            name: _writeHeatMap(
                name, mapData[name], float(maps[name].max()), assessment, volumeNode, tableNode, transaction
            )
            for name in shownMaps
        }
        # Slicer before 5.12 calls it Name.
        newName = hasattr(tableNode, "SetUseColumnTitleAsColumnHeader")
        header = "UseColumnTitleAsColumnHeader" if newName else "UseColumnNameAsColumnHeader"
        transaction.setValue(tableNode, header, True)
        old = tableNode.GetTable()
        transaction.change(lambda: tableNode.SetAndObserveTable(table), lambda: tableNode.SetAndObserveTable(old))
        transaction.setAttribute(tableNode, MODEL, assessment.model)
        transaction.setAttribute(tableNode, RECORD, json.dumps(record))
        ours = [*heatMapNodes.values(), tableNode]
        if segmentation is not None:
            ours.append(segmentationNode)
        hierarchy.placeBeside(ours, volumeNode, transaction)
        views.showFusion(volumeNode, heatMapNodes[assessment.primary], transaction, opacity)
        views.jumpToSlice(volumeNode, shown, transaction)
    return AssessmentNodes(volumeNode, segmentationNode, heatMapNodes, tableNode, record)


def findResult(volumeNode, model: str | None = None):
    """The result table of an input (of one model, or the newest of any), or None."""
    found = None
    for node in views.nodesOfClass(volumeNode.GetScene(), "vtkMRMLTableNode"):
        isResult = node.GetAttribute(ROLE) == RESULT_ROLE and node.GetNodeReferenceID(INPUT) == volumeNode.GetID()
        if isResult and model in (None, node.GetAttribute(MODEL)):
            found = node
    return found


def readNodes(tableNode) -> AssessmentNodes:
    """The nodes of a result in the scene, for example after a saved scene was loaded."""
    heatMapNodes = {node.GetAttribute(PIPELINE): node for node in _heatMapsOf(tableNode)}
    return AssessmentNodes(
        tableNode.GetNodeReference(INPUT),
        tableNode.GetNodeReference(SEGMENTATION),
        heatMapNodes,
        tableNode,
        upgrade_record(json.loads(tableNode.GetAttribute(RECORD)), where=tableNode.GetName()),
    )


def _checkStillThere(volumeNode, segmentationNode, assessment: Assessment) -> None:
    checkVolumeNode(volumeNode)
    name = volumeNode.GetName()
    for node in (volumeNode, segmentationNode):
        if node is not None and node.GetScene() is None:
            raise UserError(
                f"{node.GetName()}: was removed from the scene while it was assessed. Load it, press Apply again."
            )
    if tuple(volumeNode.GetImageData().GetDimensions()) != assessment.image.size:
        raise UserError(f"{name}: the volume was changed while it was assessed. Press Apply again.")


def _newNode(className: str, name: str, role: str):
    node = getattr(slicer, className)()
    node.SetName(name)
    node.SetAttribute(ROLE, role)
    return node


def _writeSegmentation(segmentation, assessment: Assessment, volumeNode, tableNode, transaction: SceneTransaction):
    """Our segmentation node with new content: the earlier one, unless it was edited or deleted since."""
    node = tableNode.GetNodeReference(OWN_SEGMENTATION)
    if node is not None and node.GetAttribute(CONTENT) != _content(node, volumeNode):
        node = None
    if node is None:
        node = _newNode("vtkMRMLSegmentationNode", f"{volumeNode.GetName()} LiverAI segmentation", SEGMENTATION_ROLE)
        node = transaction.addNode(node)
        node.SetAndObserveSegmentation(segmentation)
        display.showOutline(node, transaction)
        transaction.setReference(tableNode, OWN_SEGMENTATION, node)
    else:
        old = node.GetSegmentation()
        transaction.change(
            lambda: node.SetAndObserveSegmentation(segmentation), lambda: node.SetAndObserveSegmentation(old)
        )
    _placeUnderTransform(node, volumeNode, transaction)
    # The source volume: the Segment Editor's master volume, and what DICOM export takes study and geometry from.
    node.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    transaction.setAttribute(node, MODEL, assessment.segmentation.source)
    transaction.setAttribute(node, CONTENT, _content(node, volumeNode))
    return node


def _content(segmentationNode, volumeNode) -> str:
    """Fingerprint of what a segmentation holds, on the volume's grid; names count, so a renamed segment is kept."""
    segmentation = segmentationNode.GetSegmentation()
    try:
        return build.fingerprint(
            {
                f"{segmentId}={segmentation.GetSegment(segmentId).GetName()}": maskFromSegmentationNode(
                    segmentationNode, segmentId, volumeNode
                ).array
                for segmentId in segmentation.GetSegmentIDs()
            }
        )
    except UserError as error:  # Converted to another representation or moved under a warp: a person was at work.
        return f"edited: {error}"


def _heatMapsOf(tableNode) -> list:
    references = (
        tableNode.GetNthNodeReference(HEATMAP, i) for i in range(tableNode.GetNumberOfNodeReferences(HEATMAP))
    )
    return [node for node in references if node is not None]


def _writeHeatMap(
    pipeline: str,
    imageData,
    maximum: float,
    assessment: Assessment,
    volumeNode,
    tableNode,
    transaction: SceneTransaction,
):
    heatmap = assessment.outcomes[pipeline].heatmaps[0]
    name = f"{volumeNode.GetName()} {heatmap.method} {heatmap.target} ({pipeline})"
    node = next((node for node in _heatMapsOf(tableNode) if node.GetAttribute(PIPELINE) == pipeline), None)
    matrix = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(matrix)
    if node is None:
        node = _newNode("vtkMRMLScalarVolumeNode", name, HEATMAP_ROLE)
        node.SetAttribute(PIPELINE, pipeline)
        node.SetAndObserveImageData(imageData)
        node.SetIJKToRASMatrix(matrix)
        node = transaction.addNode(node)
        display.showHeatMap(node, maximum, display.heatMapColors(transaction.scene, transaction), transaction)
        nodeId = node.GetID()
        count = tableNode.GetNumberOfNodeReferences(HEATMAP)
        transaction.change(
            lambda: tableNode.AddNodeReferenceID(HEATMAP, nodeId),
            lambda: tableNode.RemoveNthNodeReferenceID(HEATMAP, count),
        )
    else:
        old, oldMatrix = node.GetImageData(), vtk.vtkMatrix4x4()
        node.GetIJKToRASMatrix(oldMatrix)
        oldMaximum = float(slicer.util.arrayFromVolume(node).max())
        transaction.change(lambda: node.SetAndObserveImageData(imageData), lambda: node.SetAndObserveImageData(old))
        transaction.change(lambda: node.SetIJKToRASMatrix(matrix), lambda: node.SetIJKToRASMatrix(oldMatrix))
        transaction.setValue(node, "Name", name)
        display.updateHeatMapWindow(node, oldMaximum, maximum, transaction)
    _placeUnderTransform(node, volumeNode, transaction)
    described = {"Method": heatmap.method, "Target": heatmap.target, "Scale": heatmap.scale, "Zero": heatmap.zero}
    for key, value in described.items():
        transaction.setAttribute(node, f"LiverAI.{key}", value)
    return node


def _placeUnderTransform(node, volumeNode, transaction: SceneTransaction) -> None:
    old, new = node.GetTransformNodeID(), volumeNode.GetTransformNodeID()
    if old != new:
        transaction.change(
            lambda: node.SetAndObserveTransformNodeID(new), lambda: node.SetAndObserveTransformNodeID(old)
        )
