"""What a trained network knows as familiar, learned from the cases that it was trained on."""

from __future__ import annotations

import numpy as np
import torch

from LiverAILib.data.model import FAMILIARITY
from LiverAILib.methods.familiarity import (
    COMPONENTS,
    QUANTILE,
    Familiarity,
    PooledFeatures,
    fit_familiarity,
)
from LiverAILib.methods.nowak2021.settings import IMAGE_SIZE
from LiverAILib.methods.nowak2021.training import SliceSet
from LiverAILib.methods.nowak2021.view import network_input
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


def learn_familiarity(
    network: ResNet50Classifier,
    training: SliceSet,
    validation: SliceSet,
    *,
    components: int = COMPONENTS,
    quantile: float = QUANTILE,
) -> Familiarity:
    """One mean a class and a shared covariance from the training slices, the threshold from the validation cases.

    Args:
        network: The trained network of a pipeline.
        training: Slices that it was trained on, not augmented.
        validation: Slices of other patients, one a case, cut out as inference does it; never trained on.
        components: See `fit_familiarity`.
        quantile: See `fit_familiarity`.
    """
    return fit_familiarity(
        pooled_features(network, training.slices),
        pooled_features(network, validation.slices),
        labels=training.labels.numpy(),
        components=components,
        quantile=quantile,
    )


def familiarity_state(
    network: ResNet50Classifier, training: SliceSet, validation: SliceSet, pipeline: str, *, size: int = IMAGE_SIZE
) -> dict[str, torch.Tensor]:
    """The tensors that let a model warn of unfamiliar inputs of a pipeline.

    None where there are too few cases, or where the slices were prepared at another size than inference prepares them:
    resizing twice changes the features enough to make every case look unfamiliar.

    Args:
        network: See `learn_familiarity`, as for the other arguments.
        training: At most `MOST_SLICES` of them are used.
        validation: At least `FEWEST_VALIDATION`.
        pipeline: Its name begins the names of the tensors.
        size: Rows and columns that inference prepares.
    """
    if min(len(training.labels), len(validation.labels)) < FEWEST_VALIDATION or training.slices.shape[-1] != size:
        return {}
    chosen = torch.linspace(0, len(training.labels) - 1, min(MOST_SLICES, len(training.labels))).round().long()
    part = SliceSet(training.slices[chosen], training.labels[chosen], training.cases[chosen])
    return learn_familiarity(network, part, validation).state(f"{FAMILIARITY}.{pipeline}.")


@torch.no_grad()
def pooled_stack_features(network: Yin2021Network, data: StackSet, settings: InputSettings) -> np.ndarray:
    """Pooled features (n, channels) of the cases of Yin 2021, each the mean over its windows, as inference takes them."""
    network.eval()
    found = []
    for stack in data.stacks:
        found.append(pooled_windows([network.features(window[None]) for _, window in windows(stack, settings)]))
    return np.stack(found)


def stack_familiarity_state(
    network: Yin2021Network, training: StackSet, validation: StackSet, settings: InputSettings
) -> dict[str, torch.Tensor]:
    """The tensors that let a model of Yin 2021 warn of unfamiliar inputs; none where there are too few cases."""
    if min(len(training.labels), len(validation.labels)) < FEWEST_VALIDATION:
        return {}
    features = pooled_stack_features(network, training, settings)
    held_out = pooled_stack_features(network, validation, settings)
    fitted = fit_familiarity(features, held_out, labels=training.labels.numpy())
    return fitted.state(f"{FAMILIARITY}.{PIPELINE}.")
