"""What a batch says while it runs: which case begins, how fast it goes, and how long it will take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from LiverAILib.jobs.batch.case_worker import CaseOutcome

Progress = Callable[[float, str], None]
"""Called with a share 0..1 and a sentence."""
WINDOW = 50
"""The speed is that of the last so many cases: those that are kept from an earlier run, which take no time, come first."""


class BatchProgress:
    """Turns what happens to the cases into sentences with cases per hour and time left."""

    def __init__(self, count: int, progress: Progress, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._count = count
        self._progress = progress
        self._clock = clock
        self._begun = 0
        self._ended = 0
        self._ends = deque([clock()], maxlen=WINDOW + 1)
        self._peak_bytes: dict[int, int] = {}

    def say(self, text: str) -> None:
        """Report a sentence."""
        self._progress(self._ended / self._count, text)

    def begin(self, case_id: str) -> None:
        """A case begins; one that is begun again does not count twice."""
        self._begun = min(self._begun + 1, self._count)
        self.say(f"{case_id} ({self._begun} of {self._count}){self._speed()}")

    def end(self, outcome: CaseOutcome) -> None:
        """A case has ended."""
        self._ended += 1
        self._ends.append(self._clock())
        if outcome.peak_bytes is not None:
            self._peak_bytes[outcome.process] = outcome.peak_bytes

    def done(self) -> None:
        """All cases have ended."""
        self._progress(1.0, f"Done{self._memory()}")

    def _speed(self) -> str:
        seconds = self._ends[-1] - self._ends[0]
        if len(self._ends) < 2 or seconds <= 0:
            return ""
        per_second = (len(self._ends) - 1) / seconds
        return f", {3600 * per_second:.0f} cases/h, {duration((self._count - self._ended) / per_second)} left"

    def _memory(self) -> str:
        if not self._peak_bytes:
            return ""
        return f"; {max(self._peak_bytes.values()) / 1e9:.1f} GB of memory at most in a process"


def duration(seconds: float) -> str:
    """A time for a person: "40 s", "12 min", "3 h 05 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
