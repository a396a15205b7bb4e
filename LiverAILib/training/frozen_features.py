"""Stages with a frozen trunk, in which the trunk does not work twice on the same input.

The features of an input are the same in every epoch only where three things hold: the trunk's weights are frozen, its batch
normalization uses stored statistics (`FitOptions.freeze_batch_norm`), and the inputs are a fixed set of augmented views. Then
they are computed once, and the epochs train the output layer on them. The result is that of the plain loop over the same views.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from LiverAILib.training.precision import Precision

CHUNK = 32


@dataclass(frozen=True)
class Views:
    """A fixed set of augmented views of samples.

    Attributes:
        count: Views of each sample.
        make: Function of sample (int) and view number (int) that gives the network input (channels, rows, columns);
            always the same one.
    """

    count: int
    make: Callable[[int, int], torch.Tensor]

    def inputs(self, numbers: Sequence[int]) -> torch.Tensor:
        """Network inputs of views numbered `sample * count + view`."""
        return torch.stack([self.make(*divmod(number, self.count)) for number in numbers])


class FeatureCache:
    """Features of numbered inputs under a frozen trunk, each computed when it is first asked for.

    A change of the trunk's state empties the cache: it never gives features of another trunk.
    """

    def __init__(
        self,
        trunk: Sequence[nn.Module],
        features: Callable[[torch.Tensor], torch.Tensor],
        inputs: Callable[[Sequence[int]], torch.Tensor],
        precision: Precision,
    ) -> None:
        self.trunk = nn.ModuleList(trunk)
        self.features, self.inputs, self.precision = features, inputs, precision
        self.computed = 0
        """How many inputs went through the trunk so far."""
        self._known: dict[int, torch.Tensor] = {}
        self._versions, self._digest = -1, ""

    def __call__(self, numbers: Sequence[int]) -> torch.Tensor:
        """Features (len(numbers), ...) of the inputs, on the CPU."""
        missing = sorted(set(numbers) - self._known.keys())
        was_training = [(module, module.training) for module in self.trunk.modules()]
        self.trunk.eval()
        with torch.no_grad(), self.precision.autocast():
            for first in range(0, len(missing), CHUNK):
                part = missing[first : first + CHUNK]
                found = self.features(self.inputs(part).to(self.precision.device)).cpu()
                self._known.update(zip(part, found, strict=True))
        for module, training in was_training:
            module.training = training
        self.computed += len(missing)
        return torch.stack([self._known[number] for number in numbers])

    def check(self) -> None:
        """Forget everything if the trunk is no longer the one that the features are of."""
        state = self.trunk.state_dict()
        versions = sum(value._version for value in state.values())
        if versions == self._versions:
            return
        # Loading a state counts as a change even where it is the same one: only then are the values compared.
        digest = hashlib.sha256()
        for value in state.values():
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        if digest.hexdigest() != self._digest:
            self._known.clear()
        self._versions, self._digest = versions, digest.hexdigest()


def view_batches(
    draw: Callable[[int, torch.Generator], torch.Tensor],
    labels: torch.Tensor,
    views: Views,
    *,
    batch_size: int,
    steps: int,
    cache: FeatureCache | None,
) -> Callable[[int], Iterator[tuple[torch.Tensor, torch.Tensor]]]:
    """`view_epochs` with batches of equal size.

    Args:
        draw: Draws samples (see `balance.sampler`).
        labels: Of the samples (n,).
        views: The fixed set.
        batch_size: Views a batch.
        steps: Batches an epoch.
        cache: As in `view_epochs`.
    """
    return view_epochs(
        lambda generator: (draw(batch_size, generator) for _ in range(steps)), labels, views, cache=cache
    )


def view_epochs(
    indices: Callable[[torch.Generator], Iterable[torch.Tensor]],
    labels: torch.Tensor,
    views: Views,
    *,
    cache: FeatureCache | None,
) -> Callable[[int], Iterator[tuple[torch.Tensor, torch.Tensor]]]:
    """Function of a seed that gives the batches of an epoch of fixed views with their labels.

    Args:
        indices: Gives the samples of the batches of an epoch (see `balance.epoch_batches`).
        labels: Of the samples (n,).
        views: The fixed set.
        cache: Gives the views' features; None gives the network inputs themselves, for the plain loop.
    """

    def epoch(seed: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        generator = torch.Generator().manual_seed(seed)
        if cache is not None:
            cache.check()
        for samples in indices(generator):
            chosen = samples * views.count + torch.randint(views.count, (len(samples),), generator=generator)
            give = views.inputs if cache is None else cache
            yield give(chosen.tolist()), labels[samples]

    return epoch
