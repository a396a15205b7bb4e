"""A network that finds organs by brightness, and a phantom with organs of that brightness: a planted truth in no time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from LiverAILib.data.model import save_model
from LiverAILib.data.structures import STRUCTURES
from LiverAILib.imaging.image import Image
from LiverAILib.segmentation.predict import Segmenter
from Testing.models import untrained_segmentation, with_settings

BRIGHTNESS = {0: 0.2, 1: 0.45, 2: 0.65, 3: 0.65, 4: 0.85}
"""Scaled intensity of background and organs; the two kidneys look the same, and the network calls both right."""


class ByBrightness(torch.nn.Module):
    """Logits by the distance of the center slice from each organ's brightness."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        middle = batch[:, batch.shape[1] // 2]
        levels = torch.tensor([BRIGHTNESS[label] for label in range(5)]) + torch.tensor([0, 0, 0, 0.3, 0])
        return -800 * (middle[:, None] - levels.view(1, -1, 1, 1).to(batch.device)) ** 2


def planted_segmenter(folder: Path, *, views: int = 1, **settings) -> Segmenter:
    """A segmenter whose network is `ByBrightness`; `settings` go into the model's card."""
    model = untrained_segmentation(folder / "planted")
    if settings:
        model = save_model(folder / "planted", with_settings(model, **settings).card.entries, model.state())
    segmenter = Segmenter(model, device="cpu", views=views)
    segmenter.network = ByBrightness()
    return segmenter


def phantom(
    shape: tuple[int, int, int] = (24, 60, 80),
    spacing: tuple[float, float, float] = (4.0, 4.0, 6.0),
    *,
    modality: str = "CT",
) -> tuple[Image, np.ndarray]:
    """A body with a liver on the right (low columns), a spleen on the left and a kidney, as CT; and its labels (k, j, i)."""
    k, j, i = (n.astype(float) for n in np.indices(shape))
    depth, rows, columns = (n / 2 for n in shape)

    def ellipsoid(center: tuple[float, float, float], radii: tuple[float, float, float]) -> np.ndarray:
        inside = ((k - depth * center[0]) / (depth * radii[0])) ** 2
        inside += ((j - rows * center[1]) / (rows * radii[1])) ** 2 + (
            (i - columns * center[2]) / (columns * radii[2])
        ) ** 2
        return inside < 1

    body = ((j - rows) / (0.9 * rows)) ** 2 + ((i - columns) / (0.9 * columns)) ** 2 < 1
    labels = np.zeros(shape, np.uint8)
    labels[ellipsoid((1.1, 0.9, 0.6), (0.6, 0.5, 0.38))] = STRUCTURES["liver"].label
    labels[ellipsoid((1.2, 1.1, 1.5), (0.35, 0.3, 0.18))] = STRUCTURES["spleen"].label
    labels[ellipsoid((0.6, 1.4, 0.8), (0.3, 0.2, 0.12))] = STRUCTURES["right_kidney"].label
    scaled = np.where(body, np.vectorize(BRIGHTNESS.get)(labels), 0.0)
    hu = np.where(body, scaled * 350 - 125, -1000)
    hu[((j - 1.6 * rows) / (0.12 * rows)) ** 2 + ((i - columns) / (0.12 * columns)) ** 2 < 1] = 700  # spine
    return Image(hu.astype(np.int16), spacing, (-150.0, -120.0, 30.0), modality=modality), labels


def dice(mask: np.ndarray, truth: np.ndarray) -> float:
    """Overlap of two boolean masks."""
    return 2 * float((mask & truth).sum()) / float(mask.sum() + truth.sum())
