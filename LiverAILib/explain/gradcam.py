"""Grad-CAM (Selvaraju 2017) from the one forward pass that also gives the probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import torch


class SplitNetwork(Protocol):
    """A network in two parts: convolutional features, and the scores computed from them."""

    def features(self, inputs: torch.Tensor) -> torch.Tensor:
        """Feature maps (batch, channels, *spatial)."""

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Class scores before softmax (batch, classes)."""


Choice = Callable[[torch.Tensor], torch.Tensor]
"""Function of scores (batch, classes) that gives the class to explain of each sample, int64 (batch,)."""

Target: TypeAlias = int | Sequence[int] | torch.Tensor | Choice | None
"""The class to explain: one for all samples, one for each, a function of the scores, or None for the highest score."""


def highest_score(scores: torch.Tensor) -> torch.Tensor:
    """The predicted class where nothing shifts the probabilities."""
    return scores.argmax(1)


def choose_target(scores: torch.Tensor, target: Target) -> torch.Tensor:
    """The class to explain of each sample, int64 (batch,), as `grad_cam` takes it."""
    choose = highest_score if target is None else target
    chosen = choose(scores) if callable(choose) else choose
    return torch.as_tensor(chosen, device=scores.device).expand(len(scores))


def score_gradient(
    classify: Callable[[torch.Tensor], torch.Tensor],
    features: torch.Tensor,
    target: Target,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Class scores (batch, classes) of feature maps, and the gradient of the chosen class's score at them."""
    features = features.detach().requires_grad_()
    with torch.enable_grad():
        scores = classify(features)
        chosen = choose_target(scores.detach(), target)
        gradient = torch.autograd.grad(scores.gather(1, chosen[:, None]).sum(), features)[0]
    return scores.detach(), gradient


def grad_cam(
    network: SplitNetwork,
    inputs: torch.Tensor,
    target: Target = None,
    *,
    relu: bool = True,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Class scores and raw Grad-CAM maps of a batch.

    The gradient is taken at the features only, so that the convolutions run once, without a graph; there are no hooks and
    no state, and samples do not influence each other (the network has to be in evaluation mode).

    Args:
        network: Gives features and scores, 2D or 3D.
        inputs: (batch, channels, *spatial).
        target: Class to explain: one for all, one per sample, a function that chooses it from the scores, or None for the class
            with the highest score.
        relu: Keep evidence for the class only, as published; False keeps the sign.

    Returns:
        Scores (batch, classes) and maps (batch, *feature_spatial), in units of class score per feature position: not scaled.
    """
    if getattr(network, "training", False):
        raise ValueError("grad_cam needs the network in evaluation mode: call network.eval() first")
    with torch.no_grad():
        features = network.features(inputs)
    scores, gradient = score_gradient(network.classify, features, target)
    spatial = tuple(range(2, features.ndim))
    maps = (gradient.mean(spatial, keepdim=True) * features).sum(1)
    return scores, maps.relu() if relu else maps
