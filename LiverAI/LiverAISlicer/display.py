"""How results look: colors, window and threshold of heat maps, the segments' outline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import slicer

ROLE = "LiverAI.Role"
THRESHOLD_SHARE = 0.2
"""Below this share of the map's largest magnitude nothing is drawn: the image stays visible where the map is low."""
FADE_SHARE = 0.4
"""Share above the threshold where a map is as opaque as it gets; it fades in between."""

UNSIGNED_LEGEND = (0.2, 0.4, 0.6, 0.8, 1.0)
SIGNED_LEGEND = (-1.0, -0.5, 0.5, 1.0)
"""Shares of the largest magnitude that the legend names."""
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
"""Share of the window and RGB: the upper four fifths of Inferno, which rises evenly in lightness (no false edges), also for
persons who see fewer colors."""


SIGNED_ANCHORS = (
    (-1.0, (0, 70, 190)),
    (-0.2, (160, 205, 255)),
    (0.2, (255, 200, 150)),
    (1.0, (200, 60, 0)),
)
"""Share of the largest magnitude and RGB: blue against the target, orange-red for it, the deeper the stronger. The two differ for
persons who see fewer colors too."""


@dataclass(frozen=True)
class HeatMapLook:
    """How the views show heat maps.

    Attributes:
        opacity: Of the strongest part over the image, 0..1.
        threshold: Share of the map's largest magnitude, 0..1, below which nothing is drawn; above it the map fades in.
        insideLiver: Whether a map is shown inside the liver only.
        legend: Whether a color legend is shown.
    """

    opacity: float = 0.5
    threshold: float = THRESHOLD_SHARE
    insideLiver: bool = False
    legend: bool = True


DEFAULT_LOOK = HeatMapLook()


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
        node = _nodeOfRole(scene, "vtkMRMLColorTableNode", self.role)
        if node is not None:
            return node
        node = slicer.vtkMRMLColorTableNode()
        node.SetName(self.name)
        node.SetTypeToUser()
        node.SetNumberOfColors(256)
        node.SetHideFromEditors(False)
        node.SetAttribute(ROLE, self.role)
        node.SetAttribute("Category", "LiverAI")
        for index, share in enumerate(np.linspace(self.anchors[0][0], 1, 256)):
            rgb = self._rgb(share) / 255
            hidden = self.signed and abs(share) < THRESHOLD_SHARE
            node.SetColor(index, f"{share:.3f}", rgb[0], rgb[1], rgb[2], 0.0 if hidden else 1.0)
        return transaction.addNode(node)

    def rgba(self, shares: np.ndarray, threshold: float) -> np.ndarray:
        """Colors (..., 4), uint8, of shares of the largest magnitude (...): transparent up to the threshold, then fading in."""
        fade = max(min(FADE_SHARE, 1 - threshold), 1e-6)
        opacity = np.clip((np.abs(shares) - threshold) / fade, 0, 1)
        return np.concatenate([self._rgb(shares), 255 * opacity[..., None]], axis=-1).round().astype(np.uint8)

    def legendColors(self, scene, transaction):
        """A table of a few named colors for the legend, made at first use."""
        role = f"{self.role}, legend"
        node = _nodeOfRole(scene, "vtkMRMLColorTableNode", role)
        if node is None:
            shares = SIGNED_LEGEND if self.signed else UNSIGNED_LEGEND
            node = newNode("vtkMRMLColorTableNode", f"{self.name}, legend", role)
            node.SetTypeToUser()
            node.SetNumberOfColors(len(shares))
            node.SetHideFromEditors(True)
            for index, share in enumerate(shares):
                node.SetColor(index, f"{share:+.0%}" if self.signed else f"{share:.0%}", *(self._rgb(share) / 255), 1.0)
            node = transaction.addNode(node)
        return node

    def _rgb(self, shares) -> np.ndarray:
        """RGB (..., 3), 0..255, of shares of the largest magnitude."""
        given = [share for share, _ in self.anchors]
        return np.stack([np.interp(shares, given, [color[c] for _, color in self.anchors]) for c in range(3)], axis=-1)

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


def _nodeOfRole(scene, className: str, role: str):
    """The first node of a class with this role of ours; None where there is none."""
    nodes = (scene.GetNthNodeByClass(index, className) for index in range(scene.GetNumberOfNodesByClass(className)))
    return next((node for node in nodes if node.GetAttribute(ROLE) == role), None)


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


def showColors(volumeNode, transaction) -> None:
    """Give a new RGBA volume a display that shows its colors as they are."""
    transaction.addDisplay(volumeNode)
    display = volumeNode.GetScalarVolumeDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(255, 127.5)
    display.SetInterpolate(True)


def showLegend(volumeNode, title: str, visible: bool, style: HeatMapStyle, transaction) -> None:
    """A color legend beside an RGBA volume, wherever a slice view shows it."""
    legend = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(volumeNode)
    if legend is None:
        if not transaction.scene.IsNodeClassRegistered("vtkMRMLColorLegendDisplayNode"):
            # Slicer's libraries without the application, whose module Colors does this.
            transaction.scene.RegisterNodeClass(slicer.vtkMRMLColorLegendDisplayNode())
        legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(volumeNode)
        transaction.onUndo(lambda: transaction.scene.RemoveNode(legend))
        colors = style.legendColors(transaction.scene, transaction)
        volumeNode.GetScalarVolumeDisplayNode().SetAndObserveColorNodeID(colors.GetID())
        legend.SetUseColorNamesForLabels(True)
        legend.SetLabelFormat(legend.GetDefaultTextLabelFormat())
        legend.SetMaxNumberOfColors(colors.GetNumberOfColors())
        legend.SetSize(0.12, 0.35)
        legend.SetPosition(0.97, 0.8)  # below its title
        for text in (legend.GetTitleTextProperty(), legend.GetLabelTextProperty()):
            text.SetFontSize(14)
    transaction.setValue(legend, "TitleText", title)
    transaction.setValue(legend, "Visibility", visible)


def showOutline(segmentationNode, transaction) -> None:
    """Let a new segmentation show outlines in the slice views, not filled areas that would hide the heat map."""
    transaction.addDisplay(segmentationNode)
    display = segmentationNode.GetDisplayNode()
    display.SetVisibility2DFill(False)
    display.SetVisibility2DOutline(True)
    display.SetOpacity2DOutline(1.0)
    display.SetSliceIntersectionThickness(OUTLINE_PIXELS)
