"""Leave-one-participant-out cross-validation of the linear heads, and the heads that are kept.

Byra 2021, Model Development and Evaluation: every round trains on all participants but one and chooses the strength of the L1
penalty by a stratified 4-fold grid search among them. What the views say is averaged.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from LiverAILib.errors import UserError
from LiverAILib.methods.byra2021 import COMPOSITE, MULTIVIEW
from LiverAILib.methods.byra2021.heads import QUANTITY, LinearHead, classifier_name
from LiverAILib.methods.byra2021.nested import INNER_FOLDS, final_fit, nested_leave_one_out
from LiverAILib.methods.byra2021.settings import Residuals

PATIENCE = 1
"""A grid search ends where the loss has risen at so many weaker penalties in a row: with ten copies of every image the three
weakest penalties take 98 % of the time."""
LARGE = 1_000_000
"""Numbers of the features from which on several processes share the participants."""
BIN_PERCENT = 5.0
"""Width of the bins in which the frequency of fat fractions is counted, a default where the paper is silent."""
LEVEL = 0.95


def class_weights(targets: np.ndarray) -> np.ndarray:
    """Weights (n,) inversely proportional to the frequency of each one's class (0 or 1), with mean 1."""
    positive = targets > 0
    share = np.where(positive, positive.mean(), (~positive).mean())
    return 0.5 / share


def fat_weights(targets: np.ndarray) -> np.ndarray:
    """Weights (n,) inversely proportional to the frequency of each one's bin of the fat fraction, with mean 1."""
    _, bins, counts = np.unique(np.floor(targets / BIN_PERCENT), return_inverse=True, return_counts=True)
    weights = 1.0 / counts[bins]
    return weights / weights.mean()


@dataclass(frozen=True, eq=False)
class ViewData:
    """Features of the participants that have a view.

    Attributes:
        participants: Their numbers in the cohort (m,).
        features: float32 (m, copies, channels), the unchanged image first.
    """

    participants: np.ndarray
    features: np.ndarray

    def rows(self, targets: np.ndarray) -> dict[str, Any]:
        """The copies as rows for the fits: features, targets, participants, and which rows are tested."""
        count, copies, channels = self.features.shape
        tested = np.zeros((count, copies), bool)
        tested[:, 0] = True
        return {
            "features": self.features.reshape(-1, channels).astype(np.float64),
            "targets": np.repeat(targets[self.participants], copies),
            "participants": np.repeat(self.participants, copies),
            "tested": tested.ravel(),
        }


def composite(views: Mapping[str, ViewData]) -> ViewData:
    """The features of all views side by side, of the participants that have all of them."""
    everyone = sorted(set.intersection(*(set(one.participants.tolist()) for one in views.values())))
    if not everyone:
        raise UserError("--composite: no participant has all views. Leave the option out.")
    parts = [one.features[np.searchsorted(one.participants, everyone)] for one in views.values()]
    return ViewData(np.array(everyone), np.concatenate(parts, axis=2))


@dataclass(frozen=True, eq=False)
class Fitted:
    """What the cross-validation found.

    Attributes:
        heads: By view (and "composite") and head.
        outputs: By view, "multiview" and head (n,): what was said of each participant by heads that had not seen it, nan
            where there is no image. The fat fraction in percent, or the probability of a diagnosis.
        chosen: By view and head the value of the grid that the kept head has.
    """

    heads: dict[str, dict[str, LinearHead]] = field(default_factory=dict)
    outputs: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    chosen: dict[str, dict[str, float]] = field(default_factory=dict)


def cross_validate(
    views: Mapping[str, ViewData],
    fat_percent: np.ndarray,
    *,
    cutoffs: Sequence[float],
    with_composite: bool = False,
    seed: int = 0,
    log: Callable[[str], None] = print,
) -> Fitted:
    """Fit and test the heads of every view.

    Args:
        views: Features by view, in the order of the views.
        fat_percent: Reference (n,) of all participants.
        cutoffs: From which percentage on a case is positive.
        with_composite: Also a model of all features together.
        seed: Of the inner folds.
        log: Called with one line a fit.

    Raises:
        UserError: Too few participants lie on one side of a cut-off.
    """
    check_enough(views, fat_percent, cutoffs)
    owners = {**views, **({COMPOSITE: composite(views)} if with_composite else {})}
    if with_composite:
        check_enough({COMPOSITE: owners[COMPOSITE]}, fat_percent, cutoffs)
    found = Fitted()
    for owner, data in owners.items():
        for name, kind, targets, weights in _questions(fat_percent, cutoffs):
            how: dict[str, Any] = {"kind": kind, "seed": seed, "patience": PATIENCE, "weights": weights}
            rows = data.rows(targets)
            workers = (os.cpu_count() or 1) if data.features.size >= LARGE else 1
            nested = nested_leave_one_out(**rows, **how, workers=workers)
            outputs = np.full(len(fat_percent), np.nan)
            outputs[nested.participants] = nested.outputs
            kept = final_fit(**rows, **how)
            head = LinearHead(torch.from_numpy(kept.weight).float(), torch.tensor(float(kept.bias)))
            found.heads.setdefault(owner, {})[name] = head
            found.outputs.setdefault(owner, {})[name] = outputs
            found.chosen.setdefault(owner, {})[name] = kept.chosen
            log(
                f"{owner} {name}: {np.count_nonzero(kept.weight)} of {kept.weight.size} features, grid value {kept.chosen:.3g}"
            )
    found.outputs[MULTIVIEW] = {
        name: mean_of_views([found.outputs[view][name] for view in views]) for name in found.heads[next(iter(views))]
    }
    return found


def _questions(
    fat_percent: np.ndarray, cutoffs: Sequence[float]
) -> list[tuple[str, str, np.ndarray, Callable[[np.ndarray], np.ndarray]]]:
    """Name of the head, kind of fit, targets, weights."""
    diagnoses = [
        (classifier_name(cutoff), "logistic", (fat_percent >= cutoff).astype(float), class_weights)
        for cutoff in cutoffs
    ]
    return [(QUANTITY, "lasso", fat_percent, fat_weights), *diagnoses]


def mean_of_views(outputs: Sequence[np.ndarray]) -> np.ndarray:
    """Mean (n,) of the views' outputs (n,), each nan where the view is missing; nan where all are."""
    table = np.stack(outputs)
    there = np.isfinite(table)
    total = np.where(there, table, 0).sum(0)
    return np.divide(total, there.sum(0), out=np.full(len(total), np.nan), where=there.any(0))


def check_enough(views: Mapping[str, ViewData], fat_percent: np.ndarray, cutoffs: Sequence[float]) -> None:
    """Refuse views with which the inner folds could not hold both classes.

    Raises:
        UserError: Says which, and how many are needed.
    """
    for view, data in views.items():
        values = fat_percent[data.participants]
        # The Lasso's folds are stratified by quarters of the fat fraction.
        if len(values) < 4 * (INNER_FOLDS + 1):
            raise UserError(
                f"view {view.replace('_', ' ')}: {len(values)} participants; the cross-validation needs at least "
                f"{4 * (INNER_FOLDS + 1)}. Add cases."
            )
        for cutoff in cutoffs:
            positive = int((values >= cutoff).sum())
            for count, side in ((positive, "from"), (len(values) - positive, "below")):
                if count <= INNER_FOLDS:
                    raise UserError(
                        f"view {view.replace('_', ' ')}: {count} participants {side} {cutoff:g} % fat; the cross-validation "
                        f"needs at least {INNER_FOLDS + 1} on either side. Add cases."
                    )


def out_of_participant_residuals(outputs: np.ndarray, fat_percent: np.ndarray) -> Residuals | None:
    """The error that at most 5 % of new participants exceed, from those of the left-out ones (conformal quantile).

    Args:
        outputs: What was said of participants with all views (n,).
        fat_percent: Their references (n,).

    Returns:
        None with too few participants for that level.
    """
    errors = np.sort(np.abs(outputs - fat_percent))
    rank = math.ceil((errors.size + 1) * LEVEL)
    return Residuals(LEVEL, float(errors[rank - 1]), errors.size) if rank <= errors.size else None
