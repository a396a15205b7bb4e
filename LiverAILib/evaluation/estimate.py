"""The results of this room: a number with its interval, and a comparison with its test."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A confidence interval.

    Attributes:
        low: Lower limit.
        high: Upper limit; may be ``inf`` (an unbounded likelihood ratio).
        level: Confidence level between 0 and 1, for example 0.95.
        method: Name of the method, for example ``"Clopper-Pearson"``.
    """

    low: float
    high: float
    level: float
    method: str

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise ValueError(f"level is {self.level}; give a confidence level between 0 and 1, for example 0.95")
        if self.low > self.high:
            raise ValueError(f"interval {self.low}..{self.high} has its lower limit above its upper one")

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Estimate:
    """A metric with its interval.

    Attributes:
        name: Name of the metric, for example ``"sensitivity"``.
        value: Point estimate; ``nan`` where it is undefined, and then ``note`` says why.
        interval: Confidence interval, or None where there is none; then ``note`` says why.
        numerator: Successes, for a proportion; otherwise None.
        denominator: Trials for a proportion, number of cases otherwise.
        note: What a reader has to know (undefined, approximate, as in the paper); empty if nothing.
        standard_error: Standard error where the method has one, otherwise None.
    """

    name: str
    value: float
    interval: Interval | None = None
    numerator: int | None = None
    denominator: int | None = None
    note: str = ""
    standard_error: float | None = None

    def text(self, digits: int = 3) -> str:
        """Value, interval and counts as one string, for example ``0.962 (0.904 to 0.989), 100/104``."""
        parts = [format_number(self.value, digits)]
        if self.interval is not None:
            low, high = format_number(self.interval.low, digits), format_number(self.interval.high, digits)
            parts.append(f" ({low} to {high})")
        if self.numerator is not None:
            parts.append(f", {self.numerator}/{self.denominator}")
        return "".join(parts)


@dataclass(frozen=True)
class Comparison:
    """The result of a statistical test between two (or several) methods or readers.

    Attributes:
        test: Name of the test.
        first: Name of the first method.
        second: Name of the second method, or of all others.
        difference: First minus second, in the unit of the compared metric; ``nan`` where the test has none.
        interval: Interval of the difference, or None.
        statistic: Value of the test statistic.
        statistic_name: ``"Z"``, ``"t"``, ``"chi-square"``, ``"discordant pairs"``.
        df: Degrees of freedom, or None.
        p_value: Two-sided p value, unadjusted; ``nan`` where the test is undefined.
        limits: One sentence on what the test does not show.
        source: Paper and section the test follows.
        as_in_paper: True for the test a paper used although a better one exists.
    """

    test: str
    first: str
    second: str
    difference: float
    interval: Interval | None
    statistic: float
    statistic_name: str
    df: float | None
    p_value: float
    limits: str
    source: str
    as_in_paper: bool = False


def format_number(value: float, digits: int = 3) -> str:
    """A number for people: fixed digits, ``infinite`` and ``undefined`` in words."""
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "infinite" if value > 0 else "-infinite"
    # Adding 0 turns the -0.000 of a tiny negative number into 0.000.
    return f"{round(value, digits) + 0.0:.{digits}f}"


def format_p(p_value: float) -> str:
    """A p value for people: three decimals, and ``<.001`` below that."""
    if math.isnan(p_value):
        return "undefined"
    return "<.001" if p_value < 0.001 else f"{p_value:.3f}".lstrip("0") if p_value < 0.9995 else "1.000"
