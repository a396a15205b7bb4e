"""What a report is made of: tables, pictures and sections, independent of how they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from LiverAILib.evaluation.estimate import Comparison, Estimate, format_number, format_p

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRETTY = {
    "auc": "AUC",
    "average_precision": "average precision",
    "average_precision_negative": "average precision, negative class",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "lr_positive": "LR+",
    "lr_negative": "LR-",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "kappa": "kappa",
    "quadratic_weighted_kappa": "quadratic-weighted kappa",
    "obuchowski_index": "Obuchowski index",
    "macro_auc": "macro-average AUC",
    "micro_auc": "micro-average AUC",
}


@dataclass(frozen=True)
class Table:
    """A table of the report, also written as CSV.

    Attributes:
        name: File name without ending.
        title: Title for people.
        columns: Column names.
        rows: Cells as text, one tuple per row.
        note: Text below; empty if none.
        compact: The same for the page: fewer columns, what repeats is given once below. None: shown as it is.
        folded: Long and rarely read: the page shows it closed, to be opened.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    compact: Table | None = None
    folded: bool = False

    @property
    def filled_columns(self) -> tuple[int, ...]:
        """Indices of the columns that have text in any row."""
        return tuple(i for i in range(len(self.columns)) if any(row[i] for row in self.rows))


@dataclass(frozen=True)
class Picture:
    """A figure of the report: file name without ending, the figure, and its caption (also its alternative text)."""

    name: str
    figure: Figure
    caption: str


@dataclass(frozen=True)
class Section:
    """A part of the report: title, paragraphs, tables, pictures."""

    title: str
    text: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Addition:
    """A part of the report made by the caller: its key in metrics.json, the section and its numbers."""

    key: str
    section: Section
    record: Any


@dataclass(frozen=True)
class Evaluation:
    """A whole evaluation.

    Attributes:
        title: Title of the report.
        task: ``"binary"``, ``"stages"`` or ``"values"``.
        headline: Name and text of the few numbers shown at the top.
        sections: The parts, in order.
        record: All numbers and the run's record, ready for JSON.
        warnings: Warnings to read before the numbers.
    """

    title: str
    task: str
    headline: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    record: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def estimates_table(
    name: str, title: str, estimates: Mapping[str, Mapping[str, Estimate]], *, note: str = "", digits: int = 3
) -> Table:
    """Metrics of several methods: one row per method and metric, with interval, its method, counts and note."""
    rows = []
    for method, found in estimates.items():
        for key, one in found.items():
            interval = ("", "", "")
            if one.interval is not None:
                limits = (format_number(one.interval.low, digits), format_number(one.interval.high, digits))
                interval = (*limits, f"{100 * one.interval.level:g} % {one.interval.method}")
            count = f"{one.numerator}/{one.denominator}" if one.numerator is not None else f"n = {one.denominator}"
            rows.append((method, PRETTY.get(key, key), format_number(one.value, digits), *interval, count, one.note))
    columns = ("method", "metric", "value", "low", "high", "interval", "count", "note")
    return Table(name, title, columns, tuple(rows), note, _compact_estimates(name, title, estimates, note, digits))


def _compact_estimates(
    name: str, title: str, estimates: Mapping[str, Mapping[str, Estimate]], note: str, digits: int
) -> Table:
    """One row per metric, one column per method; the intervals' methods and the notes once below."""
    keys = list(dict.fromkeys(key for found in estimates.values() for key in found))
    rows: list[tuple[str, ...]] = []
    intervals: dict[str, list[str]] = {}
    notes: dict[tuple[str, str], list[str]] = {}
    levels: set[float] = set()
    for key in keys:
        label = PRETTY.get(key, key)
        rows.append((label, *(found[key].text(digits) if key in found else "" for found in estimates.values())))
        for method, found in estimates.items():
            one = found.get(key)
            if one is not None and one.interval is not None:
                intervals.setdefault(one.interval.method, []).append(label)
                levels.add(one.interval.level)
            if one is not None and one.note:
                notes.setdefault((label, one.note), []).append(method)
    below = [note] if note else []
    if intervals:
        level = " and ".join(f"{100 * value:g} %" for value in sorted(levels))
        listed = "; ".join(f"{way} ({', '.join(dict.fromkeys(labels))})" for way, labels in intervals.items())
        below.append(f"Intervals, {level}: {listed}.")
    for (label, text), methods in notes.items():
        who = "" if len(methods) == len(estimates) else f" ({', '.join(methods)})"
        below.append(f"{label[0].upper()}{label[1:]}{who}: {text}.")
    return Table(name, title, ("metric", *estimates), tuple(rows), " ".join(below))


def comparisons_table(
    name: str,
    title: str,
    comparisons: Sequence[Comparison],
    *,
    what: Sequence[str] | None = None,
    adjusted: Mapping[str, Sequence[float] | NDArray[np.float64]] | None = None,
    note: str = "",
) -> Table:
    """Tests, one per row, with adjusted p values and the limits of each test."""
    adjusted = dict(adjusted or {})
    columns = ["compared", "first", "second", "difference", "low", "high", "test", "statistic", "df", "p"]
    columns += [f"p ({key})" for key in adjusted] + ["limits of the test", "source"]
    short_columns = ["compared", "against", "difference", "p", *(f"p ({key})" for key in adjusted), "test", "statistic"]
    rows, short = [], []
    limits: dict[str, str] = {}
    for i, one in enumerate(comparisons):
        ends = ("", "")
        if one.interval is not None:
            ends = (format_number(one.interval.low), format_number(one.interval.high))
        test = f"{one.test} (as in the paper)" if one.as_in_paper else one.test
        gap = "" if one.difference != one.difference else format_number(one.difference)
        statistic = f"{one.statistic_name} = {one.statistic:.4g}"
        df = "" if one.df is None else f"{one.df:.4g}"
        p_values = [format_p(one.p_value)] + [format_p(float(values[i])) for values in adjusted.values()]
        subject = what[i] if what else ""
        rows.append(
            (subject, one.first, one.second, gap, *ends, test, statistic, df, *p_values, one.limits, one.source)
        )
        wide = f"{gap} ({ends[0]} to {ends[1]})" if ends[0] else gap
        both = f"{one.first} - {one.second}"
        short.append((subject, both, wide, *p_values, test, statistic + (f", df {df}" if df else "")))
        limits.setdefault(test, one.limits)
    below = [note] if note else []
    below += [f"{test[0].upper()}{test[1:]}: {text}" for test, text in limits.items()]
    compact = Table(name, title, tuple(short_columns), tuple(short), " ".join(below))
    return Table(name, title, tuple(columns), tuple(rows), note, compact)


def plain(value: Any) -> Any:
    """A value for JSON: dataclasses and arrays to plain types, NaN to None, infinity to text."""
    import dataclasses
    import math

    import numpy as np

    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {part.name: plain(getattr(value, part.name)) for part in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if math.isinf(value):
            return "infinite" if value > 0 else "-infinite"
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
