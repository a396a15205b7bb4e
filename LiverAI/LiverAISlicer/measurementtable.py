"""The measurements of a result in a sortable table, which can be copied as text. Needs Qt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import qt
from slicer.i18n import tr as _

from LiverAISlicer.summary import MeasurementRow, measurementRows


class MeasurementTable:
    """Fills a QTableWidget."""

    def __init__(self, table) -> None:
        self._table = table
        self._rows: list[MeasurementRow] = []
        table.setColumnCount(3)
        table.setHorizontalHeaderLabels([_("Measurement"), _("Value"), _("Unit, interval")])
        table.verticalHeader().visible = False
        table.setEditTriggers(qt.QTableWidget.NoEditTriggers)
        table.wordWrap = True
        table.horizontalHeader().setSectionResizeMode(qt.QHeaderView.Stretch)
        table.horizontalHeader().setSectionResizeMode(1, qt.QHeaderView.ResizeToContents)
        table.verticalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        # A narrower panel wraps the names.
        table.verticalHeader().connect("sectionResized(int,int,int)", self._fit)

    def show(self, record: Mapping[str, Any] | None) -> None:
        """Show the measurements of a record, or none."""
        self._rows = [] if record is None else measurementRows(record, _)
        self._table.setSortingEnabled(False)  # rows would move while they are filled
        self._table.setRowCount(len(self._rows))
        for number, row in enumerate(self._rows):
            unit = f"{row.unit} ({row.interval})".strip() if row.interval else row.unit
            for column, value in enumerate((row.name, row.value, unit)):
                item = qt.QTableWidgetItem()
                item.setData(qt.Qt.DisplayRole, value)
                item.setToolTip(row.how)
                self._table.setItem(number, column, item)
        self._table.setSortingEnabled(True)
        self._table.visible = bool(self._rows)
        self._fit()

    @property
    def text(self) -> str:
        """All rows as tab-separated lines, with the names of the columns."""
        lines = [(_("Measurement"), _("Value"), _("95 % interval"), _("Unit"))]
        lines += [(row.name, f"{row.value:g}", row.interval, row.unit) for row in self._rows]
        return "\n".join("\t".join(line) for line in lines)

    def copy(self) -> None:
        """Put the table on the clipboard, for a text or a spreadsheet."""
        qt.QApplication.clipboard().setText(self.text)

    def _fit(self) -> None:
        """As high as its rows are: the panel scrolls, the table does not."""
        height = self._table.horizontalHeader().height + 4
        height += sum(self._table.rowHeight(row) for row in range(len(self._rows)))
        self._table.setFixedHeight(height)
