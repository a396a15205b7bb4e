"""How results look: colors, window and threshold of heat maps, the segments' outline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import slicer

ROLE = "LiverAI.Role"
THRESHOLD_SHARE = 0.2
"""Below this share of the map's largest magnitude nothing is drawn: the image stays visible where the map is low."""

OUTLINE_PIXELS = 2
LOWEST = -float(np.finfo(np.float32).max)
"""As a lower threshold: nothing is cut off."""

ANCHORS = (
    (0.0, (87, 16, 110)),
    (0.3, (165, 44, 96)),
    (0.6, (229, 92, 48)),
    (0.85, (251, 180, 26)),
    (1.0, (252, 255, 164)),
)
"""Share of the window and RGB: the upper four fifths of Inferno, which rises evenly in lightness (no false edges)."""


SIGNED_ANCHORS = (
    (-1.0, (5, 48, 200)),
    (-0.2, (160, 200, 255)),
    (0.2, (255, 190, 160)),
    (1.0, (200, 10, 20)),
)
"""Share of the largest magnitude and RGB: blue against the target, red for it, the deeper the stronger."""


@dataclass(frozen=True)
class HeatMapStyle:
    """The color table of one sort of heat map, and its window.

    Attributes:
        role: Marks the table in the scene.
        name: Of the table, for a person.
        anchors: Share of the largest magnitude and RGB 0..255, ascending; the first share is what the table starts at.
        signed: Whether negative values are evidence against the target. The table itself then leaves out what is below
            `THRESHOLD_SHARE`, since a threshold of the display node cuts off one end only.
    """

    role: str
    name: str
    anchors: tuple[tuple[float, tuple[int, int, int]], ...]
    signed: bool

    def colors(self, scene, transaction):
        """The color table of this scene; made at first use and saved with the scene."""
        for index in range(scene.GetNumberOfNodesByClass("vtkMRMLColorTableNode")):
            node = scene.GetNthNodeByClass(index, "vtkMRMLColorTableNode")
            if node.GetAttribute(ROLE) == self.role:
                return node
        node = slicer.vtkMRMLColorTableNode()
        node.SetName(self.name)
        node.SetTypeToUser()
        node.SetNumberOfColors(256)
        node.SetHideFromEditors(False)
        node.SetAttribute(ROLE, self.role)
        node.SetAttribute("Category", "LiverAI")
        shares = [share for share, _ in self.anchors]
        for index, share in enumerate(np.linspace(shares[0], 1, 256)):
            rgb = [np.interp(share, shares, [color[c] for _, color in self.anchors]) / 255 for c in range(3)]
            hidden = self.signed and abs(share) < THRESHOLD_SHARE
            node.SetColor(index, f"{share:.3f}", rgb[0], rgb[1], rgb[2], 0.0 if hidden else 1.0)
        return transaction.addNode(node)

    def extent(self, array: np.ndarray) -> float:
        """What the window of a map reaches up to: its maximum, or its largest magnitude where it is signed."""
        return float(np.abs(array).max() if self.signed else array.max())

    def window(self, extent: float) -> tuple[float, float, float]:
        """Window, level and lower threshold for a map of this `extent`; one without any evidence is not drawn."""
        if self.signed:
            return 2 * extent if extent > 0 else 2.0, 0.0, LOWEST
        if extent <= 0:
            return 1.0, 0.5, 1.0
        return extent, extent / 2, extent * THRESHOLD_SHARE


UNSIGNED = HeatMapStyle("heat-map colors", "LiverAI heat map", ANCHORS, False)
SIGNED = HeatMapStyle("signed heat-map colors", "LiverAI signed heat map", SIGNED_ANCHORS, True)


def styleOf(signed: bool) -> HeatMapStyle:
    """The style of signed or of unsigned heat maps."""
    return SIGNED if signed else UNSIGNED


def newNode(className: str, name: str, role: str):
    """A node of ours that is not in a scene yet."""
    node = getattr(slicer, className)()
    node.SetName(name)
    node.SetAttribute(ROLE, role)
    return node


def showHeatMap(volumeNode, extent: float, style: HeatMapStyle, transaction) -> None:
    """Give a new heat-map node its colors, window and threshold."""
    transaction.addDisplay(volumeNode)
    display = volumeNode.GetScalarVolumeDisplayNode()
    display.SetAndObserveColorNodeID(style.colors(transaction.scene, transaction).GetID())
    display.SetAutoWindowLevel(False)
    display.SetApplyThreshold(not style.signed)
    display.SetAutoThreshold(False)
    window, level, lower = style.window(extent)
    display.SetWindowLevel(window, level)
    display.SetThreshold(lower, -LOWEST)
    display.SetInterpolate(True)


def updateHeatMapWindow(volumeNode, oldExtent: float, extent: float, style: HeatMapStyle, transaction) -> None:
    """Fit window and threshold to new values, unless a person has set them."""
    display = volumeNode.GetScalarVolumeDisplayNode()
    if display is None:
        return
    before = (display.GetWindow(), display.GetLevel(), display.GetLowerThreshold())
    if not np.allclose(before, style.window(oldExtent), rtol=1e-5):
        return
    upper = display.GetUpperThreshold()

    def setTo(window: float, level: float, lower: float) -> None:
        display.SetWindowLevel(window, level)
        display.SetThreshold(lower, upper)

    transaction.change(lambda: setTo(*style.window(extent)), lambda: setTo(*before))


def showOutline(segmentationNode, transaction) -> None:
    """Let a new segmentation show outlines in the slice views, not filled areas that would hide the heat map."""
    transaction.addDisplay(segmentationNode)
    display = segmentationNode.GetDisplayNode()
    display.SetVisibility2DFill(False)
    display.SetVisibility2DOutline(True)
    display.SetOpacity2DOutline(1.0)
    display.SetSliceIntersectionThickness(OUTLINE_PIXELS)
