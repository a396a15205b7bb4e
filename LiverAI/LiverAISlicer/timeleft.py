"""How long a run still takes, from how fast its progress went so far."""

from __future__ import annotations

import time
from collections.abc import Callable


class TimeLeft:
    """Estimates how long a run still takes from how fast its progress went so far."""

    STARTED = 0.1
    """Share up to which libraries and models are loaded, which says nothing of the speed."""
    LEAST = 0.1
    """Progress beyond that before an estimate is made."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start: tuple[float, float] | None = None

    def after(self, share: float) -> int | None:
        """Seconds, in steps of 5, from a share of the progress on; None while nothing can be said, and at the end."""
        now = self._clock()
        if share < self.STARTED or share >= 1:
            return None
        if self._start is None:
            self._start = (share, now)
        first, since = self._start
        if share - first < self.LEAST:
            return None
        return max(5 * round((1 - share) * (now - since) / (share - first) / 5), 5)
