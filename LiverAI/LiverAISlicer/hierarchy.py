"""Where results lie in the subject hierarchy: beside the input."""

from __future__ import annotations

import slicer

FOLDER_LEVEL = "Folder"


def placeBeside(nodes, volumeNode, transaction, folder: int = 0) -> int:
    """Put nodes beside an image: under its study or folder; where it has none, all go into a folder.

    Args:
        nodes: What is placed.
        volumeNode: The image.
        transaction: Of the scene.
        folder: ID of the folder to use for an image without study or folder; a new folder of the image's name where it is 0
            or no plain folder.

    Returns:
        ID of the item that the image and the nodes now lie under.
    """
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(transaction.scene)
    parent = _parentOf(volumeNode, hierarchy, transaction, folder)
    for node in nodes:
        item = hierarchy.GetItemByDataNode(node)
        if not item:
            hierarchy.CreateItem(parent, node)
        elif hierarchy.GetItemParent(item) != parent:
            _move(hierarchy, item, parent, transaction)
    return parent


def _parentOf(volumeNode, hierarchy, transaction, folder: int) -> int:
    sceneItem = hierarchy.GetSceneItemID()
    item = hierarchy.GetItemByDataNode(volumeNode)
    if not item:  # Only without the application, which makes an item for every node.
        item = hierarchy.CreateItem(sceneItem, volumeNode)
    parent = hierarchy.GetItemParent(item)
    if parent and parent != sceneItem:
        return parent
    if not folder or hierarchy.GetItemLevel(folder) != FOLDER_LEVEL:
        folder = hierarchy.CreateFolderItem(sceneItem, volumeNode.GetName())
        transaction.change(lambda: None, lambda: hierarchy.RemoveItem(folder, False, False))
    _move(hierarchy, item, folder, transaction)
    return folder


def _move(hierarchy, item: int, parent: int, transaction) -> None:
    old = hierarchy.GetItemParent(item)
    transaction.change(lambda: hierarchy.SetItemParent(item, parent), lambda: hierarchy.SetItemParent(item, old))
