"""The nodes of an assessment in a scene, and finding them again, for example after a saved scene was loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from LiverAILib.data.record import upgrade_record
from LiverAISlicer import views
from LiverAISlicer.display import ROLE
from LiverAISlicer.nodes import segmentFor

RESULT_ROLE = "result"
MODEL, RECORD, IMAGES = "LiverAI.Model", "LiverAI.Record", "LiverAI.Images"
"""Attributes of a result table; the last one lists role and number of the images that `INPUT` refers to, in that order."""
PIPELINE, IMAGE_ROLE, IMAGE_NUMBER = "LiverAI.Pipeline", "LiverAI.ImageRole", "LiverAI.ImageNumber"
SLICE, METHOD, TARGET, SIGNED = "LiverAI.Slice", "LiverAI.Method", "LiverAI.Target", "LiverAI.Signed"
"""Attributes of a heat map: its outcome, the image that it explains, the slice (index and axis) that is shown of it, the kind of
map, the class whose evidence it shows, and "yes" where negative values are evidence against it."""
LIVER_SEGMENT = "LiverAI.LiverSegment"
"""Attribute of a result table and its heat maps: ID of the segment that the user chose as the liver."""
INPUT = "liveraiInput"
SEGMENTATION = "liveraiSegmentation"
HEATMAP = "liveraiHeatMap"

ImageKey = tuple[str, int]
"""Role of an image and which of that role, from 0."""
HeatMapKey = tuple[str, str, int]
"""Outcome that a heat map explains, role of the image that it lies over, and which of that role, from 0."""


@dataclass(frozen=True)
class AssessmentNodes:
    """Where an assessment lies in the scene.

    Attributes:
        imageNodes: The inputs, the one that segmentation and measurements are about first.
        segmentationNode: The segmentation that was used: ours, or the one that the user gave; None for a method without.
        heatMaps: vtkMRMLScalarVolumeNode by outcome and image.
        tableNode: vtkMRMLTableNode with everything in words and numbers.
        record: What `assessment.json` holds.
        keptSegmentation: Our segmentation of an earlier run, which was edited since and is kept beside the new one.
    """

    imageNodes: Mapping[ImageKey, Any]
    segmentationNode: Any
    heatMaps: Mapping[HeatMapKey, Any]
    tableNode: Any
    record: Mapping[str, Any]
    keptSegmentation: Any = None

    @property
    def volumeNode(self):
        """The first input."""
        return next(iter(self.imageNodes.values()))

    @property
    def liverSegment(self) -> str:
        """ID of the liver in `segmentationNode`: the segment that the user chose, else the one that is coded or named so.

        Raises:
            UserError: None or several are.
        """
        return self.tableNode.GetAttribute(LIVER_SEGMENT) or segmentFor(self.segmentationNode)

    @property
    def heatMapNodes(self) -> dict[str, Any]:
        """The first heat map of each outcome."""
        first: dict[str, Any] = {}
        for key, node in self.heatMaps.items():
            first.setdefault(key[0], node)
        return first

    @property
    def heatMapNode(self):
        """The first heat map of the primary outcome, or None."""
        return self.heatMapNodes.get(self.record["primary_outcome"])

    def heatMap(self, outcome: str, role: str = "", number: int = 0):
        """The heat map of an outcome over an image, of the first input's role where `role` is empty; None where there is none."""
        return self.heatMaps.get((outcome, role or next(iter(self.imageNodes))[0], number))

    @property
    def heatMapTitles(self) -> list[str]:
        """What each heat map is called: its outcome, and its image where an outcome has several."""
        several = len(self.heatMaps) > len(self.heatMapNodes)
        keys = list(self.imageNodes)
        return [f"{key[0]}: {imageTitle(key[1:], keys)}" if several else key[0] for key in self.heatMaps]

    def explainedNode(self, key: HeatMapKey):
        """The input that a heat map lies over."""
        return self.imageNodes.get(key[1:])


def findResult(volumeNode, model: str | None = None, *, images: Sequence[Any] | None = None):
    """The result table of an input (of one model, or the newest of any), or None.

    Args:
        volumeNode: The first input.
        model: Name of the model.
        images: All inputs in the order of their roles: only a result of exactly these counts. None where any others do.
    """
    wanted = [volumeNode.GetID()] if images is None else [node.GetID() for node in images]
    found = None
    for node in views.nodesOfClass(volumeNode.GetScene(), "vtkMRMLTableNode"):
        given = [node.GetNthNodeReferenceID(INPUT, i) for i in range(node.GetNumberOfNodeReferences(INPUT))]
        same = given[:1] == wanted if images is None else given == wanted
        isResult = node.GetAttribute(ROLE) == RESULT_ROLE and node.GetAttribute(RECORD)
        if isResult and same and model in (None, node.GetAttribute(MODEL)):
            found = node
    return found


def isOutdated(nodes: AssessmentNodes) -> bool:
    """Whether the table of a result holds another record by now, or nodes of the result are gone."""
    if nodes.tableNode.GetScene() is None or any(node.GetScene() is None for node in nodes.heatMaps.values()):
        return True
    record = json.loads(nodes.tableNode.GetAttribute(RECORD))
    return upgrade_record(record, where=nodes.tableNode.GetName()) != nodes.record


def readNodes(tableNode) -> AssessmentNodes:
    """The nodes of a result in the scene; results of earlier versions are read too."""
    record = upgrade_record(json.loads(tableNode.GetAttribute(RECORD)), where=tableNode.GetName())
    described = list(_describedHeatMaps(record))
    keys = json.loads(tableNode.GetAttribute(IMAGES) or "null") or [[described[0][1] if described else "", 0]]
    imageNodes = {(role, number): tableNode.GetNthNodeReference(INPUT, i) for i, (role, number) in enumerate(keys)}
    heatMaps = {}
    for outcome, role, number, isFirst in described:
        key = (outcome, role or keys[0][0], number)
        node = existingHeatMap(tableNode, key, isFirst)
        if node is not None:
            heatMaps[key] = node
    return AssessmentNodes(imageNodes, tableNode.GetNodeReference(SEGMENTATION), heatMaps, tableNode, record)


def existingHeatMap(tableNode, key: HeatMapKey, isFirst: bool):
    """The heat map of a result table, or None; `isFirst`: it is the only one of its outcome in results of earlier versions."""
    for index in range(tableNode.GetNumberOfNodeReferences(HEATMAP)):
        node = tableNode.GetNthNodeReference(HEATMAP, index)
        if node is None or node.GetAttribute(PIPELINE) != key[0]:
            continue
        role = node.GetAttribute(IMAGE_ROLE)
        matches = isFirst if role is None else (role, int(node.GetAttribute(IMAGE_NUMBER))) == key[1:]
        if matches:
            return node
    return None


def imageTitle(key: ImageKey, keys: Sequence[ImageKey]) -> str:
    """What an image is called among the images `keys` of a case: "t2", or "view 2" where the role has several."""
    role, number = key
    several = sum(other == role for other, _ in keys) > 1
    return f"{role} {number + 1}".replace("_", " ") if several else role.replace("_", " ")


def _describedHeatMaps(record: Mapping[str, Any]) -> Iterator[tuple[str, str, int, bool]]:
    """Outcome, role, number, and whether it is the outcome's first, of every heat map of a record; primary outcome first."""
    for name in sorted(record["outcomes"], key=lambda name: name != record["primary_outcome"]):
        for position, heatmap in enumerate(record["outcomes"][name]["heatmaps"]):
            yield name, heatmap["role"], heatmap["number"], position == 0
