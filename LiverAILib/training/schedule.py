"""Training schedules: stages of the one-cycle policy with layer-wise learning rates (Nowak 2021, Table 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import nn

NORMALIZATION = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm2d, nn.InstanceNorm3d)


@dataclass(frozen=True)
class Stage:
    """One run of the one-cycle policy.

    Attributes:
        name: How the stage is called in logs and cards.
        epochs: Passes over the training data.
        max_lr_last: Peak learning rate of the last layer group (output layer or decoder).
        max_lr_first: Peak learning rate of the first layer group; None freezes every group but the last.
        from_best: Start from the best state so far instead of the state in which the previous stage ended.
    """

    name: str
    epochs: int
    max_lr_last: float
    max_lr_first: float | None
    from_best: bool = False

    def record(self) -> dict[str, object]:
        """The stage as JSON-able settings for a model card."""
        return asdict(self)


NOWAK2021_SEGMENTATION = (
    Stage("1", 80, 1e-3, None),
    Stage("2", 40, 5e-4, 5e-6),
    Stage("3", 40, 5e-4, 5e-5),
    Stage("4", 40, 5e-4, 5e-4),
)
"""Nowak 2021, Table 2, segmentation network; each stage starts from the state of the previous one."""

NOWAK2021_CLASSIFICATION = (
    Stage("1", 80, 0.1, None),
    Stage("2", 40, 0.01, None, from_best=True),
    Stage("3", 40, 0.001, None, from_best=True),
    Stage("4", 40, 1e-4, 1e-6, from_best=True),
    Stage("5", 40, 1e-4, 1e-5, from_best=True),
    Stage("6", 40, 1e-4, 1e-4, from_best=True),
)
"""Nowak 2021, Table 2, classification network; each stage starts from the best state so far."""


def one_stage(epochs: int, max_lr: float) -> tuple[Stage, ...]:
    """All layers at one learning rate: the schedule for networks without pretrained weights."""
    return (Stage("all layers", epochs, max_lr, max_lr),)


def progressive_sizes(epochs: int, *, size: int) -> tuple[tuple[int, tuple[Stage, ...]], ...]:
    """Short schedule of a classifier without pretrained weights: most epochs on small images, the last quarter at `size`.

    Returns:
        Image size and stages, one entry a run.
    """
    large = max(1, epochs // 4)
    return ((size * 4 // 7, one_stage(max(1, epochs - large), 1e-3)), (size, one_stage(large, 3e-4)))


def group_learning_rates(stage: Stage, groups: int, *, spacing: str = "linear") -> list[float | None]:
    """Peak learning rate of each layer group, first to last; None for a frozen group.

    The rate rises linearly from the first to the last layer (Nowak 2021, Table 2); `spacing="log"` is an option.
    """
    if stage.max_lr_first is None:
        return [None] * (groups - 1) + [stage.max_lr_last]
    if groups == 1:
        return [stage.max_lr_last]
    space = {"linear": np.linspace, "log": np.geomspace}[spacing]
    return [float(rate) for rate in space(stage.max_lr_first, stage.max_lr_last, groups)]


def one_cycle_optimizer(
    groups: Sequence[nn.Module],
    stage: Stage,
    *,
    steps: int,
    spacing: str = "linear",
    train_frozen_batch_norm: bool = True,
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW and OneCycleLR set as fastai's `fit_one_cycle` behaves, for layer groups ordered first to last.

    Weight decay spares normalization layers and biases. Batch-norm layers of frozen groups stay trainable as in fastai
    unless `train_frozen_batch_norm` is False.
    """
    rates = group_learning_rates(stage, len(groups), spacing=spacing)
    parameters = []
    for group, rate in zip(groups, rates, strict=True):
        decayed, plain = [], []
        for module in group.modules():
            is_normalization = isinstance(module, NORMALIZATION)
            trainable = rate is not None or (is_normalization and train_frozen_batch_norm)
            for name, parameter in module.named_parameters(recurse=False):
                parameter.requires_grad_(trainable)
                if trainable:
                    (plain if is_normalization or name == "bias" else decayed).append(parameter)
        group_rate = stage.max_lr_last if rate is None else rate
        parameters += [
            {"params": params, "lr": group_rate, "weight_decay": decay}
            for params, decay in ((decayed, 0.01), (plain, 0.0))
            if params
        ]
    optimizer = torch.optim.AdamW(parameters, betas=(0.95, 0.99), eps=1e-5)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in parameters],
        total_steps=steps,
        pct_start=0.25,
        div_factor=25,
        final_div_factor=4000,
        base_momentum=0.85,
        max_momentum=0.95,
    )
    return optimizer, scheduler
