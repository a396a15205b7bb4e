"""Writing an assessment into the scene: segmentation, heat maps and result table, beside the inputs, all of them or none."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import slicer.util
import vtk

from LiverAILib.data.assessment import Assessment
from LiverAILib.data.outcome import HeatMap
from LiverAILib.errors import UserError
from LiverAISlicer import build, display, hierarchy, views
from LiverAISlicer.display import DEFAULT_LOOK, HeatMapLook
from LiverAISlicer.nodes import checkVolumeNode
from LiverAISlicer.ownsegmentation import BuiltSegmentation, writeSegmentation
from LiverAISlicer.resultnodes import (
    HEATMAP,
    IMAGE_NUMBER,
    IMAGE_ROLE,
    IMAGES,
    INPUT,
    LIVER_SEGMENT,
    METHOD,
    MODEL,
    PIPELINE,
    RECORD,
    RESULT_ROLE,
    SEGMENTATION,
    SIGNED,
    SLICE,
    TARGET,
    AssessmentNodes,
    HeatMapKey,
    ImageKey,
    existingHeatMap,
    findResult,
)
from LiverAISlicer.shownmaps import shownNode, updateShown
from LiverAISlicer.transaction import SceneTransaction

HEATMAP_ROLE = "heat map"


@dataclass(frozen=True)
class _BuiltMap:
    """A heat map as VTK data.

    Attributes:
        heatmap: What it is.
        isFirst: Whether it is the first of its outcome.
        data: vtkImageData.
        extent: See `display.HeatMapStyle.extent`.
        slice: Index and axis of the slice that is shown of its image.
    """

    heatmap: HeatMap
    isFirst: bool
    data: Any
    extent: float
    slice: tuple[int, int]


def writeAssessment(
    volumeNode,
    assessment: Assessment,
    segmentationNode=None,
    look: HeatMapLook = DEFAULT_LOOK,
    *,
    images: Mapping[str, Sequence[Any]] | None = None,
    segmentId: str | None = None,
) -> AssessmentNodes:
    """Write an assessment into the scene of its inputs.

    An earlier result of the same inputs and model is updated. A segmentation that the user gave is only referred to, and
    one of ours that was edited since keeps its content and is renamed, a new one is made. The heat map of an image lies
    beside it and under its transform.

    Args:
        volumeNode: The input of a method of one image; its grid must still be that of the assessment.
        assessment: What was found.
        segmentationNode: The segmentation that the user gave as input, or None.
        look: How the views show heat maps.
        images: Role to the nodes of all inputs, in place of `volumeNode`.
        segmentId: The liver in `segmentationNode`, where the user chose it; None where its code or name says it.

    Raises:
        UserError: A volume is not the one that was assessed any more. The scene is then as it was.
    """
    steps = writeSteps(volumeNode, assessment, segmentationNode, look, images=images, segmentId=segmentId)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def writeSteps(
    volumeNode,
    assessment: Assessment,
    segmentationNode=None,
    look: HeatMapLook = DEFAULT_LOOK,
    *,
    images: Mapping[str, Sequence[Any]] | None = None,
    segmentId: str | None = None,
) -> Generator[None, None, AssessmentNodes]:
    """`writeAssessment` in steps, between which a window can live: nothing is in the scene before the last one."""
    imageNodes = _imageNodes(assessment, {next(iter(assessment.images)): [volumeNode]} if images is None else images)
    volumeNode = next(iter(imageNodes.values()))
    _checkStillThere(imageNodes, segmentationNode, assessment)
    segmentation = None
    if assessment.segmentation is None:
        segmentationNode = None
    elif segmentationNode is None:
        segmentation = BuiltSegmentation.of(assessment, volumeNode)
    yield
    maps: dict[HeatMapKey, _BuiltMap] = {}
    for key, built in _builtMaps(assessment, next(iter(imageNodes))[0]):
        maps[key] = built
        yield
    table = build.buildTable(assessment)
    record = json.loads(json.dumps(assessment.record(), default=str))
    shown = _shownFirst(assessment, maps, next(iter(imageNodes)))
    yield
    _checkStillThere(imageNodes, segmentationNode, assessment)
    with SceneTransaction(volumeNode.GetScene()) as transaction:
        nodes = _writeNodes(imageNodes, segmentationNode, segmentation, maps, record, transaction, assessment)
        _fillTable(nodes.tableNode, table, record, imageNodes, transaction)
        _placeInHierarchy(nodes, segmentation is not None, transaction)
        for node in (nodes.tableNode, *nodes.heatMaps.values()):
            transaction.setAttribute(node, LIVER_SEGMENT, None if segmentationNode is None else segmentId)
        for node in nodes.heatMaps.values():
            updateShown(node, nodes.segmentationNode, look, transaction)
        imageKey, (index, axis) = shown
        shownMap = None if nodes.heatMapNode is None else shownNode(nodes.heatMapNode)
        views.showFusion(imageNodes[imageKey], shownMap, transaction, look.opacity)
        views.jumpToSlice(imageNodes[imageKey], index, axis, transaction)
    return nodes


def _writeNodes(
    imageNodes: Mapping[ImageKey, Any],
    segmentationNode,
    segmentation: BuiltSegmentation | None,
    maps: Mapping[HeatMapKey, _BuiltMap],
    record: Mapping[str, Any],
    transaction: SceneTransaction,
    assessment: Assessment,
) -> AssessmentNodes:
    """The nodes of the result, new ones or those of an earlier run; the table is not filled yet."""
    volumeNode, kept = next(iter(imageNodes.values())), None
    tableNode = _resultTable(imageNodes, assessment.model, transaction)
    if segmentation is not None:
        segmentationNode, kept = writeSegmentation(segmentation, assessment, volumeNode, tableNode, transaction)
    transaction.setReference(tableNode, SEGMENTATION, segmentationNode)
    heatMaps = {
        key: _writeHeatMap(key, built, imageNodes[key[1:]], tableNode, transaction) for key, built in maps.items()
    }
    return AssessmentNodes(imageNodes, segmentationNode, heatMaps, tableNode, record, kept)


def _imageNodes(assessment: Assessment, images: Mapping[str, Sequence[Any]]) -> dict[ImageKey, Any]:
    """The nodes of the assessment's images, in its order."""
    nodes = {(role, number): node for role in assessment.images for number, node in enumerate(images.get(role, ()))}
    expected = [(role, number) for role, given in assessment.images.items() for number in range(len(given))]
    if list(nodes) != expected:
        raise ValueError(f"the assessment has the images {expected}, nodes were given for {list(nodes)}")
    return nodes


def _checkStillThere(imageNodes: Mapping[ImageKey, Any], segmentationNode, assessment: Assessment) -> None:
    for node in (*imageNodes.values(), segmentationNode):
        if node is not None and node.GetScene() is None:
            raise UserError(
                f"{node.GetName()}: was removed from the scene while it was assessed. Load it, press Apply again."
            )
    for (role, number), node in imageNodes.items():
        checkVolumeNode(node, color=True)
        if tuple(node.GetImageData().GetDimensions()) != assessment.images[role][number].size:
            raise UserError(f"{node.GetName()}: the volume was changed while it was assessed. Press Apply again.")


def _builtMaps(assessment: Assessment, mainRole: str) -> Iterator[tuple[HeatMapKey, _BuiltMap]]:
    """The heat maps of all outcomes, those of the primary one first."""
    from LiverAILib.results.shown_slice import shown_slice  # loads SimpleITK

    outcomes = set()
    for heatmap in assessment.heatmaps:
        array = np.asarray(heatmap.image.array, np.float32)
        role = heatmap.role or mainRole
        shown = shown_slice(assessment, role, heatmap.number)
        yield (
            (heatmap.pipeline, role, heatmap.number),
            _BuiltMap(
                heatmap,
                heatmap.pipeline not in outcomes,
                build.imageDataFromArray(array),
                display.styleOf(heatmap.signed).extent(array),
                (shown.index, shown.axis),
            ),
        )
        outcomes.add(heatmap.pipeline)


def _shownFirst(
    assessment: Assessment, maps: Mapping[HeatMapKey, _BuiltMap], main: ImageKey
) -> tuple[ImageKey, tuple[int, int]]:
    """The image that the views show, and its slice: the one under the primary outcome's first heat map, else the first."""
    from LiverAILib.results.shown_slice import shown_slice

    for key, built in maps.items():
        if key[0] == assessment.primary:
            return key[1:], built.slice
    shown = shown_slice(assessment)
    return main, (shown.index, shown.axis)


def _resultTable(imageNodes: Mapping[ImageKey, Any], model: str, transaction: SceneTransaction):
    """The result table of these inputs and this model, a new one where there is none yet."""
    images = list(imageNodes.values())
    tableNode = findResult(images[0], model, images=images)
    if tableNode is None:
        tableNode = display.newNode("vtkMRMLTableNode", f"{images[0].GetName()} {model} result", RESULT_ROLE)
        tableNode = transaction.addNode(tableNode)
        for node in images:
            tableNode.AddNodeReferenceID(INPUT, node.GetID())
    return tableNode


def _fillTable(
    tableNode, table, record: Mapping[str, Any], imageNodes: Mapping[ImageKey, Any], transaction: SceneTransaction
) -> None:
    # Slicer before 5.12 calls it Name.
    newName = hasattr(tableNode, "SetUseColumnTitleAsColumnHeader")
    header = "UseColumnTitleAsColumnHeader" if newName else "UseColumnNameAsColumnHeader"
    transaction.setValue(tableNode, header, True)
    old = tableNode.GetTable()
    transaction.change(lambda: tableNode.SetAndObserveTable(table), lambda: tableNode.SetAndObserveTable(old))
    transaction.setAttribute(tableNode, MODEL, record["model"])
    transaction.setAttribute(tableNode, RECORD, json.dumps(record))
    transaction.setAttribute(tableNode, IMAGES, json.dumps(list(imageNodes)))


def _placeInHierarchy(nodes: AssessmentNodes, ownSegmentation: bool, transaction: SceneTransaction) -> None:
    """Each heat map beside its image; table and our segmentation beside the first image."""
    beside: dict[ImageKey, list[Any]] = {key: [] for key in nodes.imageNodes}
    for key, node in nodes.heatMaps.items():
        beside[key[1:]].append(node)
    first = next(iter(beside.values()))
    first.append(nodes.tableNode)
    if ownSegmentation:
        first.append(nodes.segmentationNode)
    folder = 0
    for key, ours in beside.items():
        folder = hierarchy.placeBeside(ours, nodes.imageNodes[key], transaction, folder)


def _writeHeatMap(key: HeatMapKey, built: _BuiltMap, imageNode, tableNode, transaction: SceneTransaction):
    """The heat map of an outcome over an image: the earlier node with new content, or a new one."""
    outcome, role, number = key
    heatmap, style = built.heatmap, display.styleOf(built.heatmap.signed)
    name = f"{imageNode.GetName()} {heatmap.method} {heatmap.target} ({outcome})"
    matrix = vtk.vtkMatrix4x4()
    imageNode.GetIJKToRASMatrix(matrix)
    node = existingHeatMap(tableNode, key, built.isFirst)
    if node is None:
        node = display.newNode("vtkMRMLScalarVolumeNode", name, HEATMAP_ROLE)
        node.SetAndObserveImageData(built.data)
        node.SetIJKToRASMatrix(matrix)
        node = transaction.addNode(node)
        display.showHeatMap(node, built.extent, style, transaction)
        nodeId = node.GetID()
        count = tableNode.GetNumberOfNodeReferences(HEATMAP)
        transaction.change(
            lambda: tableNode.AddNodeReferenceID(HEATMAP, nodeId),
            lambda: tableNode.RemoveNthNodeReferenceID(HEATMAP, count),
        )
    else:
        old, oldMatrix = node.GetImageData(), vtk.vtkMatrix4x4()
        node.GetIJKToRASMatrix(oldMatrix)
        oldExtent = style.extent(slicer.util.arrayFromVolume(node))
        transaction.change(lambda: node.SetAndObserveImageData(built.data), lambda: node.SetAndObserveImageData(old))
        transaction.change(lambda: node.SetIJKToRASMatrix(matrix), lambda: node.SetIJKToRASMatrix(oldMatrix))
        transaction.setValue(node, "Name", name)
        display.updateHeatMapWindow(node, oldExtent, built.extent, style, transaction)
    transaction.placeUnderTransformOf(node, imageNode)
    attributes = {
        METHOD: heatmap.method,
        TARGET: heatmap.target,
        SIGNED: "yes" if heatmap.signed else None,
        "LiverAI.Scale": heatmap.scale,
        "LiverAI.Zero": heatmap.zero,
        PIPELINE: outcome,
        IMAGE_ROLE: role,
        IMAGE_NUMBER: str(number),
        SLICE: json.dumps(built.slice),
    }
    for attribute, value in attributes.items():
        transaction.setAttribute(node, attribute, value)
    return node
