"""ROC and precision-recall curves as numbers, with pointwise bands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from LiverAILib.evaluation import bootstrap
from LiverAILib.evaluation.validate import both_classes, labels_and_scores


@dataclass(frozen=True)
class Curve:
    """A curve with a pointwise band.

    Attributes:
        kind: ``"roc"`` (x = 1 - specificity, y = sensitivity) or ``"pr"`` (x = recall, y = precision).
        x: Shape (p,), rising.
        y: Shape (p,).
        grid: Shape (g,), x positions of the band, rising; empty without a band.
        low: Shape (g,), lower limit at each position of the grid.
        high: Shape (g,), upper limit.
        level: Confidence level of the band, pointwise and not simultaneous.
        prevalence: Share of positive cases.
    """

    kind: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    grid: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    level: float
    prevalence: float


def curve(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    kind: str = "roc",
    replicates: int = 500,
    seed: int = 0,
    level: float = 0.95,
    patients: ArrayLike | None = None,
    positive: object | None = None,
) -> Curve:
    """ROC or precision-recall curve by scikit-learn, with a stratified bootstrap band at fixed x.

    Args:
        labels: Shape (n,), binary, both classes present.
        scores: Shape (n,).
        kind: ``"roc"`` or ``"pr"``.
        replicates: Bootstrap draws for the band; 0 for no band.
        seed: Seed of the bootstrap.
        level: Confidence level.
        patients: Shape (n,), identifiers where patients have several rows.
        positive: Label of the positive class where it is not 1 or True.
    """
    if kind not in ("roc", "pr"):
        raise ValueError(f"curve {kind!r} is unknown; use 'roc' or 'pr'")
    truth, values = labels_and_scores(labels, scores, positive=positive)
    both_classes(truth, "a curve")
    x, y = _points(truth, values, kind)
    grid = np.linspace(0, 1, 101) if replicates else np.empty(0)
    low = high = grid
    if replicates:
        drawn = bootstrap.resample_patients(
            lambda index: _at(grid, *_points(truth[index], values[index], kind), kind),
            truth,
            patients=patients,
            replicates=replicates,
            seed=seed,
        ).values
        low, high = np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    return Curve(kind, x, y, grid, low, high, level, float(truth.mean()))


def _points(truth: NDArray[np.bool_], values: NDArray[np.float64], kind: str) -> tuple[NDArray, NDArray]:
    from sklearn.metrics import precision_recall_curve, roc_curve

    if kind == "roc":
        x, y, _ = roc_curve(truth, values, drop_intermediate=False)
        return x, y
    precision, recall, _ = precision_recall_curve(truth, values)
    return recall[::-1], precision[::-1]


def _at(grid: NDArray, x: NDArray, y: NDArray, kind: str) -> NDArray[np.float64]:
    """Height of a curve at the grid: ROC along the straight line between points, PR at the next point."""
    if kind == "roc":
        # At a vertical step the upper end counts, so that the curve starts where its first vertical rise ends.
        last = np.searchsorted(x, np.unique(x), side="right") - 1
        return np.interp(grid, x[last], y[last])
    return y[np.minimum(np.searchsorted(x, grid, side="left"), x.size - 1)]
