"""Training of the segmentation network from a cohort with masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from LiverAILib.cohort import Cohort
from LiverAILib.networks.device import bfloat16_pays
from LiverAILib.networks.unet import build_unet
from LiverAILib.segmentation.grid import adjacent_slices, pad_to_stride
from LiverAILib.training.fit import Task, fit
from LiverAILib.training.loss import dice_and_cross_entropy
from LiverAILib.training.schedule import Stage, one_stage
from LiverAILib.training.segmentation_data import (
    NEAR_GEOMETRY,
    NEAR_INTENSITY,
    Batch,
    SliceSampler,
    TrainingVolume,
    load_training_volume,
)

ORGANS = ("liver", "right_kidney", "left_kidney", "spleen")


def train_segmentation(
    cohort: Cohort,
    output: Path,
    *,
    stages: Sequence[Stage] | None = None,
    seed: int = 0,
    encoder_weights: str | None = None,
    steps: int = 50,
    batch_size: int = 16,
    refine_epochs: int = 0,
    log: Callable[[str], None] = print,
) -> tuple[torch.nn.Module, list[dict[str, Any]]]:
    """Train the U-Net on the rows of split "train", choosing the best state on split "validation".

    Without validation rows the last state counts as the best. `stages` defaults to one stage with all layers, the
    schedule for networks without pretrained weights; `schedule.NOWAK2021_SEGMENTATION` is the published one.
    `refine_epochs` then go on with contrast and shapes nearer to real scans and with more slices above and below the
    organs: wide augmentation alone leaves borders uncertain, which the Dice loss answers with masks that are too large.
    """
    torch.manual_seed(seed)
    volumes = [load_training_volume(row, ORGANS) for row in cohort.split("train")]
    validation = [load_training_volume(row, ORGANS) for row in cohort.split("validation")]
    log(f"{len(volumes)} volumes to train on, {len(validation)} to validate on")
    network = build_unet(len(ORGANS) + 1, encoder_weights=encoder_weights).to(memory_format=torch.channels_last)
    mixed = bfloat16_pays(torch.device("cpu"))

    def loss(network: torch.nn.Module, batch: Batch) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            logits = network(batch.images.to(memory_format=torch.channels_last))
        return dice_and_cross_entropy(logits, batch.labels, batch.known)

    def validate(network: torch.nn.Module) -> dict[str, float]:
        if not validation:
            validate.calls += 1
            return {"score": float(validate.calls)}
        return validation_dice(network, validation, mixed=mixed)

    validate.calls = 0
    groups = [network.encoder, torch.nn.ModuleList([network.decoder, network.segmentation_head])]
    wide = SliceSampler(volumes, batch_size=batch_size, steps=steps)
    near = SliceSampler(
        volumes,
        batch_size=batch_size,
        steps=steps,
        synthetic_share=0.2,
        empty_share=0.35,
        geometry=NEAR_GEOMETRY,
        intensity=NEAR_INTENSITY,
    )
    history = []
    runs = ((wide, stages or one_stage(30, 1e-3), output), (near, one_stage(refine_epochs, 3e-4), output / "refine"))
    for sampler, run_stages, folder in runs[: 2 if refine_epochs else 1]:
        task = Task(network, groups, sampler.epoch, steps, loss, validate)
        history += fit(task, run_stages, output=folder, seed=seed, validate_every=5, log=log)
    return network, history


def validation_dice(network: torch.nn.Module, volumes: Sequence[TrainingVolume], *, mixed: bool) -> dict[str, float]:
    """Mean Dice of each organ over the volumes on the network's grid, and "score", that of the liver."""
    network.eval()
    scores: dict[str, list[float]] = {}
    for volume in volumes:
        stride = max(1, round(4 / volume.slice_mm))
        images = volume.images.float()[::stride]
        labels = volume.labels[::stride]
        parts = []
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            for first in range(0, len(images), 8):
                stack = torch.stack([adjacent_slices(images, i) for i in range(first, min(first + 8, len(images)))])
                padded, (rows, columns) = pad_to_stride(stack)
                parts.append(network(padded)[..., :rows, :columns].argmax(1))
        predicted = torch.cat(parts)
        for number, organ in enumerate(ORGANS, 1):
            if volume.known[number - 1]:
                both = ((predicted == number) & (labels == number)).sum()
                total = (predicted == number).sum() + (labels == number).sum()
                scores.setdefault(f"dice_{organ}", []).append(float(2 * both / total.clamp_min(1)))
    means = {name: sum(values) / len(values) for name, values in scores.items()}
    return {**means, "score": means["dice_liver"]}
