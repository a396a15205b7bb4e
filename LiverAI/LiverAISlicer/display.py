"""How results look: the heat map's colors, window and threshold, the segments' outline."""

from __future__ import annotations

import numpy as np
import slicer

ROLE = "LiverAI.Role"
COLORS_ROLE = "heat-map colors"
COLORS_NAME = "LiverAI heat map"
THRESHOLD_SHARE = 0.2
"""Below this share of the map's maximum nothing is drawn, so that the image stays visible where the map is low."""

OUTLINE_PIXELS = 2

ANCHORS = (
    (0.0, (87, 16, 110)),
    (0.3, (165, 44, 96)),
    (0.6, (229, 92, 48)),
    (0.85, (251, 180, 26)),
    (1.0, (252, 255, 164)),
)
"""Share of the window and RGB: the upper four fifths of Inferno, which rises evenly in lightness (no false edges)."""


def heatMapColors(scene, transaction):
    """The color table of all heat maps of this scene; made at first use and saved with the scene."""
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLColorTableNode")):
        node = scene.GetNthNodeByClass(index, "vtkMRMLColorTableNode")
        if node.GetAttribute(ROLE) == COLORS_ROLE:
            return node
    node = slicer.vtkMRMLColorTableNode()
    node.SetName(COLORS_NAME)
    node.SetTypeToUser()
    node.SetNumberOfColors(256)
    node.SetHideFromEditors(False)
    node.SetAttribute(ROLE, COLORS_ROLE)
    node.SetAttribute("Category", "LiverAI")
    positions = [position for position, _ in ANCHORS]
    for index in range(256):
        rgb = [np.interp(index / 255, positions, [color[c] for _, color in ANCHORS]) / 255 for c in range(3)]
        node.SetColor(index, f"{index / 255:.3f}", rgb[0], rgb[1], rgb[2], 1.0)
    return transaction.addNode(node)


def heatMapWindow(maximum: float) -> tuple[float, float, float]:
    """Window, level and lower threshold for a map with this maximum; a map without any evidence is not drawn."""
    if maximum <= 0:
        return 1.0, 0.5, 1.0
    return maximum, maximum / 2, maximum * THRESHOLD_SHARE


def showHeatMap(volumeNode, maximum: float, colorNode, transaction) -> None:
    """Give a new heat-map node its colors, window and threshold."""
    transaction.addDisplay(volumeNode)
    display = volumeNode.GetScalarVolumeDisplayNode()
    display.SetAndObserveColorNodeID(colorNode.GetID())
    display.SetAutoWindowLevel(False)
    display.SetApplyThreshold(True)
    display.SetAutoThreshold(False)
    window, level, lower = heatMapWindow(maximum)
    display.SetWindowLevel(window, level)
    display.SetThreshold(lower, float(np.finfo(np.float32).max))
    display.SetInterpolate(True)


def updateHeatMapWindow(volumeNode, oldMaximum: float, maximum: float, transaction) -> None:
    """Fit window and threshold to new values, unless a person has set them."""
    display = volumeNode.GetScalarVolumeDisplayNode()
    if display is None:
        return
    before = (display.GetWindow(), display.GetLevel(), display.GetLowerThreshold())
    if not np.allclose(before, heatMapWindow(oldMaximum), rtol=1e-5):
        return
    upper = display.GetUpperThreshold()

    def setTo(window: float, level: float, lower: float) -> None:
        display.SetWindowLevel(window, level)
        display.SetThreshold(lower, upper)

    transaction.change(lambda: setTo(*heatMapWindow(maximum)), lambda: setTo(*before))


def showOutline(segmentationNode, transaction) -> None:
    """Let a new segmentation show outlines in the slice views, not filled areas that would hide the heat map."""
    transaction.addDisplay(segmentationNode)
    display = segmentationNode.GetDisplayNode()
    display.SetVisibility2DFill(False)
    display.SetVisibility2DOutline(True)
    display.SetOpacity2DOutline(1.0)
    display.SetSliceIntersectionThickness(OUTLINE_PIXELS)
