"""Confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from LiverAILib.evaluation.figures.style import BLUES, ONE_COLUMN, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def confusion_figure(table: ArrayLike, names: Sequence[str], *, title: str = "") -> Figure:
    """Counts and row percentages; the color is the row percentage, so that rare classes are not pale.

    Args:
        table: Shape (k, k), rows truth, columns prediction.
        names: k class names.
        title: Title above the axes.
    """
    counts = np.asarray(table)
    if counts.shape != (len(names), len(names)):
        raise ValueError(
            f"table has shape {counts.shape}; give ({len(names)}, {len(names)}), one row and one column per name"
        )
    totals = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    figure = new_figure(ONE_COLUMN, ONE_COLUMN * 0.9)
    axes = figure.subplots()
    image = axes.imshow(share, cmap=BLUES, vmin=0, vmax=1)
    for row in range(len(names)):
        for column in range(len(names)):
            text = f"{counts[row, column]}\n{100 * share[row, column]:.0f} %"
            dark = share[row, column] < 0.5
            axes.text(column, row, text, ha="center", va="center", color="white" if dark else "black", fontsize=7)
    rows = [f"{name}\n(n = {int(total)})" for name, total in zip(names, totals[:, 0], strict=True)]
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), rows)
    axes.set(xlabel="predicted", ylabel="reference standard")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(title)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, ticks=[0, 0.5, 1])
    bar.set_label("share of the row")
    bar.outline.set_visible(False)
    return figure
