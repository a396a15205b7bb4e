"""Networks and cases whose evidence is known because it was put there by hand."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from LiverAILib.explain.explained_case import ExplainedCase

CONVOLUTION = {2: nn.Conv2d, 3: nn.Conv3d}


class CornerNetwork(nn.Module):
    """Means of cells of 8 positions a side, of which the score of class 1 takes the first corner only."""

    def __init__(self, axes: int = 2, *, cells: int = 4, gain: float = 64.0, bias: float = -1.0) -> None:
        super().__init__()
        self.cell = CONVOLUTION[axes](1, 1, 8, stride=8)
        self.output = nn.Linear(1, 2)
        corner = torch.zeros((cells,) * axes)
        corner[(0,) * axes] = 1
        self.register_buffer("corner", corner)
        with torch.no_grad():
            self.cell.weight.fill_(1 / 8**axes)
            self.cell.bias.zero_()
            self.output.weight.copy_(torch.tensor([[0.0], [gain]]))
            self.output.bias.copy_(torch.tensor([0.0, bias]))
        self.eval()

    def features(self, inputs):
        return self.cell(inputs).relu() * self.corner

    def classify(self, features):
        return self.output(features.flatten(2).mean(2))

    def forward(self, inputs):
        return self.classify(self.features(inputs))


class PatternNetwork(nn.Module):
    """Sixteen patterns, searched for everywhere; what is found, and so the map, depends on the weights alone."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.patterns = nn.Conv2d(1, 16, 5, stride=4, padding=2)
        self.output = nn.Linear(16, 2)
        self.eval()

    def features(self, inputs):
        return self.patterns(inputs).relu()

    def classify(self, features):
        return self.output(features.mean((2, 3)))

    def forward(self, inputs):
        return self.classify(self.features(inputs))


def a_case(heatmap, *, name="a", pipeline="full", true="cirrhosis", predicted="cirrhosis", spacing=None, **fields):
    """An explained case; masks are given as keywords `mask_<structure>`."""
    heatmap = np.asarray(heatmap, float)
    masks = {key[5:]: value for key, value in fields.items() if key.startswith("mask_")}
    others = {key: value for key, value in fields.items() if not key.startswith("mask_")}
    spacing = spacing or (1.0,) * heatmap.ndim
    return ExplainedCase(name, pipeline, true, predicted, predicted, heatmap, spacing, masks, **others)
