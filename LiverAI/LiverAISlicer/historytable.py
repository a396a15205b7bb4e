"""The panel's list of the results in the scene: choose one to see it, delete one. Needs Qt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
import slicer.util
from slicer.i18n import tr as _

from LiverAISlicer.fittedtable import FittedTable, TableRow
from LiverAISlicer.resulthistory import ResultEntry, listResults, removeResult


class HistoryTable:
    """Lists results; the one that the panel shows is selected.

    Args:
        ui: Widgets of the panel.
        onChosen: Called with the result table that the user chose.
    """

    def __init__(self, ui: Any, onChosen: Callable[[Any], None]) -> None:
        self._ui = ui
        self._onChosen = onChosen
        self._updating = False
        self._rows: list[TableRow] = []
        titles = [_("Time"), _("Image, model"), _("Outcome")]
        self._table = FittedTable(ui.historyTable, titles, narrow=[0])
        ui.historyTable.setSelectionBehavior(qt.QTableWidget.SelectRows)
        ui.historyTable.setSelectionMode(qt.QTableWidget.SingleSelection)
        ui.historyTable.connect("currentCellChanged(int,int,int,int)", self.onCellChanged)
        ui.deleteResultButton.connect("clicked(bool)", self.onDelete)

    def update(self, shownTable) -> None:
        """List the results of the scene; `shownTable` is the result that the panel shows, or None."""
        rows = [_row(one) for one in listResults(slicer.mrmlScene)]
        self._updating = True
        self._ui.historyCollapsibleButton.visible = bool(rows)
        if rows != self._rows:
            self._table.fill(rows)
            self._rows = rows
        row = -1 if shownTable is None else self._table.rowOf(shownTable.GetID())
        self._ui.historyTable.setCurrentCell(row, 0 if row >= 0 else -1)
        self._ui.deleteResultButton.enabled = row >= 0
        self._updating = False

    def onCellChanged(self, row: int, column: int, oldRow: int, oldColumn: int) -> None:
        """The user chose a result."""
        node = slicer.mrmlScene.GetNodeByID(self._table.keyOf(row))
        if not self._updating and row != oldRow and node is not None:
            self._onChosen(node)

    def onDelete(self, checked: bool = False) -> None:
        """Delete the chosen result after a question."""
        node = slicer.mrmlScene.GetNodeByID(self._table.keyOf(self._ui.historyTable.currentRow()))
        if node is None:
            return
        question = _("Delete '{name}' with its heat maps and its segmentation? Images and edited segmentations stay.")
        if slicer.util.confirmOkCancelDisplay(question.format(name=node.GetName()), windowTitle="LiverAI"):
            kept = removeResult(node)
            text = _("The result is deleted.") if kept is None else _("The result is deleted; '{name}' stays.")
            self._ui.statusLabel.text = text if kept is None else text.format(name=kept.GetName())


def _row(entry: ResultEntry) -> TableRow:
    what = (entry.made, entry.image, entry.model, entry.outcome)
    cells = (entry.made.replace(" ", "\n"), f"{entry.image}\n{entry.model}".strip(), entry.outcome)
    return TableRow(cells, " · ".join(filter(None, what)), entry.tableNode.GetID())
