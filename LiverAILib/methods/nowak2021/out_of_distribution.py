"""Fitting the out-of-distribution detection of Nowak 2021's networks to the slices that they were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from LiverAILib.data.cohort import Cohort
from LiverAILib.data.model import OUT_OF_DISTRIBUTION
from LiverAILib.methods.encoder_distance import ALL, case_sources, encoder_distance_state, encoder_features
from LiverAILib.methods.nowak2021.method import Nowak2021
from LiverAILib.methods.nowak2021.settings import IMAGE_SIZE, PUBLISHED_ENCODER, SEGMENTED, EncoderSettings
from LiverAILib.methods.nowak2021.slices import Preparation, SliceSet, load_slices
from LiverAILib.methods.nowak2021.view import network_input
from LiverAILib.methods.out_of_distribution import FEWEST_VALIDATION, PooledFeatures, fit_feature_distribution
from LiverAILib.networks.classifier import ImageClassifier
from LiverAILib.segmentation.predict import Segmenter

MOST_SLICES = 600
"""Training slices that are enough to learn from; of more, so many are taken evenly."""


@torch.no_grad()
def pooled_features(
    network: ImageClassifier, slices: torch.Tensor, encoder: EncoderSettings = PUBLISHED_ENCODER
) -> np.ndarray:
    """Pooled features (n, channels) of slices (n, rows, columns) in 0..1, prepared at the size at which inference does it."""
    network.eval()
    recorder = PooledFeatures(network)
    found = []
    for part in slices.split(16):
        recorder.features(network_input(part.float(), encoder))
        found.append(recorder.pooled)
    return np.concatenate(found)


def slice_distribution(
    network: ImageClassifier,
    training: SliceSet,
    validation: SliceSet,
    pipeline: str,
    *,
    size: int = IMAGE_SIZE,
    encoder: EncoderSettings = PUBLISHED_ENCODER,
    sources: tuple[Sequence[str], Sequence[str]] | None = None,
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
        encoder: Whose normalization the network's inputs have.
        sources: Source of each training and of each validation case, by the numbers in `SliceSet.cases`; None for one source.
    """
    if min(len(training.labels), len(validation.labels)) < FEWEST_VALIDATION or training.slices.shape[-1] != size:
        return {}
    chosen = torch.linspace(0, len(training.labels) - 1, min(MOST_SLICES, len(training.labels))).round().long()
    features = pooled_features(network, training.slices[chosen], encoder)
    held_out = pooled_features(network, validation.slices, encoder)
    fitted = fit_feature_distribution(features, held_out, labels=training.labels[chosen].numpy())
    prefix = f"{OUT_OF_DISTRIBUTION}.{pipeline}."
    names = [
        [ALL] * len(cases) if sources is None else [sources[number][case] for case in cases.tolist()]
        for number, cases in enumerate((training.cases[chosen], validation.cases))
    ]
    return fitted.state(prefix) | encoder_distance_state(
        encoder_features(training.slices[chosen]),
        encoder_features(validation.slices),
        prefix,
        training_sources=names[0],
        validation_sources=names[1],
    )


def cohort_distribution(method: Nowak2021, cohort: Cohort, segmenter: Segmenter | None) -> dict[str, torch.Tensor]:
    """The tensors of both pipelines, from the cohort that the model was trained on (`MethodSpec.out_of_distribution`)."""
    sizes, classes, encoder = method.settings.image_sizes, method.model.classes, method.settings.encoder
    given = [Preparation(pipeline, size=sizes[pipeline]) for pipeline in method.networks]
    as_inference = [replace(one, segmenter=segmenter) if one.pipeline == SEGMENTED else one for one in given]
    training = load_slices(cohort.split("train"), given, classes=classes)
    validation = load_slices(cohort.split("validation"), as_inference, classes=classes)
    sources = case_sources(cohort)
    state: dict[str, torch.Tensor] = {}
    for number, (pipeline, network) in enumerate(method.networks.items()):
        state |= slice_distribution(
            network,
            training[number],
            validation[number],
            pipeline,
            size=sizes[pipeline],
            encoder=encoder,
            sources=sources,
        )
    return state
