"""From the three binary scores of a patient to the probabilities of the stages."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.optimize import isotonic_regression

from LiverAILib.methods.xue2020.settings import CLASSES


def stage_probabilities(at_least: Sequence[float]) -> dict[str, float]:
    """Probability of each class from the scores for >=S2, >=S3 and S4.

    Binary models that were trained apart can contradict each other (S4 more likely than >=S3): the scores are first replaced by
    the nearest ones, in the sense of least squares, that do not rise (isotonic regression); what they differ by is left to
    the classes between them. A default: the paper gives no stages, only the three questions.
    """
    falling = [1.0, *isotonic_regression(list(at_least), increasing=False).x.tolist(), 0.0]
    return {name: max(0.0, falling[n] - falling[n + 1]) for n, name in enumerate(CLASSES)}
