"""The segmentation network's training run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from LiverAILib.data.cohort import Cohort
from LiverAILib.data.model import LICENSE_UNKNOWN
from LiverAILib.networks.pretrained import IMAGENET
from LiverAILib.networks.unet import ADJACENT_SLICES, build_unet
from LiverAILib.segmentation.settings import SegmentationSettings
from LiverAILib.segmentation.training import fitting
from LiverAILib.training import schedule as schedules
from LiverAILib.training.initial_weights import initial_model, start_from
from LiverAILib.training.options import TrainingOptions
from LiverAILib.training.run_settings import choose_precision, fit_options, require_pretrained

ENCODER = "resnet34"


def train_segmentation(
    cohort: Cohort, output: Path, options: TrainingOptions, log: Callable[[str], None]
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Entries of the model card and the network's state."""
    require_pretrained(options)
    torch.manual_seed(options.seed)
    start = initial_model(options.initial_weights, "segmentation")
    normalization = IMAGENET if options.encoder_weights else None
    if start is not None:
        normalization = SegmentationSettings.from_card(start.card).normalization
    network = build_unet(
        len(fitting.ORGANS) + 1,
        encoder=ENCODER,
        encoder_weights=options.encoder_weights,
        normalization=normalization,
    )
    if start is not None:
        start_from(network, start)
    epochs = options.epochs or 30
    size = options.image_size
    history = fitting.train_segmentation(
        cohort,
        output,
        network=network,
        stages=segmentation_stages(options, epochs),
        options=fit_options(options, validate_every=5),
        precision=choose_precision(options),
        steps=options.steps or 50,
        batch_size=options.batch_size or 16,
        size=(size, size) if size else fitting.SAMPLE_SIZE,
        refine_epochs=0 if options.published else max(1, round(epochs / 2)),
        log=log,
    )
    return segmentation_card(cohort, history, normalization), network.cpu().state_dict()


def segmentation_stages(options: TrainingOptions, epochs: int) -> tuple[schedules.Stage, ...]:
    """The stages of the schedule that `options` name."""
    if options.published:
        return schedules.shortened(schedules.NOWAK2021_SEGMENTATION, options.epochs_divisor or 1)
    if options.fine_tune:
        return schedules.fine_tuning(epochs, max_lr=options.max_lr)
    return schedules.one_stage(epochs, options.max_lr or 1e-3)


def segmentation_card(cohort: Cohort, history: list[dict[str, Any]], normalization: str | None) -> dict[str, Any]:
    """Entries of the card of a segmentation model that its training determines."""
    roles = {role for row in cohort.split("train") for role in row.images}
    settings = {"encoder": ENCODER, "adjacent_slices": ADJACENT_SLICES}
    return {
        "description": "Liver, kidneys and spleen: U-Net with ResNet34 encoder, three adjacent slices as channels.",
        "modality": [name for role, name in (("t2", "MR"), ("ct", "CT")) if role in roles],
        "classes": ["background", *fitting.ORGANS],
        "settings": {**settings, "normalization": normalization} if normalization else settings,
        "training_data": f"{len(cohort.split('train'))} cases of {cohort.path.name}",
        "license": LICENSE_UNKNOWN,
        "metrics": {"last_epoch": history[-1]},
    }
