"""A known assessment through the scene: what the application's self-test and `Testing/slicer` both start from."""

from __future__ import annotations

import numpy as np
import slicer
import slicer.util

from LiverAILib.data.assessment import Assessment, CaseWarning, ChosenSlice, Segmentation
from LiverAILib.data.measurement import Measurement
from LiverAILib.data.outcome import Classification, HeatMap
from LiverAILib.data.structures import LIVER, SPLEEN
from LiverAILib.imaging.image import Image
from LiverAISlicer.nodes import imageFromVolumeNode, maskFromSegmentationNode

SHAPE = (12, 40, 48)


def addKnownVolume(scene, name: str = "T2"):
    """A volume node with a smooth pattern in `scene`: 48x40x12 voxels of 1.5x1.5x6 mm."""
    k, j, i = np.indices(SHAPE, dtype=np.float32)
    array = 200 + 100 * np.sin(i / 9) * np.cos(j / 7) + 5 * k
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    node.SetIJKToRASMatrix(
        slicer.util.vtkMatrixFromArray(np.array([[-1.5, 0, 0, 40], [0, -1.5, 0, 30], [0, 0, 6, -20], [0, 0, 0, 1.0]]))
    )
    slicer.util.updateVolumeFromArray(node, array)
    node.CreateDefaultDisplayNodes()
    return node


def knownAssessment(
    image: Image,
    *,
    index: int | None = None,
    axis: int = 2,
    cirrhosis: float = 0.8,
    peak: float = 3.0,
    shift: int = 0,
    model: str = "known-model",
) -> Assessment:
    """An assessment with a box as liver, a smaller one as spleen, and a hot spot as heat map, on the grid of `image`.

    Args:
        image: Where it lies; array (k, j, i).
        index: Slice along `axis` (the middle one where None).
        axis: Axis of the slice, 0..2 for (i, j, k).
        cirrhosis: Probability of cirrhosis of the headline pipeline.
        peak: Maximum of the raw heat map.
        shift: Moves the liver by voxels along i.
        model: Name of the model that is said to have made it.
    """
    shape = np.array(image.array.shape)
    labels = np.zeros(shape, np.uint8)
    k, j, i = shape // 4
    labels[k : 3 * k, j : 3 * j, max(i - shift, 0) : 2 * i - shift] = LIVER.label
    labels[k : 2 * k, j : 2 * j, 3 * i : 3 * i + max(i // 2, 1)] = SPLEEN.label
    index = image.size[axis] // 2 if index is None else index
    numpyAxis = 2 - axis
    inSlice = np.moveaxis(np.zeros(shape, bool), numpyAxis, 0)
    inSlice[index] = True
    inSlice = np.moveaxis(inSlice, 0, numpyAxis)
    grid = np.indices(shape, dtype=np.float32)
    middle = np.array([2 * k, 2 * j, 1.5 * i])
    middle[numpyAxis] = index
    distance = sum(((grid[n] - middle[n]) / max(shape[n] / 8, 1)) ** 2 for n in range(3))
    heat = np.where(inSlice, peak * np.exp(-distance), 0).astype(np.float32)
    probabilities = {"segmented": cirrhosis, "full": (cirrhosis + 0.5) / 2}
    outcomes = {
        name: Classification(
            {"no cirrhosis": 1 - value, "cirrhosis": value},
            (
                HeatMap(
                    image.with_array(heat * factor, modality=None),
                    "Grad-CAM",
                    "cirrhosis",
                    name,
                    "raw score",
                    "no evidence",
                    "t2",
                ),
            ),
        )
        for (name, value), factor in zip(probabilities.items(), (1.0, 0.5), strict=True)
    }
    center = [(n - 1) / 2 for n in image.size]
    center[axis] = index
    centerLps = tuple(float(v) for v in (image.index_to_lps @ [*center, 1.0])[:3])
    return Assessment(
        case_id="known",
        images={"t2": (image,)},
        method="nowak2021",
        model=model,
        segmentation=Segmentation(image.with_array(labels, modality=None), (LIVER, SPLEEN), "known-segmentation"),
        outcomes=outcomes,
        primary="segmented",
        chosen_slice=ChosenSlice(index, axis, centerLps, "known"),
        measurements=(
            Measurement("Liver volume", float((labels == LIVER.label).sum()) * image.voxel_volume_ml, "mL", "voxels"),
        ),
        warnings=(CaseWarning("known", "This result is made up for a test."),),
        provenance={
            "model": {"name": model, "sha256": "", "simulated": True},
            "segmentation": {"source": "known-segmentation", "why": "made up", "sha256": None},
            "inputs": [_inputRecord(image)],
            "liverai": "",
            "python": "",
            "created": "",
            "device": "cpu",
            "packages": {},
            "settings": {},
        },
        seconds={"segment": 0.5},
        simulated=True,
    )


def _inputRecord(image: Image) -> dict[str, object]:
    """What an assessment says of its input."""
    return {
        "role": "t2",
        "number": 0,
        "file": None,
        "sha256": "",
        "modality": image.modality,
        "modality_from": "",
        "modality_why": "",
        "size": list(image.size),
        "spacing_mm": list(image.spacing),
        "origin_lps_mm": list(image.origin),
        "direction_lps": [list(row) for row in image.direction],
    }


def runSelfTest(scene, logic) -> None:
    """Raise AssertionError where a known assessment does not arrive in the scene as it should."""
    volumeNode = addKnownVolume(scene)
    image = imageFromVolumeNode(volumeNode)
    assessment = knownAssessment(image)
    nodes = logic.write(volumeNode, assessment)
    heat = slicer.util.arrayFromVolume(nodes.heatMapNode)
    assert np.array_equal(heat, assessment.heatmap.image.array), "the heat map has other values"
    assert imageFromVolumeNode(nodes.heatMapNode).same_geometry(image), "the heat map lies elsewhere"
    mask = maskFromSegmentationNode(nodes.segmentationNode, LIVER.name, volumeNode)
    assert np.array_equal(mask.array > 0, assessment.segmentation.image.array == LIVER.label), "the liver is another"
    before = scene.GetNumberOfNodes()
    logic.write(volumeNode, assessment)
    assert scene.GetNumberOfNodes() == before, "a second run piled up nodes"
