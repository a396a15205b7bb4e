"""GM + LSM: the confidence of the gray-scale network and that of the stiffness value, joined by logistic regression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from LiverAILib.methods.xue2020.settings import StiffnessSettings

SLIGHT = 1e3
"""Inverse strength of the penalty of both regressions, so that they end where the classes are separable."""


def confidence(stiffness_kpa: NDArray[np.float64], settings: StiffnessSettings) -> NDArray[np.float64]:
    """Confidence (n,) of stiffness values: sigmoid((stiffness - cutoff) / scale), a default (the paper's is in a supplement)."""
    return _sigmoid((stiffness_kpa - settings.cutoff_kpa) / settings.scale_kpa)


def combined(
    gray_scale: NDArray[np.float64], stiffness_kpa: NDArray[np.float64], settings: StiffnessSettings
) -> NDArray[np.float64]:
    """Score (n,) of GM + LSM from the gray-scale network's confidence (n,) and the stiffness (n,)."""
    return _sigmoid(
        settings.intercept
        + settings.gray_scale_weight * gray_scale
        + settings.stiffness_weight * confidence(stiffness_kpa, settings)
    )


def fit_stiffness(
    gray_scale: NDArray[np.float64], stiffness_kpa: NDArray[np.float64], truth: NDArray[np.bool_]
) -> StiffnessSettings:
    """Fit the confidence of the stiffness and then the regression that joins both.

    Args:
        gray_scale: Confidence (n,) of the gray-scale network, one a patient.
        stiffness_kpa: Mean stiffness (n,) of the patients.
        truth: Whether they are positive (n,), both there.
    """
    center, spread = float(stiffness_kpa.mean()), float(stiffness_kpa.std()) or 1.0
    slope, offset = _logistic(((stiffness_kpa - center) / spread)[:, None], truth)
    # A stiffness that falls with the stage would give a negative scale, which is kept: the sigmoid then falls too.
    scale = spread / float(slope[0]) if slope[0] else 1e6
    first = StiffnessSettings(center - offset * scale, scale, 0.0, 0.0, 0.0)
    both = np.column_stack([gray_scale, confidence(stiffness_kpa, first)])
    weights, intercept = _logistic(both, truth)
    return StiffnessSettings(first.cutoff_kpa, scale, intercept, float(weights[0]), float(weights[1]))


def _logistic(features: NDArray[np.float64], truth: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=SLIGHT, max_iter=1000).fit(features, truth)
    return fitted.coef_[0], float(fitted.intercept_[0])


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(values, -500, 500)))
