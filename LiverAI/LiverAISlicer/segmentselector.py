"""The panel's choice of the segment that is the liver; the library's rule chooses where the user does not. Needs Qt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

from LiverAILib.errors import UserError
from LiverAISlicer.nodes import segmentFor


class SegmentSelector:
    """Lists the segments of the chosen segmentation; the first entry leaves the choice to their codes and names."""

    def __init__(self, ui: Any, parameters: Callable[[], Any]) -> None:
        """`parameters` gives the parameter node, or None."""
        self._ui = ui
        self._parameters = parameters
        self._segmentIds: list[str] = []
        self._updating = False
        ui.segmentComboBox.connect("currentIndexChanged(int)", self.onChanged)

    def update(self, *, isUsed: bool) -> None:
        """Show the segments of the chosen segmentation, where the method takes one (`isUsed`)."""
        parameters, ui = self._parameters(), self._ui
        node = parameters.segmentation if isUsed else None
        ui.segmentTitle.visible = ui.segmentComboBox.visible = node is not None
        if node is None:
            return
        segmentation = node.GetSegmentation()
        self._segmentIds = list(segmentation.GetSegmentIDs())
        if parameters.liverSegment not in self._segmentIds:
            parameters.liverSegment = ""
        names = [segmentation.GetSegment(segmentId).GetName() for segmentId in self._segmentIds]
        self._updating = True
        ui.segmentComboBox.clear()
        for entry in (self._automaticEntry(node), *names):
            ui.segmentComboBox.addItem(entry)
        ui.segmentComboBox.currentIndex = ["", *self._segmentIds].index(parameters.liverSegment)
        self._updating = False

    def onChanged(self, index: int) -> None:
        """The user chose a segment."""
        if not self._updating and self._parameters() is not None and index >= 0:
            self._parameters().liverSegment = self._segmentIds[index - 1] if index > 0 else ""

    def _automaticEntry(self, segmentationNode) -> str:
        """What the rule chooses; the message of the rule, where it chooses nothing, is the tool tip."""
        try:
            segment = segmentationNode.GetSegmentation().GetSegment(segmentFor(segmentationNode))
        except UserError as error:
            self._ui.segmentComboBox.toolTip = str(error)
            return _("Choose the segment")
        self._ui.segmentComboBox.toolTip = _("Segment that is the liver; by code or name where you do not choose one")
        return _("Automatic: {name}").format(name=segment.GetName())
