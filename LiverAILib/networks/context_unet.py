"""A small 3D U-Net that sees the whole abdomen at low resolution (after Ronneberger 2015 and nnU-Net, Isensee 2021)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import nn

CHANNELS = (16, 32, 64, 128, 160)


class ContextUnet(nn.Module):
    """Logits (batch, classes, slices, rows, columns) of volumes (batch, 1, slices, rows, columns) in 0..1.

    Instance normalization, leaky ReLU, halving by strided convolution. All three sizes have to be multiples of `stride`.

    Args:
        classes: Number of output classes, background included.
        channels: Feature channels of each level, from the finest to the coarsest.
    """

    def __init__(self, classes: int, channels: Sequence[int] = CHANNELS) -> None:
        super().__init__()
        self.stride = 2 ** (len(channels) - 1)
        pairs = list(itertools.pairwise(channels))
        self.down = nn.ModuleList([_block(1, channels[0], stride=1), *(_block(i, o, stride=2) for i, o in pairs)])
        self.up = nn.ModuleList([nn.ConvTranspose3d(o, i, kernel_size=2, stride=2) for i, o in pairs])
        self.merge = nn.ModuleList([_block(2 * i, i, stride=1) for i, _ in pairs])
        self.head = nn.Conv3d(channels[0], classes, kernel_size=1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        features, kept = inputs, []
        for block in self.down:
            features = block(features)
            kept.append(features)
        for level in reversed(range(len(self.merge))):
            features = self.merge[level](torch.cat([self.up[level](features), kept[level]], 1))
        return self.head(features)


def _block(inputs: int, outputs: int, *, stride: int) -> nn.Sequential:
    """Two convolutions, the first with `stride`."""
    layers: list[nn.Module] = []
    for channels, step in ((inputs, stride), (outputs, 1)):
        layers += [
            nn.Conv3d(channels, outputs, kernel_size=3, stride=step, padding=1, bias=False),
            nn.InstanceNorm3d(outputs, affine=True),
            nn.LeakyReLU(0.01, inplace=True),
        ]
    return nn.Sequential(*layers)
