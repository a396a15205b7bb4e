"""The panel's result area: what was found, and how its heat maps are shown."""

from __future__ import annotations

from typing import Any

import slicer.util
from slicer.i18n import tr as _

from LiverAILib.errors import UserError
from LiverAISlicer.display import DEFAULT_LOOK, HeatMapLook
from LiverAISlicer.resultnodes import AssessmentNodes, isOutdated, readNodes
from LiverAISlicer.summary import resultHtml


class ResultPanel:
    """Shows the nodes of one assessment.

    Attributes:
        nodes: What is shown; None where there is no result yet.
    """

    def __init__(self, ui: Any, logic, parameters) -> None:
        """`parameters` gives the parameter node, or None."""
        self._ui = ui
        self._logic = logic
        self._parameters = parameters
        self._updating = False
        self.nodes: AssessmentNodes | None = None
        ui.pipelineComboBox.connect("currentIndexChanged(int)", self.onPipelineChanged)

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
            self.show(None)
        elif self.nodes is None or tableNode is not self.nodes.tableNode or isOutdated(self.nodes):
            self.show(readNodes(tableNode))

    def show(self, nodes: AssessmentNodes | None) -> None:
        """Fill the result area."""
        from LiverAILib.data.assessment import RESEARCH_USE

        if nodes is None and self.nodes is None and self._ui.resultLabel.text:
            return
        self.nodes = nodes
        self._updating = True
        self._ui.pipelineComboBox.clear()
        if nodes is None:
            self._ui.resultLabel.text = _("No result yet.")
        else:
            # "Research use only" is shown at the foot of the panel.
            self._ui.resultLabel.text = resultHtml(nodes.record, _, hidden=(RESEARCH_USE,))
            several = len(nodes.heatMaps) > len(nodes.heatMapNodes)
            self._ui.pipelineTitle.text = _("Heat map of:") if several else _("Pipeline:")
            # The first heat map is the primary outcome's.
            for title in nodes.heatMapTitles:
                self._ui.pipelineComboBox.addItem(title)
        self._ui.pipelineComboBox.enabled = nodes is not None and bool(nodes.heatMaps)
        self._updating = False

    def updateDisplay(self) -> None:
        """Bring the slice views to the look that the panel shows."""
        if self.nodes is not None:
            self._logic.setLook(self.nodes, self.look)

    def onPipelineChanged(self, index: int) -> None:
        """Show another heat map."""
        if self._updating or self.nodes is None or index < 0:
            return
        outcome, role, number = list(self.nodes.heatMaps)[index]
        try:
            self._logic.show(self.nodes, outcome, self.look.opacity, role=role, number=number)
        except UserError as error:
            slicer.util.errorDisplay(str(error), windowTitle="LiverAI")
