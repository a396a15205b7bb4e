"""The measurements of a result in a sortable table, which can be copied as text. Needs Qt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import qt
from slicer.i18n import tr as _

from LiverAISlicer.later import Later
from LiverAISlicer.summary import MeasurementRow, measurementRows


class MeasurementTable:
    """Fills a QTableWidget."""

    def __init__(self, table) -> None:
        self._table = table
        self._rows: list[MeasurementRow] = []
        table.setColumnCount(3)
        # In two lines, so that a narrow panel shows all of it.
        table.setHorizontalHeaderLabels([_("Measurement"), _("Value"), _("Unit\n(95 % CI)")])
        table.horizontalHeaderItem(2).setToolTip(
            _("Unit; in parentheses the 95 % confidence interval, where there is one")
        )
        table.verticalHeader().visible = False
        table.setEditTriggers(qt.QTableWidget.NoEditTriggers)
        table.wordWrap = True
        table.horizontalHeader().setSectionResizeMode(qt.QHeaderView.Stretch)
        table.horizontalHeader().setSectionResizeMode(1, qt.QHeaderView.ResizeToContents)
        # A narrower panel wraps the names. Row heights that follow by themselves reach the table's height too late.
        self._fitLater = Later(self._fit)
        table.horizontalHeader().connect("sectionResized(int,int,int)", self._fitLater.ask)

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
        self._table.resizeRowsToContents()
        frame = 2 * self._table.frameWidth
        height = self._table.horizontalHeader().sizeHint.height() + self._table.verticalHeader().length() + frame
        self._table.setFixedHeight(height)
