"""U-Net with a ResNet34 encoder (Nowak 2021, Supplement S4, through segmentation-models-pytorch)."""

from __future__ import annotations

import segmentation_models_pytorch as smp
from torch import nn


def build_unet(
    classes: int, *, in_channels: int = 3, encoder: str = "resnet34", encoder_weights: str | None = None
) -> nn.Module:
    """The segmentation network: (batch, in_channels, rows, columns) to logits (batch, classes, rows, columns).

    Args:
        classes: Number of output classes, background included.
        in_channels: Adjacent slices (or colors) given as channels.
        encoder: Name of an encoder of segmentation-models-pytorch.
        encoder_weights: "imagenet" downloads the published weights; None starts from random ones.

    Rows and columns have to be multiples of 32.
    """
    return smp.Unet(encoder, encoder_weights=encoder_weights, in_channels=in_channels, classes=classes)
