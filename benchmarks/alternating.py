"""Timings that can be compared: contenders run in turn in one process, and ratios come with their spread.

A ratio is taken within a round, between runs that follow each other, so that slow drifts of the machine cancel; its minimum,
median and maximum over the rounds are printed. What ran before a contender changes its time (memory that is returned to the
operating system or mapped again, cold caches): the order rotates from round to round, garbage is collected before every run, and
`before` brings the process into the same state.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

Measured = TypeVar("Measured")


@dataclass(frozen=True)
class Spread:
    """Minimum, median and maximum of repeated measurements."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value."""
        return cls(min(values), statistics.median(values), max(values))

    def text(self, digits: int = 2) -> str:
        """For example `1.00 (0.98-1.03)`."""
        return f"{self.median:.{digits}f} ({self.low:.{digits}f}-{self.high:.{digits}f})"


def wall_seconds(function: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def alternate(
    contenders: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    measure: Callable[[Callable[[], object]], Measured] = wall_seconds,  # type: ignore[assignment]
    before: Callable[[], object] | None = None,
    warm_up: bool = True,
) -> dict[str, list[Measured]]:
    """Measurements of each contender, one per round.

    Args:
        contenders: What is timed, by name.
        rounds: Number of rounds; each runs every contender once, starting one contender later than the round before.
        measure: Runs a contender and returns its measurement.
        before: Called, not measured, before every run.
        warm_up: Run every contender once before the first round.
    """
    names = list(contenders)
    found: dict[str, list[Measured]] = {name: [] for name in names}
    for function in contenders.values() if warm_up else ():
        function()
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            gc.collect()
            if before is not None:
                before()
            found[name].append(measure(contenders[name]))
    return found


def ratios(values: Mapping[str, Sequence[float]], base: str) -> dict[str, Spread]:
    """Each contender as a multiple of `base`, taken round by round."""
    return {
        name: Spread.of([one / reference for one, reference in zip(own, values[base], strict=True)])
        for name, own in values.items()
    }
