"""A case of the toy method with planted brightness, a model with planted weights, and what both together have to give."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from LiverAILib.data.model import Model, save_model
from LiverAILib.imaging.image import Image

ROOT = Path(__file__).resolve().parents[2]
METHODS = {"LIVERAI_METHODS": "Testing.toy_method"}
"""Environment that registers the toy method."""
CELLS = 8
CELL_PIXELS = (6, 8)
"""Rows and columns of a cell."""
BIAS = 30.0
WEIGHTS = np.zeros((CELLS, CELLS), np.float32)
WEIGHTS[1:4, 1:3] = 0.25
WEIGHTS[4:7, 5:7] = -0.125
"""Planted: a bright upper left part raises the value, a bright lower right part lowers it."""


def save_toy_model(folder: Path) -> Model:
    """A toy model with the planted weights."""
    import torch

    from Testing.toy_method.method import ToyNetwork

    network = ToyNetwork()
    with torch.no_grad():
        network.weight.copy_(torch.from_numpy(WEIGHTS))
        network.bias.fill_(BIAS)
    card = {
        "name": folder.name,
        "method": "toy",
        "description": "Planted weights.",
        "modality": ["US"],
        "classes": ["brightness"],
        "settings": {},
        "training_data": "none",
        "license": "CC0-1.0",
    }
    return save_model(folder, card, network.state_dict(), storage="float32")


def toy_cells() -> dict[tuple[str, int], np.ndarray]:
    """Brightness of the cells (CELLS, CELLS) of each image, by role and number."""
    random = np.random.default_rng(11)
    return {key: random.integers(0, 40, (CELLS, CELLS)) for key in (("view", 0), ("view", 1), ("reference", 0))}


def toy_images() -> dict[tuple[str, int], Image]:
    """The images of the case: one slice each, every pixel as bright as its cell, each in a place of its own."""
    places = (((0.5, 0.4, 2.0), (10.0, -20.0, 30.0)), ((0.5, 0.4, 2.0), (-40.0, 5.0, 90.0)), ((1, 1, 1), (0, 0, -60)))
    return {
        key: Image(np.kron(cells, np.ones(CELL_PIXELS))[None].astype(np.uint8), spacing, origin, modality="US")
        for (key, cells), (spacing, origin) in zip(toy_cells().items(), places, strict=True)
    }


def expected_value() -> float:
    """What the planted weights give for the case."""
    return BIAS + float(np.mean([(WEIGHTS * cells).sum() for cells in toy_cells().values()]))


def expected_map(key: tuple[str, int]) -> np.ndarray:
    """The signed map of an image, (1, rows, columns): weight times brightness of the cell that a pixel lies in."""
    return np.kron(WEIGHTS * toy_cells()[key], np.ones(CELL_PIXELS))[None].astype(np.float32)
