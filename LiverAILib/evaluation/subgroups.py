"""Results by subgroup (scanner, site, sex, ...), always with counts: a number from four patients is not a finding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from LiverAILib.evaluation.delong import auc
from LiverAILib.evaluation.estimate import Estimate
from LiverAILib.evaluation.metrics import binary_metrics
from LiverAILib.evaluation.patients import require_one_row_a_patient
from LiverAILib.evaluation.validate import calls_vector, labels_and_scores, same_length

FEW = 10


@dataclass(frozen=True)
class Subgroup:
    """Results in one subgroup.

    Attributes:
        variable: Name of the grouping variable.
        group: Its value; cases without one form the group ``"(missing)"``.
        n: Patients in the group.
        n_positive: Positive patients in the group.
        auc: AUC, or None where the group has one class only.
        sensitivity: Sensitivity of the calls, or None without calls.
        specificity: Specificity of the calls, or None without calls.
        note: Warning about small counts; empty if none.
    """

    variable: str
    group: str
    n: int
    n_positive: int
    auc: Estimate | None
    sensitivity: Estimate | None
    specificity: Estimate | None
    note: str


def subgroup_table(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    groups: ArrayLike,
    variable: str = "group",
    calls: ArrayLike | None = None,
    level: float = 0.95,
    patients: ArrayLike | None = None,
    positive: object | None = None,
) -> list[Subgroup]:
    """AUC, sensitivity and specificity in each subgroup.

    Every case is in exactly one subgroup, those without a value in ``(missing)``; the counts add up to all cases.

    Args:
        labels: Shape (n,), binary.
        scores: Shape (n,).
        groups: Shape (n,), any values; empty text and None are missing.
        variable: Name of the variable.
        calls: Shape (n,), 0/1 calls made with the threshold of all patients (not one of the subgroup).
        level: Confidence level.
        patients: Shape (n,), identifiers; several rows per patient are an error.
        positive: Label of the positive class where it is not 1 or True.
    """
    truth, values = labels_and_scores(labels, scores, positive=positive)
    names = np.array(["" if value is None else str(value).strip() for value in np.asarray(groups, dtype=object)])
    same_length(labels=truth, groups=names)
    if patients is not None:
        require_one_row_a_patient(patients)
    called = None if calls is None else calls_vector(calls)
    same_length(labels=truth, calls=called)
    table = []
    for name in sorted(set(names.tolist()), key=lambda text: (text == "", text)):
        own = names == name
        n, hits = int(own.sum()), int(truth[own].sum())
        area = auc(truth[own], values[own], level=level) if 0 < hits < n else None
        found = {} if called is None else binary_metrics(truth[own], called[own], level=level)
        note = ""
        if min(hits, n - hits) == 0:
            note = "one class only: no AUC"
        elif min(hits, n - hits) < FEW:
            note = f"fewer than {FEW} patients in a class: hardly any information"
        table.append(
            Subgroup(
                variable, name or "(missing)", n, hits, area, found.get("sensitivity"), found.get("specificity"), note
            )
        )
    return table
