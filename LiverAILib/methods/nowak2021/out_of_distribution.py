"""Fitting the out-of-distribution detection of Nowak 2021's networks to the slices that they were trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from LiverAILib.data.cohort import Cohort
from LiverAILib.data.model import OUT_OF_DISTRIBUTION
from LiverAILib.methods.nowak2021.method import Nowak2021
from LiverAILib.methods.nowak2021.settings import IMAGE_SIZE, SEGMENTED
from LiverAILib.methods.nowak2021.slices import Preparation, SliceSet, load_slices
from LiverAILib.methods.nowak2021.view import network_input
from LiverAILib.methods.out_of_distribution import FEWEST_VALIDATION, PooledFeatures, fit_feature_distribution
from LiverAILib.networks.classifier import ResNet50Classifier
from LiverAILib.segmentation.predict import Segmenter

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


def slice_distribution(
    network: ResNet50Classifier, training: SliceSet, validation: SliceSet, pipeline: str, *, size: int = IMAGE_SIZE
) -> dict[str, torch.Tensor]:
    """The tensors that let a model warn of out-of-distribution inputs of a pipeline.

    One mean a class and a shared covariance come from the training slices, the threshold from the validation cases. No tensors
    where there are too few cases, or where the slices were prepared at another size than inference prepares them: resizing
    twice changes the features enough to make every case look out of distribution.

    Args:
        network: The trained network of the pipeline.
        training: Slices that it was trained on, not augmented; at most `MOST_SLICES` of them are used.
        validation: Slices of other patients, one per case, cut out as inference does it, never trained on; at least
            `FEWEST_VALIDATION`.
        pipeline: Its name begins the names of the tensors.
        size: Rows and columns that inference prepares.
    """
    if min(len(training.labels), len(validation.labels)) < FEWEST_VALIDATION or training.slices.shape[-1] != size:
        return {}
    chosen = torch.linspace(0, len(training.labels) - 1, min(MOST_SLICES, len(training.labels))).round().long()
    features = pooled_features(network, training.slices[chosen])
    held_out = pooled_features(network, validation.slices)
    fitted = fit_feature_distribution(features, held_out, labels=training.labels[chosen].numpy())
    return fitted.state(f"{OUT_OF_DISTRIBUTION}.{pipeline}.")


def cohort_distribution(method: Nowak2021, cohort: Cohort, segmenter: Segmenter | None) -> dict[str, torch.Tensor]:
    """The tensors of both pipelines, from the cohort that the model was trained on (`MethodSpec.out_of_distribution`)."""
    sizes, classes = method.settings.image_sizes, method.model.classes
    given = [Preparation(pipeline, size=sizes[pipeline]) for pipeline in method.networks]
    as_inference = [replace(one, segmenter=segmenter) if one.pipeline == SEGMENTED else one for one in given]
    training = load_slices(cohort.split("train"), given, classes=classes)
    validation = load_slices(cohort.split("validation"), as_inference, classes=classes)
    state: dict[str, torch.Tensor] = {}
    for number, (pipeline, network) in enumerate(method.networks.items()):
        assert isinstance(network, ResNet50Classifier)
        state |= slice_distribution(network, training[number], validation[number], pipeline, size=sizes[pipeline])
    return state
