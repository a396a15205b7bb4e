"""Our segmentation node: written again by a second run, or kept beside a new one where a person edited it since."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import slicer
import vtk

from LiverAILib.data.assessment import Assessment
from LiverAILib.data.structures import KNOWN_STRUCTURES
from LiverAILib.errors import UserError
from LiverAISlicer import build, display
from LiverAISlicer.nodes import labelmapOnGrid, segmentLabelmap
from LiverAISlicer.resultnodes import MODEL
from LiverAISlicer.transaction import SceneTransaction

SEGMENTATION_ROLE = "segmentation"
CONTENT = "LiverAI.Content"
OWN_SEGMENTATION = "liveraiOwnSegmentation"
EDITED = "{name} (edited)"


@dataclass(frozen=True)
class BuiltSegmentation:
    """A segmentation as VTK data.

    Attributes:
        segmentation: vtkSegmentation.
        content: See `contentOf`.
    """

    segmentation: Any
    content: str

    @classmethod
    def of(cls, assessment: Assessment, volumeNode) -> BuiltSegmentation:
        """The segmentation of an assessment on the grid of its first image."""
        content = build.contentOfSegmentation(assessment.segmentation)
        return cls(build.buildSegmentation(assessment.segmentation, volumeNode), content)


def writeSegmentation(
    built: BuiltSegmentation, assessment: Assessment, volumeNode, tableNode, transaction: SceneTransaction
) -> tuple[Any, Any]:
    """Our segmentation node with new content: the earlier one, unless it was edited or deleted since.

    Returns:
        The node, and the edited one that is kept beside it (None where there is none).
    """
    segmentation = built.segmentation
    node, kept = tableNode.GetNodeReference(OWN_SEGMENTATION), None
    if node is not None and node.GetAttribute(CONTENT) != contentOf(node):
        node, kept = None, node
        _markAsEdited(kept, transaction)
    if node is None:
        node = display.newNode(
            "vtkMRMLSegmentationNode", f"{volumeNode.GetName()} LiverAI segmentation", SEGMENTATION_ROLE
        )
        node = transaction.addNode(node)
        node.SetAndObserveSegmentation(segmentation)
        display.showOutline(node, transaction)
        transaction.setReference(tableNode, OWN_SEGMENTATION, node)
    else:
        old = node.GetSegmentation()
        transaction.change(
            lambda: node.SetAndObserveSegmentation(segmentation), lambda: node.SetAndObserveSegmentation(old)
        )
    transaction.placeUnderTransformOf(node, volumeNode)
    # The source volume: the Segment Editor's master volume, and what DICOM export takes study and geometry from.
    node.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    transaction.setAttribute(node, MODEL, assessment.segmentation.source)
    transaction.setAttribute(node, CONTENT, built.content)
    return node, kept


def contentOf(segmentationNode) -> str:
    """Fingerprint of what a segmentation holds, on its own reference geometry.

    Moving or hardening the node changes nothing; names count, so that a renamed segment is kept.
    """
    segmentation = segmentationNode.GetSegmentation()
    parameter = slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName()
    geometry, grid = segmentation.GetConversionParameter(parameter), slicer.vtkOrientedImageData()
    if not slicer.vtkSegmentationConverter.DeserializeImageGeometry(geometry, grid, True, vtk.VTK_UNSIGNED_CHAR, 1):
        return "edited: without reference geometry"
    try:
        return build.fingerprint(
            {
                f"{segmentId}={segmentation.GetSegment(segmentId).GetName()}": labelmapOnGrid(
                    segmentLabelmap(segmentationNode, segmentId), grid
                )
                for segmentId in segmentation.GetSegmentIDs()
            }
        )
    except UserError as error:  # Converted to another representation: a person was at work.
        return f"edited: {error}"


def _markAsEdited(node, transaction: SceneTransaction) -> None:
    """Let an edited segmentation be told from the new one: another name, paler colors, hidden."""
    name = transaction.scene.GetUniqueNameByString(EDITED.format(name=node.GetName()))
    transaction.setValue(node, "Name", name)
    segmentation = node.GetSegmentation()
    for segmentId in segmentation.GetSegmentIDs():
        segment = segmentation.GetSegment(segmentId)
        ours = KNOWN_STRUCTURES.get(segmentId)
        color = segment.GetColor()
        if ours is not None and all(abs(255 * a - b) < 1 for a, b in zip(color, ours.color, strict=True)):
            transaction.setValue(segment, "Color", [(1 + channel) / 2 for channel in color])
    if node.GetDisplayNode() is not None:
        transaction.setValue(node.GetDisplayNode(), "Visibility", 0)
