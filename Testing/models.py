"""Untrained models for tests of everything that does not depend on what a network has learned."""

from __future__ import annotations

from pathlib import Path

import torch

from LiverAILib.methods.nowak2021 import CLASSES, LIVER_MARGIN, PIPELINES
from LiverAILib.model import Model, save_model
from LiverAILib.networks.classifier import ResNet50Classifier
from LiverAILib.networks.unet import build_unet
from LiverAILib.segmentation.structures import STRUCTURES


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
