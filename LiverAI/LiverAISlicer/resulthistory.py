"""The results of a scene: which there are, and removing one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import slicer

from LiverAISlicer import views
from LiverAISlicer.display import ROLE
from LiverAISlicer.ownsegmentation import CONTENT, OWN_SEGMENTATION, contentOf
from LiverAISlicer.resultnodes import HEATMAP, INPUT, MODEL, RECORD, RESULT_ROLE, SEGMENTATION, readNodes
from LiverAISlicer.shownmaps import SHOWN
from LiverAISlicer.summary import percent


@dataclass(frozen=True)
class ResultEntry:
    """A result of the scene in a few words.

    Attributes:
        tableNode: Its table.
        image: Name of its first image; "" where that is not in the scene any more.
        model: Name of its model.
        made: Local date and time; "" where the record does not say it.
        outcome: The answer, with its probability where it has one.
    """

    tableNode: Any
    image: str
    model: str
    made: str
    outcome: str


def listResults(scene) -> list[ResultEntry]:
    """All results of a scene, in the order in which they were first made."""
    return [_entryOf(node) for node in resultTables(scene)]


def resultTables(scene) -> list[Any]:
    """The result tables of a scene."""
    tables = views.nodesOfClass(scene, "vtkMRMLTableNode")
    return [node for node in tables if node.GetAttribute(ROLE) == RESULT_ROLE and node.GetAttribute(RECORD)]


def removeResult(tableNode) -> Any:
    """Remove a result from its scene: heat maps, table, and our segmentation; inputs and what the user drew stay.

    Returns:
        Our segmentation where it stays, because it was edited or another result uses it; else None.
    """
    scene = tableNode.GetScene()
    heatMaps = [
        tableNode.GetNthNodeReference(HEATMAP, index) for index in range(tableNode.GetNumberOfNodeReferences(HEATMAP))
    ]
    maps = [node for node in heatMaps if node is not None]
    shown = [node.GetNodeReference(SHOWN) for node in maps]
    volumes = [*maps, *(node for node in shown if node is not None)]
    segmentation = tableNode.GetNodeReference(OWN_SEGMENTATION)
    kept = None
    if segmentation is not None and (_isEdited(segmentation) or _isUsedElsewhere(segmentation, tableNode)):
        segmentation, kept = None, segmentation
    hidden = {node.GetID() for node in volumes}
    for composite in views.nodesOfClass(scene, "vtkMRMLSliceCompositeNode"):
        if composite.GetForegroundVolumeID() in hidden:
            composite.SetForegroundVolumeID(None)
    for node in (*volumes, *([] if segmentation is None else [segmentation]), tableNode):
        _removeWithDisplay(node, scene)
    return kept


def _entryOf(tableNode) -> ResultEntry:
    record = readNodes(tableNode).record
    image = tableNode.GetNthNodeReference(INPUT, 0)
    probability = record["probabilities"].get(record["predicted"])
    outcome = record["predicted"] if probability is None else f"{record['predicted']} {percent(probability)}"
    return ResultEntry(
        tableNode,
        "" if image is None else image.GetName(),
        tableNode.GetAttribute(MODEL),
        _localTime(record["provenance"].get("created", "")),
        outcome,
    )


def _localTime(created: str) -> str:
    return datetime.fromisoformat(created).astimezone().strftime("%Y-%m-%d %H:%M") if created else ""


def _isEdited(segmentationNode) -> bool:
    return segmentationNode.GetAttribute(CONTENT) != contentOf(segmentationNode)


def _isUsedElsewhere(segmentationNode, tableNode) -> bool:
    """Whether another result was made with this segmentation, given as mask."""
    others = [node for node in resultTables(tableNode.GetScene()) if node is not tableNode]
    return any(node.GetNodeReference(SEGMENTATION) is segmentationNode for node in others)


def _removeWithDisplay(node, scene) -> None:
    """Remove a node, its display and storage nodes, and its item in the subject hierarchy."""
    own = []
    if node.IsA("vtkMRMLDisplayableNode"):
        own += [node.GetNthDisplayNode(index) for index in range(node.GetNumberOfDisplayNodes())]
    own.append(node.GetStorageNode())
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    item = hierarchy.GetItemByDataNode(node) if hierarchy else 0
    scene.RemoveNode(node)
    # The application removes the item with its node; without the application nobody does.
    if item and hierarchy.GetItemByDataNode(node):
        hierarchy.RemoveItem(item, False, False)
    for one in own:
        if one is not None and one.GetScene() is not None:
            scene.RemoveNode(one)
