"""The state of a run on disk, as safetensors and JSON: nothing here can execute code when it is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from LiverAILib.atomic_write import atomic_text, atomic_write

NETWORK, OPTIMIZER = "network.", "optimizer."


class Checkpoint:
    """The files of a run.

    Attributes:
        best: State of the network with the best score so far.
        tensors: Network, optimizer and progress after the last finished epoch, in one file.
        history: The records of the epochs, for people.
    """

    def __init__(self, folder: Path) -> None:
        self.best = folder / "best.safetensors"
        self.tensors = folder / "checkpoint.safetensors"
        self.history = folder / "history.json"
        self._optimizer_state: dict[str, torch.Tensor] = {}
        self._record: dict[str, Any] = {}

    def save_best(self, network: nn.Module) -> None:
        """Keep the network's state as the best one."""
        _save(network.state_dict(), self.best)

    def load_best(self, network: nn.Module) -> None:
        """Put the network into its best state, where one was kept."""
        if self.best.exists():
            network.load_state_dict(load_file(self.best))

    def save(self, network: nn.Module, optimizer, scheduler, scaler, progress: dict[str, Any]) -> None:
        """Write network, optimizer and progress; the previous checkpoint stays until the new one is whole."""
        tensors = {f"{NETWORK}{name}": value for name, value in network.state_dict().items()}
        state = optimizer.state_dict()
        for index, values in state["state"].items():
            tensors.update({f"{OPTIMIZER}{index}.{name}": torch.as_tensor(value) for name, value in values.items()})
        record = {
            **progress,
            "groups": state["param_groups"],
            "scheduler": _plain(scheduler.state_dict()),
            "scaler": scaler.state_dict(),
        }
        # One file holds both, so that a kill between two writes cannot leave a mixture.
        _save(tensors, self.tensors, metadata={"progress": json.dumps(record)})
        atomic_text(self.history, json.dumps(progress["history"], indent=1))

    def load(self, network: nn.Module) -> dict[str, Any] | None:
        """Restore the network and return the progress; None where there is no checkpoint."""
        if not self.tensors.exists():
            return None
        tensors = load_file(self.tensors)
        network.load_state_dict({k[len(NETWORK) :]: v for k, v in tensors.items() if k.startswith(NETWORK)})
        with safe_open(self.tensors, "pt") as file:
            self._record = json.loads(file.metadata()["progress"])
        self._optimizer_state = {k[len(OPTIMIZER) :]: v for k, v in tensors.items() if k.startswith(OPTIMIZER)}
        return {key: self._record[key] for key in ("stage", "epoch", "best", "history")}

    def load_optimizer(self, optimizer, scheduler, scaler) -> None:
        """Restore the optimizer, scheduler and scaler of the checkpoint that `load` read."""
        state: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in self._optimizer_state.items():
            index, name = key.split(".", 1)
            state.setdefault(int(index), {})[name] = value
        optimizer.load_state_dict({"state": state, "param_groups": self._record["groups"]})
        scheduler.load_state_dict({**scheduler.state_dict(), **self._record["scheduler"]})
        scaler.load_state_dict(self._record.get("scaler", {}))


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    """The numbers of a scheduler's state; functions and phases are rebuilt with the scheduler."""
    return {
        key: value
        for key, value in state.items()
        if isinstance(value, (int, float, list)) and not key.startswith("_sch")
    }


def _save(tensors: dict[str, torch.Tensor], path: Path, *, metadata: dict[str, str] | None = None) -> None:
    with atomic_write(path) as unfinished:
        save_file({k: v.detach().contiguous() for k, v in tensors.items()}, unfinished, metadata=metadata)
