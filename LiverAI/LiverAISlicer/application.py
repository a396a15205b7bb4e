"""What only the application can do: other modules, the table view, the 3D view. Nothing happens without its main window."""

from __future__ import annotations

import slicer
import slicer.util


def showTableView(tableNode) -> None:
    """Show a table node beside the views, in a layout with a table."""
    layoutManager = slicer.app.layoutManager()
    if layoutManager is None:
        return
    layoutManager.setLayout(slicer.modules.tables.logic().GetLayoutWithTable(layoutManager.layout))
    logic = slicer.app.applicationLogic()
    logic.GetSelectionNode().SetActiveTableID(tableNode.GetID())
    logic.PropagateTableSelection()


def editSegment(segmentationNode, segmentId: str, volumeNode) -> None:
    """Open the Segment Editor on a segment over a volume."""
    slicer.util.selectModule("SegmentEditor")
    editor = slicer.util.getModuleWidget("SegmentEditor").editor
    editor.setSegmentationNode(segmentationNode)
    # Slicer before 5.4 calls the source volume master volume.
    setSource = getattr(editor, "setSourceVolumeNode", None) or editor.setMasterVolumeNode
    setSource(volumeNode)
    editor.setCurrentSegmentID(segmentId)


def center3D() -> None:
    """Let the 3D views show all that is in them."""
    if slicer.app.layoutManager() is not None:
        slicer.util.resetThreeDViews()
