"""The panel's selectors of the images of a case: one for each image that the method of the chosen model takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import qt
import slicer
from slicer.i18n import tr as _

from LiverAISlicer.resultnodes import ImageKey

if TYPE_CHECKING:
    from LiverAILib.methods import ImageRole, MethodSpec

GRAY_TYPES = ["vtkMRMLScalarVolumeNode"]
COLOR_TYPES = ["vtkMRMLVectorVolumeNode", *GRAY_TYPES]


def referenceName(role: str, number: int) -> str:
    """Role of the node reference that keeps an image in the parameter node."""
    return f"Input.{role}.{number}"


class ImageSelectors:
    """A row with a node selector for each image; what the user chooses is kept in the parameter node.

    Attributes:
        images: Role to the chosen nodes.
        isComplete: Whether every role has as many images as the method needs.
    """

    def __init__(self, layout, onActivated: Callable[[Any], None]) -> None:
        """`onActivated` is called with the node when the user chooses one."""
        self._layout = layout
        self._onActivated = onActivated
        self._spec: MethodSpec | None = None
        self._parameterNode: Any = None
        self._selectors: dict[ImageKey, Any] = {}
        self._updating = False

    def setParameterNode(self, parameterNode) -> None:
        """Keep the choices in this vtkMRMLScriptedModuleNode, or nowhere where it is None."""
        self._parameterNode = parameterNode
        self.update()

    def show(self, spec: MethodSpec | None) -> None:
        """Make the rows of another method; none where it takes a single image, for which the panel has its own selector."""
        if spec is not None and spec.single_image:
            spec = None
        if spec is not self._spec:
            self._spec = spec
            self._selectors = {}
            # Also deletes the widgets.
            while self._layout.rowCount():
                self._layout.removeRow(0)
        self.update()

    def choose(self, nodes: Mapping[str, Sequence[Any]]) -> None:
        """Choose these nodes, by role, and no others."""
        for role in self._spec.images:
            given = nodes.get(role.name, ())
            for number in range(max(len(given), self._slots(role))):
                node = given[number] if number < len(given) else None
                self._parameterNode.SetNodeReferenceID(
                    referenceName(role.name, number), None if node is None else node.GetID()
                )

    def update(self) -> None:
        """Show what the parameter node holds."""
        if self._spec is None or self._parameterNode is None:
            return
        wasUpdating, self._updating = self._updating, True
        for role in self._spec.images:
            for number in range(self._slots(role)):
                key = (role.name, number)
                if key not in self._selectors:
                    self._addRow(role, number)
                node = self._chosen(*key)
                if self._selectors[key].currentNode() is not node:
                    self._selectors[key].setCurrentNode(node)
        self._updating = wasUpdating

    @property
    def images(self) -> dict[str, list[Any]]:
        if self._spec is None or self._parameterNode is None:
            return {}
        chosen = {
            role.name: [self._chosen(role.name, number) for number in range(self._slots(role))]
            for role in self._spec.images
        }
        return {role: [node for node in nodes if node is not None] for role, nodes in chosen.items()}

    @property
    def isComplete(self) -> bool:
        images = self.images
        return any(images.values()) and all(len(images[role.name]) >= role.minimum for role in self._spec.images)

    def _slots(self, role: ImageRole) -> int:
        """How many rows a role has; one that takes any number always has a free one."""
        if role.maximum is not None:
            return role.maximum
        filled = 0
        while self._chosen(role.name, filled) is not None:
            filled += 1
        return max(role.minimum, filled + 1, self._rowsOf(role.name))

    def _chosen(self, role: str, number: int):
        return self._parameterNode.GetNodeReference(referenceName(role, number))

    def _addRow(self, role: ImageRole, number: int) -> None:
        selector = slicer.qMRMLNodeComboBox()
        # A long name must not widen the panel.
        selector.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)
        selector.nodeTypes = COLOR_TYPES if role.color else GRAY_TYPES
        selector.showChildNodeTypes = False
        selector.addEnabled = False
        selector.removeEnabled = False
        selector.renameEnabled = False
        selector.noneEnabled = True
        selector.noneDisplay = _("Choose an image") if number < role.minimum else _("None")
        kind = _("Single {modality} image") if role.dimensions == 2 else _("{modality} volume")
        selector.toolTip = kind.format(modality=role.modality)
        selector.setMRMLScene(slicer.mrmlScene)
        key = (role.name, number)
        selector.connect("currentNodeChanged(vtkMRMLNode*)", lambda node, key=key: self._choose(key, node))
        selector.connect("nodeActivated(vtkMRMLNode*)", self._onActivated)
        title = role.title if role.maximum == 1 else f"{role.title} {number + 1}"
        names = [one.name for one in self._spec.images]
        row = sum(self._rowsOf(name) for name in names[: names.index(role.name) + 1])
        self._layout.insertRow(row, qt.QLabel(f"{title}:"), selector)
        self._selectors[key] = selector

    def _rowsOf(self, role: str) -> int:
        return sum(key[0] == role for key in self._selectors)

    def _choose(self, key: ImageKey, node) -> None:
        """The user chose an image, or the scene removed the one that was chosen."""
        if not self._updating and self._parameterNode is not None:
            self._parameterNode.SetNodeReferenceID(referenceName(*key), None if node is None else node.GetID())
