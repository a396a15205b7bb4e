"""A result of the scene as files: what headless runs save, and what the report is made from."""

from __future__ import annotations

import json
from pathlib import Path

import slicer

from LiverAILib.errors import UserError
from LiverAISlicer.nodes import imageFromVolumeNode
from LiverAISlicer.resultnodes import AssessmentNodes

TABLE = "result.tsv"


def saveResult(nodes: AssessmentNodes, folder: Path, *, saveScene: bool) -> None:
    """Write the files of a case; the record comes last and marks the case as finished."""
    from LiverAILib.atomic_write import atomic_files
    from LiverAILib.results.files import RECORD, SEGMENTATION, heatmap_files

    outcomes = nodes.record["outcomes"]
    with atomic_files(folder, last=RECORD) as place:
        if nodes.segmentationNode is not None:
            saveNode(nodes.segmentationNode, place / SEGMENTATION)
        for outcome, position, file in heatmap_files(outcomes, nodes.record["primary_outcome"]):
            explained = outcomes[outcome]["heatmaps"][position]
            saveNode(nodes.heatMap(outcome, explained["role"], explained["number"]), place / file)
        saveNode(nodes.tableNode, place / TABLE)
        if saveScene and not slicer.mrmlScene.WriteToMRB(str(place / "scene.mrb")):
            raise UserError(f"{folder}: the scene could not be saved. Check that the disk has space.")
        (place / RECORD).write_text(json.dumps(nodes.record, indent=2), encoding="utf-8")


def saveNode(node, path: Path) -> None:
    """Save a node with its default storage; works with and without the application."""
    storage = node.CreateDefaultStorageNode()
    storage.SetFileName(str(path))
    if not storage.WriteData(node):
        raise UserError(f"{path.name}: could not be written. Check that the output folder is writable and has space.")


def saveForReport(nodes: AssessmentNodes, folder: Path) -> None:
    """Write what `LiverAILib.results.files.read_assessment` reads, with the images."""
    from LiverAILib.data.fingerprint import hash_image
    from LiverAILib.imaging.files import read_image, write_image
    from LiverAILib.results.files import RECORD, SEGMENTATION, heatmap_files

    folder.mkdir(parents=True, exist_ok=True)
    record = json.loads(json.dumps(nodes.record))
    if nodes.segmentationNode is not None:
        _saveUsedSegmentation(nodes, folder / SEGMENTATION)
    for outcome, position, file in heatmap_files(record["outcomes"], record["primary_outcome"]):
        explained = record["outcomes"][outcome]["heatmaps"][position]
        node = nodes.heatMap(outcome, explained["role"], explained["number"])
        if node is None:
            raise UserError(f"The heat map of '{outcome}' is not in the scene any more. Press Apply again.")
        write_image(imageFromVolumeNode(node), folder / file)
    record["images"] = []
    for (role, number), node in nodes.imageNodes.items():
        if node is None or node.GetScene() is None:
            raise UserError("An image of the result is not in the scene any more. Load it, press Apply again.")
        image, file = imageFromVolumeNode(node, color=True), f"image_{role}_{number + 1}.nrrd"
        write_image(image, folder / file)
        checksum = hash_image(read_image(folder / file, constant_allowed=True))
        about = {"role": role, "number": number, "file": file, "modality": image.modality, "meta": {}}
        record["images"].append({**about, "file_sha256": checksum})
    (folder / RECORD).write_text(json.dumps(record), encoding="utf-8")


def _saveUsedSegmentation(nodes: AssessmentNodes, path: Path) -> None:
    """The label map that was assessed, on the grid of the first image: segments by the names of their structures."""
    import numpy as np

    from LiverAILib.data.assessment import Segmentation
    from LiverAILib.data.segmentation_file import write_segmentation
    from LiverAILib.data.structures import LIVER, STRUCTURES
    from LiverAISlicer.nodes import maskFromSegmentationNode, otherMasksFromSegmentationNode

    volumeNode, node = nodes.volumeNode, nodes.segmentationNode
    liver = nodes.liverSegment
    masks = {LIVER.name: maskFromSegmentationNode(node, liver, volumeNode)}
    masks |= otherMasksFromSegmentationNode(node, volumeNode, without=liver)
    labels = np.zeros(masks[LIVER.name].array.shape, np.uint8)
    used = [STRUCTURES[name] for name in nodes.record["segmentation"]["structures"]]
    for structure in reversed(used):  # the liver comes first, and wins
        if structure.name in masks:
            labels[masks[structure.name].array > 0] = structure.label
    image = masks[LIVER.name].with_array(labels)
    write_segmentation(Segmentation(image, tuple(used), nodes.record["segmentation"]["source"]), path)
