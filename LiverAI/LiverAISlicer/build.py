"""The parts of an assessment as VTK data, before anything of it is in the scene."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import slicer
import slicer.util
import vtk
from vtk.util import numpy_support

from LiverAILib.data.assessment import Assessment, Segmentation
from LiverAILib.data.outcome import Classification, HeatMap, Outcome
from LiverAILib.data.structures import LIVER, Structure
from LiverAILib.results.measurement_rows import cutoff_rows
from LiverAISlicer.nodes import BINARY_LABELMAP
from LiverAISlicer.resultnodes import imageTitle

COLUMNS = ("Section", "Item", "Value", "Unit", "Explanation")


def imageDataFromArray(array: np.ndarray, imageData=None):
    """vtkImageData (or `imageData`, filled) with a copy of `array`, (k, j, i) or (k, j, i, components), as its scalars."""
    imageData = vtk.vtkImageData() if imageData is None else imageData
    imageData.SetDimensions(tuple(reversed(array.shape[:3])))
    voxels = array.ravel() if array.ndim == 3 else array.reshape(-1, array.shape[3])
    scalars = numpy_support.numpy_to_vtk(np.ascontiguousarray(voxels), deep=True)
    scalars.SetName("ImageScalars")
    imageData.GetPointData().SetScalars(scalars)
    return imageData


def buildSegmentation(segmentation: Segmentation, volumeNode):
    """vtkSegmentation with one named, colored, terminology-coded segment for every structure found.

    All segments share one labelmap in the volume's own (untransformed) geometry. The liver is always there; a structure
    that the model can find but did not find here gets no empty segment.
    """
    matrix = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(matrix)
    labels = np.asarray(segmentation.image.array, dtype=np.uint8)
    labelmap = imageDataFromArray(labels, slicer.vtkOrientedImageData())
    labelmap.SetImageToWorldMatrix(matrix)
    result = slicer.vtkSegmentation()
    setSourceRepresentation(result)
    for structure in _structuresWithSegment(segmentation):
        segment = slicer.vtkSegment()
        segment.SetName(structure.title)
        segment.SetColor([channel / 255 for channel in structure.color])
        segment.SetLabelValue(structure.label)
        segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), structure.terminology_entry)
        segment.AddRepresentation(BINARY_LABELMAP, labelmap)
        result.AddSegment(segment, structure.name)
    return result


def _structuresWithSegment(segmentation: Segmentation) -> list[Structure]:
    present = set(np.unique(segmentation.image.array).tolist())
    return [one for one in segmentation.structures if one.label in present or one.name == LIVER.name]


def contentOfSegmentation(segmentation: Segmentation) -> str:
    """What `ownsegmentation.contentOf` gives for the node of a segmentation as long as nobody has edited it."""
    labels = np.asarray(segmentation.image.array)
    found = _structuresWithSegment(segmentation)
    return fingerprint({f"{one.name}={one.title}": labels == one.label for one in found})


def setSourceRepresentation(segmentation) -> None:
    """Binary labelmap is what the segments are edited in; Slicer before 5.4 calls the source representation master."""
    setter = getattr(segmentation, "SetSourceRepresentationName", None) or segmentation.SetMasterRepresentationName
    setter(BINARY_LABELMAP)


def fingerprint(masks: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of named masks: tells whether a person changed a segmentation since it was written."""
    digest = hashlib.sha256()
    for name in sorted(masks):
        digest.update(f"{name}:{masks[name].shape}".encode())
        digest.update(np.packbits(np.ascontiguousarray(masks[name], dtype=bool)).tobytes())
    return digest.hexdigest()


def buildTable(assessment: Assessment):
    """vtkTable with the whole result as text, one row an item: Section, Item, Value, Unit, Explanation."""
    table = vtk.vtkTable()
    rows = tableRows(assessment)
    for index, name in enumerate(COLUMNS):
        column = vtk.vtkStringArray()
        column.SetName(name)
        for row in rows:
            column.InsertNextValue(_oneLine(row[index]))
        table.AddColumn(column)
    return table


def tableRows(assessment: Assessment) -> list[tuple[str, str, str, str, str]]:
    """The rows of `buildTable`: what has to be known first comes first."""
    rows = [("Note", "", note, "", "") for note in assessment.notes]
    rows += [("Warning", warning.code, warning.text, "", "") for warning in assessment.warnings]
    for name, outcome in sorted(assessment.outcomes.items(), key=lambda item: item[0] != assessment.primary):
        rows += _outcomeRows(name, outcome, isHeadline=name == assessment.primary)
        rows += [
            (
                "Heat map",
                f"{name}: {one.method}",
                one.target,
                "",
                f"{one.scale}{_explained(one, assessment)} 0: {one.zero}",
            )
            for one in outcome.heatmaps
        ]
    for measurement in assessment.measurements:
        interval = "" if measurement.interval is None else " [{:.6g}, {:.6g}]".format(*measurement.interval)
        value = f"{measurement.value:.6g}{interval}"
        rows.append(("Measurement", measurement.name, value, measurement.unit, measurement.how))
    rows += [
        ("Cut-off", name, f"{cutoff} ({state})", "", f"{source} Conditions: {conditions}")
        for name, cutoff, state, conditions, source in cutoff_rows(assessment)
    ]
    rows += [("Not assessed", missing.name, "", "", missing.reason) for missing in assessment.not_assessed]
    if assessment.chosen_slice is not None:
        chosen = assessment.chosen_slice
        axis = "ijk"[chosen.axis]
        rows.append(("Slice", f"index along {axis}", str(chosen.index), "", f"counted from 0; {chosen.source}"))
    if assessment.segmentation is not None:
        rows.append(("Segmentation", "source", assessment.segmentation.source, "", ""))
    rows.append(("Provenance", "model", assessment.model, "", f"method {assessment.method}"))
    rows += [("Provenance", key, value, "", "") for key, value in _flat(assessment.provenance)]
    rows += [("Time", step, f"{value:.2f}", "s", "") for step, value in assessment.seconds.items()]
    return rows


def _outcomeRows(name: str, outcome: Outcome, *, isHeadline: bool) -> list[tuple[str, str, str, str, str]]:
    """What an outcome answers: the predicted class and all probabilities, or the quantity with its interval."""
    where = f"pipeline {name}" + (" (headline)" if isHeadline else "")
    if isinstance(outcome, Classification):
        probabilities = outcome.probabilities.items()
        return [
            ("Result", f"{name}: predicted class", outcome.predicted, "", where),
            *(("Probability", f"{name}: {label}", f"{value:.4f}", "", where) for label, value in probabilities),
            *(("Score", f"{name}: {asked}", f"{score:.4f}", "", where) for asked, score in outcome.cumulative.items()),
        ]
    interval = "" if outcome.interval is None else " [{:.6g}, {:.6g}]".format(*outcome.interval)
    how = f"{where}; {outcome.interval_meaning}" if interval else where
    return [("Result", f"{name}: {outcome.name}", f"{outcome.value:.6g}{interval}", outcome.unit, how)]


def _explained(heatmap: HeatMap, assessment: Assessment) -> str:
    """Which image a heat map explains, where the case has several."""
    keys = [(role, number) for role, images in assessment.images.items() for number in range(len(images))]
    key = (heatmap.role or keys[0][0], heatmap.number)
    return f"; explains {imageTitle(key, keys)}." if len(keys) > 1 else ""


def _flat(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [
            pair for key, inner in value.items() for pair in _flat(inner, f"{prefix}.{key}" if prefix else str(key))
        ]
    if isinstance(value, (list, tuple)) and any(isinstance(part, Mapping) for part in value):
        return [pair for number, part in enumerate(value, 1) for pair in _flat(part, f"{prefix} {number}")]
    if isinstance(value, (list, tuple)):
        return [(prefix, ", ".join(str(part) for part in value))]
    return [(prefix, "" if value is None else str(value))]


def _oneLine(text: str) -> str:
    """Tables are saved as tab-separated lines."""
    return " ".join(str(text).split())
