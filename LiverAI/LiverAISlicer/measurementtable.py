"""The measurements of a result in a sortable table, which can be copied as text. Needs Qt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import qt
from slicer.i18n import tr as _

from LiverAISlicer.fittedtable import FittedTable, TableRow
from LiverAISlicer.summary import MeasurementRow, measurementRows


class MeasurementTable:
    """Fills a QTableWidget."""

    def __init__(self, table) -> None:
        self._rows: list[MeasurementRow] = []
        # The last title has two lines, so that a narrow panel shows all of it.
        self._table = FittedTable(table, [_("Measurement"), _("Value"), _("Unit\n(95 % CI)")], narrow=[1])
        table.horizontalHeaderItem(2).setToolTip(
            _("Unit; in parentheses the 95 % confidence interval, where there is one")
        )

    def show(self, record: Mapping[str, Any] | None) -> None:
        """Show the measurements of a record, or none."""
        self._rows = [] if record is None else measurementRows(record, _)
        self._table.fill([TableRow((row.name, row.value, _unitAndInterval(row)), row.how) for row in self._rows])

    @property
    def text(self) -> str:
        """All rows as tab-separated lines, with the names of the columns."""
        lines = [(_("Measurement"), _("Value"), _("95 % interval"), _("Unit"))]
        lines += [(row.name, f"{row.value:g}", row.interval, row.unit) for row in self._rows]
        return "\n".join("\t".join(line) for line in lines)

    def copy(self) -> None:
        """Put the table on the clipboard, for a text or a spreadsheet."""
        qt.QApplication.clipboard().setText(self.text)


def _unitAndInterval(row: MeasurementRow) -> str:
    return f"{row.unit} ({row.interval})".strip() if row.interval else row.unit
