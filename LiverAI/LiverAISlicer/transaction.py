"""Changes of a scene that happen all together or not at all."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

import slicer


class SceneTransaction:
    """Groups changes of a scene; an exception inside the `with` block takes all of them back, last one first.

    No batch processing state: after one, slice views draw new segmentations only at their next own event.

    Example:
        with SceneTransaction(scene) as transaction:
            transaction.addNode(node)
            transaction.change(lambda: node.SetName("new"), lambda: node.SetName("old"))
    """

    def __init__(self, scene) -> None:
        self.scene = scene
        self._undo: list[Callable[[], object]] = []

    def __enter__(self) -> SceneTransaction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            while self._undo:
                self._undo.pop()()

    def change(self, do: Callable[[], object], undo: Callable[[], object]) -> None:
        """Call `do`; `undo` puts back what was, and is called even where `do` stops half-way."""
        self._undo.append(undo)
        do()

    def onUndo(self, undo: Callable[[], object]) -> None:
        """Remember how to take back what has been done already."""
        self._undo.append(undo)

    def addNode(self, node):
        """Add a node to the scene; returns the node that is in the scene."""
        added = self.scene.AddNode(node)
        self._undo.append(lambda: self._removeNode(added))
        return added

    def addDisplay(self, node) -> None:
        """Give a displayable node its default display node."""
        before = node.GetDisplayNode()
        node.CreateDefaultDisplayNodes()
        created = node.GetDisplayNode()
        if created is not None and created is not before:
            self._undo.append(lambda: self.scene.RemoveNode(created))

    def setAttribute(self, node, name: str, value: str | None) -> None:
        """Set an attribute of a node."""
        old = node.GetAttribute(name)
        self.change(lambda: node.SetAttribute(name, value), lambda: node.SetAttribute(name, old))

    def setReference(self, node, role: str, target) -> None:
        """Let the only reference of `role` point to `target`, or to nothing where that is None."""
        old, new = node.GetNodeReferenceID(role), None if target is None else target.GetID()
        self.change(lambda: node.SetNodeReferenceID(role, new), lambda: node.SetNodeReferenceID(role, old))

    def setValue(self, node, name: str, value) -> None:
        """Call `node.Set<name>(value)`; what `node.Get<name>()` gives now comes back if the transaction fails."""
        old = getattr(node, f"Get{name}")()
        setter = getattr(node, f"Set{name}")
        self.change(lambda: setter(value), lambda: setter(old))

    def placeUnderTransformOf(self, node, other) -> None:
        """Give a node the parent transform of another one."""
        old, new = node.GetTransformNodeID(), other.GetTransformNodeID()
        if old != new:
            self.change(lambda: node.SetAndObserveTransformNodeID(new), lambda: node.SetAndObserveTransformNodeID(old))

    def _removeNode(self, node) -> None:
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self.scene)
        item = hierarchy.GetItemByDataNode(node) if hierarchy else 0
        self.scene.RemoveNode(node)
        # The application removes the item with its node; without the application nobody does.
        if item and hierarchy.GetItemByDataNode(node):
            hierarchy.RemoveItem(item, False, False)
