"""The fit loop that every method trains with: staged one-cycle runs that survive a kill and repeat with a seed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from LiverAILib.atomic_write import atomic_text
from LiverAILib.training import distributed
from LiverAILib.training.checkpoint import Checkpoint
from LiverAILib.training.learning_curves import EarlyView
from LiverAILib.training.precision import Precision
from LiverAILib.training.schedule import Stage, group_learning_rates, one_cycle_optimizer
from LiverAILib.training.stage_summary import FILE, stage_summary


@dataclass(frozen=True)
class Task:
    """What is trained.

    Attributes:
        network: The module, placed by `distributed.place_network`; its parameters are trained in place.
        layer_groups: Submodules ordered first to last, which together hold all parameters.
        batches: Function of a seed that gives the batches of one epoch: tensors, or tuples or dataclasses of tensors.
        steps: Batches an epoch.
        loss: Function of network and batch that gives the loss (a scalar tensor): the mean over the batch, or a loss of
            `training.loss`, which knows of several processes.
        validate: Function of the network that gives named numbers; "score" (higher is better) chooses the best state. None
            where there is nothing to validate on: the last state is the best.
        pretrained_groups: How many of the groups a frozen stage freezes; by default all but the last.
        precision: Device of the batches, and format of the matrix products.
        frozen: What is trained instead in stages whose pretrained groups are frozen (see `frozen_features`).
    """

    network: nn.Module
    layer_groups: Sequence[nn.Module]
    batches: Callable[[int], Iterable[Any]]
    steps: int
    # Both are called with `network`, whose class they may rely on.
    loss: Callable[[Any, Any], torch.Tensor]
    validate: Callable[[Any], dict[str, float]] | None
    pretrained_groups: int | None = None
    precision: Precision = field(default_factory=Precision)
    frozen: Task | None = None


@dataclass(frozen=True)
class FitOptions:
    """How a task is trained, whatever it is.

    Attributes:
        seed: Seed of every random draw.
        validate_every: Validate after each so many epochs and after the last one of a stage.
        patience: End a stage after so many validations without a better score; None runs every epoch.
        lr_spacing: "linear" (published) or "log" learning rates between the first and the last layer.
        freeze_batch_norm: Freeze batch-norm of frozen layers too: its weights, and the statistics that it normalizes by.
        start_counts: The state at the start is validated too, and kept where no later one is better (fine-tuning).
    """

    seed: int = 0
    validate_every: int = 1
    patience: int | None = None
    lr_spacing: str = "linear"
    freeze_batch_norm: bool = False
    start_counts: bool = False


def fit(
    task: Task,
    stages: Sequence[Stage],
    *,
    output: Path,
    seed: int = 0,
    validate_every: int = 1,
    options: FitOptions | None = None,
    log: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """Train `task` through `stages`; a run that was killed resumes after its last finished epoch.

    Every epoch draws its randomness from (seed, stage, epoch) alone, so that an interrupted run ends as an uninterrupted one.
    Started by `torchrun`, each process computes its shard of every batch (see `distributed`), and rank 0 validates and writes.

    Args:
        task: What is trained.
        stages: The schedule.
        output: Folder for `history.json`, `stages.json`, `learning_curves.png`, `best.safetensors` and the checkpoint.
        seed: Seed of every random draw, where there are no `options`.
        validate_every: Validate after each so many epochs, where there are no `options`.
        options: All of how it is trained.
        log: Called with one line per epoch.

    Returns:
        The history: one record per epoch. The network holds the best validated state.
    """
    run = _Run(task, output, options or FitOptions(seed=seed, validate_every=validate_every), log)
    for number in range(run.progress["stage"], len(stages)):
        run.stage(number, stages[number])
    run.checkpoint.load_best(task.network)
    run.view.draw(run.progress["history"])
    if distributed.is_main_process():
        atomic_text(output / FILE, json.dumps(stage_summary(run.progress["history"], stages), indent=1) + "\n")
    return run.progress["history"]


class _Run:
    """A task on its way through the stages."""

    def __init__(self, task: Task, output: Path, options: FitOptions, log: Callable[[str], None]) -> None:
        self.task, self.options = task, options
        make_deterministic(task.precision.device)
        output.mkdir(parents=True, exist_ok=True)
        task.network.to(task.precision.device)
        self.checkpoint = Checkpoint(output)
        self.view = EarlyView(output / "learning_curves.png", enabled=distributed.is_main_process())
        self.log = log if distributed.is_main_process() else (lambda line: None)
        self.progress = self.checkpoint.load(task.network) or {"stage": 0, "epoch": 0, "best": None, "history": []}
        if note := distributed.batch_norm_note(task.network):
            self.log(note)
        distributed.barrier()
        if options.start_counts and not self.progress["history"]:
            self.finish_epoch({"stage": "start", "epoch": 0}, task, validate=True)

    def stage(self, number: int, stage: Stage) -> None:
        """Train one stage, or what is left of it."""
        task = self.task if stage.max_lr_first is not None or self.task.frozen is None else self.task.frozen
        options, progress = self.options, self.progress
        resumed = progress["epoch"] > 0
        if not resumed and stage.from_best:
            self.checkpoint.load_best(task.network)
        optimizer, scheduler = one_cycle_optimizer(
            task.layer_groups,
            stage,
            steps=stage.epochs * task.steps,
            spacing=options.lr_spacing,
            train_frozen_batch_norm=not options.freeze_batch_norm,
            pretrained=task.pretrained_groups,
        )
        scaler = task.precision.scaler()
        if resumed:
            self.checkpoint.load_optimizer(optimizer, scheduler, scaler)
        learner = _Learner(task, stage, options, optimizer, scheduler, scaler)
        for epoch in range(progress["epoch"], stage.epochs):
            if self.stalled(stage):
                break
            started = time.perf_counter()
            epoch_seed = (options.seed * 1009 + number) * 100003 + epoch
            loss = learner.epoch(epoch_seed)
            record = {
                "stage": stage.name,
                "epoch": epoch + 1,
                "loss": loss,
                "lr": learner.rates,
                "seconds": time.perf_counter() - started,
            }
            progress.update(stage=number, epoch=epoch + 1)
            due = (epoch + 1) % options.validate_every == 0 or epoch + 1 == stage.epochs
            self.finish_epoch(record, task, validate=due)
            if distributed.is_main_process():
                self.checkpoint.save(task.network, optimizer, scheduler, scaler, progress)
            self.view.show(progress["history"])
        progress.update(stage=number + 1, epoch=0)
        distributed.barrier()

    def finish_epoch(self, record: dict[str, Any], task: Task, *, validate: bool) -> None:
        """Validate where it is due, keep the best state, and note and log the record."""
        if validate:
            measure = task.validate
            if measure is not None:
                record.update(distributed.broadcast_from_main(lambda: measure(task.network)))
            best = self.progress["best"]
            if best is None or "score" not in record or record["score"] > best:
                self.progress["best"] = record.get("score")
                if distributed.is_main_process():
                    self.checkpoint.save_best(task.network)
        self.progress["history"].append(record)
        shown = {key: value for key, value in record.items() if not isinstance(value, list)}
        self.log(" ".join(f"{k}={v:.4f}" if isinstance(v, float) else f"{k}={v}" for k, v in shown.items()))

    def stalled(self, stage: Stage) -> bool:
        """Whether the stage has gone on for `patience` validations without a better score than before them."""
        if self.options.patience is None:
            return False
        since = 0
        best = float("-inf")
        for record in (record for record in self.progress["history"] if "score" in record):
            better = record["score"] > best
            best = max(best, record["score"])
            own = record["stage"] == stage.name
            since = 0 if better or not own else since + 1
        return since >= self.options.patience


def make_deterministic(device: torch.device) -> None:
    """Choose the algorithms that give the same result each time, where the device has others too."""
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True


class _Learner:
    """The optimizer's steps of one stage."""

    def __init__(self, task: Task, stage: Stage, options: FitOptions, optimizer, scheduler, scaler) -> None:
        self.task = task
        self.optimizer, self.scheduler, self.scaler = optimizer, scheduler, scaler
        peaks = group_learning_rates(stage, len(task.layer_groups), pretrained=task.pretrained_groups)
        self.frozen = {number for number, rate in enumerate(peaks) if rate is None}
        self.kept_in_evaluation = [task.layer_groups[n] for n in self.frozen] if options.freeze_batch_norm else []
        self.rates: list[float | None] = []
        self.loss: nn.Module = _Loss(task.network, task.loss)
        if distributed.world_size() > 1:
            self.loss = DistributedDataParallel(self.loss, broadcast_buffers=False)

    def epoch(self, seed: int) -> float:
        """Train one epoch; returns the mean loss and leaves the last learning rate of each layer group in `rates`."""
        torch.manual_seed(seed)
        self.task.network.train()
        for group in self.kept_in_evaluation:
            group.eval()
        losses = [self.step(distributed.local_shard(batch)) for batch in self.task.batches(seed)]
        mean = distributed.all_reduce_sum(torch.stack(losses).mean()) / distributed.world_size()
        return float(mean)

    def step(self, batch: Any) -> torch.Tensor:
        """One step of the optimizer; the loss, detached."""
        device = self.task.precision.device
        batch = distributed.map_tensors(batch, lambda tensor: tensor.to(device, non_blocking=True))
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(batch)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        by_layer = {group["layer"]: group["lr"] for group in self.optimizer.param_groups}
        self.rates = [None if n in self.frozen else by_layer[n] for n in range(len(self.task.layer_groups))]
        # Also where float16 overflowed and the optimizer made no step: the length of the schedule is given.
        self.scheduler.step()
        return loss.detach()


class _Loss(nn.Module):
    """The loss as a module of the batch, so that DistributedDataParallel can wrap whatever a task computes."""

    def __init__(self, network: nn.Module, loss: Callable[[nn.Module, Any], torch.Tensor]) -> None:
        super().__init__()
        self.network, self.function = network, loss

    def forward(self, batch: Any) -> torch.Tensor:
        return self.function(self.network, batch)
