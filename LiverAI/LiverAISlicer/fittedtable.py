"""A sortable table that is as high as its rows and as wide as the panel: the panel scrolls, the table does not. Needs Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import qt

from LiverAISlicer.later import Later


@dataclass(frozen=True)
class TableRow:
    """What a row shows.

    Attributes:
        cells: Text or number of each column.
        toolTip: Said of each cell.
        key: Identifies the row, however the table is sorted.
    """

    cells: tuple[str | float, ...]
    toolTip: str = ""
    key: str = ""


class FittedTable:
    """Fills a QTableWidget; long texts wrap.

    Args:
        table: The widget.
        titles: Of the columns.
        narrow: Columns that are as wide as their content; the others share the rest.
    """

    def __init__(self, table, titles: Sequence[str], *, narrow: Sequence[int] = ()) -> None:
        self._table = table
        table.setColumnCount(len(titles))
        table.setHorizontalHeaderLabels(list(titles))
        table.verticalHeader().visible = False
        table.setEditTriggers(qt.QTableWidget.NoEditTriggers)
        table.wordWrap = True
        table.horizontalHeader().setSectionResizeMode(qt.QHeaderView.Stretch)
        for column in narrow:
            table.horizontalHeader().setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)
        # A narrower panel wraps the texts. Row heights that follow by themselves reach the table's height too late.
        self._fitLater = Later(self._fit)
        table.horizontalHeader().connect("sectionResized(int,int,int)", self._fitLater.ask)

    def fill(self, rows: Sequence[TableRow]) -> None:
        """Show these rows, and nothing where there is none."""
        self._table.setSortingEnabled(False)  # rows would move while they are filled
        self._table.setRowCount(len(rows))
        for number, row in enumerate(rows):
            for column, value in enumerate(row.cells):
                item = qt.QTableWidgetItem()
                item.setData(qt.Qt.DisplayRole, value)
                item.setData(qt.Qt.UserRole, row.key)
                item.setToolTip(row.toolTip)
                self._table.setItem(number, column, item)
        self._table.setSortingEnabled(True)
        self._table.visible = bool(rows)
        self._fit()

    def keyOf(self, row: int) -> str:
        """The key of a row; "" where there is no such row."""
        item = self._table.item(row, 0)
        return "" if item is None else item.data(qt.Qt.UserRole)

    def rowOf(self, key: str) -> int:
        """The row of a key; -1 where there is none."""
        return next((row for row in range(self._table.rowCount) if self.keyOf(row) == key), -1)

    def _fit(self) -> None:
        self._table.resizeRowsToContents()
        frame = 2 * self._table.frameWidth
        height = self._table.horizontalHeader().sizeHint.height() + self._table.verticalHeader().length() + frame
        self._table.setFixedHeight(height)
