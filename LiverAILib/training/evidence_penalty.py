"""A penalty on evidence outside of the liver: an addition of ours to the published recipes, off by default.

A classifier may be right by what lies beside the organ, or by the border of its input, and its heat map then lies there. As in
"Right for the right reasons" (Ross, Hughes, Doshi-Velez 2017, IJCAI), which penalizes the gradient outside of what an expert
marked, the share of the explanation outside of a mask is added to the loss. Here the explanation is the class activation map
(Zhou 2016, CVPR) in its general form, Grad-CAM without its last ReLU (Selvaraju 2017), differentiable: for a linear head on
means it is the head's weights times the feature maps. The magnitude is taken, of every class: else negative evidence, or an
equal share of all classes, could hide outside of the liver.

What the penalty moves is the position of the evidence in the feature maps. The convolutions before them still see around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import nn

from LiverAILib.training.loss import weighted_mean

LEAST_SHARE = 0.5
"""Share from which on a point counts as liver."""


class Classifier(Protocol):
    """The second part of a network that is split as Grad-CAM splits it."""

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Class scores (batch, classes) of feature maps."""


def class_activation_maps(network: Classifier, features: torch.Tensor) -> torch.Tensor:
    """Signed maps (batch, classes, *spatial) of all classes, through which gradients flow to features and weights.

    Args:
        network: Batch normalization and dropout in `classify` work as in evaluation, so that no sample depends on another.
        features: (batch, channels, *spatial), part of the graph.
    """
    spatial = tuple(range(2, features.ndim))
    with _evaluation(network):
        scores = network.classify(features)
        maps = []
        for number in range(scores.shape[1]):
            gradient = torch.autograd.grad(scores[:, number].sum(), features, create_graph=True)[0]
            maps.append((gradient.mean(spatial, keepdim=True) * features).sum(1))
    return torch.stack(maps, 1)


def liver_cells(liver: torch.Tensor, size: torch.Size | tuple[int, ...], *, dilation: int = 0) -> torch.Tensor:
    """Which positions of feature maps may hold evidence: those that the liver touches and `dilation` further ones.

    Args:
        liver: Share of the liver (batch, *fine), 0..1.
        size: Spatial size of the feature maps.
        dilation: Positions around them that are allowed too; of 7 x 7 positions one around allows nine tenths of an input.

    Returns:
        Boolean (batch, *size).
    """
    pool = F.adaptive_max_pool3d if len(size) == 3 else F.adaptive_max_pool2d
    dilate = F.max_pool3d if len(size) == 3 else F.max_pool2d
    cells = pool((liver >= LEAST_SHARE).float()[:, None], tuple(size))
    if dilation:
        cells = dilate(cells, 2 * dilation + 1, stride=1, padding=dilation)
    return cells[:, 0] > 0


def outside_share(maps: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
    """Share (batch,) of the maps' magnitude that lies outside of the allowed positions, the mean of the classes.

    Args:
        maps: Signed (batch, classes, *spatial).
        allowed: Boolean (batch, *spatial).
    """
    magnitude = maps.abs().flatten(2)
    outside = (magnitude * ~allowed.flatten(1)[:, None]).sum(2)
    return (outside / magnitude.sum(2).clamp_min(1e-12)).mean(1)


def evidence_penalty(
    network: Classifier, features: torch.Tensor, liver: torch.Tensor, *, dilation: int = 0
) -> torch.Tensor:
    """Mean share of the evidence outside of the liver (scalar), to be weighted and added to the loss.

    Args:
        network: Turns feature maps into scores.
        features: (batch, channels, *spatial).
        liver: Share of the liver (batch, *fine), 0..1; samples without any do not count.
        dilation: See `liver_cells`.
    """
    # In float32: shares of sums of small products.
    with torch.autocast(features.device.type, enabled=False):
        shares = outside_share(
            class_activation_maps(network, _in_graph(features.float())),
            liver_cells(liver, features.shape[2:], dilation=dilation),
        )
    counted = (liver.flatten(1) >= LEAST_SHARE).any(1).float()
    return weighted_mean(shares, counted) if counted.any() else shares.sum() * 0


def _in_graph(features: torch.Tensor) -> torch.Tensor:
    """Features that a gradient can be taken at, also those of a frozen trunk."""
    return features if features.requires_grad else features.detach().requires_grad_()


@contextmanager
def _evaluation(network: object) -> Iterator[None]:
    """Normalization and dropout of a network in evaluation mode for a while."""
    modules = network.modules() if isinstance(network, nn.Module) else ()
    kinds = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)
    changed = [module for module in modules if isinstance(module, kinds) and module.training]
    for module in changed:
        module.training = False
    try:
        yield
    finally:
        for module in changed:
            module.training = True
