"""Where results lie in the subject hierarchy: beside the input."""

from __future__ import annotations

import slicer


def placeBeside(nodes, volumeNode, transaction) -> int:
    """Put nodes beside the input: under its study or folder; where it has none, all go into a new folder of its name.

    Returns:
        ID of the item that the input and the nodes now lie under.
    """
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(transaction.scene)
    parent = _parentOf(volumeNode, hierarchy, transaction)
    for node in nodes:
        item = hierarchy.GetItemByDataNode(node)
        if not item:
            hierarchy.CreateItem(parent, node)
        elif hierarchy.GetItemParent(item) != parent:
            _move(hierarchy, item, parent, transaction)
    return parent


def _parentOf(volumeNode, hierarchy, transaction) -> int:
    sceneItem = hierarchy.GetSceneItemID()
    item = hierarchy.GetItemByDataNode(volumeNode)
    if not item:  # Only without the application, which makes an item for every node.
        item = hierarchy.CreateItem(sceneItem, volumeNode)
    parent = hierarchy.GetItemParent(item)
    if parent and parent != sceneItem:
        return parent
    folder = hierarchy.CreateFolderItem(sceneItem, volumeNode.GetName())
    transaction.change(lambda: None, lambda: hierarchy.RemoveItem(folder, False, False))
    _move(hierarchy, item, folder, transaction)
    return folder


def _move(hierarchy, item: int, parent: int, transaction) -> None:
    old = hierarchy.GetItemParent(item)
    transaction.change(lambda: hierarchy.SetItemParent(item, parent), lambda: hierarchy.SetItemParent(item, old))
