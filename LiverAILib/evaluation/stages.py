"""Five-stage results: predicted stage against true stage, cut-offs such as >=F2, and curves over all stages.

Probabilities have the shape (n, k), columns in the order of ``stages`` (F0..F4 by default).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from LiverAILib.evaluation import bootstrap
from LiverAILib.evaluation.delong import auc_value
from LiverAILib.evaluation.estimate import Estimate
from LiverAILib.evaluation.intervals import proportion
from LiverAILib.evaluation.metrics import kappa_from_table
from LiverAILib.evaluation.obuchowski import obuchowski_index
from LiverAILib.evaluation.validate import finite_vector, same_length

METAVIR = (0, 1, 2, 3, 4)


def check_stages(
    labels: ArrayLike, probabilities: ArrayLike, stages: Sequence[int] = METAVIR
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Integer stages (n,) and probabilities (n, k) that fit each other.

    Raises:
        ValueError: A stage outside ``stages``, a wrong shape, values outside 0..1, or rows that do not add up to 1.
    """
    truth = finite_vector(labels, "stages")
    odd = np.flatnonzero(~np.isin(truth, stages))
    if odd.size:
        raise ValueError(
            f"stage {truth[odd[0]]:g} at index {odd[0]} is none of {list(stages)}; correct it or name all stages"
        )
    table = np.asarray(probabilities, dtype=float)
    if table.ndim != 2 or table.shape[1] != len(stages):
        raise ValueError(f"probabilities have shape {table.shape}; give (n, {len(stages)}), one column per stage")
    same_length(stages=truth, probabilities=table)
    for column in table.T:
        finite_vector(column, "probabilities")
    if table.min() < 0 or table.max() > 1:
        raise ValueError("probabilities lie outside 0..1; pass the logits through a softmax first")
    off = np.flatnonzero(np.abs(table.sum(axis=1) - 1) > 1e-3)
    if off.size:
        raise ValueError(
            f"the probabilities of row {off[0]} add up to {table[off[0]].sum():.4f} instead of 1; pass the logits "
            "through a softmax"
        )
    return truth.astype(np.int64), table


def probability_at_least(probabilities: ArrayLike, cut: int, *, stages: Sequence[int] = METAVIR) -> NDArray[np.float64]:
    """Probability of stage >= cut: the sum of the stages' probabilities (Yin 2021, Evaluation). Shape (n,)."""
    table = np.asarray(probabilities, dtype=float)
    return np.clip(table[:, np.asarray(stages) >= cut].sum(axis=1), 0, 1)


def expected_stage(probabilities: ArrayLike, *, stages: Sequence[int] = METAVIR) -> NDArray[np.float64]:
    """Mean of the stage under the probabilities, shape (n,): a single ordinal score."""
    return np.asarray(probabilities, dtype=float) @ np.asarray(stages, dtype=float)


def confusion(labels: ArrayLike, predicted: ArrayLike, *, stages: Sequence[int] = METAVIR) -> NDArray[np.int64]:
    """Counts, shape (k, k): rows truth, columns prediction, in the order of ``stages``."""
    from sklearn.metrics import confusion_matrix

    return confusion_matrix(labels, predicted, labels=list(stages))


def stage_metrics(
    labels: ArrayLike,
    probabilities: ArrayLike,
    *,
    stages: Sequence[int] = METAVIR,
    level: float = 0.95,
    method: str = "clopper-pearson",
    replicates: int = 2000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Metrics over all stages, for one row per patient.

    Args:
        labels: Shape (n,), integer stages.
        probabilities: Shape (n, k).
        stages: The k stages in order.
        level: Confidence level.
        method: Interval of the accuracy.
        replicates: Bootstrap replicates for the macro and micro AUC.
        seed: Seed of the bootstrap.

    Returns:
        ``accuracy, kappa, quadratic_weighted_kappa, obuchowski_index, macro_auc, micro_auc``. Macro: the mean of the
        one-against-rest AUCs of the stages that occur; micro: all (case, stage) decisions in one curve (Yin 2021, fig.
        3).
    """
    truth, table = check_stages(labels, probabilities, stages)
    predicted = np.asarray(stages)[table.argmax(axis=1)]
    square = confusion(truth, predicted, stages=stages)
    # A stage that is neither true nor predicted carries no information.
    used = np.flatnonzero(square.sum(0) + square.sum(1))
    found = {
        "accuracy": proportion("accuracy", int(np.trace(square)), truth.size, level=level, method=method),
        "kappa": kappa_from_table(square[np.ix_(used, used)], level=level),
        "quadratic_weighted_kappa": _quadratic_kappa(square, used, level),
    }
    if np.unique(truth).size < 2:
        note = "undefined: all cases have the same stage"
        for name in ("obuchowski_index", "macro_auc", "micro_auc"):
            found[name] = Estimate(name, math.nan, None, None, truth.size, note)
        return found
    found["obuchowski_index"] = obuchowski_index(truth, expected_stage(table, stages=stages), order=stages, level=level)
    names = ("macro_auc", "micro_auc")
    drawn = bootstrap.resample_patients(
        lambda index: macro_micro_auc(truth[index], table[index], stages=stages),
        truth,
        replicates=replicates,
        seed=seed,
    )
    for i, (name, value) in enumerate(zip(names, macro_micro_auc(truth, table, stages=stages), strict=True)):
        found[name] = drawn.estimate(name, value, column=i, level=level)
    return found


def macro_micro_auc(
    labels: NDArray[np.int64], probabilities: NDArray[np.float64], *, stages: Sequence[int] = METAVIR
) -> tuple[float, float]:
    """Macro and micro one-against-rest AUC; stages without a case are left out of the macro mean."""
    hot = np.asarray(labels)[:, None] == np.asarray(stages)[None, :]
    each = [auc_value(hot[:, i], probabilities[:, i]) for i in range(len(stages)) if 0 < hot[:, i].sum() < len(hot)]
    macro = float(np.mean(each)) if each else math.nan
    return macro, auc_value(hot.ravel(), np.asarray(probabilities).ravel())


def _quadratic_kappa(square: NDArray[np.int64], used: NDArray, level: float) -> Estimate:
    """Weights depend on the distance of stages, so unused stages may only be dropped from the ends."""
    if used.size < 2:
        return kappa_from_table(square[np.ix_(used, used)], weights="quadratic", level=level)
    span = slice(used.min(), used.max() + 1)
    return kappa_from_table(square[span, span], weights="quadratic", level=level)
