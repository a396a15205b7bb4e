"""U-Net with a ResNet34 encoder (Nowak 2021, Supplement S4, through segmentation-models-pytorch)."""

from __future__ import annotations

import segmentation_models_pytorch as smp
import torch
from torch import nn

from LiverAILib.networks.pretrained import IMAGENET, IMAGENET_MEAN, IMAGENET_STD, download, load_weights

CHANNELS = 3
"""Channels of the network's input."""
ADJACENT_SLICES, SINGLE_SLICE = 3, 1
"""What they hold: the slice that is segmented and its neighbors, or that slice alone, three times."""


def encoder_names() -> list[str]:
    """Names of the encoders that `build_unet` knows."""
    return smp.encoders.get_encoder_names()


class NormalizedUnet(smp.Unet):
    """A U-Net that takes images in 0..1 and gives its encoder what ImageNet's weights expect; it has no further weights."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits (batch, classes, rows, columns) of images (batch, 3, rows, columns) in 0..1."""
        mean = torch.tensor(IMAGENET_MEAN, device=inputs.device)[None, :, None, None]
        std = torch.tensor(IMAGENET_STD, device=inputs.device)[None, :, None, None]
        return super().forward((inputs - mean) / std)


def build_unet(
    classes: int,
    *,
    in_channels: int = CHANNELS,
    encoder: str = "resnet34",
    encoder_weights: str | None = None,
    normalization: str | None = None,
) -> nn.Module:
    """The segmentation network: (batch, in_channels, rows, columns) in 0..1 to logits (batch, classes, rows, columns).

    Args:
        classes: Number of output classes, background included.
        in_channels: Adjacent slices (or colors) given as channels.
        encoder: Name of an encoder of segmentation-models-pytorch.
        encoder_weights: "imagenet" downloads the published weights; a path loads a safetensors file of a torchvision state
            dict of the encoder; None starts from random ones.
        normalization: "imagenet" for a network whose encoder began with ImageNet's weights; None passes 0..1 on.

    Rows and columns have to be multiples of 32.

    Raises:
        UserError: The weights cannot be fetched or do not fit.
    """
    kind = NormalizedUnet if normalization == IMAGENET else smp.Unet

    def build(weights: str | None) -> smp.Unet:
        return kind(encoder, encoder_weights=weights, in_channels=in_channels, classes=classes)

    if encoder_weights == IMAGENET:
        return download(lambda: build(IMAGENET))
    network = build(None)
    if encoder_weights is not None:
        load_weights(network.encoder, encoder_weights)
    return network


def unet_layer_groups(network: smp.Unet) -> tuple[list[nn.Module], int]:
    """Layers of the U-Net, first to last, for layer-wise learning rates, and how many of them belong to the encoder.

    Encoder stem, each stage of the encoder, each block of the decoder from the coarsest to the finest, head: eleven
    groups for a ResNet34 encoder, five of them of the encoder.
    """
    encoder, decoder = network.encoder, network.decoder
    stem = nn.ModuleList([encoder.conv1, encoder.bn1])
    encoder_groups = [stem, encoder.layer1, encoder.layer2, encoder.layer3, encoder.layer4]
    blocks = list(decoder.blocks)
    first = nn.ModuleList([decoder.center, blocks[0]])
    return [*encoder_groups, first, *blocks[1:], network.segmentation_head], len(encoder_groups)
