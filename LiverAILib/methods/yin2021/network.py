"""The liver fibrosis staging network of Yin 2021: four convolutions, three max-poolings, two fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from LiverAILib.methods.yin2021.settings import NORMALIZATIONS

CONVOLUTIONS = 4


class Yin2021Network(nn.Module):
    """Fibrosis stage from a stack of CT slices (Yin 2021, Fig. 2), split in two so that Grad-CAM needs no hooks.

    Input (batch, 1, slices, rows, columns) in 0..1, output class scores before softmax (batch, classes). The paper gives the
    number of layers and "5*5" kernels; the arguments' defaults fill in what it leaves open.
    """

    def __init__(
        self,
        classes: int = 5,
        *,
        kernel: Sequence[int] = (1, 5, 5),
        channels: Sequence[int] = (16, 32, 64, 128),
        pooling: Sequence[int] = (2, 2, 2),
        hidden: int = 128,
        normalization: str = "none",
        explained_convolution: int = 3,
    ) -> None:
        """Build the network.

        Args:
            classes: Number of outputs.
            kernel: Size of every kernel along (slices, rows, columns), odd numbers.
            channels: Of the four convolutions.
            pooling: Size and step of every max-pooling along (slices, rows, columns).
            hidden: Width of the first fully connected layer.
            normalization: "batch" adds batch normalization after every convolution and after the global mean, "none" is the
                published network.
            explained_convolution: The convolution, counted from 1, whose output Grad-CAM looks at: 3 is "between the third
                convolutional layer and the final convolutional layer" as published, 4 the last one.
        """
        super().__init__()
        if len(channels) != CONVOLUTIONS or normalization not in NORMALIZATIONS:
            raise ValueError(f"four channel numbers and a normalization of {NORMALIZATIONS} are needed")
        if explained_convolution not in (3, 4) or any(size % 2 == 0 for size in kernel):
            raise ValueError("explained_convolution must be 3 or 4 and kernel sizes odd")
        self.explained_convolution = explained_convolution
        slices, rows, columns = kernel
        padding = (slices // 2, rows // 2, columns // 2)
        # A stack thinner than the pooling is not pooled away: the last, partial window counts.
        self.pool = nn.MaxPool3d(tuple(pooling), ceil_mode=True)
        convolutions = []
        for number, (before, after) in enumerate(zip((1, *channels), channels, strict=False)):
            convolution = nn.Conv3d(before, after, (slices, rows, columns), padding=padding)
            normalize = [nn.BatchNorm3d(after)] if normalization == "batch" else []
            # Pooling and ReLU can change places; pooled first, an eighth of the values is normalized and rectified. What
            # Grad-CAM may look at is pooled afterwards.
            pool = [self.pool] if number < 2 else []
            convolutions.append(nn.Sequential(convolution, *pool, *normalize, nn.ReLU(inplace=True)))
        self.convolutions = nn.ModuleList(convolutions)
        # The mean over the whole abdomen hardly differs between patients; without this the first steps teach nothing.
        self.pooled = nn.BatchNorm1d(channels[-1]) if normalization == "batch" else nn.Identity()
        self.head = nn.Sequential(nn.Linear(channels[-1], hidden), nn.ReLU(), nn.Linear(hidden, classes))

    @property
    def layer_groups(self) -> list[nn.Module]:
        """Groups of layers, first to last, for layer-wise learning rates; the last one holds the fully connected layers."""
        return [*self.convolutions, nn.ModuleList([self.pooled, self.head])]

    def features(self, inputs: torch.Tensor) -> torch.Tensor:
        """Output of the explained convolution (batch, channels, slices / 4, rows / 4, columns / 4) with the defaults."""
        third = self.early_features(inputs)
        return third if self.explained_convolution == 3 else self.convolutions[3](self.pool(third))

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Class scores (batch, classes) from the output of the explained convolution."""
        if self.explained_convolution == 3:
            return self.classify_early(features)
        return self.head(self.pooled(features.mean((2, 3, 4))))

    def early_features(self, inputs: torch.Tensor) -> torch.Tensor:
        """Output of the third convolution (batch, channels, slices / 4, rows / 4, columns / 4) with the defaults."""
        return self.convolutions[2](self.convolutions[1](self.convolutions[0](inputs)))

    def classify_early(self, features: torch.Tensor) -> torch.Tensor:
        """Class scores (batch, classes) from the output of the third convolution."""
        last = self.convolutions[3](self.pool(features))
        return self.head(self.pooled(last.mean((2, 3, 4))))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Class scores (batch, classes)."""
        return self.classify(self.features(inputs))
