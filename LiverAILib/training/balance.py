"""What is done about classes of unequal size."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from LiverAILib.training import distributed
from LiverAILib.training.options import BALANCES

Draw = Callable[[int, torch.Generator], torch.Tensor]
Epoch = Callable[[torch.Generator], Iterator[torch.Tensor]]
"""Gives the indices of the batches of one epoch."""


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


def epoch_batches(
    labels: torch.Tensor, balance: str, *, batch_size: int, steps: int | None = None
) -> tuple[Epoch, int]:
    """Function of a generator that gives the indices of the batches of one epoch, and the number of batches.

    With the balance "sampling" batches are drawn with replacement (see `sampler`). Otherwise every sample is shown once in
    random order, in batches of nearly equal size; with `steps` as many rounds as they need. Several processes get batches that
    they can share evenly, for which a few samples are shown twice.

    Args:
        labels: int64 (n,).
        balance: One of `options.BALANCES`.
        batch_size: Samples a batch, at most.
        steps: Batches an epoch; None for as many as show every sample once (fewer by one incomplete batch with "sampling").

    Raises:
        ValueError: Unknown `balance`.
    """
    count, shares = len(labels), distributed.world_size()
    draw = sampler(labels, balance)
    if balance == "sampling":
        number = steps or max(1, count // batch_size)
        return lambda generator: (draw(batch_size, generator) for _ in range(number)), number
    shown = count if steps is None else steps * batch_size
    padded = -(-shown // shares) * shares
    number = min(-(-shown // batch_size), padded // shares)

    def epoch(generator: torch.Generator) -> Iterator[torch.Tensor]:
        rounds = [torch.randperm(count, generator=generator) for _ in range(-(-padded // count))]
        groups = torch.cat(rounds)[:padded].view(-1, shares)
        yield from (part.flatten() for part in groups.tensor_split(number))

    return epoch, number


def class_weights(labels: torch.Tensor, classes: int, balance: str) -> torch.Tensor | None:
    """Weights (classes,) inverse to the classes' frequency, 1 on the mean case; None where `balance` is not "weights".

    A class without a case weighs 0.
    """
    if balance != "weights":
        return None
    counts = torch.bincount(labels, minlength=classes).float()
    return torch.where(counts > 0, len(labels) / (counts.clamp_min(1) * (counts > 0).sum()), torch.zeros(classes))
