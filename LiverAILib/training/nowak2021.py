"""Training of the two pipelines of Nowak 2021 from a cohort with labels and liver masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from LiverAILib.cohort import CohortRow
from LiverAILib.errors import UserError
from LiverAILib.imaging.geometry import to_canonical
from LiverAILib.methods.caudate_level import caudate_level
from LiverAILib.methods.nowak2021 import CLASSES, IMAGE_SIZE, network_input, prepare_slice
from LiverAILib.networks.classifier import ResNet50Classifier
from LiverAILib.networks.device import bfloat16_pays
from LiverAILib.segmentation.predict import Segmenter
from LiverAILib.segmentation.structures import LIVER
from LiverAILib.training.augmentation import Geometry, Intensity, change_intensity, random_grid, warp
from LiverAILib.training.fit import Task, fit
from LiverAILib.training.schedule import Stage

GEOMETRY = Geometry(rotation_degrees=10, zoom=(0.9, 1.1))
INTENSITY = Intensity(contrast=0.1, brightness=0.1)


@dataclass(frozen=True, eq=False)
class SliceSet:
    """Prepared slices float16 (n, size, size), their classes (n,), and the index of the case that each comes from."""

    slices: torch.Tensor
    labels: torch.Tensor
    cases: torch.Tensor


def cirrhosis_label(row: CohortRow, *, staged: bool) -> int:
    """1 for cirrhosis: stage 4 where the cohort holds stages, else the label itself."""
    if row.label is None:
        raise UserError(
            f"case {row.case_id}: no label in the manifest. Training needs a stage 0-4, or 0/1 for cirrhosis."
        )
    return int(row.label == 4) if staged else int(row.label > 0)


def is_staged(rows: Sequence[CohortRow]) -> bool:
    """Whether the labels are stages 0-4 rather than 0/1."""
    return any((row.label or 0) > 1 for row in rows)


def load_slices(
    rows: Sequence[CohortRow],
    pipeline: str,
    *,
    staged: bool,
    neighbors: int = 0,
    segmenter: Segmenter | None = None,
) -> SliceSet:
    """The prepared slices at the level of the caudate lobe, and `neighbors` slices on either side of it.

    Args:
        rows: Cases with role t2 and a mask of the liver, which chooses the level.
        pipeline: "segmented" or "full".
        staged: Whether labels are stages (see `cirrhosis_label`).
        neighbors: Further slices on either side, so that the network sees what a choice one slice off gives.
        segmenter: Its masks cut the liver out, instead of the manifest's.
    """
    slices, labels, cases = [], [], []
    for number, row in enumerate(rows):
        image = row.read_image("t2")
        canonical, order = to_canonical(image)
        liver = order.apply(row.read_mask("liver", image))
        if not liver.any():
            continue
        level = caudate_level(liver)
        positions = range(max(0, level - neighbors), min(len(liver), level + neighbors + 1))
        masks = liver[positions.start : positions.stop]
        if segmenter is not None and pipeline == "segmented":
            masks = segmenter.segment_slices(canonical, positions) == LIVER.label
        for position, mask in zip(positions, masks, strict=True):
            if not mask.any():
                continue
            pixel_mm = (canonical.spacing[1], canonical.spacing[0])
            prepared, _ = prepare_slice(canonical.array[position], mask, pixel_mm, pipeline=pipeline)
            slices.append(prepared.half())
            labels.append(cirrhosis_label(row, staged=staged))
            cases.append(number)
    return SliceSet(torch.stack(slices), torch.tensor(labels), torch.tensor(cases))


def joined(first: SliceSet, second: SliceSet) -> SliceSet:
    """The slices of both sets, which hold the same cases."""
    pairs = zip((first.slices, first.labels, first.cases), (second.slices, second.labels, second.cases), strict=True)
    return SliceSet(*(torch.cat(pair) for pair in pairs))


def batches(
    data: SliceSet, *, batch_size: int, steps: int, size: int = IMAGE_SIZE
) -> Callable[[int], Iterator[tuple[torch.Tensor, torch.Tensor]]]:
    """Function of a seed that gives augmented batches of network input and labels, both classes equally often."""
    by_class = [torch.nonzero(data.labels == c).flatten() for c in range(len(CLASSES))]

    def epoch(seed: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        generator = torch.Generator().manual_seed(seed)
        for _ in range(steps):
            wanted = torch.arange(batch_size) % len(CLASSES)
            index = torch.tensor(
                [int(by_class[c][torch.randint(len(by_class[c]), (1,), generator=generator)]) for c in wanted.tolist()]
            )
            images = data.slices[index].float()[:, None]
            images = F.interpolate(images, size=(size, size), mode="bilinear", antialias=True)
            grid = random_grid(batch_size, size, size, GEOMETRY, generator)
            inside = images > 0
            images, _ = warp(images, grid)
            changed = change_intensity(images, INTENSITY, generator)
            # What lies outside the mask or the field of view stays 0: no brightness is added there.
            kept, _ = warp(inside.float(), grid)
            yield network_input((changed * (kept > 0.5))[:, 0]), data.labels[index]

    return epoch


@torch.inference_mode()
def predict(network: torch.nn.Module, data: SliceSet, *, size: int = IMAGE_SIZE) -> torch.Tensor:
    """Class scores (n, classes) of prepared slices."""
    network.eval()
    scores = []
    for part in data.slices.split(16):
        images = F.interpolate(part.float()[:, None], size=(size, size), mode="bilinear", antialias=True)
        scores.append(network(network_input(images[:, 0])))
    return torch.cat(scores)


def train_pipeline(
    training: SliceSet,
    validation: SliceSet,
    output: Path,
    *,
    stages: Sequence[Stage],
    seed: int = 0,
    weights: str | None = None,
    batch_size: int = 32,
    steps: int | None = None,
    size: int = IMAGE_SIZE,
    network: ResNet50Classifier | None = None,
    log: Callable[[str], None] = print,
) -> tuple[ResNet50Classifier, list[dict[str, Any]]]:
    """Train one pipeline; the state with the lowest cross entropy on the validation slices is kept.

    Args:
        training: Slices to train on.
        validation: Slices to choose the state by; never trained on.
        output: Run folder.
        stages: The schedule.
        seed: Seed of every random draw.
        weights: Pretrained weights (see `ResNet50Classifier`).
        batch_size: Slices a batch.
        steps: Batches an epoch; by default as many as show every training slice once.
        size: Rows and columns that the slices are resized to.
        network: Network to go on with, instead of a new one.
        log: Called with one line an epoch.
    """
    torch.manual_seed(seed)
    if network is None:
        network = ResNet50Classifier(len(CLASSES), weights=weights)
    network = network.to(memory_format=torch.channels_last)
    steps = steps or max(1, len(training.labels) // batch_size)
    mixed = bfloat16_pays(torch.device("cpu"))

    def loss(network: torch.nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            scores = network(batch[0].to(memory_format=torch.channels_last))
        return F.cross_entropy(scores.float(), batch[1])

    def validate(network: torch.nn.Module) -> dict[str, float]:
        scores = predict(network, validation, size=size)
        entropy = float(F.cross_entropy(scores, validation.labels))
        accuracy = float((scores.argmax(1) == validation.labels).float().mean())
        return {"score": -entropy, "validation_accuracy": accuracy}

    task = Task(
        network,
        network.layer_groups,
        batches(training, batch_size=batch_size, steps=steps, size=size),
        steps,
        loss,
        validate,
    )
    history = fit(task, stages, output=output, seed=seed, log=log)
    return network, history
