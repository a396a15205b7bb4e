"""Models: a trained method as a folder with `model.json` (its card) and `weights.safetensors`."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from LiverAILib.errors import UserError
from LiverAILib.resources import model_folders

if TYPE_CHECKING:
    import torch

CARD, WEIGHTS = "model.json", "weights.safetensors"
REQUIRED = ("name", "method", "description", "modality", "classes", "settings", "training_data", "license", "weights")
SCALE_SUFFIX = "::scale"
FAMILIARITY = "familiarity"
"""First part of the names of the tensors that hold it in a model's weights."""
LICENSE_UNKNOWN = "not stated: the license of the training data decides"


@dataclass(frozen=True, eq=False)
class Model:
    """A trained method on disk.

    Attributes:
        folder: Where it lies.
        card: Content of `model.json`.
    """

    folder: Path
    card: Mapping[str, Any]

    @property
    def name(self) -> str:
        """How the model is called."""
        return self.card["name"]

    @property
    def method(self) -> str:
        """The method that it belongs to ("segmentation", "nowak2021", ...)."""
        return self.card["method"]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the outputs, in the network's order."""
        return tuple(self.card["classes"])

    @property
    def settings(self) -> Mapping[str, Any]:
        """How the input is prepared and which network takes it."""
        return self.card["settings"]

    @property
    def simulated(self) -> bool:
        """True where the model was trained on simulated cases."""
        return bool(self.card.get("simulated", False))

    @property
    def checksum(self) -> str:
        """SHA-256 of the weights, as the card states it."""
        return self.card["weights"]["sha256"]

    def state(self) -> dict[str, torch.Tensor]:
        """The weights as float32 tensors by name, after the checksum was compared.

        Raises:
            UserError: The weights are missing, not safetensors, or not the ones that the card describes.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        path = self.folder / WEIGHTS
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
        except SafetensorError:
            raise UserError(f"{path}: not a safetensors file. Install the model '{self.name}' again.") from None


def list_models() -> list[Model]:
    """The installed models: those of the folders in LIVERAI_MODELS, then the bundled ones."""
    found: dict[str, Model] = {}
    for place in model_folders():
        for card in sorted(place.glob(f"*/{CARD}")):
            model = read_model(card.parent)
            found.setdefault(model.name, model)
    return list(found.values())


def load_model(name: str | os.PathLike[str]) -> Model:
    """The model with this name, or the one in this folder.

    Raises:
        UserError: There is no such model, or its card cannot be used.
    """
    folder = Path(name)
    if (folder / CARD).is_file():
        return read_model(folder)
    installed = list_models()
    for model in installed:
        if model.name == str(name):
            return model
    names = ", ".join(model.name for model in installed) or "none"
    if folder.is_dir():
        raise UserError(
            f"{folder}: no {CARD} in this folder. Give a model folder or one of the installed models: {names}."
        )
    raise UserError(f"{name}: no such model. Installed: {names}. `liverai models` describes them.")


def read_model(folder: Path) -> Model:
    """The model of a folder, its card checked."""
    path = folder / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable model card ({error}). Install the model again.") from None
    missing = [key for key in REQUIRED if key not in card] if isinstance(card, dict) else list(REQUIRED)
    if missing:
        raise UserError(f"{path}: the model card lacks {', '.join(missing)}. Export the model again.")
    return Model(folder, card)


def save_model(
    folder: Path, card: Mapping[str, Any], state: Mapping[str, torch.Tensor], *, storage: str = "int8"
) -> Model:
    """Write a model folder; `card` gets the entry "weights" with file, checksum, size and storage.

    Args:
        folder: Created where it is missing.
        card: All of `REQUIRED` but "weights".
        state: The network's state dict.
        storage: "int8" (8-bit weights with one scale an output channel), "float16" or "float32".
    """
    from safetensors.torch import save

    content = save(quantize(state, storage))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_bytes(content)
    weights = {
        "file": WEIGHTS,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "storage": storage,
    }
    (folder / CARD).write_text(
        json.dumps({**card, "weights": weights}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return read_model(folder)


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
    """The float32 tensors of a stored model: the inverse of `quantize`, up to rounding."""
    import torch

    state = {}
    for name, value in stored.items():
        if name.endswith(SCALE_SUFFIX):
            continue
        if value.dtype == torch.int8:
            scale = stored[name + SCALE_SUFFIX]
            state[name] = value.float() * scale.view((-1,) + (1,) * (value.ndim - 1))
        else:
            state[name] = value.float() if value.is_floating_point() else value
    return state


def network_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors of a model's networks, without those of its familiarity."""
    return {name: value for name, value in state.items() if not name.startswith(f"{FAMILIARITY}.")}
