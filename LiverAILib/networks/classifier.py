"""Image classifiers split into features and scores, so that Grad-CAM needs no hooks."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

import torch
import torchvision
from torch import nn

from LiverAILib.errors import UserError
from LiverAILib.networks.backbones import TRIAL_SIZE, build_backbone, group_sizes
from LiverAILib.networks.corn import log_class_probabilities
from LiverAILib.networks.heads import HEADS
from LiverAILib.networks.pretrained import IMAGENET, download, load_weights

RESNET50 = "resnet50"
EARLY_STRIDE = 8
"""Stride of the feature maps that HiResCAM looks at."""


class ImageClassifier(nn.Module):
    """Convolutional layers and a head on their pooled feature maps.

    Input (batch, 3, rows, columns), output class scores (batch, classes) whose softmax are the probabilities.

    Attributes:
        classes: Number of classes.
        head: One of `HEADS`.
        output: What is applied to the pooled features.
    """

    def __init__(self, channels: int, classes: int, *, head: str = "softmax") -> None:
        super().__init__()
        if head not in HEADS:
            raise ValueError(f"head must be one of {', '.join(HEADS)}, got {head!r}")
        self.classes, self.head = classes, head
        self.output = (
            fastai_head(channels, classes) if head == "fastai" else nn.Linear(channels, classes - (head == "corn"))
        )

    @property
    @abstractmethod
    def layer_groups(self) -> list[nn.Module]:
        """Groups of layers, first to last, for layer-wise learning rates; the last one is the output layer."""

    @abstractmethod
    def early_features(self, inputs: torch.Tensor) -> torch.Tensor:
        """Feature maps of an earlier layer group, with a stride of 8 (batch, channels, rows / 8, columns / 8)."""

    @abstractmethod
    def late_features(self, features: torch.Tensor) -> torch.Tensor:
        """Last feature maps from those of `early_features`."""

    def features(self, inputs: torch.Tensor) -> torch.Tensor:
        """Last feature maps (batch, channels, h, w); of all layers with a stride of 32."""
        return self.late_features(self.early_features(inputs))

    def classify_early(self, features: torch.Tensor) -> torch.Tensor:
        """Class scores (batch, classes) from the feature maps of `early_features`."""
        return self.classify(self.late_features(features))

    def pool(self, features: torch.Tensor) -> torch.Tensor:
        """What the output layer gets of feature maps: means (batch, channels), with fastai's head maxima and means."""
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


class ResNet50Classifier(ImageClassifier):
    """torchvision's ResNet50 with a new output layer (Nowak 2021, Methods and Fig. 2)."""

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
        backbone = torchvision.models.resnet50()
        super().__init__(backbone.fc.in_features, classes, head=head)
        if weights == IMAGENET:
            # The first version is the one that there was when the paper was written. Its file is a pickle: only tensors
            # are taken from it, after its checksum was compared.
            published = torchvision.models.ResNet50_Weights.IMAGENET1K_V1
            state = download(lambda: published.get_state_dict(progress=False, check_hash=True, weights_only=True))
            backbone.load_state_dict(state)
        elif weights is not None:
            load_weights(backbone, weights)
        self.stem = nn.Sequential(backbone.conv1, backbone.bn1, backbone.relu, backbone.maxpool)
        self.layer1, self.layer2 = backbone.layer1, backbone.layer2
        self.layer3, self.layer4 = backbone.layer3, backbone.layer4

    @property
    def layer_groups(self) -> list[nn.Module]:
        """Stem, four stages, output layer."""
        return [self.stem, self.layer1, self.layer2, self.layer3, self.layer4, self.output]

    def early_features(self, inputs: torch.Tensor) -> torch.Tensor:
        """Feature maps of the second stage (batch, 512, rows / 8, columns / 8)."""
        return self.layer2(self.layer1(self.stem(inputs)))

    def late_features(self, features: torch.Tensor) -> torch.Tensor:
        """Last feature maps (batch, 2048, rows / 32, columns / 32) from those of the second stage."""
        return self.layer4(self.layer3(features))


class BackboneClassifier(ImageClassifier):
    """A network of torchvision or timm (see `build_backbone`) with a new output layer."""

    def __init__(
        self,
        backbone: str,
        classes: int,
        *,
        weights: str | Path | None = None,
        groups: int | None = None,
        head: str = "softmax",
    ) -> None:
        """Build the network.

        Args:
            backbone: Its name there.
            classes: Number of classes.
            weights: As `build_backbone` takes them.
            groups: How many of its layer groups are used; None for all.
            head: As in `ResNet50Classifier`.

        Raises:
            UserError: There is no such network, the weights do not fit, or it has fewer groups.
        """
        built = build_backbone(backbone, weights=weights)
        layers, sizes = built.layer_groups, group_sizes(built)
        count = len(layers) if groups is None else groups
        early = max(
            (number for number, (_, rows) in enumerate(sizes, 1) if rows * EARLY_STRIDE >= TRIAL_SIZE), default=0
        )
        if not 0 < early < count <= len(layers):
            raise UserError(
                f"--backbone-groups {groups}: {backbone} has {len(layers)} layer groups; give {early + 1} to {len(layers)}, or "
                "leave the option out to use all."
            )
        super().__init__(sizes[count - 1][0], classes, head=head)
        self.groups, self.early = nn.ModuleList(layers[:count]), early

    @property
    def layer_groups(self) -> list[nn.Module]:
        """Those of the backbone, and the output layer."""
        return [*self.groups, self.output]

    def early_features(self, inputs: torch.Tensor) -> torch.Tensor:
        """Feature maps of the last group with a stride of 8 (batch, channels, rows / 8, columns / 8)."""
        for group in self.groups[: self.early]:
            inputs = group(inputs)
        return inputs

    def late_features(self, features: torch.Tensor) -> torch.Tensor:
        """Last feature maps from those."""
        for group in self.groups[self.early :]:
            features = group(features)
        return features


def build_classifier(
    backbone: str,
    classes: int,
    *,
    weights: str | Path | None = None,
    groups: int | None = None,
    head: str = "softmax",
) -> ImageClassifier:
    """The classifier on a backbone; all of "resnet50" is the published network, whose tensors have names of their own."""
    if backbone == RESNET50 and groups is None:
        return ResNet50Classifier(classes, weights=weights, head=head)
    return BackboneClassifier(backbone, classes, weights=weights, groups=groups, head=head)


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
