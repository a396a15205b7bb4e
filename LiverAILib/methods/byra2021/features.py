"""Pooled features of the frozen backbone: computed once an image, and kept in the run folder."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from LiverAILib.atomic_write import atomic_bytes
from LiverAILib.data.fingerprint import hash_image
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image
from LiverAILib.methods.byra2021.settings import BackboneSettings, InputSettings
from LiverAILib.methods.byra2021.view import COPIES, copies
from LiverAILib.networks.backbones import Backbone, backbone_checksum, build_backbone

FORMAT = 1
"""Increased when `copies` gives other inputs for the same settings."""


def load_backbone(settings: BackboneSettings, *, where: str) -> Backbone:
    """The backbone that a model was trained on, in evaluation mode. Nothing is fetched.

    Args:
        settings: What the card says of it.
        where: The card, for messages.

    Raises:
        UserError: Its weights are not on this machine, or are others than the model was trained on.
    """
    backbone = build_backbone(settings.name, weights=settings.weights, fetch=False).eval()
    found = backbone_checksum(backbone)
    if found != settings.sha256:
        raise UserError(
            f"{where}: the model was trained on features of {settings.name} with other weights (checksum "
            f"{settings.sha256[:12]}..., these have {found[:12]}...). Give the weights '{settings.weights}' that it names, or "
            "train it again."
        )
    return backbone.requires_grad_(False)


class FeatureStore:
    """Features of the copies of training images, from the backbone or from an earlier run."""

    def __init__(
        self, backbone: Backbone, inputs: InputSettings, folder: Path, *, device: torch.device, checksum: str
    ) -> None:
        """Prepare the store.

        Args:
            backbone: Frozen, in evaluation mode.
            inputs: How its input is prepared.
            folder: Where features are kept, a file an image.
            device: Where the backbone runs.
            checksum: That of the backbone.
        """
        self.backbone, self.inputs, self.folder, self.device = backbone.to(device), inputs, folder, device
        self.computed = 0
        self._about = json.dumps([FORMAT, checksum, asdict(inputs), COPIES])

    def of(self, image: Image) -> np.ndarray:
        """Features float32 (copies, channels) of all copies of an image."""
        key = hashlib.sha256(f"{self._about} {hash_image(image)}".encode()).hexdigest()[:32]
        path = self.folder / f"{key}.npy"
        if path.is_file():
            try:
                return np.load(path, allow_pickle=False)
            except ValueError:  # damaged: computed again
                pass
        with torch.inference_mode():
            pooled = self.backbone(copies(image, self.inputs).to(self.device)).float().cpu().numpy()
        stream = io.BytesIO()
        np.save(stream, pooled, allow_pickle=False)
        self.folder.mkdir(parents=True, exist_ok=True)
        atomic_bytes(path, stream.getvalue())
        self.computed += 1
        return pooled
