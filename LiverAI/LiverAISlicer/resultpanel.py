"""The panel's result area: what was found, how its heat maps are shown, and what can be done with it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer
import slicer.util
from slicer.i18n import tr as _

from LiverAILib.errors import UserError
from LiverAISlicer import application
from LiverAISlicer.dicomsource import dicomFiles
from LiverAISlicer.display import DEFAULT_LOOK, HeatMapLook
from LiverAISlicer.measurementtable import MeasurementTable
from LiverAISlicer.outcomebars import OutcomeBars
from LiverAISlicer.reportrun import ReportRun
from LiverAISlicer.resultnodes import LIVER_SEGMENT, AssessmentNodes, HeatMapKey, isOutdated, readNodes
from LiverAISlicer.shownmaps import shareInLiver
from LiverAISlicer.summary import cutoffsHtml, detailsHtml, headlineHtml, percent, warningsHtml

BUTTONS = (
    "goToSliceButton",
    "editMaskButton",
    "showTableButton",
    "show3DButton",
    "reportButton",
    "exportButton",
    "exportDicomButton",
    "copyButton",
)


class ResultPanel:
    """Shows the nodes of one assessment.

    Attributes:
        nodes: What is shown; None where there is no result yet.
    """

    def __init__(self, ui: Any, logic, parameters: Callable[[], Any]) -> None:
        """`parameters` gives the parameter node, or None."""
        self._ui = ui
        self._logic = logic
        self._parameters = parameters
        self._updating = False
        self._bars = OutcomeBars(ui.outcomesWidget.layout())
        self._table = MeasurementTable(ui.measurementsTable)
        self._report = ReportRun(ui.statusLabel)
        self.nodes: AssessmentNodes | None = None
        ui.pipelineComboBox.connect("currentIndexChanged(int)", self.onPipelineChanged)
        ui.goToSliceButton.connect("clicked(bool)", self.onGoToSlice)
        ui.editMaskButton.connect("clicked(bool)", self.onEditMask)
        ui.showTableButton.connect("clicked(bool)", self.onShowTable)
        ui.show3DButton.connect("toggled(bool)", self.onShow3D)
        ui.reportButton.connect("clicked(bool)", self.onReport)
        ui.exportButton.connect("clicked(bool)", self.onExport)
        ui.exportDicomButton.connect("clicked(bool)", self.onExportDicom)
        ui.copyButton.connect("clicked(bool)", self.onCopy)
        self.show(None)

    @property
    def look(self) -> HeatMapLook:
        """How the user wants heat maps to be shown."""
        parameters = self._parameters()
        if parameters is None:
            return DEFAULT_LOOK
        return HeatMapLook(
            parameters.heatMapOpacity,
            parameters.heatMapThreshold,
            parameters.heatMapInsideLiver,
            parameters.heatMapLegend,
        )

    def showTable(self, tableNode) -> None:
        """Show the result of a table node, or none; nothing happens where it is shown already."""
        if tableNode is None:
            if self.nodes is not None:
                self.show(None)
        elif self.nodes is None or tableNode is not self.nodes.tableNode or isOutdated(self.nodes):
            self.show(readNodes(tableNode))

    def show(self, nodes: AssessmentNodes | None) -> None:
        """Fill the result area."""
        from LiverAILib.data.assessment import RESEARCH_USE

        self.nodes = nodes
        self._updating = True
        record, ui = None if nodes is None else nodes.record, self._ui
        # "Research use only" is shown at the foot of the panel.
        ui.resultLabel.text = _("No result yet.") if record is None else headlineHtml(record, _, hidden=(RESEARCH_USE,))
        for label, text in (
            (ui.warningsLabel, "" if record is None else warningsHtml(record, _)),
            (ui.cutoffsLabel, "" if record is None else cutoffsHtml(record, _)),
            (ui.detailsLabel, "" if record is None else detailsHtml(record, _)),
        ):
            label.text = text
            label.visible = bool(text)
        self._bars.show(record, {} if record is None else _looksAt(record["method"]))
        self._table.show(record)
        ui.pipelineComboBox.clear()
        if nodes is not None:
            several = len(nodes.heatMaps) > len(nodes.heatMapNodes)
            ui.pipelineTitle.text = _("Heat map of:") if several else _("Heat map:")
            # The first heat map is the primary outcome's.
            for title in nodes.heatMapTitles:
                ui.pipelineComboBox.addItem(title)
        for widget in (
            ui.outcomesWidget,
            ui.actionsWidget,
            ui.displayWidget,
            ui.copyButton,
            ui.detailsCollapsibleButton,
        ):
            widget.visible = nodes is not None
        self._updateButtons()
        self._describeHeatMap()
        self._updating = False

    def showHeatMap(self, volumeNode) -> None:
        """Show the first heat map over an image, or the image where it has none."""
        keys = [key for key in self.nodes.heatMaps if self.nodes.explainedNode(key) is volumeNode]
        if not keys:
            self._logic.showImage(volumeNode)
        else:
            self._ui.pipelineComboBox.currentIndex = list(self.nodes.heatMaps).index(keys[0])
            outcome, role, number = keys[0]
            self._try(lambda: self._logic.show(self.nodes, outcome, self.look.opacity, role=role, number=number))

    def updateDisplay(self) -> None:
        """Bring the slice views to the look that the panel shows."""
        if self.nodes is not None:
            self._try(lambda: self._logic.setLook(self.nodes, self.look))

    def onPipelineChanged(self, index: int) -> None:
        """Show another heat map."""
        key = self._key()
        if not self._updating and key is not None:
            self._try(lambda: self._logic.show(self.nodes, key[0], self.look.opacity, role=key[1], number=key[2]))
            self._describeHeatMap()

    def onGoToSlice(self, checked: bool = False) -> None:
        """Move the views to the slice that the heat map explains."""
        key = self._key()
        if key is not None:
            self._try(lambda: self._logic.goToSlice(self.nodes, *key))

    def onEditMask(self, checked: bool = False) -> None:
        """Open the Segment Editor on the liver; the next Apply takes the corrected mask."""
        self._try(self._editMask)

    def _editMask(self) -> None:
        node, volumeNode, parameters = self.nodes.segmentationNode, self.nodes.volumeNode, self._parameters()
        segmentId = self.nodes.liverSegment
        if parameters is not None:
            parameters.segmentation = node
            parameters.liverSegment = self.nodes.tableNode.GetAttribute(LIVER_SEGMENT) or ""
        self._ui.statusLabel.text = _("Correct the liver, come back to LiverAI, and press Apply.")
        application.editSegment(node, segmentId, volumeNode)

    def onShowTable(self, checked: bool = False) -> None:
        """Show all of the result as a table beside the views."""
        application.showTableView(self.nodes.tableNode)

    def onShow3D(self, checked: bool) -> None:
        """Show or hide the surfaces in 3D."""
        if not self._updating and self.nodes is not None:
            with slicer.util.WaitCursor():
                self._logic.show3D(self.nodes, checked)
            if checked:
                application.center3D()

    def onReport(self, checked: bool = False) -> None:
        """Make the report and open it in the browser."""
        folder = (
            Path(slicer.app.temporaryPath or tempfile.gettempdir()) / f"LiverAI-report-{self.nodes.tableNode.GetID()}"
        )
        self._try(lambda: self._report.start(self.nodes, folder, openReport=True))

    def onExport(self, checked: bool = False) -> None:
        """Save all files of the result in a folder that the user chooses."""
        folder = self._chosenFolder()
        if folder is not None:
            self._try(lambda: self._report.start(self.nodes, folder))

    def onExportDicom(self, checked: bool = False) -> None:
        """Save DICOM objects of the result in a folder that the user chooses."""
        folder = self._chosenFolder()
        if folder is not None:
            place = folder.with_name(f"{folder.name} DICOM")
            self._try(
                lambda: self._report.start(self.nodes, place, dicomFiles=dicomFiles(self.nodes.imageNodes.values()))
            )

    def _chosenFolder(self) -> Path | None:
        """A folder named after the result in one that the user chooses; None where the user cancels."""
        folder = qt.QFileDialog.getExistingDirectory(None, _("Folder for the result"))
        name = "".join(c if c.isalnum() or c in "-_ " else "_" for c in self.nodes.tableNode.GetName())
        return Path(folder) / name if folder else None

    def onCopy(self, checked: bool = False) -> None:
        """Put the measurements on the clipboard."""
        self._table.copy()
        self._ui.statusLabel.text = _("The measurements are on the clipboard.")

    def close(self) -> None:
        """End what runs."""
        self._report.close()

    def _key(self) -> HeatMapKey | None:
        """The heat map that is chosen."""
        index = self._ui.pipelineComboBox.currentIndex
        return (
            None
            if self.nodes is None or not 0 <= index < len(self.nodes.heatMaps)
            else list(self.nodes.heatMaps)[index]
        )

    def _updateButtons(self) -> None:
        hasMask = self.nodes is not None and self.nodes.segmentationNode is not None
        for name in BUTTONS:
            getattr(self._ui, name).enabled = self.nodes is not None
        for widget in (self._ui.editMaskButton, self._ui.show3DButton, self._ui.insideLiverCheckBox):
            widget.enabled = hasMask
        self._updateDicom()
        display = self.nodes.segmentationNode.GetDisplayNode() if hasMask else None
        surface = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
        self._ui.show3DButton.checked = (
            display is not None
            and bool(display.GetVisibility3D())
            and self.nodes.segmentationNode.GetSegmentation().ContainsRepresentation(surface)
        )
        self._ui.pipelineComboBox.enabled = self.nodes is not None and bool(self.nodes.heatMaps)
        self._ui.copyButton.enabled = self.nodes is not None and bool(self.nodes.record["measurements"])

    def _updateDicom(self) -> None:
        """DICOM objects are only offered where there are DICOM files that they can refer to; else the tool tip says why not."""
        if self.nodes is None:
            return
        button = self._ui.exportDicomButton
        try:
            dicomFiles(self.nodes.imageNodes.values())
        except UserError as error:
            button.enabled, button.toolTip = False, str(error)
        else:
            button.toolTip = _("Save segmentation, measurements and heat maps as DICOM objects of the same study")

    def _describeHeatMap(self) -> None:
        """How much of the map lies in the liver, and that each map has its own range."""
        key, parts = self._key(), []
        if key is not None:
            if self.nodes.segmentationNode is not None:
                share = shareInLiver(self.nodes.heatMaps[key], self.nodes.segmentationNode)
                if share is not None:
                    parts.append(_("{share} of this map lies in the liver.").format(share=percent(share)))
            if len(self.nodes.heatMaps) > 1:
                parts.append(_("Each map is colored up to its own maximum: compare places, not brightness."))
        self._ui.heatMapLabel.text = " ".join(parts)

    def _try(self, action: Callable[[], None]) -> None:
        """Do what may be refused with a message."""
        try:
            action()
        except UserError as error:
            slicer.util.errorDisplay(str(error), windowTitle="LiverAI")


def _looksAt(method: str) -> dict[str, str]:
    """What each outcome of a method looks at; nothing for a method that is not installed here."""
    from LiverAILib.methods import list_methods

    spec = list_methods().get(method)
    return {} if spec is None else dict(spec.looks_at)
