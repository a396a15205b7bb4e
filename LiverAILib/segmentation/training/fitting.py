"""Training of the segmentation network from a cohort with masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from LiverAILib.data.cohort import Cohort
from LiverAILib.networks.context_unet import ContextUnet
from LiverAILib.networks.unet import unet_layer_groups
from LiverAILib.segmentation.grid import adjacent_slices, pad_to_stride
from LiverAILib.segmentation.training.context_volumes import ContextBatch, ContextSampler, ContextVolume
from LiverAILib.segmentation.training.recipe import ONE_SLICE_A_PATIENT, SegmentationRecipe
from LiverAILib.segmentation.training.samples import (
    NEAR_GEOMETRY,
    NEAR_INTENSITY,
    Batch,
    SliceSampler,
    TrainingVolume,
    load_training_volume,
)
from LiverAILib.segmentation.training.single_slices import SingleSliceSampler, load_single_slice
from LiverAILib.training import distributed
from LiverAILib.training.fit import FitOptions, Task, fit
from LiverAILib.training.loss import dice_and_cross_entropy
from LiverAILib.training.precision import Precision
from LiverAILib.training.schedule import one_stage


def train_segmentation(
    cohort: Cohort,
    output: Path,
    *,
    network: torch.nn.Module,
    recipe: SegmentationRecipe,
    options: FitOptions | None = None,
    precision: Precision | None = None,
    log: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """Train the U-Net on the rows of split "train", choosing the best state on split "validation".

    Without validation rows the last state counts as the best. `recipe.refine_epochs` follow with contrast and shapes nearer to
    real scans and with more slices above and below the organs: wide augmentation alone leaves borders uncertain, which the Dice
    loss answers with masks that are too large.

    Args:
        cohort: Cases with role t2 or ct and masks of the recipe's organs.
        output: Run folder.
        network: U-Net with a background class and these organs; trained in place.
        recipe: How it is trained.
        options: How the stages are run.
        precision: Device and format.
        log: Called with one line per epoch.

    Returns:
        The history.
    """
    options = options or FitOptions(validate_every=recipe.validate_every)
    single = recipe.samples == ONE_SLICE_A_PATIENT
    load = load_single_slice if single else load_training_volume
    volumes = [load(row, recipe.organs) for row in cohort.split("train")]
    validation = [load(row, recipe.organs) for row in cohort.split("validation")]
    log(f"{len(volumes)} {'slices' if single else 'volumes'} to train on, {len(validation)} to validate on")
    sampler = single_slice_sampler(volumes, recipe) if single else slice_sampler(volumes, recipe)
    task = segmentation_task(network, sampler, validation, recipe, precision or Precision())
    history = fit(task, recipe.stages, output=output, options=options, log=log)
    if recipe.refine_epochs:
        # The score cannot choose between both runs' states: it does not measure what refining improves (see above).
        refining = replace(options, start_counts=False)
        stages = one_stage(recipe.refine_epochs, 3e-4)
        near = replace(recipe, geometry=NEAR_GEOMETRY, intensity=NEAR_INTENSITY, synthetic_share=0.2)
        batches = slice_sampler(volumes, near, empty_share=0.35).epoch
        history += fit(replace(task, batches=batches), stages, output=output / "refine", options=refining, log=log)
    return history


def train_context(
    cohort: Cohort,
    output: Path,
    *,
    network: ContextUnet,
    recipe: SegmentationRecipe,
    options: FitOptions | None = None,
    precision: Precision | None = None,
    log: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """Train the context network on the rows of split "train"; arguments as in `train_segmentation`."""
    precision = precision or Precision()
    volumes = [ContextVolume.of(load_training_volume(row, recipe.organs)) for row in cohort.split("train")]
    sampler = ContextSampler(volumes, steps=recipe.steps or 50, ct_share=recipe.ct_share)

    def loss(network: torch.nn.Module, batch: ContextBatch) -> torch.Tensor:
        with precision.autocast():
            logits = network(batch.images)
        return dice_and_cross_entropy(logits.flatten(-2), batch.labels.flatten(-2), batch.known)

    network = distributed.place_network(network, precision.device)
    task = Task(network, [network], sampler.epoch, sampler.steps, loss, None, precision=precision)
    stages = one_stage(recipe.context_epochs, recipe.context_lr)
    return fit(task, stages, output=output, options=options, log=log)


def single_slice_sampler(slices: Sequence[TrainingVolume], recipe: SegmentationRecipe) -> SingleSliceSampler:
    """The sampler of a recipe that trains on one slice a patient."""
    return SingleSliceSampler(
        slices,
        batch_size=recipe.batch_size,
        steps=recipe.steps,
        size=recipe.image_size,
        geometry=recipe.geometry,
        intensity=recipe.intensity,
        adjacent=recipe.adjacent_slices,
    )


def slice_sampler(
    volumes: Sequence[TrainingVolume], recipe: SegmentationRecipe, *, empty_share: float = 0.15
) -> SliceSampler:
    """The sampler of a recipe that trains on random slices; `empty_share` of them may show no organ."""
    return SliceSampler(
        volumes,
        batch_size=recipe.batch_size,
        steps=recipe.steps or 50,
        size=recipe.image_size,
        synthetic_share=recipe.synthetic_share,
        ct_share=recipe.ct_share,
        empty_share=empty_share,
        geometry=recipe.geometry,
        intensity=recipe.intensity,
        adjacent=recipe.adjacent_slices,
    )


def segmentation_task(
    network: torch.nn.Module,
    sampler: SliceSampler | SingleSliceSampler,
    validation: Sequence[TrainingVolume],
    recipe: SegmentationRecipe,
    precision: Precision,
) -> Task:
    """What is trained, as `fit` takes it."""
    network = distributed.place_network(network, precision.device, memory_format=torch.channels_last)
    groups, encoder_groups = unet_layer_groups(network)

    def loss(network: torch.nn.Module, batch: Batch) -> torch.Tensor:
        with precision.autocast():
            logits = network(batch.images.to(memory_format=torch.channels_last))
        return dice_and_cross_entropy(logits, batch.labels, batch.known)

    def validate(network: torch.nn.Module) -> dict[str, float]:
        return validation_dice(network, validation, recipe, precision=precision)

    return Task(
        network,
        groups,
        sampler.epoch,
        sampler.steps,
        loss,
        validate if validation else None,
        pretrained_groups=encoder_groups,
        precision=precision,
    )


def validation_dice(
    network: torch.nn.Module, volumes: Sequence[TrainingVolume], recipe: SegmentationRecipe, *, precision: Precision
) -> dict[str, float]:
    """Mean Dice of each organ over the volumes on the network's grid, and "score", that of the liver."""
    network.eval()
    scores: dict[str, list[float]] = {}
    for volume in volumes:
        stride = max(1, round(4 / volume.slice_mm))
        images = volume.images.float()[::stride]
        labels = volume.labels[::stride]
        parts = []
        with torch.inference_mode(), precision.autocast():
            for first in range(0, len(images), 8):
                numbers = range(first, min(first + 8, len(images)))
                stack = torch.stack([adjacent_slices(images, n, count=recipe.adjacent_slices) for n in numbers])
                padded, (rows, columns) = pad_to_stride(stack)
                logits = network(padded.to(precision.device, memory_format=torch.channels_last))
                parts.append(logits[..., :rows, :columns].argmax(1).cpu())
        predicted = torch.cat(parts)
        for number, organ in enumerate(recipe.organs, 1):
            if volume.known[number - 1]:
                both = ((predicted == number) & (labels == number)).sum()
                total = (predicted == number).sum() + (labels == number).sum()
                scores.setdefault(f"dice_{organ}", []).append(float(2 * both / total.clamp_min(1)))
    means = {name: sum(values) / len(values) for name, values in scores.items()}
    return {**means, "score": means["dice_liver"]}
