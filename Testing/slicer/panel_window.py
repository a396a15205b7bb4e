"""The module's panel in a window of its own, for scenarios that run as a process: importing this starts Qt and an empty scene."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "LiverAI"), str(HERE.parent.parent)]

import pythonqt_standins  # noqa: E402
import slicer  # noqa: E402
import slicer.util  # noqa: E402
import slicer_standins  # noqa: E402
from PySide6 import QtWidgets  # noqa: E402

slicer_standins.install()
application = pythonqt_standins.install()
slicer.mrmlScene = scene = slicer.vtkMRMLScene()
errors: list[tuple[str, str]] = []
"""Text and details of the messages that were shown."""
slicer.util.errorDisplay = lambda text, windowTitle=None, detailedText="": errors.append((text, detailedText))

import LiverAI  # noqa: E402


class Parent:
    """What the application gives a module's widget as parent."""

    isEntered = True

    def __init__(self) -> None:
        self.widget = QtWidgets.QWidget()
        layout = QtWidgets.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)  # as the application's module panel sets them
        self._layout = pythonqt_standins.Proxy(layout)

    def layout(self):
        return self._layout


parent = Parent()
panel = LiverAI.LiverAIWidget(parent)


def open_panel(height: int):
    """Set the panel up in a shown window, which has to hold all of it: the application scrolls. Returns its widgets."""
    panel.setup()
    parent.widget.resize(460, height)
    parent.widget.show()
    return panel.ui


def wait(condition: Callable[[], object], seconds: float = 240) -> None:
    """Keep the window alive until something has happened."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"nothing came; status: {panel.ui.statusLabel.text}, errors: {errors}"
        application.processEvents()
        time.sleep(0.01)


def settle() -> None:
    """A layout in a layout takes several rounds."""
    for _ in range(10):
        application.processEvents()


NARROW = 350
"""Pixels: the width that the module panel has to make do with."""
SCROLL_BAR = 20


def needed_width() -> int:
    """What the application's module panel cannot be narrowed below: the contents' least width beside a scroll bar."""
    settle()
    return parent.widget.minimumSizeHint().width() + SCROLL_BAR


def picture(file: str | Path, *, width: int = NARROW - SCROLL_BAR) -> None:
    """Take the panel's picture at a width, as high as it needs to be."""
    parent.widget.resize(width, 10)
    settle()
    parent.widget.resize(width, max(parent.widget.heightForWidth(width), parent.widget.minimumSizeHint().height()))
    settle()
    parent.widget.grab().save(str(file))


def check_no_slot_failed() -> None:
    """As in the application, an exception in a slot is printed and lost."""
    assert not pythonqt_standins.slotErrors, pythonqt_standins.slotErrors
