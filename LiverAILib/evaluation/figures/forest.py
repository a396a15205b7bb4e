"""Forest plot: estimates with their intervals, one per row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from LiverAILib.evaluation.estimate import Estimate
from LiverAILib.evaluation.figures.style import NEUTRAL, TWO_COLUMNS, color, marker, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def forest_figure(
    groups: Mapping[str, Mapping[str, Estimate]],
    *,
    label: str,
    reference: float | None = None,
    limits: tuple[float, float] = (0.0, 1.0),
    title: str = "",
) -> Figure:
    """Estimates from top to bottom, one row per name, with the groups side by side in each row.

    Args:
        groups: Name of each group (color and marker) and its estimates by the name of the row; undefined ones are left
            out.
        label: What the numbers are.
        reference: A value to compare with, drawn as a vertical line.
        limits: Ends of the axis.
        title: Title above the axes.
    """
    rows = list(dict.fromkeys(name for found in groups.values() for name in found))
    step = 0.6 / max(len(groups), 1)
    figure = new_figure(TWO_COLUMNS * 0.75, 0.7 + len(rows) * (0.16 + 0.12 * len(groups)))
    axes = figure.subplots()
    for g, (group, found) in enumerate(groups.items()):
        for r, name in enumerate(rows):
            one = found.get(name)
            if one is None or not np.isfinite(one.value):
                continue
            y = r + (g - (len(groups) - 1) / 2) * step
            if one.interval is not None:
                axes.plot([one.interval.low, one.interval.high], [y, y], color=color(g), linewidth=1)
            axes.plot(one.value, y, marker=marker(g), color=color(g), markersize=4.5, linestyle="none")
        axes.plot([], [], marker=marker(g), color=color(g), label=group, linewidth=1)
    if reference is not None:
        axes.axvline(reference, color=NEUTRAL, linewidth=0.9, linestyle="--")
    axes.set_yticks(range(len(rows)), rows)
    axes.set(xlim=limits, ylim=(len(rows) - 0.5, -0.5), xlabel=label)
    axes.grid(axis="x", color="#E5E5E5", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_title(title)
    if len(groups) > 1:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=min(len(groups), 4))
    return figure
