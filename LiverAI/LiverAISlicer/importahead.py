"""Imports what the first Apply needs while nobody waits, one module at a time, so that the first click is answered at once."""

from __future__ import annotations

import importlib

import qt

PAUSE_MS = 150
MODULES = (
    "LiverAISlicer.dependencies",
    "LiverAILib.data.case",
    "LiverAILib.morphometry.covariates",
    "SimpleITK",
    "LiverAILib.data.masks",
    "LiverAILib.results.shown_slice",
    "LiverAILib.results.files",
    "scipy.ndimage",
)
"""What the panel imports between Apply and the result; never torch, which stays out of this process."""


class ImportAhead:
    """Imports `MODULES` in the event loop; `stop` ends it."""

    def __init__(self) -> None:
        self._waiting = list(MODULES)

    def start(self) -> None:
        """Import the next module after a pause."""
        if self._waiting:
            qt.QTimer.singleShot(PAUSE_MS, self._importNext)

    def stop(self) -> None:
        """Import nothing more."""
        self._waiting = []

    def _importNext(self) -> None:
        if self._waiting:
            try:
                importlib.import_module(self._waiting.pop(0))
            except ImportError:  # not installed yet: Apply asks for it
                return
            self.start()
