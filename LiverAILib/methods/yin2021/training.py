"""Training of the network of Yin 2021 from a cohort of CT with stages and liver masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from LiverAILib.data.cohort import CohortRow
from LiverAILib.data.structures import LIVER
from LiverAILib.errors import UserError
from LiverAILib.methods.yin2021 import SPEC
from LiverAILib.methods.yin2021.method import mean_probabilities
from LiverAILib.methods.yin2021.network import Yin2021Network
from LiverAILib.methods.yin2021.settings import CLASSES, InputSettings
from LiverAILib.methods.yin2021.view import StackView, windows
from LiverAILib.segmentation.predict import Segmenter
from LiverAILib.training import distributed
from LiverAILib.training.augmentation import Geometry, random_grid, uniform, warp
from LiverAILib.training.balance import class_weights, epoch_batches
from LiverAILib.training.evidence_penalty import evidence_penalty
from LiverAILib.training.fit import FitOptions, Task, fit
from LiverAILib.training.loss import cross_entropy
from LiverAILib.training.precision import Precision
from LiverAILib.training.schedule import Stage


@dataclass(frozen=True, eq=False)
class StackSet:
    """Prepared cases.

    Attributes:
        stacks: float16 (slices, size, size) in 0..1, of different lengths.
        labels: Stages int64 (n,).
        livers: Share of the liver, float16 (slices, size / 4, size / 4); none where they were not asked for.
    """

    stacks: tuple[torch.Tensor, ...]
    labels: torch.Tensor
    livers: tuple[torch.Tensor, ...] = ()


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a window, the same for all its slices; nothing mirrors the anatomy.

    Attributes:
        geometry: Rotation, zoom and shift in the slice; None leaves it as it is, as published.
        contrast: Relative change of the distance from the window's middle, to either side.
        brightness: Shift in 0..1 units of the window (350 HU).
        noise: Largest standard deviation of added noise, same units.
    """

    geometry: Geometry | None = None
    contrast: float = 0.0
    brightness: float = 0.0
    noise: float = 0.0

    def __call__(
        self, windows: torch.Tensor, generator: torch.Generator, livers: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Windows (batch, slices, rows, columns) changed and clipped to 0..1, and the livers moved with them.

        Args:
            windows: The windows.
            generator: Draws the changes.
            livers: Share of the liver (batch, slices, any rows, any columns).
        """
        batch, _, rows, columns = windows.shape
        if self.geometry is not None:
            grid = random_grid(batch, rows, columns, self.geometry, generator)
            windows, _ = warp(windows, grid)
            if livers is not None:
                # Points of a grid are shares of the width: a coarser one has the same ends.
                coarse = F.interpolate(grid.permute(0, 3, 1, 2), size=livers.shape[2:], mode="bilinear")
                livers, _ = warp(livers, coarse.permute(0, 2, 3, 1))
        shape = (batch, 1, 1, 1)
        if self.contrast:
            windows = (windows - 0.5) * (1 + uniform(shape, -self.contrast, self.contrast, generator)) + 0.5
        if self.brightness:
            windows = windows + uniform(shape, -self.brightness, self.brightness, generator)
        if self.noise:
            level = uniform(shape, 0, self.noise, generator)
            windows = windows + level * torch.randn(windows.shape, generator=generator)
        return windows.clamp(0, 1), livers


LIGHT = Augmentation(Geometry(rotation_degrees=6, zoom=(0.94, 1.06), shift=0.02), 0.05, 0.03, 0.02)
"""Augmentation of the short schedule."""


def load_stacks(
    rows: Sequence[CohortRow], settings: InputSettings, *, segmenter: Segmenter | None = None, livers: bool = False
) -> StackSet:
    """The prepared stacks of cases with role ct.

    Args:
        rows: Cases with a stage and, without `segmenter`, a mask of the liver.
        settings: How the input is prepared.
        segmenter: Finds the liver instead of the manifest's masks.
        livers: Whether the liver in each slice is kept too.

    Raises:
        UserError: A case has no stage or no liver.
    """
    stacks, labels, inside = [], [], []
    for row in rows:
        if row.stage is None:
            raise UserError(f"case {row.case_id}: no stage in the manifest. Fill the column stage (0-4).")
        if segmenter is None and LIVER.name not in row.masks:
            raise UserError(
                f"case {row.case_id}: no mask:liver in the manifest. Add the column, or use --segmentation-model."
            )
        image = row.read_image(SPEC.role, SPEC.modality, color=False)
        liver = row.read_mask(LIVER.name, image) if segmenter is None else segmenter.liver(image)
        if not liver.any():
            raise UserError(f"case {row.case_id}: the liver mask is empty. Correct it or take the case out.")
        view = StackView.of(image, liver, settings)
        stacks.append(view.prepared.half())
        if livers:
            inside.append(view.liver_seen().half())
        labels.append(row.stage)
    return StackSet(tuple(stacks), torch.tensor(labels), tuple(inside))


def batches(
    data: StackSet,
    *,
    slices: int,
    batch_size: int,
    steps: int | None = None,
    augmentation: Augmentation | None = None,
    balance: str = "none",
) -> tuple[Callable[[int], Iterator[tuple[torch.Tensor, ...]]], int]:
    """Function of a seed that gives the batches of an epoch, windows with stages, and their number.

    Every epoch shows each case once (or `steps` batches), in random order, as `slices` consecutive slices drawn at random
    (Yin 2021, Fig. 2); with the `balance` "sampling" every stage equally often (see `epoch_batches`). Where the set knows the
    livers, those of the windows follow (batch, slices, rows / 4, columns / 4).
    """
    indices, number = epoch_batches(data.labels, balance, batch_size=batch_size, steps=steps)

    def epoch(seed: int) -> Iterator[tuple[torch.Tensor, ...]]:
        generator = torch.Generator().manual_seed(seed)
        for index in indices(generator):
            firsts = [first_slice(data.stacks[n], slices, generator) for n in index.tolist()]
            places = [(n, slice(first, first + slices)) for n, first in zip(index.tolist(), firsts, strict=True)]
            drawn = torch.stack([data.stacks[n][place].float() for n, place in places])
            livers = torch.stack([data.livers[n][place].float() for n, place in places]) if data.livers else None
            if augmentation is not None:
                drawn, livers = augmentation(drawn, generator, livers)
            batch = (drawn[:, None], data.labels[index])
            yield batch if livers is None else (*batch, livers)

    return epoch, number


def first_slice(stack: torch.Tensor, slices: int, generator: torch.Generator) -> int:
    """Random first one of `slices` consecutive slices of a stack."""
    return int(torch.randint(len(stack) - slices + 1, (1,), generator=generator))


@torch.inference_mode()
def predict(network: Yin2021Network, data: StackSet, settings: InputSettings) -> torch.Tensor:
    """Probabilities (n, classes), each the mean over the windows of a case, as the method assesses it."""
    network.eval()
    device = next(network.parameters()).device
    means = []
    for stack in data.stacks:
        scores = torch.cat([network(window[None].to(device)) for _, window in windows(stack, settings)])
        means.append(mean_probabilities(scores.cpu(), {}).float())
    return torch.stack(means)


def score(probabilities: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """Negative cross entropy (chooses the best state), and the accuracy of stage and of the published groups of stages."""
    entropy = float(F.nll_loss(probabilities.clamp_min(1e-8).log(), labels))
    found = {"score": -entropy, "validation_accuracy": float((probabilities.argmax(1) == labels).float().mean())}
    for first, name in ((2, "significant"), (3, "advanced"), (4, "cirrhosis")):
        called = probabilities[:, first:].sum(1) > 0.5
        found[f"validation_accuracy_{name}"] = float((called == (labels >= first)).float().mean())
    return found


@dataclass(frozen=True)
class NetworkOptions:
    """How the network is trained.

    Attributes:
        inputs: Number of slices of a window, and how validation cuts windows.
        window: Slices that a window has in training; None for as many as at inference, as published.
        batch_size: Windows a batch, a default where the paper is silent.
        steps: Batches an epoch; by default as many as show every case once.
        balance: What is done about stages of unequal size, one of `options.BALANCES`.
        augmentation: Random changes; None as published.
        evidence_penalty: Weight of the share of the evidence outside of the liver in the loss (see `evidence_penalty`); 0 for
            none, as published. The training cases need their livers.
        precision: Device and format.
        fit: Seed, patience and the like.
    """

    inputs: InputSettings
    window: int | None = None
    batch_size: int = 8
    steps: int | None = None
    balance: str = "weights"
    augmentation: Augmentation | None = None
    evidence_penalty: float = 0.0
    precision: Precision = field(default_factory=Precision)
    fit: FitOptions = field(default_factory=FitOptions)


def train_network(
    network: Yin2021Network,
    training: StackSet,
    validation: StackSet,
    output: Path,
    *,
    stages: Sequence[Stage],
    options: NetworkOptions,
    log: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """Train with class-weighted cross entropy; the state with the lowest cross entropy on the validation cases is kept.

    Args:
        network: Trained in place.
        training: Cases to train on.
        validation: Cases to choose the state by; never trained on.
        output: Run folder.
        stages: The schedule.
        options: All else.
        log: Called with one line per epoch.

    Returns:
        One record per epoch.
    """
    precision, inputs = options.precision, options.inputs
    weights = class_weights(training.labels, len(CLASSES), options.balance)
    draw, steps = batches(
        training,
        slices=options.window or inputs.slices,
        batch_size=options.batch_size,
        steps=options.steps,
        augmentation=options.augmentation,
        balance=options.balance,
    )

    def loss(network: Yin2021Network, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        windows, labels = batch[:2]
        with precision.autocast():
            # Channels last is what the convolutions of few channels are quickest in.
            features = network.features(windows.contiguous(memory_format=torch.channels_last_3d))
            scores = network.classify(features)
        own = None if weights is None else weights.to(labels.device)
        found = cross_entropy(scores.float(), labels, weights=own)
        if not options.evidence_penalty:
            return found
        return found + options.evidence_penalty * evidence_penalty(network, features, batch[2])

    network = distributed.place_network(network, precision.device, memory_format=torch.channels_last_3d)
    task = Task(
        network,
        network.layer_groups,
        draw,
        steps,
        loss,
        lambda trained: score(predict(trained, validation, inputs), validation.labels),
        precision=precision,
    )
    return fit(task, stages, output=output, options=options.fit, log=log)
