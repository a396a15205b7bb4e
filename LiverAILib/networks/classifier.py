"""Image classifiers split into features and scores, so that Grad-CAM needs no hooks."""

from __future__ import annotations

from pathlib import Path

import torch
import torchvision
from torch import nn

from LiverAILib.networks.corn import log_class_probabilities
from LiverAILib.networks.heads import HEADS
from LiverAILib.networks.pretrained import IMAGENET, download, load_weights


class ResNet50Classifier(nn.Module):
    """torchvision's ResNet50 with a new output layer (Nowak 2021, Methods and Fig. 2).

    Input (batch, 3, rows, columns), output class scores (batch, classes) whose softmax are the probabilities.
    """

    def __init__(self, classes: int, *, weights: str | Path | None = None, head: str = "softmax") -> None:
        """Build the network.

        Args:
            classes: Number of classes.
            weights: "imagenet" downloads torchvision's weights; a path loads a safetensors file of a torchvision ResNet50
                state dict; None starts from random ones.
            head: "softmax", "corn" for ordered classes (see `corn`), or "fastai" (see `fastai_head`).

        Raises:
            UserError: The weights cannot be fetched or do not fit.
        """
        super().__init__()
        if head not in HEADS:
            raise ValueError(f"head must be one of {', '.join(HEADS)}, got {head!r}")
        backbone = torchvision.models.resnet50()
        if weights == IMAGENET:
            # The first version is the one that there was when the paper was written. Its file is a pickle: only tensors
            # are taken from it, after its checksum was compared.
            published = torchvision.models.ResNet50_Weights.IMAGENET1K_V1
            state = download(lambda: published.get_state_dict(progress=False, check_hash=True, weights_only=True))
            backbone.load_state_dict(state)
        elif weights is not None:
            load_weights(backbone, weights)
        self.classes, self.head = classes, head
        self.stem = nn.Sequential(backbone.conv1, backbone.bn1, backbone.relu, backbone.maxpool)
        self.layer1, self.layer2 = backbone.layer1, backbone.layer2
        self.layer3, self.layer4 = backbone.layer3, backbone.layer4
        channels = backbone.fc.in_features
        self.output = (
            fastai_head(channels, classes) if head == "fastai" else nn.Linear(channels, classes - (head == "corn"))
        )

    @property
    def layer_groups(self) -> list[nn.Module]:
        """Groups of layers, first to last, for layer-wise learning rates; the last one is the output layer."""
        return [self.stem, self.layer1, self.layer2, self.layer3, self.layer4, self.output]

    def features(self, inputs: torch.Tensor) -> torch.Tensor:
        """Last feature maps (batch, 2048, rows / 32, columns / 32)."""
        return self.layer4(self.layer3(self.layer2(self.layer1(self.stem(inputs)))))

    def early_features(self, inputs: torch.Tensor) -> torch.Tensor:
        """Feature maps of the second stage (batch, 512, rows / 8, columns / 8)."""
        return self.layer2(self.layer1(self.stem(inputs)))

    def classify_early(self, features: torch.Tensor) -> torch.Tensor:
        """Class scores (batch, classes) from the feature maps of the second stage."""
        return self.classify(self.layer4(self.layer3(features)))

    def pool(self, features: torch.Tensor) -> torch.Tensor:
        """What the output layer gets of feature maps: their means (batch, 2048), or with fastai's head maxima and means."""
        means = features.mean((2, 3))
        return torch.cat([features.amax((2, 3)), means], 1) if self.head == "fastai" else means

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """What the output layer gives: (batch, classes), or the conditional logits (batch, classes - 1) of CORN."""
        return self.output(self.pool(features))

    def scores(self, logits: torch.Tensor) -> torch.Tensor:
        """Class scores (batch, classes) of the logits: themselves, or the classes' log-probabilities with CORN."""
        return log_class_probabilities(logits) if self.head == "corn" else logits

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Class scores (batch, classes) of the feature maps; Grad-CAM of a class takes the gradient of its score."""
        return self.scores(self.logits(features))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Class scores (batch, classes)."""
        return self.classify(self.features(inputs))


def fastai_head(channels: int, classes: int, *, hidden: int = 512, dropout: float = 0.5) -> nn.Sequential:
    """The head that fastai 2's `cnn_learner` puts on a ResNet, after its AdaptiveConcatPool2d (maxima, then means).

    Batch normalization, dropout, linear layer, ReLU, twice without the last ReLU; half the dropout before the first layer;
    linear layers without bias, initialized as He et al. (2015).

    Args:
        channels: Of the feature maps; the head takes twice as many values (batch, 2 channels).
        classes: Number of classes.
        hidden: Width of the layer between.
        dropout: Share of values that are dropped before the last layer.
    """
    norms = nn.BatchNorm1d(2 * channels), nn.BatchNorm1d(hidden)
    layers = nn.Linear(2 * channels, hidden, bias=False), nn.Linear(hidden, classes, bias=False)
    for norm, layer in zip(norms, layers, strict=True):
        nn.init.constant_(norm.bias, 1e-3)
        nn.init.kaiming_normal_(layer.weight)
    first, last = (norms[0], nn.Dropout(dropout / 2), layers[0], nn.ReLU()), (norms[1], nn.Dropout(dropout), layers[1])
    return nn.Sequential(*first, *last)
