"""Markups ROIs as the library's regions: rectangles in pixels of a single image. MRML is RAS."""

from __future__ import annotations

from itertools import product

import numpy as np
import slicer
import slicer.util

from LiverAILib.data.regions import Region
from LiverAILib.errors import UserError
from LiverAISlicer.nodes import ijkToWorld

FIRST_SHARE = 0.2
"""Size of a new region, as a share of the image's shorter side."""


def regionFromROINode(roiNode, volumeNode) -> Region:
    """The pixels of a single image that a box covers; how far it reaches out of the image's plane does not matter.

    Args:
        roiNode: vtkMRMLMarkupsROINode; of one that is turned against the image the rectangle around it counts.
        volumeNode: Single image, possibly under linear transforms as the ROI is.

    Raises:
        UserError: The box was not placed, reaches beyond the image or covers no pixel.
    """
    half = np.array(roiNode.GetSize()) / 2
    if roiNode.GetNumberOfControlPoints() < 1 or not half.any():
        raise UserError(f"{roiNode.GetName()}: the region was not placed. Draw it on the image.")
    corners = np.array([[*(half * signs), 1.0] for signs in product((-1, 1), repeat=3)]).T
    boxToWorld = slicer.util.arrayFromVTKMatrix(roiNode.GetObjectToWorldMatrix())
    pixels = (np.linalg.inv(ijkToWorld(volumeNode)) @ boxToWorld @ corners)[:2]
    # Pixel centers are whole numbers, so that the first pixel begins at -0.5.
    first, past = (np.rint(edge + 0.5).astype(int) for edge in (pixels.min(axis=1), pixels.max(axis=1)))
    columns, rows = volumeNode.GetImageData().GetDimensions()[:2]
    if (past <= first).any():
        raise UserError(f"{roiNode.GetName()}: the region covers no pixel of {volumeNode.GetName()}. Make it larger.")
    if first.min() < 0 or past[0] > columns or past[1] > rows:
        raise UserError(
            f"{roiNode.GetName()}: the region reaches beyond {volumeNode.GetName()}. Move it into the image or make it smaller."
        )
    return Region(int(first[0]), int(first[1]), int(past[0] - first[0]), int(past[1] - first[1]))


def placeROINode(roiNode, volumeNode) -> None:
    """Put a new ROI into the middle of a single image, from where the user moves it."""
    toWorld = ijkToWorld(volumeNode)
    size = np.array(volumeNode.GetImageData().GetDimensions(), float)
    spacing = np.linalg.norm(toWorld[:3, :3], axis=0)
    side = FIRST_SHARE * min(size[0] * spacing[0], size[1] * spacing[1])
    boxToWorld = np.eye(4)
    boxToWorld[:3, :3] = toWorld[:3, :3] / spacing
    boxToWorld[:3, 3] = (toWorld @ [*((size - 1) / 2), 1.0])[:3]
    roiNode.SetROIType(slicer.vtkMRMLMarkupsROINode.ROITypeBox)
    roiNode.SetSize(side, side, float(spacing[2] * size[2]))
    roiNode.SetAndObserveObjectToNodeMatrix(slicer.util.vtkMatrixFromArray(boxToWorld))
