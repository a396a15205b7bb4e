"""What a network sees of an image, and the way back: shared by training, inference, explanation and evaluation."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch

from LiverAILib.data.outcome import HEATMAP_TITLES, HeatMap
from LiverAILib.imaging.image import Image

BODY_SHARE = 0.05
"""The body on MR is what lies above this share of the 99th percentile."""
BODY_HU = -300
"""The body on CT is what lies above this."""


class View(ABC):
    """A network's view of an image.

    Attributes:
        image: The image that it comes from.
        tensor: The network's input without the batch axis, float32 (channels, *spatial).
        role: Role of the image in its case.
        number: Which of the images of that role, from 0.
    """

    image: Image
    tensor: torch.Tensor
    role: str
    number: int = 0

    @abstractmethod
    def restore(self, map_: torch.Tensor) -> np.ndarray:
        """A map (*spatial of the network's features) as float32 (k, j, i) of `image`, 0 where nothing was computed."""

    @abstractmethod
    def seen(self) -> np.ndarray:
        """Bool (k, j, i) of `image`: what the input shows."""

    @abstractmethod
    def support(self) -> np.ndarray:
        """Bool (k, j, i) of `image`: where a map can sensibly put its mass, the liver where only that is shown, else the body."""

    def heatmap(
        self, map_: torch.Tensor, *, kind: str, target: str, outcome: str, scale: str, zero: str, signed: bool = False
    ) -> HeatMap:
        """The heat map of a raw map of this view; `kind` is one of `HEATMAP_TITLES`."""
        return HeatMap(
            self.image.with_array(self.restore(map_), modality=None),
            method=HEATMAP_TITLES[kind],
            target=target,
            pipeline=outcome,
            scale=scale,
            zero=zero,
            role=self.role,
            number=self.number,
            signed=signed,
        )
