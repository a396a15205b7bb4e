"""Training schedules: stages of the one-cycle policy with layer-wise learning rates (Nowak 2021, Table 2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import nn

SGD = "sgd"
NORMALIZATION = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm2d, nn.InstanceNorm3d)


@dataclass(frozen=True)
class Stage:
    """One run of the one-cycle policy.

    Attributes:
        name: How the stage is called in logs and cards.
        epochs: Passes over the training data.
        max_lr_last: Peak learning rate of the last layer group (output layer or decoder).
        max_lr_first: Peak learning rate of the first layer group; None freezes the pretrained groups.
        from_best: Start from the best state so far instead of the state in which the previous stage ended.
        policy: "one-cycle", "constant" for Adam at one rate in all layers, or "sgd" for SGD with momentum at one rate.
    """

    name: str
    epochs: int
    max_lr_last: float
    max_lr_first: float | None
    from_best: bool = False
    policy: str = "one-cycle"

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


YIN2021 = (Stage("Adam", 200, 1e-4, 1e-4, policy="constant"),)
"""Yin 2021 leaves its schedule to an appendix that is not public: Adam at 1e-4 for 200 epochs is a default."""


XUE2020 = (Stage("SGD", 60, 1e-3, 1e-3, policy=SGD),)
"""Xue 2020 leaves its schedule to a supplement: SGD at 1e-3 with momentum .9 in the layers that are not frozen is a default."""


def one_stage(epochs: int, max_lr: float) -> tuple[Stage, ...]:
    """All layers at one learning rate: the schedule for networks without pretrained weights."""
    return (Stage("all layers", epochs, max_lr, max_lr),)


def fine_tuning(epochs: int, *, max_lr: float | None = None) -> tuple[Stage, ...]:
    """All layers from the state of a trained model, with a peak rate that does not wipe out what it knows."""
    rate = max_lr or 3e-4
    return (Stage("fine-tune", epochs, rate, rate),)


Runs = tuple[tuple[Fraction, tuple[Stage, ...]], ...]
"""Share of the image size at which each run of a schedule trains, and its stages."""


def progressive_sizes(epochs: int, *, max_lr: float = 1e-3) -> Runs:
    """Short schedule of a classifier without pretrained weights: most epochs on small images, the last quarter at full size
    with three tenths of the learning rate.
    """
    large = max(1, epochs // 4)
    return (
        (Fraction(4, 7), one_stage(max(1, epochs - large), max_lr)),
        (Fraction(1), one_stage(large, 0.3 * max_lr)),
    )


def shortened(stages: Sequence[Stage], divisor: int) -> tuple[Stage, ...]:
    """The stages with their epochs divided by `divisor`, one epoch at least: the whole schedule as a trial run."""
    return tuple(replace(stage, epochs=max(1, round(stage.epochs / divisor))) for stage in stages)


def group_learning_rates(
    stage: Stage, groups: int, *, spacing: str = "linear", pretrained: int | None = None
) -> list[float | None]:
    """Peak learning rate of each layer group, first to last; None for a frozen group.

    The rate rises linearly from the first to the last layer (Nowak 2021, Table 2); `spacing="log"` is an option. A frozen
    stage freezes the first `pretrained` groups, by default all but the last, and trains the others at one rate.
    """
    if stage.max_lr_first is None:
        frozen = groups - 1 if pretrained is None else pretrained
        return [None] * frozen + [stage.max_lr_last] * (groups - frozen)
    if groups == 1:
        return [stage.max_lr_last]
    spaces: dict[str, Callable[..., np.ndarray]] = {"linear": np.linspace, "log": np.geomspace}
    space = spaces[spacing]
    return [float(rate) for rate in space(stage.max_lr_first, stage.max_lr_last, groups)]


def one_cycle_optimizer(
    groups: Sequence[nn.Module],
    stage: Stage,
    *,
    steps: int,
    spacing: str = "linear",
    train_frozen_batch_norm: bool = True,
    pretrained: int | None = None,
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW and OneCycleLR set as fastai's `fit_one_cycle` behaves, for layer groups ordered first to last.

    Weight decay spares normalization layers and biases. Batch-norm layers of frozen groups stay trainable as in fastai
    unless `train_frozen_batch_norm` is False. `pretrained` is how many groups a frozen stage freezes (default: all but the
    last). Each parameter group says in "layer" to which layer group it belongs. A stage of policy "constant" gets Adam at
    one rate instead, one of policy "sgd" SGD with momentum.
    """
    if stage.policy == "constant":
        return constant_adam(groups, stage)
    if stage.policy == SGD:
        return constant_sgd(groups, stage)
    rates = group_learning_rates(stage, len(groups), spacing=spacing, pretrained=pretrained)
    parameters: list[dict[str, Any]] = []
    for layer, (group, rate) in enumerate(zip(groups, rates, strict=True)):
        decayed: list[nn.Parameter] = []
        plain: list[nn.Parameter] = []
        for module in group.modules():
            is_normalization = isinstance(module, NORMALIZATION)
            trainable = rate is not None or (is_normalization and train_frozen_batch_norm)
            for name, parameter in module.named_parameters(recurse=False):
                parameter.requires_grad_(trainable)
                if trainable:
                    (plain if is_normalization or name == "bias" else decayed).append(parameter)
        group_rate = stage.max_lr_last if rate is None else rate
        parameters += [
            {"params": params, "lr": group_rate, "weight_decay": decay, "layer": layer}
            for params, decay in ((decayed, 0.01), (plain, 0.0))
            if params
        ]
    optimizer = torch.optim.AdamW(parameters, betas=(0.95, 0.99), eps=1e-5)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in parameters],
        total_steps=steps,
        # In torch a warm-up of exactly one step, a quarter of four, divides by zero.
        pct_start=0.25 if steps != 4 else 0.3,
        div_factor=25,
        final_div_factor=4000,
        base_momentum=0.85,
        max_momentum=0.95,
    )
    return optimizer, scheduler


def constant_adam(
    groups: Sequence[nn.Module], stage: Stage
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """Adam with torch's defaults at `stage.max_lr_last` in all layers, and a scheduler that changes nothing."""
    parameters = [
        {"params": [p.requires_grad_() for p in group.parameters()], "layer": layer}
        for layer, group in enumerate(groups)
    ]
    optimizer = torch.optim.Adam(parameters, lr=stage.max_lr_last)
    return optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0, total_iters=0)


def constant_sgd(
    groups: Sequence[nn.Module], stage: Stage, *, momentum: float = 0.9
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """SGD at `stage.max_lr_last` in all layers, and a scheduler that changes nothing."""
    parameters = [
        {"params": [p.requires_grad_() for p in group.parameters()], "layer": layer}
        for layer, group in enumerate(groups)
    ]
    optimizer = torch.optim.SGD(parameters, lr=stage.max_lr_last, momentum=momentum)
    return optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0, total_iters=0)
