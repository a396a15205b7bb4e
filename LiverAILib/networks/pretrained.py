"""Pretrained weights of an encoder: published ones, or a local safetensors file of a torchvision state dict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from LiverAILib.errors import UserError

IMAGENET = "imagenet"
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and deviation of the colors in ImageNet, which the published weights expect to be taken off."""
UNUSED = ("fc.weight", "fc.bias")
"""The 1000-class output layer of a torchvision ResNet, which is not used."""

Built = TypeVar("Built")


def read_weights(path: str | Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file by name.

    Raises:
        UserError: There is no such file, or it is not safetensors.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"--encoder-weights {path}: not a readable safetensors file ({error}). Convert a torchvision state dict with "
            "safetensors.torch.save_file, or use imagenet."
        ) from None


def load_weights(
    network: nn.Module,
    path: str | Path,
    *,
    state: Mapping[str, torch.Tensor] | None = None,
    unused: tuple[str, ...] = UNUSED,
) -> None:
    """Load a state dict into an encoder whose layers have the same names (torchvision's, or timm's).

    Args:
        network: Its tensors are replaced.
        path: The safetensors file.
        state: Its content where it has been read.
        unused: First parts of the names of tensors that need not be there and are not used.

    Raises:
        UserError: Names or shapes do not fit; the message lists them.
    """
    read = read_weights(path) if state is None else state
    given = {name: value for name, value in read.items() if not name.startswith(unused)}
    faults = misfits(network, given, unused=unused)
    if faults:
        raise UserError(
            f"--encoder-weights {path}: does not fit this encoder ({faults}). Give weights of the same network."
        )
    network.load_state_dict({**network.state_dict(), **given})


def misfits(
    network: nn.Module, given: Mapping[str, torch.Tensor], *, shown: int = 3, unused: tuple[str, ...] = UNUSED
) -> str:
    """What of `given` does not fit the state of `network`, in words; empty where all fits."""
    own = {name: value for name, value in network.state_dict().items() if not name.startswith(unused)}
    # Counters of batches seen are no weights; older files lack them.
    missing = sorted(name for name in own.keys() - given.keys() if not name.endswith("num_batches_tracked"))
    unknown = sorted(given.keys() - own.keys())
    shapes = [
        f"{name} {tuple(given[name].shape)} instead of {tuple(own[name].shape)}"
        for name in sorted(own.keys() & given.keys())
        if own[name].shape != given[name].shape
    ]
    parts = []
    for what, names in (("missing", missing), ("unknown", unknown), ("of another shape", shapes)):
        if names:
            parts.append(f"{len(names)} {what}: {', '.join(names[:shown])}{', ...' if len(names) > shown else ''}")
    return "; ".join(parts)


def download(build: Callable[[], Built]) -> Built:
    """What `build` makes of published weights, which it may have to fetch.

    Raises:
        UserError: They cannot be fetched.
    """
    try:
        return build()
    except OSError as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"--encoder-weights imagenet: the published weights cannot be fetched ({reason}). Check the connection, or give "
            "a local safetensors file instead."
        ) from error
