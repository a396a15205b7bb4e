"""The fit loop that every method trains with: staged one-cycle runs that survive a kill and repeat with a seed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from LiverAILib.training.schedule import Stage, one_cycle_optimizer


@dataclass(frozen=True)
class Task:
    """What is trained.

    Attributes:
        network: The module; its parameters are trained in place.
        layer_groups: Submodules ordered first to last, which together hold all parameters.
        batches: Function of a seed that gives the batches of one epoch.
        steps: Batches an epoch.
        loss: Function of network and batch that gives the loss (a scalar tensor).
        validate: Function of the network that gives named numbers; "score" (higher is better) chooses the best state.
    """

    network: nn.Module
    layer_groups: Sequence[nn.Module]
    batches: Callable[[int], Iterable[Any]]
    steps: int
    loss: Callable[[nn.Module, Any], torch.Tensor]
    validate: Callable[[nn.Module], dict[str, float]]


def fit(
    task: Task,
    stages: Sequence[Stage],
    *,
    output: Path,
    seed: int = 0,
    validate_every: int = 1,
    log: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """Train `task` through `stages`; a run that was killed goes on from its last finished epoch.

    Every epoch draws its randomness from (seed, stage, epoch) alone, so that an interrupted run ends as an uninterrupted one.

    Args:
        task: What is trained.
        stages: The schedule.
        output: Folder for `history.json`, `best.safetensors` and the checkpoint.
        seed: Seed of every random draw.
        validate_every: Validate after each so many epochs and after the last one of a stage.
        log: Called with one line an epoch.

    Returns:
        The history: one record an epoch. The network holds the best validated state.
    """
    output.mkdir(parents=True, exist_ok=True)
    checkpoint = Checkpoint(output)
    progress = checkpoint.load(task.network) or {"stage": 0, "epoch": 0, "best": None, "history": []}
    for number in range(progress["stage"], len(stages)):
        stage = stages[number]
        if progress["epoch"] == 0 and stage.from_best and checkpoint.best.exists():
            task.network.load_state_dict(load_file(checkpoint.best))
        optimizer, scheduler = one_cycle_optimizer(task.layer_groups, stage, steps=stage.epochs * task.steps)
        if progress["epoch"]:
            checkpoint.load_optimizer(optimizer, scheduler)
        for epoch in range(progress["epoch"], stage.epochs):
            started = time.perf_counter()
            epoch_seed = (seed * 1009 + number) * 100003 + epoch
            torch.manual_seed(epoch_seed)
            loss = _train_epoch(task, optimizer, scheduler, epoch_seed)
            record = {"stage": stage.name, "epoch": epoch + 1, "loss": loss, "seconds": time.perf_counter() - started}
            if (epoch + 1) % validate_every == 0 or epoch + 1 == stage.epochs:
                record.update(task.validate(task.network))
                if progress["best"] is None or record["score"] > progress["best"]:
                    progress["best"] = record["score"]
                    _save(task.network.state_dict(), checkpoint.best)
            progress["history"].append(record)
            progress.update(stage=number, epoch=epoch + 1)
            checkpoint.save(task.network, optimizer, scheduler, progress)
            log(" ".join(f"{k}={v:.4f}" if isinstance(v, float) else f"{k}={v}" for k, v in record.items()))
        progress.update(stage=number + 1, epoch=0)
    if checkpoint.best.exists():
        task.network.load_state_dict(load_file(checkpoint.best))
    return progress["history"]


def _train_epoch(task: Task, optimizer, scheduler, seed: int) -> float:
    task.network.train()
    total, count = 0.0, 0
    for batch in task.batches(seed):
        optimizer.zero_grad(set_to_none=True)
        loss = task.loss(task.network, batch)
        loss.backward()
        optimizer.step()
        scheduler.step()
        total += float(loss.detach())
        count += 1
    return total / max(count, 1)


class Checkpoint:
    """The state of a run on disk, as safetensors and JSON: nothing here can execute code when it is loaded."""

    def __init__(self, folder: Path) -> None:
        self.best = folder / "best.safetensors"
        self.tensors = folder / "checkpoint.safetensors"
        self.progress = folder / "history.json"

    def save(self, network: nn.Module, optimizer, scheduler, progress: dict[str, Any]) -> None:
        """Write network, optimizer and progress; the previous checkpoint stays until the new one is whole."""
        tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
        state = optimizer.state_dict()
        for index, values in state["state"].items():
            tensors.update({f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in values.items()})
        record = dict(progress, groups=state["param_groups"], scheduler=_plain(scheduler.state_dict()))
        # One file holds both, so that a kill between two writes cannot leave a mixture.
        _save(tensors, self.tensors, metadata={"progress": json.dumps(record)})
        unfinished = self.progress.with_suffix(".tmp")
        unfinished.write_text(json.dumps(progress["history"], indent=1))
        unfinished.replace(self.progress)

    def load(self, network: nn.Module) -> dict[str, Any] | None:
        """Restore the network and return the progress; None where there is no checkpoint."""
        if not self.tensors.exists():
            return None
        from safetensors import safe_open

        tensors = load_file(self.tensors)
        network.load_state_dict({k[8:]: v for k, v in tensors.items() if k.startswith("network.")})
        with safe_open(self.tensors, "pt") as file:
            record = json.loads(file.metadata()["progress"])
        self._optimizer_state = {k[10:]: v for k, v in tensors.items() if k.startswith("optimizer.")}
        self._record = record
        return {key: record[key] for key in ("stage", "epoch", "best", "history")}

    def load_optimizer(self, optimizer, scheduler) -> None:
        """Restore the optimizer and scheduler of the checkpoint that `load` read."""
        state: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in self._optimizer_state.items():
            index, name = key.split(".", 1)
            state.setdefault(int(index), {})[name] = value
        optimizer.load_state_dict({"state": state, "param_groups": self._record["groups"]})
        scheduler.load_state_dict({**scheduler.state_dict(), **self._record["scheduler"]})


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    """The numbers of a scheduler's state; functions and phases are rebuilt with the scheduler."""
    return {
        key: value
        for key, value in state.items()
        if isinstance(value, (int, float, list)) and not key.startswith("_sch")
    }


def _save(tensors: dict[str, torch.Tensor], path: Path, *, metadata: dict[str, str] | None = None) -> None:
    unfinished = path.with_suffix(".tmp")
    save_file({k: v.detach().contiguous() for k, v in tensors.items()}, unfinished, metadata=metadata)
    unfinished.replace(path)
