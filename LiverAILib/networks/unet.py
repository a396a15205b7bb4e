"""U-Net of segmentation-models-pytorch, by default with a ResNet34 encoder (Nowak 2021, Supplement S4)."""

from __future__ import annotations

from typing import Any

import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch.encoders.timm_universal import TimmUniversalEncoder
from torch import nn

from LiverAILib.networks.backbones import (
    BUNDLED,
    HEADS,
    UNIT_MEAN,
    UNIT_STD,
    backbone_card,
    bundled_backbones,
    read_bundled,
    timm_layer_groups,
)
from LiverAILib.networks.pretrained import IMAGENET, IMAGENET_MEAN, IMAGENET_STD, download, load_weights

CHANNELS = 3
"""Channels of the network's input."""
ADJACENT_SLICES, SINGLE_SLICE = 3, 1
"""What they hold: the slice that is segmented and its neighbors, or that slice alone, three times."""
TIMM = "tu-"
"""First part of the names that segmentation-models-pytorch gives to the networks of timm."""
SIGNED = "minus one to one"
HEADS_OF_TIMM = ("conv_head.", "bn2.", *HEADS)
"""First part of the names of the tensors of timm's networks that follow the last maps that a U-Net uses."""
NORMALIZATIONS = {IMAGENET: (IMAGENET_MEAN, IMAGENET_STD), SIGNED: (UNIT_MEAN, UNIT_STD)}
"""Mean and deviation that pretrained encoders expect to be taken off images in 0..1, by the name in a model's card."""


def encoder_names() -> list[str]:
    """Names of the encoders that `build_unet` knows."""
    return [*smp.encoders.get_encoder_names(), *(TIMM + name for name in bundled_backbones())]


def pretrained_normalization(encoder: str) -> str:
    """The one of `NORMALIZATIONS` that pretrained weights of `encoder` expect."""
    name = encoder.removeprefix(TIMM)
    if encoder.startswith(TIMM) and name in bundled_backbones() and tuple(backbone_card(name)["mean"]) == UNIT_MEAN:
        return SIGNED
    return IMAGENET


class NormalizedUnet(smp.Unet):
    """A U-Net that takes images in 0..1 and gives its encoder what its pretrained weights expect; it has no further weights.

    Args:
        normalization: One of `NORMALIZATIONS`.
    """

    def __init__(self, *args: Any, normalization: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.mean, self.std = NORMALIZATIONS[normalization]

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits (batch, classes, rows, columns) of images (batch, 3, rows, columns) in 0..1."""
        mean = torch.tensor(self.mean, device=inputs.device)[None, :, None, None]
        std = torch.tensor(self.std, device=inputs.device)[None, :, None, None]
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
        encoder: Name of an encoder of segmentation-models-pytorch; networks of timm begin with "tu-".
        encoder_weights: "imagenet" downloads the published weights; "bundled" takes those that come with LiverAI (of timm's
            networks in `backbones.bundled_backbones`); a path loads a safetensors file of a torchvision state dict of the
            encoder; None starts from random ones.
        normalization: One of `NORMALIZATIONS` for a network whose encoder began with pretrained weights; None passes 0..1 on.

    Rows and columns have to be multiples of 32.

    Raises:
        UserError: The weights cannot be fetched or do not fit.
    """

    def build(weights: str | None) -> smp.Unet:
        settings = {"encoder_weights": weights, "in_channels": in_channels, "classes": classes}
        if normalization is None:
            return smp.Unet(encoder, **settings)
        return NormalizedUnet(encoder, **settings, normalization=normalization)

    if encoder_weights == IMAGENET:
        return download(lambda: build(IMAGENET))
    network = build(None)
    if encoder_weights == BUNDLED:
        name = encoder.removeprefix(TIMM)
        state = {f"model.{key}": value for key, value in read_bundled(name).items()}
        load_weights(
            network.encoder, f"bundled {name}", state=state, unused=tuple(f"model.{part}" for part in HEADS_OF_TIMM)
        )
    elif encoder_weights is not None:
        load_weights(network.encoder, encoder_weights)
    return network


def unet_layer_groups(network: smp.Unet) -> tuple[list[nn.Module], int]:
    """Layers of the U-Net, first to last, for layer-wise learning rates, and how many of them belong to the encoder.

    Encoder stem, each stage of the encoder, each block of the decoder from the coarsest to the finest, head: eleven
    groups for a ResNet34 encoder, five of them of the encoder.
    """
    encoder, decoder = network.encoder, network.decoder
    if isinstance(encoder, TimmUniversalEncoder):
        encoder_groups = timm_layer_groups(encoder.model)
    else:
        stem = nn.ModuleList([encoder.conv1, encoder.bn1])
        encoder_groups = [stem, encoder.layer1, encoder.layer2, encoder.layer3, encoder.layer4]
    blocks = list(decoder.blocks)
    first = nn.ModuleList([decoder.center, blocks[0]])
    return [*encoder_groups, first, *blocks[1:], network.segmentation_head], len(encoder_groups)
