"""Image classifiers split into features and scores, so that Grad-CAM needs no hooks."""

from __future__ import annotations

from pathlib import Path

import torch
import torchvision
from safetensors.torch import load_file
from torch import nn


class ResNet50Classifier(nn.Module):
    """torchvision's ResNet50 with a new output layer (Nowak 2021, Methods and Fig. 2).

    Input (batch, 3, rows, columns), output class scores before softmax (batch, classes).
    """

    def __init__(self, classes: int, *, weights: str | Path | None = None) -> None:
        """Build the network.

        Args:
            classes: Number of outputs.
            weights: "imagenet" downloads torchvision's weights; a path loads a safetensors file of a torchvision ResNet50
                state dict; None starts from random ones.
        """
        super().__init__()
        pretrained = torchvision.models.ResNet50_Weights.IMAGENET1K_V2 if weights == "imagenet" else None
        backbone = torchvision.models.resnet50(weights=pretrained)
        if weights not in (None, "imagenet"):
            backbone.load_state_dict(load_file(weights))
        self.stem = nn.Sequential(backbone.conv1, backbone.bn1, backbone.relu, backbone.maxpool)
        self.layer1, self.layer2 = backbone.layer1, backbone.layer2
        self.layer3, self.layer4 = backbone.layer3, backbone.layer4
        self.output = nn.Linear(backbone.fc.in_features, classes)

    @property
    def layer_groups(self) -> list[nn.Module]:
        """Groups of layers, first to last, for layer-wise learning rates; the last one is the output layer."""
        return [self.stem, self.layer1, self.layer2, self.layer3, self.layer4, self.output]

    def features(self, inputs: torch.Tensor) -> torch.Tensor:
        """Last feature maps (batch, 2048, rows / 32, columns / 32)."""
        return self.layer4(self.layer3(self.layer2(self.layer1(self.stem(inputs)))))

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Class scores (batch, classes) of the feature maps."""
        return self.output(features.mean((2, 3)))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Class scores (batch, classes)."""
        return self.classify(self.features(inputs))
