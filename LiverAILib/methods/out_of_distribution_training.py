"""Fitting the out-of-distribution detection of a trained network to the cases that it was trained on."""

from __future__ import annotations

import numpy as np
import torch

from LiverAILib.data.model import OUT_OF_DISTRIBUTION
from LiverAILib.methods.nowak2021.settings import IMAGE_SIZE
from LiverAILib.methods.nowak2021.training import SliceSet
from LiverAILib.methods.nowak2021.view import network_input
from LiverAILib.methods.out_of_distribution import (
    COMPONENTS,
    QUANTILE,
    FeatureDistribution,
    PooledFeatures,
    fit_feature_distribution,
)
from LiverAILib.methods.yin2021.method import pooled_windows
from LiverAILib.methods.yin2021.network import Yin2021Network
from LiverAILib.methods.yin2021.settings import PIPELINE, InputSettings
from LiverAILib.methods.yin2021.training import StackSet
from LiverAILib.methods.yin2021.view import windows
from LiverAILib.networks.classifier import ResNet50Classifier

FEWEST_VALIDATION = 20
"""Validation cases below which a model learns no threshold, and so never warns."""
MOST_SLICES = 600
"""Training slices that are enough to learn from; of more, so many are taken evenly."""


@torch.no_grad()
def pooled_features(network: ResNet50Classifier, slices: torch.Tensor) -> np.ndarray:
    """Pooled features (n, 2048) of slices (n, rows, columns) in 0..1, prepared at the size at which inference does it."""
    network.eval()
    recorder = PooledFeatures(network)
    found = []
    for part in slices.split(16):
        recorder.features(network_input(part.float()))
        found.append(recorder.pooled)
    return np.concatenate(found)


def fit_to_slices(
    network: ResNet50Classifier,
    training: SliceSet,
    validation: SliceSet,
    *,
    components: int = COMPONENTS,
    quantile: float = QUANTILE,
) -> FeatureDistribution:
    """One mean a class and a shared covariance from the training slices, the threshold from the validation cases.

    Args:
        network: The trained network of a pipeline.
        training: Slices that it was trained on, not augmented.
        validation: Slices of other patients, one a case, cut out as inference does it; never trained on.
        components: See `fit_feature_distribution`.
        quantile: See `fit_feature_distribution`.
    """
    return fit_feature_distribution(
        pooled_features(network, training.slices),
        pooled_features(network, validation.slices),
        labels=training.labels.numpy(),
        components=components,
        quantile=quantile,
    )


def out_of_distribution_state(
    network: ResNet50Classifier, training: SliceSet, validation: SliceSet, pipeline: str, *, size: int = IMAGE_SIZE
) -> dict[str, torch.Tensor]:
    """The tensors that let a model warn of out-of-distribution inputs of a pipeline.

    None where there are too few cases, or where the slices were prepared at another size than inference prepares them:
    resizing twice changes the features enough to make every case look out of distribution.

    Args:
        network: See `fit_to_slices`, as for the other arguments.
        training: At most `MOST_SLICES` of them are used.
        validation: At least `FEWEST_VALIDATION`.
        pipeline: Its name begins the names of the tensors.
        size: Rows and columns that inference prepares.
    """
    if min(len(training.labels), len(validation.labels)) < FEWEST_VALIDATION or training.slices.shape[-1] != size:
        return {}
    chosen = torch.linspace(0, len(training.labels) - 1, min(MOST_SLICES, len(training.labels))).round().long()
    part = SliceSet(training.slices[chosen], training.labels[chosen], training.cases[chosen])
    return fit_to_slices(network, part, validation).state(f"{OUT_OF_DISTRIBUTION}.{pipeline}.")


@torch.no_grad()
def pooled_stack_features(network: Yin2021Network, data: StackSet, settings: InputSettings) -> np.ndarray:
    """Pooled features (n, channels) of the cases of Yin 2021, each the mean over its windows, as inference takes them."""
    network.eval()
    found = []
    for stack in data.stacks:
        found.append(pooled_windows([network.features(window[None]) for _, window in windows(stack, settings)]))
    return np.stack(found)


def stack_out_of_distribution_state(
    network: Yin2021Network, training: StackSet, validation: StackSet, settings: InputSettings
) -> dict[str, torch.Tensor]:
    """The tensors that let a model of Yin 2021 warn of out-of-distribution inputs; none where there are too few cases."""
    if min(len(training.labels), len(validation.labels)) < FEWEST_VALIDATION:
        return {}
    features = pooled_stack_features(network, training, settings)
    held_out = pooled_stack_features(network, validation, settings)
    fitted = fit_feature_distribution(features, held_out, labels=training.labels.numpy())
    return fitted.state(f"{OUT_OF_DISTRIBUTION}.{PIPELINE}.")
