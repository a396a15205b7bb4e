"""Imports what the first Apply needs while nobody waits, one module at a time, so that the first click is answered at once."""

from __future__ import annotations

import contextlib
import importlib

import qt

PAUSE_MS = 150
MODULES = (
    "LiverAISlicer.dependencies",
    "scipy._lib._array_api",
    "scipy.special",
    "scipy.linalg",
    "scipy.sparse",
    "scipy.spatial",
    "scipy.ndimage",
    "scipy.optimize",
    "scipy.interpolate",
    "SimpleITK._SimpleITK",
    "SimpleITK",
    "PIL.Image",
    "pydicom.dataset",
    "pydicom.sr._concepts_dict",
    "pydicom.sr.codedict",
    "pydicom.pixels",
    "highdicom",
    "LiverAILib.morphometry.covariates",
    "LiverAILib.data.masks",
    "LiverAILib.results.files",
    "LiverAILib.results.shown_slice",
)
"""What the panel imports between Apply and the result, in pieces; never torch, which stays out of this process.

Large packages come in parts; a part that another version does not have is skipped.
"""


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
            # What is not installed is no concern here: Apply asks for it.
            with contextlib.suppress(ImportError):
                importlib.import_module(self._waiting.pop(0))
            self.start()
