"""Out-of-distribution detection: how far an input is from the cases that a classifier was trained on, and a warning.

The distance is Mahalanobis' in the pooled features of the last convolutions (Lee 2018, NeurIPS, "A simple unified framework for
detecting out-of-distribution samples"; for medical images Gonzalez 2022, Med Image Anal, and Anthony and Kamnitsas 2023, UNSURE).
There are far fewer cases than features, so the covariance is that of probabilistic principal component analysis (Tipping and
Bishop 1999): the largest variances are kept, all others are set to their mean. This shrinkage also makes the model small on
disk. The limit is a quantile of the distances of held-out validation cases, never of the cases that it was fitted on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from LiverAILib.data.assessment import CaseWarning
from LiverAILib.data.outcome import DistributionDistance

if TYPE_CHECKING:
    import torch

FEWEST_VALIDATION = 20
"""Validation cases below which a model learns no threshold, and so never warns."""
COMPONENTS = 32
QUANTILE = 0.99
FIELDS = ("means", "components", "variances", "residual_variance", "validation", "quantile")


@dataclass(frozen=True, eq=False)
class FeatureDistribution:
    """The distribution of the features of the training cases.

    Attributes:
        means: Mean of each class (classes, features); one row where classes were not distinguished.
        components: Orthonormal directions of the largest variance within classes (components, features).
        variances: Variance along each (components,).
        residual_variance: Mean variance along all other directions.
        validation: Distances of the held-out validation cases (n,), sorted.
        quantile: Share of in-distribution cases below the threshold.
    """

    means: np.ndarray
    components: np.ndarray
    variances: np.ndarray
    residual_variance: float
    validation: np.ndarray
    quantile: float = QUANTILE

    def score(self, features: np.ndarray) -> np.ndarray:
        """Distance of each row of `features` (n, features) to the nearest class mean (n,).

        The root of the mean squared standard score per feature: about 1 for the cases that it was fitted on, somewhat more for
        new ones like them.
        """
        features = np.atleast_2d(np.asarray(features, np.float64))
        if features.shape[1] != self.means.shape[1]:
            raise ValueError(f"features have {features.shape[1]} columns, the model {self.means.shape[1]}")
        squared = []
        for center in self.means:
            away = features - center
            along = away @ self.components.T
            # Not |away|^2 - |along|^2, which would multiply the rounding of the stored directions.
            rest = ((away - along @ self.components) ** 2).sum(1)
            squared.append((along**2 / self.variances).sum(1) + rest / self.residual_variance)
        return np.sqrt(np.min(squared, axis=0) / features.shape[1])

    @property
    def threshold(self) -> float:
        """The smallest validation distance that a new in-distribution case exceeds with probability 1 - quantile or less.

        This is the split-conformal quantile, number ceil((n + 1) quantile) of n; with too few cases for the quantile (99 for
        0.99) the largest distance, which an in-distribution case exceeds with probability 1 / (n + 1).
        """
        rank = math.ceil((len(self.validation) + 1) * self.quantile)
        return float(self.validation[min(rank, len(self.validation)) - 1])

    def judge(self, features: np.ndarray) -> DistributionDistance:
        """The distance of one case (features,) beside the threshold."""
        distance = float(self.score(features)[0])
        return DistributionDistance(distance, self.threshold, self.quantile, len(self.validation))

    def state(self, prefix: str) -> dict[str, torch.Tensor]:
        """Tensors for the weights of a model, their names beginning with `prefix`; all flat, so that none is quantized."""
        import torch

        values = {name: np.atleast_1d(np.asarray(getattr(self, name), np.float32)).ravel() for name in FIELDS}
        return {prefix + name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in values.items()}


def fit_feature_distribution(
    features: np.ndarray,
    validation: np.ndarray,
    *,
    labels: Sequence[int] | np.ndarray | None = None,
    components: int = COMPONENTS,
    quantile: float = QUANTILE,
) -> FeatureDistribution:
    """Fit the distribution to the features of training cases.

    Args:
        features: Pooled features of training cases (n, features).
        validation: Those of held-out cases (m, features), by which the threshold is set; one row per patient, as at inference.
        labels: Class of each training case (n,), for one mean a class with a shared covariance; None: one mean.
        components: Variances to keep; at most as many as the training cases determine.
        quantile: Share of in-distribution cases below the threshold.

    Raises:
        ValueError: Too few cases, other numbers of features, values that are not finite, or a quantile outside of (0, 1).
    """
    features, validation = np.asarray(features, np.float64), np.asarray(validation, np.float64)
    if features.ndim != 2 or validation.ndim != 2 or features.shape[1] != validation.shape[1]:
        raise ValueError(
            f"features {features.shape} and validation {validation.shape} have to be tables of equal width"
        )
    if not (np.isfinite(features).all() and np.isfinite(validation).all()):
        raise ValueError("features have to be finite")
    if not 0 < quantile < 1:
        raise ValueError(f"quantile lies between 0 and 1, got {quantile}")
    classes = np.zeros(len(features), int) if labels is None else np.asarray(labels)
    if len(classes) != len(features):
        raise ValueError(f"{len(classes)} labels for {len(features)} training cases")
    names, member = np.unique(classes, return_inverse=True)
    freedom = len(features) - len(names)
    if freedom < 2 or not len(validation):
        raise ValueError(
            f"{len(features)} training and {len(validation)} validation cases are too few to fit a distribution"
        )
    means = np.stack([features[member == number].mean(0) for number in range(len(names))])
    # Only what is stored counts: float32.
    means = means.astype(np.float32).astype(np.float64)
    _, singular, directions = np.linalg.svd(features - means[member], full_matrices=False)
    eigenvalues = singular**2 / freedom
    width = features.shape[1]
    kept = max(1, min(components, freedom - 1, width - 1))
    residual = max(eigenvalues[kept:].sum() / (width - kept), 1e-12)
    fitted = FeatureDistribution(
        means,
        directions[:kept].astype(np.float32).astype(np.float64),
        np.maximum(eigenvalues[:kept], residual).astype(np.float32).astype(np.float64),
        float(np.float32(residual)),
        np.zeros(1),
        quantile,
    )
    distances = np.sort(fitted.score(validation)).astype(np.float32).astype(np.float64)
    return FeatureDistribution(**{**vars(fitted), "validation": distances})


def read_feature_distribution(state: Mapping[str, Any], prefix: str) -> FeatureDistribution | None:
    """What `FeatureDistribution.state` stored under `prefix`; None where the model has none."""
    if prefix + "means" not in state:
        return None
    values = {name: np.asarray(state[prefix + name], np.float64) for name in FIELDS}
    variances = values["variances"]
    components = values["components"].reshape(len(variances), -1)
    return FeatureDistribution(
        values["means"].reshape(-1, components.shape[1]),
        components,
        variances,
        float(values["residual_variance"][0]),
        values["validation"],
        # float32 does not hold 0.99: what is printed shall be what was asked for.
        round(float(values["quantile"][0]), 6),
    )


def out_of_distribution_warnings(found: Mapping[str, DistributionDistance | None]) -> tuple[CaseWarning, ...]:
    """A warning "unfamiliar_input" for every pipeline whose input lies beyond its threshold."""
    return tuple(
        CaseWarning(
            "unfamiliar_input",
            f"The input of pipeline '{name}' is unlike the cases that the classifier was trained on: distance "
            f"{one.distance:.2f}, above the threshold of {one.threshold:.2f} ({100 * one.quantile:g} % quantile of "
            f"{one.validation_cases} validation cases). The probability is not to be trusted.",
        )
        for name, one in found.items()
        if one is not None and one.out_of_distribution
    )


class PooledFeatures:
    """A `SplitNetwork` that keeps the pooled features of its last forward pass, so that Grad-CAM and distance share one.

    Attributes:
        pooled: float32 (batch, channels): mean of the feature maps over all positions; empty until `features` has run.
    """

    def __init__(self, network: Any) -> None:
        self.network = network
        self.pooled = np.empty((0, 0), np.float32)

    @property
    def training(self) -> bool:
        """Whether the network is in training mode."""
        return self.network.training

    def features(self, inputs: torch.Tensor) -> torch.Tensor:
        """Feature maps (batch, channels, *spatial)."""
        maps = self.network.features(inputs)
        self.pooled = maps.detach().flatten(2).mean(2).float().cpu().numpy()
        return maps

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Class scores (batch, classes) of the feature maps."""
        return self.network.classify(features)
