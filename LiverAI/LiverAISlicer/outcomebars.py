"""The outcomes of a result side by side: what each looks at, and probabilities as bars. Needs Qt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import qt
from slicer.i18n import tr as _

from LiverAISlicer.summary import intervalText, percent

BESIDE = 2
"""Up to this number outcomes with classes stand side by side, more of them one below the other."""


class OutcomeBars:
    """Fills a QGridLayout; what was in it goes."""

    def __init__(self, layout) -> None:
        self._layout = layout
        self._widgets: list[Any] = []

    def show(self, record: Mapping[str, Any] | None, looksAt: Mapping[str, str]) -> None:
        """Show the outcomes of a record, or nothing.

        Args:
            record: What `Assessment.record()` gives.
            looksAt: Name of an outcome to what it looks at.
        """
        for widget in self._widgets:
            self._layout.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        self._widgets = []
        if record is None:
            return
        outcomes = record["outcomes"]
        names = sorted(outcomes, key=lambda name: name != record["primary_outcome"])
        classes = [name for name in names if outcomes[name]["kind"] == "classification"]
        row = 0
        for position, name in enumerate(classes):
            column = position % BESIDE if len(classes) <= BESIDE else 0
            row = 0 if len(classes) <= BESIDE else row
            row = self._showClasses(record, name, looksAt.get(name, ""), row, column)
        for name in names:
            if outcomes[name]["kind"] == "quantity":
                row = self._showQuantity(outcomes[name], name, row)

    def _showClasses(self, record: Mapping[str, Any], name: str, seen: str, row: int, column: int) -> int:
        shown = name.replace("_", " ")
        title = _("{name} (headline)").format(name=shown) if name == record["primary_outcome"] else shown
        self._add(_label(f"<b>{title}</b>"), row, column)
        if seen:
            self._add(_label(_("looks at {what}").format(what=seen)), row + 1, column)
        for number, (label, value) in enumerate(record["outcomes"][name]["probabilities"].items()):
            bar = qt.QProgressBar()
            bar.minimum, bar.maximum, bar.value = 0, 1000, round(1000 * value)
            bar.format = f"{label} {percent(value)}"
            bar.toolTip = _("Probability of {label} by the pipeline {name}").format(label=label, name=shown)
            bar.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)
            self._add(bar, row + 2 + number, column)
        return row + 2 + len(record["outcomes"][name]["probabilities"])

    def _showQuantity(self, outcome: Mapping[str, Any], name: str, row: int) -> int:
        text = " ".join([f"{outcome['name']}: {outcome['answer']}", intervalText(outcome, _)]).strip()
        widget = _label(text)
        widget.toolTip = name.replace("_", " ")
        self._add(widget, row, 0, columns=BESIDE)
        return row + 1

    def _add(self, widget, row: int, column: int, *, columns: int = 1) -> None:
        self._layout.addWidget(widget, row, column, 1, columns)
        self._widgets.append(widget)


def _label(text: str):
    label = qt.QLabel(text)
    label.wordWrap = True
    label.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Maximum)
    return label
