"""Training of a pipeline of Nowak 2021 on prepared slices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from LiverAILib.methods.nowak2021.settings import IMAGE_SIZE, PUBLISHED_ENCODER, EncoderSettings
from LiverAILib.methods.nowak2021.slices import (
    GEOMETRY,
    INTENSITY,
    Preparation,
    SliceSet,
    batches,
    fixed_views,
    joined,
    load_slices,
    plain_inputs,
)
from LiverAILib.networks.classifier import ImageClassifier
from LiverAILib.training import distributed
from LiverAILib.training.augmentation import Geometry, Intensity
from LiverAILib.training.balance import class_weights, epoch_batches
from LiverAILib.training.evidence_penalty import (
    class_activation_maps,
    evidence_penalty,
    liver_cells,
    outside_share,
)
from LiverAILib.training.fit import FitOptions, Task, fit
from LiverAILib.training.frozen_features import FeatureCache, view_epochs
from LiverAILib.training.loss import corn_loss, cross_entropy
from LiverAILib.training.precision import Precision
from LiverAILib.training.schedule import Stage

__all__ = [
    "PipelineOptions",
    "Preparation",
    "SliceSet",
    "batches",
    "joined",
    "load_slices",
    "predict",
    "train_pipeline",
]

COLORS = 3
"""Channels of the network input; the liver is the next one where the loss needs it."""


@dataclass(frozen=True)
class PipelineOptions:
    """How a pipeline is trained.

    Attributes:
        size: Rows and columns that the slices are resized to.
        batch_size: Slices a batch.
        steps: Batches an epoch; by default as many as show every training slice once.
        geometry: Random changes of the slices' geometry.
        intensity: Random changes of their intensities.
        encoder: Whose normalization the inputs have.
        evidence_penalty: Weight of the share of the evidence outside of the liver in the loss (see `evidence_penalty`); 0 for
            none, as published. The training slices need their livers.
        balance: What is done about classes of unequal size (`balance.BALANCES`).
        frozen_views: In stages with a frozen trunk, train on so many fixed views of each slice, whose features are
            computed once. None: new views in every epoch, as published.
        precision: Device and format.
        fit: How the stages are run. Fixed views need its `freeze_batch_norm`.
    """

    size: int = IMAGE_SIZE
    batch_size: int = 32
    steps: int | None = None
    encoder: EncoderSettings = PUBLISHED_ENCODER
    evidence_penalty: float = 0.0
    balance: str = "none"
    geometry: Geometry = GEOMETRY
    intensity: Intensity = INTENSITY
    frozen_views: int | None = None
    precision: Precision = field(default_factory=Precision)
    fit: FitOptions = field(default_factory=FitOptions)


@torch.inference_mode()
def predict(
    network: ImageClassifier,
    data: SliceSet,
    *,
    size: int = IMAGE_SIZE,
    encoder: EncoderSettings = PUBLISHED_ENCODER,
    precision: Precision | None = None,
) -> torch.Tensor:
    """Class scores (n, classes) of prepared slices, in float32 on the CPU."""
    network.eval()
    device = (precision or Precision()).device
    give = plain_inputs(data, size=size, encoder=encoder)
    parts = torch.arange(len(data.labels)).split(16)
    return torch.cat([network(give(part.tolist()).to(device)).float().cpu() for part in parts])


def train_pipeline(
    training: SliceSet,
    validation: SliceSet,
    output: Path,
    *,
    network: ImageClassifier,
    stages: Sequence[Stage],
    options: PipelineOptions | None = None,
    log: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """Train one pipeline; the state with the lowest cross entropy on the validation slices is kept.

    Args:
        training: Slices to train on.
        validation: Slices to choose the state by; never trained on.
        output: Run folder.
        network: Trained in place.
        stages: The schedule.
        options: How it is trained.
        log: Called with one line per epoch.

    Returns:
        The history.
    """
    task = pipeline_task(network, training, validation, options or PipelineOptions())
    return fit(task, stages, output=output, options=(options or PipelineOptions()).fit, log=log)


def pipeline_task(network: ImageClassifier, training: SliceSet, validation: SliceSet, options: PipelineOptions) -> Task:
    """What is trained, as `fit` takes it."""
    precision, size = options.precision, options.size
    network = distributed.place_network(network, precision.device, memory_format=torch.channels_last)
    give, steps = batches(
        training,
        batch_size=options.batch_size,
        steps=options.steps,
        size=size,
        balance=options.balance,
        geometry=options.geometry,
        intensity=options.intensity,
        encoder=options.encoder,
    )
    loss_of = class_loss(network, training, options)

    def loss(network: ImageClassifier, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        with precision.autocast():
            features = network.features(batch[0][:, :COLORS].to(memory_format=torch.channels_last))
            logits = network.logits(features)
        found = loss_of(logits.float(), batch[1])
        if not options.evidence_penalty:
            return found
        return found + options.evidence_penalty * evidence_penalty(network, features, batch[0][:, COLORS])

    def validate(network: ImageClassifier) -> dict[str, float]:
        return validated(network, validation, options)

    return Task(
        network,
        network.layer_groups,
        give,
        steps,
        loss,
        validate,
        precision=precision,
        frozen=frozen_task(network, training, validation, options) if options.frozen_views else None,
    )


def frozen_task(
    network: ImageClassifier,
    training: SliceSet,
    validation: SliceSet,
    options: PipelineOptions,
    *,
    cached: bool = True,
) -> Task:
    """What is trained while the trunk is frozen: the output layer, on fixed views of the slices.

    Pooled features know no place: the evidence penalty has no part in these stages. Without `cached` every view goes through
    the trunk in every epoch: the plain loop, with the same result.
    """
    if not (options.frozen_views and options.fit.freeze_batch_norm):
        raise ValueError("fixed views are exact only with frozen batch normalization: set freeze_batch_norm")
    precision = options.precision
    trunk = network.layer_groups[:-1]
    views = fixed_views(
        replace(training, livers=None),
        options.frozen_views,
        size=options.size,
        seed=options.fit.seed,
        geometry=options.geometry,
        intensity=options.intensity,
        encoder=options.encoder,
    )
    loss_of = class_loss(network, training, options)

    def pooled(inputs: torch.Tensor) -> torch.Tensor:
        return network.pool(network.features(inputs.to(memory_format=torch.channels_last)))

    def loss(network: ImageClassifier, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        with precision.autocast():
            logits = network.output(batch[0] if cached else pooled(batch[0]))
        return loss_of(logits.float(), batch[1])

    held_out = FeatureCache(
        trunk, pooled, plain_inputs(validation, size=options.size, encoder=options.encoder), Precision(precision.device)
    )

    def validate(network: ImageClassifier) -> dict[str, float]:
        if not cached or options.evidence_penalty:
            return validated(network, validation, options)
        held_out.check()
        network.eval()
        features = held_out(range(len(validation.labels))).to(precision.device)
        with torch.inference_mode():
            scores = network.scores(network.output(features.float()))
            return scored(scores.float().cpu(), validation.labels)

    indices, steps = epoch_batches(training.labels, options.balance, batch_size=options.batch_size, steps=options.steps)
    cache = FeatureCache(trunk, pooled, views.inputs, precision) if cached else None
    give = view_epochs(indices, training.labels, views, cache=cache)
    return Task(network, network.layer_groups, give, steps, loss, validate, precision=precision)


def class_loss(
    network: ImageClassifier, training: SliceSet, options: PipelineOptions
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """The loss of logits and labels that suits the network's head, weighted where `options.balance` says so."""
    weights = class_weights(training.labels, network.classes, options.balance)
    if weights is not None:
        weights = weights.to(options.precision.device)
    function = corn_loss if network.head == "corn" else cross_entropy
    return lambda logits, labels: function(logits, labels, weights=weights)


def validated(network: ImageClassifier, data: SliceSet, options: PipelineOptions) -> dict[str, float]:
    """What `scored` says of slices; with a penalty the score is that of the loss, so that the state is not chosen without it."""
    scores = predict(network, data, size=options.size, encoder=options.encoder, precision=options.precision)
    found = scored(scores, data.labels)
    if not options.evidence_penalty or data.livers is None:
        return found
    outside = evidence_outside(network, data, options)
    return found | {
        "score": found["score"] - options.evidence_penalty * outside,
        "validation_cross_entropy": -found["score"],
        "validation_evidence_outside": outside,
    }


def evidence_outside(network: ImageClassifier, data: SliceSet, options: PipelineOptions) -> float:
    """Mean share of the evidence outside of the liver in slices whose livers are known."""
    assert data.livers is not None
    network.eval()
    device = options.precision.device
    give = plain_inputs(data, size=options.size, encoder=options.encoder)
    shares = []
    for part in torch.arange(len(data.labels)).split(16):
        with torch.no_grad():
            features = network.features(give(part.tolist()).to(device)).float()
        maps = class_activation_maps(network, features.requires_grad_()).detach()
        cells = liver_cells(data.livers[part].to(device).float() / 255, features.shape[2:])
        shares.append(outside_share(maps, cells))
    return float(torch.cat(shares).mean())


def scored(scores: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """ "score" (minus the cross entropy) and accuracy of class scores (n, classes)."""
    accuracy = float((scores.argmax(1) == labels).float().mean())
    return {"score": -float(F.cross_entropy(scores, labels)), "validation_accuracy": accuracy}
