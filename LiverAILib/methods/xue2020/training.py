"""Training of the networks of Xue 2020 from the squares of a cohort."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from LiverAILib.evaluation.delong import auc_value
from LiverAILib.methods.xue2020.network import (
    AuxiliaryModels,
    BinaryModels,
    FusionModels,
    Trunk,
    cut_names,
    probabilities,
)
from LiverAILib.methods.xue2020.samples import ImageSet, as_inputs, fixed_views, random_crops
from LiverAILib.methods.xue2020.settings import ELASTOGRAM
from LiverAILib.training import distributed
from LiverAILib.training.balance import sampler
from LiverAILib.training.fit import FitOptions, Task, fit
from LiverAILib.training.frozen_features import FeatureCache, view_batches
from LiverAILib.training.loss import cross_entropy
from LiverAILib.training.precision import Precision
from LiverAILib.training.schedule import Stage

CHUNK = 32
AUXILIARY_WEIGHT = 0.4
"""Of the auxiliary classifier's loss in Inception-V3 (Szegedy 2016), a default."""

Batch = tuple[torch.Tensor, torch.Tensor]
Encode = Callable[[torch.Tensor], torch.Tensor]
"""From images (batch, 3, size, size) in 0..1, or 6 channels with the gray-scale ones first, to what the trained layers take."""


@dataclass(frozen=True)
class NetworkOptions:
    """How the networks are trained.

    Attributes:
        stages: The schedule.
        batch_size: Images a batch, a default where the paper is silent.
        steps: Batches an epoch; by default as many as show every image once.
        fixed_views: Train on so many fixed views of each image, whose features under the frozen layers are computed once; None
            draws new crops in every epoch, as published.
        precision: Device and format.
        fit: Seed, patience and the like.
    """

    stages: tuple[Stage, ...]
    batch_size: int = 32
    steps: int | None = None
    fixed_views: int | None = None
    precision: Precision = field(default_factory=Precision)
    fit: FitOptions = field(default_factory=FitOptions)


@dataclass(frozen=True, eq=False)
class Part:
    """What one run trains on.

    Attributes:
        images: uint8 (n, channels, size, size): one modality, or both with the gray-scale channels first.
        data: The cases that they are of.
    """

    images: torch.Tensor
    data: ImageSet

    @classmethod
    def of(cls, data: ImageSet, modality: str | None) -> Part:
        """Of one modality, or of the pairs where that is None."""
        if modality is None:
            data = data.with_elastogram
            return cls(torch.cat([data.gray_scale, data.elastogram], 1), data)
        if modality == ELASTOGRAM:
            data = data.with_elastogram
            return cls(data.elastogram, data)
        return cls(data.gray_scale, data)


def train_binary_models(
    models: BinaryModels,
    trunk: Trunk,
    training: Part,
    validation: Part,
    output: Path,
    *,
    options: NetworkOptions,
    auxiliary: AuxiliaryModels | None = None,
    log: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """Train the three binary models of a modality in one run; the state with the lowest cross entropy on patients is kept.

    Args:
        models: Trained in place.
        trunk: Frozen, in evaluation mode.
        training: Images to train on.
        validation: Images to choose the state by; never trained on.
        output: Run folder.
        options: The schedule and all else.
        auxiliary: `models` with auxiliary classifiers, whose loss counts `AUXILIARY_WEIGHT`.
        log: Called with one line per epoch.

    Returns:
        One record per epoch.
    """
    trunk.to(options.precision.device)

    def loss(network: nn.Module, batch: Batch) -> torch.Tensor:
        maps, labels = batch
        with options.precision.autocast():
            main, side = network.both(maps) if isinstance(network, AuxiliaryModels) else (network(maps), None)
        total = sum_of_losses(main, labels)
        return total if side is None else total + AUXILIARY_WEIGHT * sum_of_losses(side, labels)

    encoder = _Encoder([trunk], trunk, options)
    return _train(auxiliary or models, encoder, loss, training, validation, output, options=options, log=log)


def train_fusion_models(
    models: FusionModels,
    trunk: Trunk,
    binary: tuple[BinaryModels, BinaryModels],
    training: Part,
    validation: Part,
    output: Path,
    *,
    options: NetworkOptions,
    log: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """Train the classifiers of GM + EM on the features of both modalities' trained models, which stay as they are.

    Arguments and result as `train_binary_models`; `binary` are the models of gray-scale images and of elastograms.
    """
    for one in (trunk, *binary):
        one.to(options.precision.device).eval()

    def loss(network: nn.Module, batch: Batch) -> torch.Tensor:
        return sum_of_losses(network(batch[0].float()), batch[1])

    encoder = _Encoder([trunk, *binary], lambda images: pooled_pairs(images, trunk, binary), options)
    return _train(models, encoder, loss, training, validation, output, options=options, log=log)


def pooled_pairs(images: torch.Tensor, trunk: Trunk, binary: tuple[BinaryModels, BinaryModels]) -> torch.Tensor:
    """Pooled features (batch, cut-offs, 2 * channels) of both modalities for images (batch, 6, size, size)."""
    gray, color = images[:, :3], images[:, 3:]
    return torch.cat([binary[0].pooled(trunk(gray)), binary[1].pooled(trunk(color))], 2)


def sum_of_losses(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross entropy of each binary model, summed: the models share nothing, so that each learns what it would learn alone.

    Args:
        scores: (batch, cut-offs, 2).
        labels: int64 (batch, cut-offs).
    """
    each = [cross_entropy(scores[:, number].float(), labels[:, number]) for number in range(scores.shape[1])]
    return torch.stack(each).sum()


class _Encoder:
    """What comes before the trained layers, without a gradient; whole images of the validation are encoded once."""

    def __init__(self, modules: list[nn.Module], encode: Encode, options: NetworkOptions) -> None:
        self.modules, self.encode, self.precision = modules, encode, options.precision
        self.remembers = any(parameter.numel() for module in modules for parameter in module.parameters())

    def cache(self, inputs: Callable[..., torch.Tensor]) -> FeatureCache:
        """Remembers what it has encoded of numbered inputs."""
        return FeatureCache(self.modules, self.encode, inputs, self.precision)

    @torch.no_grad()
    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        with self.precision.autocast():
            return self.encode(inputs.to(self.precision.device)).cpu()


def _train(
    network: Any,
    encoder: _Encoder,
    loss: Callable[[nn.Module, Batch], torch.Tensor],
    training: Part,
    validation: Part,
    output: Path,
    *,
    options: NetworkOptions,
    log: Callable[[str], None],
) -> list[dict[str, Any]]:
    network = distributed.place_network(network, options.precision.device)
    steps = options.steps or -(-len(training.images) // options.batch_size)
    draw = (
        _fixed(training, encoder, options, steps) if options.fixed_views else _fresh(training, encoder, options, steps)
    )
    whole = fixed_views(validation.images, 1, seed=0)
    known = encoder.cache(whole.inputs) if encoder.remembers else (lambda numbers: encoder(whole.inputs(numbers)))

    def validate(trained: nn.Module) -> dict[str, Any]:
        return score(_predict(trained, known, len(validation.images), options.precision), validation.data)

    task = Task(network, network.layer_groups, draw, steps, loss, validate, precision=options.precision)
    history = fit(task, options.stages, output=output, options=options.fit, log=log)
    network.eval()
    return history


def _fixed(part: Part, encoder: _Encoder, options: NetworkOptions, steps: int) -> Callable[[int], Iterator[Batch]]:
    """Epochs of fixed views, encoded once."""
    views = fixed_views(part.images, options.fixed_views or 1, seed=options.fit.seed)
    labels = part.data.labels
    draw = sampler(torch.zeros(len(labels), dtype=torch.long), "none")
    cache = encoder.cache(views.inputs)
    return view_batches(draw, labels, views, batch_size=options.batch_size, steps=steps, cache=cache)


def _fresh(part: Part, encoder: _Encoder, options: NetworkOptions, steps: int) -> Callable[[int], Iterator[Batch]]:
    """Epochs that show every image once (or `steps` batches) in random order, newly cropped and reflected."""
    count, labels = len(part.images), part.data.labels

    def epoch(seed: int) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(seed)
        wanted = steps * options.batch_size
        rounds = [torch.randperm(count, generator=generator) for _ in range(-(-wanted // count))]
        order = torch.cat(rounds)[: min(wanted, count) if options.steps is None else wanted]
        for index in order.split(options.batch_size):
            yield encoder(random_crops(as_inputs(part.images[index]), generator)), labels[index]

    return epoch


@torch.no_grad()
def _predict(
    network: nn.Module, encoded: Callable[[list[int]], torch.Tensor], count: int, precision: Precision
) -> torch.Tensor:
    """Probabilities (count, cut-offs) of encoded images."""
    network.eval()
    found = []
    for first in range(0, count, CHUNK):
        maps = encoded(list(range(first, min(first + CHUNK, count)))).to(precision.device)
        # Remembered maps may have the short format of the training.
        found.append(probabilities(network(maps.float())).cpu())
    return torch.cat(found)


def predict(network: nn.Module, encode: Encode, part: Part, precision: Precision) -> torch.Tensor:
    """Scores (cases, cut-offs) of the cases, each the mean over its whole images; nan for a case without any."""
    views = fixed_views(part.images, 1, seed=0)

    @torch.no_grad()
    def encoded(numbers: list[int]) -> torch.Tensor:
        return encode(views.inputs(numbers).to(precision.device))

    return part.data.patient_means(_predict(network.to(precision.device), encoded, len(part.images), precision))


def score(images: torch.Tensor, data: ImageSet) -> dict[str, Any]:
    """Negative cross entropy on patients (chooses the best state), and the AUC of each cut-off."""
    cases = data.patient_means(images)
    known = ~cases[:, 0].isnan()
    cases, labels = cases[known].clamp(1e-6, 1 - 1e-6), data.case_labels[known]
    each = -(labels * cases.log() + (1 - labels) * (1 - cases).log()).mean()
    return {"score": -float(each), **areas(cases, labels, "validation_auc_")}


def areas(cases: torch.Tensor, labels: torch.Tensor, prefix: str) -> dict[str, float]:
    """AUC by cut-off of scores (cases, cut-offs); none where all cases are on one side."""
    found = {}
    for number, name in enumerate(cut_names()):
        truth = labels[:, number].bool()
        if truth.any() and not truth.all():
            found[prefix + name] = auc_value(truth.numpy(), cases[:, number].double().numpy())
    return found
