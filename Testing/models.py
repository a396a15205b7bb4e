"""Untrained models for tests of everything that does not depend on what a network has learned."""

from __future__ import annotations

from pathlib import Path

import torch

from LiverAILib.data.model import Model, save_model
from LiverAILib.data.model_card import Entries, ModelCard
from LiverAILib.data.structures import STRUCTURES
from LiverAILib.methods.nowak2021.settings import CLASSES, LIVER_MARGIN, PIPELINES
from LiverAILib.methods.yin2021.method import build_network
from LiverAILib.methods.yin2021.settings import CLASSES as STAGES
from LiverAILib.methods.yin2021.settings import PIPELINE, NetworkSettings
from LiverAILib.networks.classifier import ResNet50Classifier
from LiverAILib.networks.unet import build_unet

CARD = {
    "name": "tiny",
    "method": "segmentation",
    "description": "A tiny model.",
    "modality": ["MR"],
    "classes": ["background", "liver"],
    "settings": {},
    "training_data": "none",
    "license": "Apache-2.0",
    "weights": {"file": "weights.safetensors", "sha256": 64 * "0", "bytes": 1, "storage": "int8"},
}
"""A card with everything that every method needs."""


def with_settings(model: Model, **settings) -> Model:
    """The same model with other settings in its card."""
    entries = {**model.card.entries, "settings": {**model.settings, **settings}}
    return Model(model.folder, ModelCard.of(entries, model.card.path))


def untrained_nowak2021(folder: Path, *, image_size: int = 64, segmentation_model: str | None = None) -> Model:
    """A Nowak 2021 model with random weights."""
    torch.manual_seed(3)
    state = {
        f"{pipeline}.{name}": value
        for pipeline in PIPELINES
        for name, value in ResNet50Classifier(len(CLASSES)).state_dict().items()
    }
    card = {
        "name": folder.name,
        "method": "nowak2021",
        "description": "Random weights.",
        "modality": ["MR"],
        "classes": list(CLASSES),
        "settings": {
            "pipelines": list(PIPELINES),
            "primary_pipeline": "segmented",
            "image_size": image_size,
            "liver_margin": LIVER_MARGIN,
            "segmentation_model": segmentation_model,
        },
        "training_data": "none",
        "license": "Apache-2.0",
        "simulated": True,
    }
    return save_model(folder, card, state)


def untrained_segmentation(folder: Path, *, modality: tuple[str, ...] = ("MR", "CT")) -> Model:
    """A segmentation model with random weights, which marks something of everything."""
    torch.manual_seed(5)
    network = build_unet(1 + len(STRUCTURES))
    card = {
        "name": folder.name,
        "method": "segmentation",
        "description": "Random weights.",
        "modality": list(modality),
        "classes": ["background", *STRUCTURES],
        "settings": {"encoder": "resnet34", "adjacent_slices": 3},
        "training_data": "none",
        "license": "Apache-2.0",
    }
    return save_model(folder, card, network.state_dict())


def untrained_models(folder: Path) -> None:
    """The models "segmenter", for MR, and "classifier", which names it, in a folder for `LIVERAI_MODELS`."""
    untrained_segmentation(folder / "segmenter", modality=("MR",))
    untrained_nowak2021(folder / "classifier", segmentation_model="segmenter")


def untrained_yin2021(
    folder: Path, *, image_size: int = 32, segmentation_model: str | None = None, **settings
) -> Model:
    """A Yin 2021 model with few channels and random weights; `settings` replace those of the card."""
    torch.manual_seed(7)
    settings = {
        "pipelines": [PIPELINE],
        "primary_pipeline": PIPELINE,
        "image_size": image_size,
        "slices": 32,
        "slice_mm": 5.0,
        "stride": 16,
        "masking": "none",
        "channels": [4, 8, 8, 16],
        "hidden": 16,
        "normalization": "batch",
        "segmentation_model": segmentation_model,
        **settings,
    }
    network = build_network(NetworkSettings.of(Entries(folder, settings)))
    card = {
        "name": folder.name,
        "method": "yin2021",
        "description": "Random weights.",
        "modality": ["CT"],
        "classes": list(STAGES),
        "settings": settings,
        "training_data": "none",
        "license": "Apache-2.0",
        "simulated": True,
    }
    return save_model(folder, card, network.state_dict(), storage="float32")
