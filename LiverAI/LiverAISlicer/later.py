"""Calling a function once the event loop has time for it. Needs Qt."""

from __future__ import annotations

from collections.abc import Callable

import qt


class Later:
    """Calls a function once, however often it was asked for before the event loop came round."""

    def __init__(self, function: Callable[[], None]) -> None:
        self._function = function
        self._asked = False

    def ask(self) -> None:
        """Call the function when the event loop runs next."""
        if not self._asked:
            self._asked = True
            qt.QTimer.singleShot(0, self._call)

    def forget(self) -> None:
        """Do not call it any more."""
        self._asked = False

    def _call(self) -> None:
        if self._asked:
            self._asked = False
            self._function()
