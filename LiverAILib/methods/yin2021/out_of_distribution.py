"""Fitting the out-of-distribution detection of Yin 2021's network to the volumes that it was trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from LiverAILib.data.cohort import Cohort
from LiverAILib.data.model import OUT_OF_DISTRIBUTION
from LiverAILib.methods.encoder_distance import ALL, case_sources, encoder_distance_state, encoder_features
from LiverAILib.methods.out_of_distribution import FEWEST_VALIDATION, fit_feature_distribution
from LiverAILib.methods.yin2021.method import Yin2021, judged_slices, pooled_windows
from LiverAILib.methods.yin2021.network import Yin2021Network
from LiverAILib.methods.yin2021.settings import PIPELINE, InputSettings
from LiverAILib.methods.yin2021.training import StackSet, load_stacks
from LiverAILib.methods.yin2021.view import windows
from LiverAILib.segmentation.predict import Segmenter


@torch.no_grad()
def pooled_features(network: Yin2021Network, data: StackSet, settings: InputSettings) -> np.ndarray:
    """Pooled features (n, channels) of the cases, each the mean over its windows, as inference takes them."""
    network.eval()
    found = []
    for stack in data.stacks:
        found.append(pooled_windows([network.features(window[None]) for _, window in windows(stack, settings)]))
    return np.stack(found)


def stack_distribution(
    network: Yin2021Network,
    training: StackSet,
    validation: StackSet,
    settings: InputSettings,
    *,
    sources: tuple[Sequence[str], Sequence[str]] | None = None,
) -> dict[str, torch.Tensor]:
    """The tensors that let a model warn of out-of-distribution inputs; none where there are too few cases.

    Args:
        network: The trained network.
        training: Cases that it was trained on.
        validation: Cases of other patients, at least `FEWEST_VALIDATION`.
        settings: How the input is prepared.
        sources: Source of each training and of each validation case; None for one source.
    """
    if min(len(training.labels), len(validation.labels)) < FEWEST_VALIDATION:
        return {}
    features = pooled_features(network, training, settings)
    held_out = pooled_features(network, validation, settings)
    fitted = fit_feature_distribution(features, held_out, labels=training.labels.numpy())
    prefix = f"{OUT_OF_DISTRIBUTION}.{PIPELINE}."
    names = sources or ([ALL] * len(training.labels), [ALL] * len(validation.labels))
    return fitted.state(prefix) | encoder_distance_state(
        _encoder_features(training),
        _encoder_features(validation),
        prefix,
        training_sources=names[0],
        validation_sources=names[1],
    )


def _encoder_features(data: StackSet) -> np.ndarray:
    """Features (n, channels) of the cases, each the mean over its slices."""
    return np.stack([encoder_features(judged_slices(stack)).mean(0) for stack in data.stacks])


def cohort_distribution(method: Yin2021, cohort: Cohort, segmenter: Segmenter | None) -> dict[str, torch.Tensor]:
    """The tensors, from the cohort that the model was trained on (`MethodSpec.out_of_distribution`)."""
    training = load_stacks(cohort.split("train"), method.settings)
    validation = load_stacks(cohort.split("validation"), method.settings, segmenter=segmenter)
    return stack_distribution(method.network, training, validation, method.settings, sources=case_sources(cohort))
