"""Reliability diagram and decision curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from LiverAILib.evaluation.calibration import Calibration
from LiverAILib.evaluation.decision import DecisionCurve
from LiverAILib.evaluation.figures.style import (
    NEUTRAL,
    ONE_COLUMN,
    color,
    line,
    marker,
    new_figure,
    styled,
    unit_square,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def reliability_figure(results: Mapping[str, Calibration], *, title: str = "") -> Figure:
    """Observed share over mean probability, with Wilson intervals, and the number of cases in each bin below.

    Args:
        results: Name and calibration of each method.
        title: Title above the axes.
    """
    figure = new_figure(ONE_COLUMN, ONE_COLUMN * (1.3 + 0.05 * len(results)))
    axes, below = figure.subplots(2, 1, height_ratios=[4, 1])
    axes.plot([0, 1], [0, 1], color=NEUTRAL, linewidth=0.8, linestyle=(0, (1, 3)))
    widest = 0
    for i, (name, result) in enumerate(results.items()):
        x = np.array([one.predicted for one in result.bins])
        y = np.array([one.observed for one in result.bins])
        low = y - np.array([one.interval.low for one in result.bins])
        high = np.array([one.interval.high for one in result.bins]) - y
        axes.errorbar(
            x,
            y,
            yerr=np.clip([low, high], 0, None),
            fmt=marker(i),
            color=color(i),
            linestyle=line(i),
            linewidth=1,
            elinewidth=0.8,
            label=name,
            markeredgecolor="white",
            markeredgewidth=0.6,
            clip_on=False,
        )
        n = np.array([one.n for one in result.bins])
        below.vlines(x + 0.008 * i, 0, n, color=color(i), linewidth=2.5)
        widest = max(widest, int(n.max()))
    unit_square(axes, "", "observed share")
    axes.legend(loc="best")
    axes.set_title(title)
    below.set(xlim=(-0.02, 1.02), ylim=(0, widest * 1.15), xlabel="mean predicted probability", ylabel="cases")
    return figure


@styled
def decision_figure(curves: Mapping[str, DecisionCurve], *, title: str = "") -> Figure:
    """Net benefit over the threshold probability, against acting on all patients and on none.

    Args:
        curves: Name and decision curve of each method, on the same patients.
        title: Title above the axes.
    """
    figure = new_figure(ONE_COLUMN, ONE_COLUMN * (0.9 + 0.03 * len(curves)))
    axes = figure.subplots()
    top = 0.05
    for i, (name, curve) in enumerate(curves.items()):
        if i == 0:
            axes.plot(
                curve.thresholds, curve.treat_all, color=NEUTRAL, linestyle="--", linewidth=0.9, label="act on all"
            )
            axes.axhline(0, color=NEUTRAL, linewidth=0.9, linestyle=":", label="act on none")
        axes.fill_between(curve.thresholds, curve.low, curve.high, color=color(i), alpha=0.15, linewidth=0)
        axes.plot(curve.thresholds, curve.net_benefit, color=color(i), linestyle=line(i), label=name)
        top = max(top, float(curve.high.max()))
    axes.set(xlim=(0, 1), ylim=(-0.25 * top, 1.1 * top), xlabel="threshold probability", ylabel="net benefit")
    axes.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.2), ncols=2, handlelength=2.6, borderaxespad=0)
    axes.set_title(title)
    return figure
