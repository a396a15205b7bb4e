"""Figures of measured values: scatter, Bland-Altman, box plots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from LiverAILib.evaluation.agreement import BlandAltman
from LiverAILib.evaluation.estimate import Estimate
from LiverAILib.evaluation.figures.style import NEUTRAL, ONE_COLUMN, color, marker, new_figure, styled
from LiverAILib.evaluation.validate import finite_vector, same_length

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def bland_altman_figure(result: BlandAltman, *, quantity: str = "value", unit: str = "", title: str = "") -> Figure:
    """Difference over mean, with bias and limits of agreement and the interval of each as a band.

    Args:
        result: The analysis.
        quantity: What was measured, for example ``"PDFF"``.
        unit: Its unit, for example ``"%"``.
        title: Title above the axes.
    """
    figure = new_figure(ONE_COLUMN * 1.15, ONE_COLUMN * 0.9)
    draw_bland_altman(figure.subplots(), result, quantity=quantity, unit=unit, title=title)
    return figure


@styled
def scatter_figure(
    predicted: ArrayLike, reference: ArrayLike, *, quantity: str = "value", unit: str = "", title: str = ""
) -> Figure:
    """Predicted over reference values (n,) with the line of identity."""
    figure = new_figure(ONE_COLUMN, ONE_COLUMN * 0.95)
    draw_scatter(figure.subplots(), predicted, reference, quantity=quantity, unit=unit, title=title)
    return figure


@styled
def box_figure(groups: Mapping[str, ArrayLike], *, label: str = "value", title: str = "", p_text: str = "") -> Figure:
    """Box plots with every value as a point; boxes are quartiles, whiskers reach 1.5 interquartile ranges.

    Args:
        groups: Name and values (n,) of each group; empty groups keep their place.
        label: Label of the y axis, with the unit.
        title: Title above the axes.
        p_text: Text of a test, for example ``"Mann-Whitney U, p < .001"``.
    """
    figure = new_figure(ONE_COLUMN, ONE_COLUMN * 0.9)
    draw_boxes(figure.subplots(), groups, label=label, title=title, p_text=p_text)
    return figure


def draw_bland_altman(axes: Axes, result: BlandAltman, *, quantity: str, unit: str, title: str) -> None:
    """Draw a Bland-Altman plot into given axes."""
    suffix = f" ({unit})" if unit else ""
    axes.scatter(result.mean, result.difference, s=12, color=color(0), alpha=0.6, linewidths=0)
    lines: list[tuple[Estimate, str, str]] = [
        (result.upper, "upper limit", "--"),
        (result.bias, "bias", "-"),
        (result.lower, "lower limit", "--"),
    ]
    for estimate, name, style in lines:
        axes.axhline(estimate.value, color="black", linestyle=style, linewidth=1)
        if estimate.interval is not None:
            axes.axhspan(estimate.interval.low, estimate.interval.high, color=NEUTRAL, alpha=0.18, linewidth=0)
        axes.annotate(
            f"{name}\n{estimate.value:.2f}",
            (1.01, estimate.value),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=6.5,
        )
    bands = [estimate.interval for estimate, _, _ in lines if estimate.interval is not None]
    ends = [abs(end) for band in bands for end in (band.low, band.high)]
    reach = max(*ends, float(np.abs(result.difference).max())) or 1.0
    axes.set(
        ylim=(-1.1 * reach, 1.1 * reach),
        xlabel=f"mean of predicted and reference {quantity}{suffix}",
        ylabel=f"predicted - reference{suffix}",
    )
    axes.set_title(title)


def draw_scatter(
    axes: Axes, predicted: ArrayLike, reference: ArrayLike, *, quantity: str, unit: str, title: str
) -> None:
    """Draw predicted over reference values into given axes."""
    first, second = finite_vector(predicted, "predicted"), finite_vector(reference, "reference")
    same_length(predicted=first, reference=second)
    suffix = f" ({unit})" if unit else ""
    axes.scatter(second, first, s=12, color=color(0), alpha=0.6, linewidths=0)
    low, high = min(first.min(), second.min()), max(first.max(), second.max())
    air = 0.04 * (high - low or 1)
    axes.plot([low, high], [low, high], color=NEUTRAL, linestyle="--", linewidth=0.9, label="identity")
    axes.set(
        xlim=(low - air, high + air),
        ylim=(low - air, high + air),
        xlabel=f"reference {quantity}{suffix}",
        ylabel=f"predicted {quantity}{suffix}",
        aspect="equal",
    )
    axes.legend(loc="upper left")
    axes.set_title(title)


def draw_boxes(axes: Axes, groups: Mapping[str, ArrayLike], *, label: str, title: str, p_text: str) -> None:
    """Draw box plots with their points into given axes."""
    generator = np.random.default_rng(0)
    names = []
    for i, (name, values) in enumerate(groups.items()):
        array = finite_vector(values, name)
        names.append(f"{name}\n(n = {array.size})")
        if not array.size:
            continue
        axes.boxplot(
            [array],
            positions=[i],
            widths=0.55,
            showfliers=False,
            patch_artist=True,
            boxprops={"facecolor": color(i), "alpha": 0.25, "edgecolor": color(i)},
            medianprops={"color": "black"},
            whiskerprops={"color": color(i)},
            capprops={"color": color(i)},
        )
        axes.scatter(
            i + generator.uniform(-0.16, 0.16, array.size),
            array,
            s=9,
            marker=marker(i),
            color=color(i),
            alpha=0.6,
            linewidths=0,
        )
    axes.set_xticks(range(len(names)), names)
    axes.set(xlim=(-0.6, len(names) - 0.4), ylabel=label)
    axes.set_title(title)
    if p_text:
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + 0.08 * (high - low))
        axes.text(0.98, 0.99, p_text, transform=axes.transAxes, ha="right", va="top", fontsize=7)
