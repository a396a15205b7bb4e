"""Small pictures of the panel in each of its states, for docs/pictures; `application_scenario.py` takes them on its way.

    LIVERAI_PICTURES=docs/pictures python -m pytest Testing/slicer/test_run_in_slicer.py

makes those of the documentation anew. They are of the panel on Qt without Slicer, whose own widgets look a little different.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import panel_window
from panel_window import application, needed_width, panel, picture, settle
from PIL import Image
from PySide6 import QtGui

COLORS = 32
LARGE = 1.25
"""As many systems enlarge everything on fine screens."""
DARK = {
    "Window": "#323232",
    "WindowText": "#ffffff",
    "Base": "#242424",
    "AlternateBase": "#323232",
    "Text": "#ffffff",
    "Button": "#3c3c3c",
    "ButtonText": "#ffffff",
    "Highlight": "#2a82da",
    "HighlightedText": "#ffffff",
    "PlaceholderText": "#a0a0a0",
}
STATES = {"1-empty": "panel_empty", "2-sample": "panel_ready", "3-running": "panel_running", "4-result": "panel"}
"""Steps of `LiverAISlicer.acceptance` to the names of their pictures."""
NAMES = (*STATES.values(), "panel_dark", "panel_large", "panel_sections", "panel_history", "panel_several_images")


def keep(file: Path, *, width: int | None = None) -> None:
    """Take the panel's picture, with few colors."""
    picture(file) if width is None else picture(file, width=width)
    with Image.open(file) as taken:
        taken.convert("RGB").quantize(COLORS).save(file, optimize=True)


def keep_state(folder: Path, step: str) -> None:
    """What is kept at a step of the acceptance check."""
    if step == "3-running":
        panel_window.wait(lambda: panel.ui.progressBar.value >= 30 or panel_window.errors)
    if step in STATES:
        keep(folder / f"{STATES[step]}.png")
    if step == "4-result":
        with_palette(DARK, lambda: keep(folder / "panel_dark.png"))
        with_font(LARGE, lambda: keep_large(folder / "panel_large.png"))
        with_open_sections(lambda: keep(folder / "panel_sections.png"))
    if step == "6-opened":
        assess_several_images(folder)
        with_open_history(lambda: keep(folder / "panel_history.png"))


def keep_large(file: Path) -> None:
    """At larger letters the panel needs as much more room as they do, and no title of the table is cut off."""
    width = round(LARGE * panel_window.NARROW)
    assert needed_width() <= width, needed_width()
    keep(file, width=width - panel_window.SCROLL_BAR)
    table = panel.ui.measurementsTable
    for column in range(table.columnCount):
        lines = table.horizontalHeaderItem(column).text().splitlines()
        widest = max(table.fontMetrics().horizontalAdvance(line) for line in lines)
        assert widest < table.columnWidth(column), (lines, widest)
    assert table.viewport().height >= sum(table.rowHeight(row) for row in range(table.rowCount))


def with_palette(colors: dict[str, str], action: Callable[[], None]) -> None:
    """Do something in other colors; where two of them are text and its ground, they differ enough to be read."""
    before, palette = application.palette(), QtGui.QPalette()
    for role, color in colors.items():
        palette.setColor(getattr(QtGui.QPalette, role), QtGui.QColor(color))
        if role.endswith("Text"):
            palette.setColor(QtGui.QPalette.Disabled, getattr(QtGui.QPalette, role), QtGui.QColor("#808080"))
    show_in(palette)
    for text, ground in (("WindowText", "Window"), ("Text", "Base"), ("ButtonText", "Button")):
        assert contrast(palette, text, ground) > 4.5, (text, ground)
    action()
    show_in(before)


def show_in(palette: QtGui.QPalette) -> None:
    """Change the application's colors, and set the text with a link again: it takes its colors when it is set."""
    application.setPalette(palette)
    panel.ui.modelLabel.text = ""
    panel.onParametersChanged()
    settle()


def contrast(palette: QtGui.QPalette, text: str, ground: str) -> float:
    """Contrast ratio of WCAG 2.1."""
    lightness = []
    for role in (text, ground):
        color = palette.color(getattr(QtGui.QPalette, role))
        linear = [
            c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
            for c in (color.redF(), color.greenF(), color.blueF())
        ]
        lightness.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lightness) + 0.05) / (min(lightness) + 0.05)


def with_font(scale: float, action: Callable[[], None]) -> None:
    """Do something with larger letters."""
    before, font = application.font(), application.font()
    font.setPointSizeF(scale * before.pointSizeF())
    application.setFont(font)
    settle()
    action()
    application.setFont(before)
    settle()


def with_open_sections(action: Callable[[], None]) -> None:
    """Do something while the sections above Apply are open and the result is closed."""
    ui = panel.ui
    sections = {
        ui.patientCollapsibleButton: True,
        ui.advancedCollapsibleButton: True,
        ui.modelsCollapsibleButton: True,
        ui.resultCollapsibleButton: False,
    }
    for section, opened in sections.items():
        section.collapsed = not opened
    panel_window.wait(lambda: panel._inputs.deviceList._isKnown)
    action()
    for section, opened in sections.items():
        section.collapsed = opened
    settle()


def with_open_history(action: Callable[[], None]) -> None:
    """Do something while the list of results is open and the rest is closed."""
    ui = panel.ui
    ui.historyCollapsibleButton.collapsed, ui.resultCollapsibleButton.collapsed = False, True
    action()
    ui.historyCollapsibleButton.collapsed, ui.resultCollapsibleButton.collapsed = True, False
    settle()


def assess_several_images(folder: Path) -> None:
    """A model of several images, with its sample."""
    ui = panel.ui
    names = [ui.modelComboBox.itemText(index) for index in range(ui.modelComboBox.count)]
    ui.modelComboBox.currentIndex = names.index("xue2020-simulated")
    ui.sampleButton.click()
    ui.applyButton.click()
    panel_window.wait(lambda: not panel._run.isBusy or panel_window.errors)
    assert not panel_window.errors, panel_window.errors
    keep(folder / "panel_several_images.png")
