"""Decision curves: is acting on the score better than treating all, or none?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from LiverAILib.evaluation import bootstrap
from LiverAILib.evaluation.patients import require_one_row_a_patient
from LiverAILib.evaluation.validate import binary_labels, probabilities, same_length


@dataclass(frozen=True)
class DecisionCurve:
    """Net benefit over thresholds of probability.

    Attributes:
        thresholds: Shape (t,), probabilities at which one would act.
        net_benefit: Shape (t,), true positives per case minus weighted false positives per case.
        low: Shape (t,), lower limit, pointwise.
        high: Shape (t,), upper limit.
        treat_all: Shape (t,), net benefit of acting on everyone. Acting on no one is 0.
        level: Confidence level of the band.
    """

    thresholds: NDArray[np.float64]
    net_benefit: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    treat_all: NDArray[np.float64]
    level: float


def decision_curve(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    thresholds: ArrayLike | None = None,
    replicates: int = 500,
    seed: int = 0,
    level: float = 0.95,
    patients: ArrayLike | None = None,
    positive: object | None = None,
) -> DecisionCurve:
    """Net benefit (Vickers and Elkin, Med Decis Making 2006;26:565-574) with a stratified bootstrap band.

    The study's prevalence is used as it is: where cases were sampled by outcome, as in Nowak 2021, net benefit does not
    carry over to practice.

    Args:
        labels: Shape (n,), binary.
        scores: Shape (n,), probabilities in 0..1; a case is acted on where score >= threshold.
        thresholds: Shape (t,), strictly between 0 and 1; None: .01 to .99.
        replicates: Bootstrap draws.
        seed: Seed.
        level: Confidence level.
        patients: Shape (n,), identifiers; several rows per patient are an error.
        positive: Label of the positive class where it is not 1 or True.
    """
    truth, values = binary_labels(labels, positive=positive), probabilities(scores)
    same_length(labels=truth, scores=values)
    if patients is not None:
        require_one_row_a_patient(patients)
    at = np.linspace(0.01, 0.99, 99) if thresholds is None else probabilities(thresholds, "thresholds")
    if at.size == 0 or at.min() <= 0 or at.max() >= 1:
        raise ValueError("decision thresholds lie strictly between 0 and 1")
    odds = at / (1 - at)

    def benefit(index: NDArray[np.intp]) -> NDArray[np.float64]:
        own, score = truth[index], values[index]
        hits = own.sum() - np.searchsorted(np.sort(score[own]), at)
        false = (~own).sum() - np.searchsorted(np.sort(score[~own]), at)
        return (hits - odds * false) / own.size

    drawn = bootstrap.resample_patients(benefit, truth, replicates=replicates, seed=seed).values
    low, high = np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    prevalence = truth.mean()
    return DecisionCurve(at, benefit(np.arange(truth.size)), low, high, prevalence - odds * (1 - prevalence), level)
