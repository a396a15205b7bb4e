"""ROC and precision-recall figures with bands and the readers' operating points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from LiverAILib.evaluation.curves import Curve
from LiverAILib.evaluation.estimate import Estimate
from LiverAILib.evaluation.figures.style import (
    NEUTRAL,
    ONE_COLUMN,
    TWO_COLUMNS,
    color,
    line,
    marker,
    new_figure,
    styled,
    unit_square,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Reader:
    """A reader's operating point.

    Attributes:
        name: Name, for example ``"board-certified"``.
        sensitivity: Sensitivity (= recall) with its interval.
        specificity: Specificity with its interval.
        precision: Positive predictive value with its interval, or None.
    """

    name: str
    sensitivity: Estimate
    specificity: Estimate
    precision: Estimate | None = None


@styled
def roc_figure(
    curves: Mapping[str, Curve],
    *,
    labels: Mapping[str, str] | None = None,
    readers: Sequence[Reader] = (),
    title: str = "",
) -> Figure:
    """ROC curves of one or several methods, bands where a curve has one, and readers as points with crosshairs.

    Args:
        curves: Name and curve (``kind="roc"``).
        labels: Legend text of a name, for example with its AUC; None: the name.
        readers: Operating points.
        title: Title above the axes.
    """
    figure = new_figure(ONE_COLUMN, ONE_COLUMN * _height(len(curves) + len(readers)))
    draw_roc(figure.subplots(), curves, labels=labels, readers=readers, title=title)
    return figure


@styled
def pr_figure(
    curves: Mapping[str, Curve],
    *,
    labels: Mapping[str, str] | None = None,
    readers: Sequence[Reader] = (),
    title: str = "",
) -> Figure:
    """Precision-recall curves, with the prevalence as the line of no skill; arguments as in `roc_figure`."""
    figure = new_figure(ONE_COLUMN, ONE_COLUMN * _height(len(curves) + len(readers)))
    draw_pr(figure.subplots(), curves, labels=labels, readers=readers, title=title)
    return figure


@styled
def roc_panels(
    panels: Mapping[str, Mapping[str, Curve]], *, labels: Mapping[str, Mapping[str, str]] | None = None
) -> Figure:
    """Several ROC plots in a row, as Xue 2020's figure 4 (S4, >=S3, >=S2) and Byra 2021's figure 3.

    Args:
        panels: Title of each panel and its curves.
        labels: Title of each panel and its legend texts.
    """
    width = TWO_COLUMNS if len(panels) > 1 else ONE_COLUMN
    most = max(len(curves) for curves in panels.values())
    figure = new_figure(width, width / len(panels) * _height(most))
    for i, (axes, (title, curves)) in enumerate(
        zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True)
    ):
        letter = f"{chr(97 + i)}  " if len(panels) > 1 else ""
        draw_roc(axes, curves, labels=(labels or {}).get(title), title=f"{letter}{title}", first=i == 0)
    return figure


def draw_roc(
    axes: Axes,
    curves: Mapping[str, Curve],
    *,
    labels: Mapping[str, str] | None = None,
    readers: Sequence[Reader] = (),
    title: str = "",
    first: bool = True,
) -> None:
    """Draw ROC curves into given axes; ``first`` False leaves out the label of the y axis."""
    axes.plot([0, 1], [0, 1], color=NEUTRAL, linewidth=0.8, linestyle=(0, (1, 3)))
    for i, (name, curve) in enumerate(curves.items()):
        if curve.grid.size:
            axes.fill_between(curve.grid, curve.low, curve.high, color=color(i), alpha=0.15, linewidth=0)
        axes.plot(curve.x, curve.y, color=color(i), linestyle=line(i), label=(labels or {}).get(name, name))
    for i, reader in enumerate(readers):
        x, y = 1 - reader.specificity.value, reader.sensitivity.value
        x_low, x_high = _reach(reader.specificity)
        _crosshair(axes, i + len(curves), reader.name, (x, y), ((x_high, x_low), _reach(reader.sensitivity)))
    unit_square(axes, "1 - specificity", "sensitivity" if first else "")
    _finish(axes, title)


def draw_pr(
    axes: Axes,
    curves: Mapping[str, Curve],
    *,
    labels: Mapping[str, str] | None = None,
    readers: Sequence[Reader] = (),
    title: str = "",
) -> None:
    """Draw precision-recall curves into given axes as steps, because a straight line between points flatters."""
    for i, (name, curve) in enumerate(curves.items()):
        if i == 0:
            axes.axhline(curve.prevalence, color=NEUTRAL, linewidth=0.8, linestyle=(0, (1, 3)))
        if curve.grid.size:
            axes.fill_between(curve.grid, curve.low, curve.high, color=color(i), alpha=0.15, linewidth=0)
        text = (labels or {}).get(name, name)
        axes.plot(curve.x, curve.y, color=color(i), linestyle=line(i), label=text, drawstyle="steps-pre")
    for i, reader in enumerate(readers):
        if reader.precision is None:
            continue
        at = (reader.sensitivity.value, reader.precision.value)
        _crosshair(axes, i + len(curves), reader.name, at, (_reach(reader.sensitivity), _reach(reader.precision)))
    unit_square(axes, "recall (sensitivity)", "precision (PPV)")
    _finish(axes, title)


def _reach(estimate: Estimate) -> tuple[float, float]:
    """Distances from the value down and up to its limits."""
    if estimate.interval is None:
        return 0.0, 0.0
    return max(0.0, estimate.value - estimate.interval.low), max(0.0, estimate.interval.high - estimate.value)


def _crosshair(
    axes: Axes, i: int, name: str, at: tuple[float, float], reach: tuple[tuple[float, float], tuple[float, float]]
) -> None:
    x_error, y_error = ([[pair[0]], [pair[1]]] for pair in reach)
    axes.errorbar(
        [at[0]],
        [at[1]],
        xerr=x_error,
        yerr=y_error,
        fmt=marker(i),
        color=color(i),
        label=name,
        elinewidth=0.8,
        markeredgecolor="white",
        markeredgewidth=0.6,
        zorder=5,
        clip_on=False,
    )


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(title)
    # Below the axes, the legend can cover neither curve nor point.
    axes.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.2), handlelength=2.6, borderaxespad=0)


def _height(entries: int) -> float:
    """Height over width that leaves room for the legend."""
    return 1.02 + 0.055 * entries
