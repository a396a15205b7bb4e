"""The panel's selectors of the regions that the user draws: one for each that the method of the chosen model looks at."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import qt
import slicer
from slicer.i18n import tr as _

from LiverAISlicer.regions import placeROINode

if TYPE_CHECKING:
    from LiverAILib.methods import DrawnRegion, MethodSpec


def referenceName(name: str) -> str:
    """Role of the node reference that keeps a region in the parameter node."""
    return f"Region.{name}"


class RegionSelectors:
    """A row with a selector of Markups ROIs for each region; what the user chooses is kept in the parameter node.

    A new ROI is put into the middle of the image.

    Attributes:
        regions: Name to the chosen vtkMRMLMarkupsROINode; those without one are left out.
    """

    def __init__(self, layout, image: Callable[[], Any]) -> None:
        self._layout = layout
        self._image = image
        self._spec: MethodSpec | None = None
        self._parameterNode: Any = None
        self._selectors: dict[str, Any] = {}
        self._updating = False

    def setParameterNode(self, parameterNode) -> None:
        """Keep the choices in this vtkMRMLScriptedModuleNode, or nowhere where it is None."""
        self._parameterNode = parameterNode
        self.update()

    def show(self, spec: MethodSpec | None) -> None:
        """Make the rows of another method."""
        if spec is not self._spec:
            self._spec = spec
            self._selectors = {}
            while self._layout.rowCount():
                self._layout.removeRow(0)
            for region in spec.regions if spec is not None else ():
                self._addRow(region)
        self.update()

    def update(self) -> None:
        """Show what the parameter node holds."""
        if self._parameterNode is None:
            return
        wasUpdating, self._updating = self._updating, True
        for name, selector in self._selectors.items():
            node = self._chosen(name)
            if selector.currentNode() is not node:
                selector.setCurrentNode(node)
        self._updating = wasUpdating

    @property
    def regions(self) -> dict[str, Any]:
        if self._parameterNode is None:
            return {}
        chosen = {name: self._chosen(name) for name in self._selectors}
        return {name: node for name, node in chosen.items() if node is not None}

    def _chosen(self, name: str):
        return self._parameterNode.GetNodeReference(referenceName(name))

    def _addRow(self, region: DrawnRegion) -> None:
        selector = slicer.qMRMLNodeComboBox()
        # A long name must not widen the panel.
        selector.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)
        selector.nodeTypes = ["vtkMRMLMarkupsROINode"]
        selector.addEnabled = True
        selector.removeEnabled = True
        selector.renameEnabled = True
        selector.noneEnabled = True
        selector.baseName = region.title
        selector.noneDisplay = _("Create a region") if region.required else _("None")
        selector.toolTip = region.purpose
        selector.setMRMLScene(slicer.mrmlScene)
        selector.connect("currentNodeChanged(vtkMRMLNode*)", lambda node, name=region.name: self._choose(name, node))
        self._layout.addRow(qt.QLabel(f"{region.title}:"), selector)
        self._selectors[region.name] = selector

    def _choose(self, name: str, node) -> None:
        """The user chose or made a region, or the scene removed the one that was chosen."""
        if self._updating or self._parameterNode is None:
            return
        image = self._image()
        if node is not None and image is not None and node.GetNumberOfControlPoints() == 0:
            placeROINode(node, image)
        self._parameterNode.SetNodeReferenceID(referenceName(name), None if node is None else node.GetID())
