"""Training of the segmentation network from a cohort with masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from LiverAILib.data.cohort import Cohort
from LiverAILib.data.structures import STRUCTURES
from LiverAILib.networks.unet import unet_layer_groups
from LiverAILib.segmentation.grid import adjacent_slices, pad_to_stride
from LiverAILib.segmentation.training.samples import (
    NEAR_GEOMETRY,
    NEAR_INTENSITY,
    Batch,
    SliceSampler,
    TrainingVolume,
    load_training_volume,
)
from LiverAILib.training import distributed
from LiverAILib.training.fit import FitOptions, Task, fit
from LiverAILib.training.loss import dice_and_cross_entropy
from LiverAILib.training.precision import Precision
from LiverAILib.training.schedule import Stage, one_stage

ORGANS = tuple(STRUCTURES)
SAMPLE_SIZE = (192, 224)


def train_segmentation(
    cohort: Cohort,
    output: Path,
    *,
    network: torch.nn.Module,
    stages: Sequence[Stage],
    options: FitOptions | None = None,
    precision: Precision | None = None,
    steps: int = 50,
    batch_size: int = 16,
    size: tuple[int, int] = SAMPLE_SIZE,
    refine_epochs: int = 0,
    log: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """Train the U-Net on the rows of split "train", choosing the best state on split "validation".

    Without validation rows the last state counts as the best.

    Args:
        cohort: Cases with role t2 or ct and masks of `ORGANS`.
        output: Run folder.
        network: U-Net with a background class and `ORGANS`; trained in place.
        stages: The schedule.
        options: How the stages are run.
        precision: Device and format.
        steps: Batches an epoch.
        batch_size: Slices a batch.
        size: Rows and columns of a sample.
        refine_epochs: Epochs that follow, with contrast and shapes nearer to real scans and with more slices above and
            below the organs: wide augmentation alone leaves borders uncertain, which the Dice loss answers with masks that
            are too large.
        log: Called with one line per epoch.

    Returns:
        The history.
    """
    options = options or FitOptions(validate_every=5)
    volumes = [load_training_volume(row, ORGANS) for row in cohort.split("train")]
    validation = [load_training_volume(row, ORGANS) for row in cohort.split("validation")]
    log(f"{len(volumes)} volumes to train on, {len(validation)} to validate on")
    wide = SliceSampler(volumes, batch_size=batch_size, steps=steps, size=size)
    near = SliceSampler(
        volumes,
        batch_size=batch_size,
        steps=steps,
        size=size,
        synthetic_share=0.2,
        empty_share=0.35,
        geometry=NEAR_GEOMETRY,
        intensity=NEAR_INTENSITY,
    )
    task = segmentation_task(network, wide, validation, precision or Precision())
    history = fit(task, stages, output=output, options=options, log=log)
    if refine_epochs:
        # The score cannot choose between both runs' states: it does not measure what refining improves (see above).
        refining = replace(options, start_counts=False)
        stages = one_stage(refine_epochs, 3e-4)
        history += fit(replace(task, batches=near.epoch), stages, output=output / "refine", options=refining, log=log)
    return history


def segmentation_task(
    network: torch.nn.Module, sampler: SliceSampler, validation: Sequence[TrainingVolume], precision: Precision
) -> Task:
    """What is trained, as `fit` takes it."""
    network = distributed.place_network(network, precision.device, memory_format=torch.channels_last)
    groups, encoder_groups = unet_layer_groups(network)

    def loss(network: torch.nn.Module, batch: Batch) -> torch.Tensor:
        with precision.autocast():
            logits = network(batch.images.to(memory_format=torch.channels_last))
        return dice_and_cross_entropy(logits, batch.labels, batch.known)

    def validate(network: torch.nn.Module) -> dict[str, float]:
        return validation_dice(network, validation, precision=precision)

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
    network: torch.nn.Module, volumes: Sequence[TrainingVolume], *, precision: Precision
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
                stack = torch.stack([adjacent_slices(images, i) for i in range(first, min(first + 8, len(images)))])
                padded, (rows, columns) = pad_to_stride(stack)
                logits = network(padded.to(precision.device, memory_format=torch.channels_last))
                parts.append(logits[..., :rows, :columns].argmax(1).cpu())
        predicted = torch.cat(parts)
        for number, organ in enumerate(ORGANS, 1):
            if volume.known[number - 1]:
                both = ((predicted == number) & (labels == number)).sum()
                total = (predicted == number).sum() + (labels == number).sum()
                scores.setdefault(f"dice_{organ}", []).append(float(2 * both / total.clamp_min(1)))
    means = {name: sum(values) / len(values) for name, values in scores.items()}
    return {**means, "score": means["dice_liver"]}
