"""Models: a trained method as a folder with `model.json` (its card) and `weights.safetensors`."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from LiverAILib.atomic_write import atomic_bytes, atomic_text
from LiverAILib.data.model_card import CARD, WEIGHTS, ModelCard, WeightsFile, read_card
from LiverAILib.errors import UserError
from LiverAILib.resources import model_folders

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = [
    "CARD",
    "LICENSE_UNKNOWN",
    "OUT_OF_DISTRIBUTION",
    "WEIGHTS",
    "Model",
    "dequantize",
    "list_models",
    "load_model",
    "load_network",
    "mismatched_tensors",
    "network_state",
    "quantize",
    "read_model",
    "save_model",
]

SCALE_SUFFIX = "::scale"
OUT_OF_DISTRIBUTION = "familiarity"
"""First part of the names of the tensors of the out-of-distribution detection in a model's weights."""
Network = TypeVar("Network", bound="nn.Module")
LICENSE_UNKNOWN = "not stated: the license of the training data decides"


@dataclass(frozen=True, eq=False)
class Model:
    """A trained method on disk.

    Attributes:
        folder: Where it lies.
        card: Content of `model.json`, checked.
    """

    folder: Path
    card: ModelCard

    @property
    def name(self) -> str:
        """How the model is called."""
        return self.card.name

    @property
    def method(self) -> str:
        """The method that it belongs to ("segmentation", "nowak2021", ...)."""
        return self.card.method

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the outputs, in the network's order."""
        return self.card.classes

    @property
    def settings(self) -> Mapping[str, Any]:
        """How the input is prepared and which network takes it."""
        return self.card.settings

    @property
    def simulated(self) -> bool:
        """True where the model was trained on simulated cases."""
        return self.card.simulated

    @property
    def checksum(self) -> str:
        """SHA-256 of the weights, as the card states it."""
        return self.card.weights.sha256

    def state(self) -> dict[str, torch.Tensor]:
        """The weights as float32 tensors by name, after the checksum was compared.

        Raises:
            UserError: The weights are missing, not safetensors, or not the ones that the card describes.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        path = self.folder / self.card.weights.file
        if path.exists() and not path.is_file():
            raise UserError(f"{path}: not a regular file. Install the model '{self.name}' again.")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UserError(
                f"{path}: cannot be read ({error.strerror}). Install the model '{self.name}' again."
            ) from None
        if content[:2] in (b"PK", b"\x80\x02", b"\x80\x04", b"\x80\x05"):
            raise UserError(
                f"{path}: this is a Python pickle, which can run any code, not safetensors. It is not loaded. "
                "Convert the weights with safetensors.torch.save_file on the machine that made them."
            )
        checksum = hashlib.sha256(content).hexdigest()
        if checksum != self.checksum:
            raise UserError(
                f"{path}: wrong checksum (the card says {self.checksum[:12]}..., the file has {checksum[:12]}...). "
                f"The file is damaged or was replaced: install the model '{self.name}' again."
            )
        try:
            return dequantize(load(content))
        except (SafetensorError, ValueError) as error:
            raise UserError(
                f"{path}: not a safetensors file ({error}). Install the model '{self.name}' again."
            ) from None


def list_models() -> list[Model]:
    """The installed models: those of the folders in LIVERAI_MODELS, then the bundled ones.

    A folder whose card is malformed is left out, with a warning in the log.
    """
    models, faults = _installed()
    for fault in faults.values():
        if fault not in _reported:
            logging.getLogger(__name__).warning("%s", fault)
            _reported.add(fault)
    return models


_reported: set[str] = set()
"""Warnings of `list_models` that this process has given already: it is called for every image."""


def _installed() -> tuple[list[Model], dict[str, str]]:
    """The installed models, and what is wrong with the others by the name of their folder."""
    found: dict[str, Model] = {}
    faults: dict[str, str] = {}
    for place in model_folders():
        for card in sorted(place.glob(f"*/{CARD}")):
            try:
                model = read_model(card.parent)
            except UserError as error:
                faults.setdefault(card.parent.name, str(error))
            else:
                found.setdefault(model.name, model)
    return list(found.values()), faults


def load_model(name: str | os.PathLike[str]) -> Model:
    """The model with this name, or the one in this folder.

    Raises:
        UserError: There is no such model, or its card cannot be used.

    Examples:
        >>> from LiverAILib import load_model
        >>> model = load_model("nowak2021-simulated")
        >>> model.method, model.classes
        ('nowak2021', ('no cirrhosis', 'cirrhosis'))
    """
    folder = Path(name)
    if (folder / CARD).is_file():
        return read_model(folder)
    installed, faults = _installed()
    for model in installed:
        if model.name == str(name):
            return model
    if str(name) in faults:
        raise UserError(faults[str(name)])
    names = ", ".join(model.name for model in installed) or "none"
    if folder.is_dir():
        raise UserError(
            f"{folder}: no {CARD} in this folder. Give a model folder or one of the installed models: {names}."
        )
    raise UserError(f"{name}: no such model. Installed: {names}. `liverai models` describes them.")


def read_model(folder: Path) -> Model:
    """The model of a folder, its card checked; the weights are not read yet."""
    return Model(folder, read_card(folder / CARD))


def save_model(
    folder: Path, card: Mapping[str, Any], state: Mapping[str, torch.Tensor], *, storage: str = "int8"
) -> Model:
    """Write a model folder, complete or not at all; `card` gets the entry "weights" with file, checksum, size and storage.

    A model that is there already is replaced in one step, the renaming of its card: a kill leaves the old model or the new
    one, never the card of one with the weights of the other.

    Args:
        folder: Created where it is missing.
        card: All entries of `model.json` but "weights".
        state: The network's state dict.
        storage: "int8" (8-bit weights with one scale per output channel), "float16" or "float32".

    Raises:
        UserError: An entry of the card is wrong, or the folder cannot be written. What was there is then still there.
    """
    from safetensors.torch import save

    content = save(quantize(state, storage))
    checksum = hashlib.sha256(content).hexdigest()
    old = _weights_in_use(folder)
    if old is not None and old.sha256 == checksum:
        file = old.file
    else:
        file = f"weights-{checksum[:12]}.safetensors" if old is not None and old.file == WEIGHTS else WEIGHTS
    weights = {"file": file, "sha256": checksum, "bytes": len(content), "storage": storage}
    path = folder / CARD
    complete = {**card, "weights": weights}
    try:
        text = json.dumps(complete, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise UserError(
            f"{path}: the card would hold NaN or infinity, as after a training that diverged. Train with a smaller --max-lr."
        ) from None
    ModelCard.of(json.loads(text), path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be created ({error.strerror}). Choose another folder.") from None
    atomic_bytes(folder / file, content)
    atomic_text(path, text + "\n")
    if old is not None and old.file != file:
        (folder / old.file).unlink(missing_ok=True)
    return read_model(folder)


def _weights_in_use(folder: Path) -> WeightsFile | None:
    """The weights file of the model in `folder`; None where there is no usable model."""
    try:
        return read_model(folder).card.weights
    except UserError:
        return None


def quantize(state: Mapping[str, torch.Tensor], storage: str) -> dict[str, torch.Tensor]:
    """The tensors as they are stored: matrices and kernels in `storage`, vectors (biases, batch-norm) as they are."""
    import torch

    stored = {}
    for name, value in state.items():
        value = value.detach().cpu().contiguous()
        if value.ndim < 2 or not value.is_floating_point() or storage == "float32":
            stored[name] = value
        elif storage == "float16":
            stored[name] = value.half()
        elif storage == "int8":
            scale = value.flatten(1).abs().amax(1).clamp_min(1e-12) / 127
            shape = (-1,) + (1,) * (value.ndim - 1)
            stored[name] = (value / scale.view(shape)).round().to(torch.int8)
            stored[name + SCALE_SUFFIX] = scale
        else:
            raise ValueError(f"storage must be int8, float16 or float32, got {storage!r}")
    return stored


def dequantize(stored: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The float32 tensors of a stored model: the inverse of `quantize`, up to rounding.

    Raises:
        ValueError: An 8-bit tensor has no scale.
    """
    import torch

    state = {}
    for name, value in stored.items():
        if name.endswith(SCALE_SUFFIX):
            continue
        if value.dtype == torch.int8:
            scale = stored.get(name + SCALE_SUFFIX)
            if scale is None:
                raise ValueError(f"8-bit tensor {name} without its scale")
            state[name] = value.float() * scale.view((-1,) + (1,) * (value.ndim - 1))
        else:
            state[name] = value.float() if value.is_floating_point() else value
    return state


def network_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors of a model's networks, without those of its out-of-distribution detection."""
    return {name: value for name, value in state.items() if not name.startswith(f"{OUT_OF_DISTRIBUTION}.")}


def mismatched_tensors(expected: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> list[str]:
    """Names of the tensors that only one of two state dicts has, or that differ in shape."""
    both = expected.keys() & given.keys()
    return sorted(expected.keys() ^ given.keys()) + sorted(n for n in both if expected[n].shape != given[n].shape)


def load_network(
    model: Model, build: Callable[[], Network], state: Mapping[str, torch.Tensor], *, prefix: str = ""
) -> Network:
    """The network that the model's card describes, with the tensors of `state` whose names begin with `prefix`.

    Args:
        model: Named where the weights do not fit.
        build: Makes the network. Its initial weights are never computed, as they would be replaced.
        state: `Model.state()`, without tensors of anything else under `prefix`.
        prefix: Taken off the names.

    Raises:
        UserError: Tensors are missing, unexpected, or of another shape.
    """
    import torch

    with torch.device("meta"):
        network = build()
    given = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    differing = mismatched_tensors(network.state_dict(), given)
    if differing:
        shown = ", ".join(prefix + name for name in differing[:3]) + (", ..." if len(differing) > 3 else "")
        raise UserError(
            f"{model.folder / model.card.weights.file}: the weights do not fit the network that {CARD} describes: classes and "
            f"settings ask for other tensors ({len(differing)} differ: {shown}). Install the model '{model.name}' again."
        )
    network.load_state_dict(given, assign=True)
    return network
