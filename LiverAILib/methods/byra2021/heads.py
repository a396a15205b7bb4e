"""Linear heads on pooled features: the fat fraction by Lasso and the diagnoses by L1 logistic regression."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from LiverAILib.errors import UserError
from LiverAILib.networks.backbones import Backbone

QUANTITY = "pdff"
"""Name of the head of the fat fraction; those of the diagnoses are called `from_5` and so on."""


def classifier_name(cutoff: float) -> str:
    """Name of the head of a diagnosis."""
    return f"from_{cutoff:g}"


def head_names(cutoffs: tuple[float, ...]) -> tuple[str, ...]:
    """The heads of a view."""
    return (QUANTITY, *(classifier_name(cutoff) for cutoff in cutoffs))


@dataclass(frozen=True, eq=False)
class LinearHead:
    """A linear function of pooled features, the scaler of its training folded in.

    Attributes:
        weight: float32 (channels,).
        bias: float32 ().
    """

    weight: torch.Tensor
    bias: torch.Tensor

    def output(self, pooled: torch.Tensor) -> torch.Tensor:
        """The fat fraction, or the log odds of a diagnosis (batch,) of pooled features (batch, channels)."""
        return pooled @ self.weight + self.bias

    def maps(self, features: torch.Tensor) -> torch.Tensor:
        """Signed class activation maps (batch, h, w) of feature maps (batch, channels, h, w).

        The output is the bias plus the mean of the map, because pooling is the mean (Zhou 2016): positive values are evidence
        for the diagnosis, negative ones against it.
        """
        return torch.einsum("bchw,c->bhw", features, self.weight)

    def tensors(self, prefix: str) -> dict[str, torch.Tensor]:
        """As they are stored. Vectors, so that they are not rounded to 8 bits."""
        return {f"{prefix}.weight": self.weight.float(), f"{prefix}.bias": self.bias.float()}


def read_heads(
    state: Mapping[str, torch.Tensor], owner: str, names: tuple[str, ...], channels: int, *, where: str
) -> dict[str, LinearHead]:
    """The heads of a view, or of all of them together, from a model's tensors.

    Raises:
        UserError: One is missing, or is for another number of features.
    """
    found = {}
    for name in names:
        weight, bias = state.get(f"{owner}.{name}.weight"), state.get(f"{owner}.{name}.bias")
        if weight is None or bias is None or tuple(weight.shape) != (channels,) or bias.numel() != 1:
            raise UserError(
                f"{where}: the weights of {owner}.{name} are missing or not for {channels} features. Install the model again."
            )
        found[name] = LinearHead(weight, bias.reshape(()))
    return found


class ViewClassifier(torch.nn.Module):
    """Backbone and one head as a network: images (batch, 3, rows, columns) to log odds (batch, 1)."""

    def __init__(self, backbone: Backbone, head: LinearHead) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.head.output(self.backbone(inputs))[:, None]
