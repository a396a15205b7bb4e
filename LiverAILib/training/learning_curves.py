"""The learning curves of a run as a picture, updated during the run."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from LiverAILib.atomic_write import atomic_write

SECONDS_BETWEEN_VIEWS = 20.0
LOSS, SCORE, FIRST, LAST = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#000000",
)  # Okabe and Ito: distinguishable for color-blind readers

History = Sequence[Mapping[str, Any]]


class EarlyView:
    """`learning_curves.png` of a run, renewed now and then so that drawing takes no time from short epochs."""

    def __init__(self, path: Path, *, enabled: bool = True) -> None:
        self.path = path
        self.enabled = enabled
        self._last = time.perf_counter()

    def show(self, history: History) -> None:
        """Draw, if the last drawing is some time ago."""
        if time.perf_counter() - self._last > SECONDS_BETWEEN_VIEWS:
            self.draw(history)
            self._last = time.perf_counter()

    def draw(self, history: History) -> None:
        """Draw now."""
        if self.enabled:
            draw_learning_curves(history, self.path)


def draw_learning_curves(history: History, path: Path) -> None:
    """Loss, validation score and learning rates over the epochs; lines where a stage begins, a ring at the best.

    Args:
        history: What `fit` returns: one record per epoch with stage, loss, lr (a layer group each, None where frozen) and,
            where it was validated, score.
        path: PNG to write; an earlier one stays until the new one is whole.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # A figure of its own canvas: no global state of pyplot, no display needed.
    figure = Figure(figsize=(8, 7), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    loss_axes, score_axes, rate_axes = figure.subplots(3, 1, sharex=True)
    epochs = range(1, len(history) + 1)
    loss_axes.plot(epochs, [record.get("loss", float("nan")) for record in history], ".-", color=LOSS)
    loss_axes.set_ylabel("training loss")
    _score(score_axes, history)
    _rates(rate_axes, history)
    rate_axes.set_xlabel("epoch")
    for axes in (loss_axes, score_axes, rate_axes):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        for epoch, record in zip(epochs, history, strict=True):
            if epoch == 1 or record["stage"] != history[epoch - 2]["stage"]:
                axes.axvline(epoch - 0.5, color="0.6", linewidth=0.8, linestyle="--")
                if axes is loss_axes:
                    label = f"stage {record['stage']}" if str(record["stage"]).isdigit() else str(record["stage"])
                    axes.annotate(
                        label, (epoch - 0.5, 1.02), xycoords=("data", "axes fraction"), fontsize=8, color="0.35"
                    )
    with atomic_write(path) as unfinished:
        canvas.print_png(unfinished)


def _score(axes, history: History) -> None:
    validated = [(epoch, record["score"]) for epoch, record in enumerate(history, 1) if "score" in record]
    axes.set_ylabel("validation score")
    if not validated:
        return
    axes.plot(*zip(*validated, strict=True), ".-", color=SCORE)
    best = max(validated, key=lambda pair: pair[1])
    axes.plot(*best, "o", markersize=11, fillstyle="none", color=SCORE)
    axes.set_title(f"best {best[1]:.4g} in epoch {best[0]} (higher is better)", fontsize=8, loc="right", color="0.35")


def _rates(axes, history: History) -> None:
    rates = [record.get("lr") or [None] for record in history]
    axes.set_ylabel("learning rate")
    if all(rate[0] is None and rate[-1] is None for rate in rates):
        return
    axes.set_yscale("log")
    for place, color, label in ((-1, LAST, "last layer"), (0, FIRST, "first layer (gap: frozen)")):
        values = [float("nan") if rate[place] is None else rate[place] for rate in rates]
        axes.plot(range(1, len(values) + 1), values, ".-", color=color, label=label)
    axes.legend(fontsize=8, frameon=False)
