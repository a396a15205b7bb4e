"""What a report is made of: tables, pictures and sections, independent of how they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

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
        rows: Cells as text, one tuple a row.
        note: Text below; empty if none.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


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
class Evaluation:
    """A whole evaluation.

    Attributes:
        title: Title of the report.
        task: ``"binary"``, ``"stages"`` or ``"values"``.
        headline: Name and text of the few numbers that stand on top.
        sections: The parts, in order.
        record: All numbers and the run's record, ready for JSON.
        warnings: What has to be read before the numbers.
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
    """Metrics of several methods: one row a method and metric, with interval, its method, counts and note."""
    rows = []
    for method, found in estimates.items():
        for key, one in found.items():
            interval = ("", "", "")
            if one.interval is not None:
                limits = (format_number(one.interval.low, digits), format_number(one.interval.high, digits))
                interval = (*limits, f"{100 * one.interval.level:g} % {one.interval.method}")
            count = f"{one.numerator}/{one.denominator}" if one.numerator is not None else f"n = {one.denominator}"
            rows.append((method, PRETTY.get(key, key), format_number(one.value, digits), *interval, count, one.note))
    return Table(
        name, title, ("method", "metric", "value", "low", "high", "interval", "count", "note"), tuple(rows), note
    )


def comparisons_table(
    name: str,
    title: str,
    comparisons: Sequence[Comparison],
    *,
    what: Sequence[str] | None = None,
    adjusted: Mapping[str, Sequence[float]] | None = None,
    note: str = "",
) -> Table:
    """Tests, one a row, with adjusted p values and the limits of each test."""
    adjusted = dict(adjusted or {})
    columns = ["compared", "first", "second", "difference", "low", "high", "test", "statistic", "df", "p"]
    columns += [f"p ({key})" for key in adjusted] + ["limits of the test"]
    rows = []
    for i, one in enumerate(comparisons):
        limits = ("", "")
        if one.interval is not None:
            limits = (format_number(one.interval.low), format_number(one.interval.high))
        label = f"{one.test} (as in the paper)" if one.as_in_paper else one.test
        gap = "" if one.difference != one.difference else format_number(one.difference)
        row = [what[i] if what else "", one.first, one.second, gap, *limits, label]
        row += [f"{one.statistic_name} = {format_number(one.statistic)}", "" if one.df is None else f"{one.df:.4g}"]
        row += [format_p(one.p_value)] + [format_p(float(values[i])) for values in adjusted.values()] + [one.limits]
        rows.append(tuple(row))
    return Table(name, title, tuple(columns), tuple(rows), note)


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
