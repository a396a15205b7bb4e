"""What is done about classes of unequal size."""

from __future__ import annotations

from collections.abc import Callable

import torch

from LiverAILib.training.options import BALANCES

Draw = Callable[[int, torch.Generator], torch.Tensor]


def sampler(labels: torch.Tensor, balance: str) -> Draw:
    """Function of a batch size and a generator that draws indices (batch,) with replacement.

    Args:
        labels: int64 (n,).
        balance: One of `options.BALANCES`; "sampling" gives each class that there is the same share of every batch.

    Raises:
        ValueError: Unknown `balance`.
    """
    if balance not in BALANCES:
        raise ValueError(f"balance must be one of {', '.join(BALANCES)}, got {balance!r}")
    members = [torch.nonzero(labels == label).flatten() for label in labels.unique().tolist()]
    if balance != "sampling":
        members = [torch.arange(len(labels))]

    def draw(batch_size: int, generator: torch.Generator) -> torch.Tensor:
        wanted = [members[number % len(members)] for number in range(batch_size)]
        return torch.tensor([int(own[torch.randint(len(own), (1,), generator=generator)]) for own in wanted])

    return draw


def class_weights(labels: torch.Tensor, classes: int, balance: str) -> torch.Tensor | None:
    """Weights (classes,) inverse to the classes' frequency, 1 on the mean case; None where `balance` is not "weights".

    A class without a case weighs 0.
    """
    if balance != "weights":
        return None
    counts = torch.bincount(labels, minlength=classes).float()
    return torch.where(counts > 0, len(labels) / (counts.clamp_min(1) * (counts > 0).sum()), torch.zeros(classes))
