"""What the two pipelines of Nowak 2021 are trained on: slices of a cohort with labels and liver masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
import torch.nn.functional as F

from LiverAILib.data.cohort import CohortRow
from LiverAILib.data.structures import LIVER
from LiverAILib.errors import UserError
from LiverAILib.imaging.geometry import to_canonical
from LiverAILib.methods.nowak2021 import SPEC
from LiverAILib.methods.nowak2021.settings import CLASSES, IMAGE_SIZE, PUBLISHED_ENCODER, EncoderSettings
from LiverAILib.methods.nowak2021.view import SliceView, network_input
from LiverAILib.segmentation.caudate_level import training_slice
from LiverAILib.segmentation.predict import Segmenter
from LiverAILib.training.augmentation import Geometry, Intensity, change_intensity, random_grid, warp
from LiverAILib.training.balance import epoch_batches
from LiverAILib.training.frozen_features import Views

LIVER_STEP = 4
GEOMETRY = Geometry(rotation_degrees=10, zoom=(0.9, 1.1))
INTENSITY = Intensity(contrast=0.1, brightness=0.1)


@dataclass(frozen=True, eq=False)
class SliceSet:
    """Prepared slices with their classes.

    Attributes:
        slices: float16 (n, size, size) in 0..1.
        labels: Classes int64 (n,).
        cases: Index of the case that each comes from, int64 (n,).
        livers: uint8 (n, size / 4, size / 4): share of the liver at every fourth point, in 1/255; None where it was not asked
            for.
    """

    slices: torch.Tensor
    labels: torch.Tensor
    cases: torch.Tensor
    livers: torch.Tensor | None = None


def class_label(row: CohortRow, classes: Sequence[str]) -> int:
    """Number of the case's class.

    Args:
        row: The case.
        classes: `CLASSES`, where 1 is cirrhosis (stage 4 where the cohort has stages), or `STAGES`.

    Raises:
        UserError: The case has no label, or stages are asked of a cohort without them.
    """
    if row.cirrhosis is None:
        raise UserError(
            f"case {row.case_id}: no label in the manifest. Fill the column stage (0-4) or cirrhosis (0 or 1)."
        )
    if len(classes) == 2:
        return int(row.cirrhosis)
    if row.stage is None:
        raise UserError(
            "--classes stages: the manifest says cirrhosis or not. Give a column stage (0-4), or leave the option out."
        )
    return row.stage


@dataclass(frozen=True)
class Preparation:
    """One way in which slices are prepared.

    Attributes:
        pipeline: "segmented" or "full".
        segmenter: Its masks cut the liver out, instead of the manifest's.
        size: Rows and columns of a prepared slice.
        livers: Whether the liver in each slice is kept too.
    """

    pipeline: str
    segmenter: Segmenter | None = None
    size: int = IMAGE_SIZE
    livers: bool = False


def load_slices(
    rows: Sequence[CohortRow],
    preparations: Sequence[Preparation],
    *,
    classes: Sequence[str] = CLASSES,
    neighbors: int = 0,
    log: Callable[[str], None] = lambda line: None,
) -> list[SliceSet]:
    """The slices at the level of the caudate lobe, and `neighbors` on either side, as each of `preparations` gives them.

    Every image is read once. A slice that the manifest names (column "slice") is taken instead of the level found.
    A case whose slice shows no liver is left out.

    Args:
        rows: Cases with role t2 and a mask of the liver, which chooses the level.
        preparations: What is made of each slice.
        classes: `CLASSES` or `STAGES`.
        neighbors: Further slices on either side, so that the network sees what a choice one slice off gives.
        log: Called with one line per case that is left out.

    Returns:
        The slices of each preparation.

    Raises:
        UserError: No case is left.
    """
    sets = [_OpenSet() for _ in preparations]
    for number, row in enumerate(rows):
        image = row.read_image(SPEC.role, SPEC.modality, color=False)
        canonical, order = to_canonical(image)
        liver = order.apply(row.read_mask("liver", image))
        if not liver.any():
            log(f"case {row.case_id}: the liver mask is empty: left out")
            continue
        level = training_slice(row, image, order, liver)
        positions = range(max(0, level - neighbors), min(len(liver), level + neighbors + 1))
        for one, found in zip(preparations, sets, strict=True):
            masks = liver[positions.start : positions.stop]
            if one.segmenter is not None:
                masks = one.segmenter.segment_slices(canonical, positions) == LIVER.label
            if not masks.any():
                whose = "the manifest" if one.segmenter is None else one.segmenter.model.name
                log(f"case {row.case_id}: no liver at the level of the caudate lobe according to {whose}: left out")
            for position, mask in zip(positions, masks, strict=True):
                if not mask.any():
                    continue
                view = SliceView.of(image, canonical, order, mask, position, pipeline=one.pipeline, size=one.size)
                found.slices.append(view.prepared.half())
                found.labels.append(class_label(row, classes))
                found.cases.append(number)
                if one.livers:
                    found.livers.append(_coarse(view.liver_seen()))
    if not all(found.slices for found in sets):
        raise UserError(
            "no liver was found at the level of the caudate lobe of any case. Check the masks, or train the segmentation network "
            "longer."
        )
    return [found.closed() for found in sets]


@dataclass
class _OpenSet:
    """A `SliceSet` that is being filled."""

    slices: list[torch.Tensor] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    cases: list[int] = field(default_factory=list)
    livers: list[torch.Tensor] = field(default_factory=list)

    def closed(self) -> SliceSet:
        livers = torch.stack(self.livers) if self.livers else None
        return SliceSet(torch.stack(self.slices), torch.tensor(self.labels), torch.tensor(self.cases), livers)


def _coarse(liver: torch.Tensor) -> torch.Tensor:
    """The mean of 4 x 4 points of a share of the liver (rows, columns), uint8 in 1/255."""
    return (F.avg_pool2d(liver[None], LIVER_STEP, ceil_mode=True)[0] * 255).round().to(torch.uint8)


def joined(first: SliceSet, second: SliceSet) -> SliceSet:
    """The slices of both sets, which hold the same cases."""
    pairs = zip((first.slices, first.labels, first.cases), (second.slices, second.labels, second.cases), strict=True)
    livers = None if first.livers is None or second.livers is None else torch.cat([first.livers, second.livers])
    slices, labels, cases = (torch.cat(pair) for pair in pairs)
    return SliceSet(slices, labels, cases, livers)


def augmented(
    slices: torch.Tensor,
    *,
    size: int,
    generator: torch.Generator,
    geometry: Geometry = GEOMETRY,
    intensity: Intensity = INTENSITY,
    encoder: EncoderSettings = PUBLISHED_ENCODER,
    livers: torch.Tensor | None = None,
) -> torch.Tensor:
    """Network input (batch, 3, size, size) of prepared slices (batch, rows, columns), each changed at random.

    With `livers` (batch, any rows, any columns, 1/255) their share, moved with the slices, follows as a fourth channel.
    """
    images = F.interpolate(slices.float()[:, None], size=(size, size), mode="bilinear", antialias=True)
    grid = random_grid(len(slices), size, size, geometry, generator)
    inside = images > 0
    images, _ = warp(images, grid)
    changed = change_intensity(images, intensity, generator)
    # What lies outside the mask or the field of view stays 0: no brightness is added there.
    kept, _ = warp(inside.float(), grid)
    inputs = network_input((changed * (kept > 0.5))[:, 0], encoder)
    if livers is None:
        return inputs
    return torch.cat([inputs, warp(livers[:, None].float() / 255, grid)[0]], 1)


def batches(
    data: SliceSet,
    *,
    batch_size: int,
    steps: int | None = None,
    size: int = IMAGE_SIZE,
    balance: str = "none",
    geometry: Geometry = GEOMETRY,
    intensity: Intensity = INTENSITY,
    encoder: EncoderSettings = PUBLISHED_ENCODER,
) -> tuple[Callable[[int], Iterator[tuple[torch.Tensor, torch.Tensor]]], int]:
    """Function of a seed that gives augmented batches of network input and labels, and their number (see `epoch_batches`).

    Where the set knows the livers, they are the fourth channel (see `augmented`).
    """
    change = partial(augmented, size=size, geometry=geometry, intensity=intensity, encoder=encoder)
    indices, number = epoch_batches(data.labels, balance, batch_size=batch_size, steps=steps)

    def epoch(seed: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        generator = torch.Generator().manual_seed(seed)
        for index in indices(generator):
            livers = None if data.livers is None else data.livers[index]
            yield change(data.slices[index], generator=generator, livers=livers), data.labels[index]

    return epoch, number


def fixed_views(
    data: SliceSet,
    count: int,
    *,
    size: int = IMAGE_SIZE,
    seed: int = 0,
    geometry: Geometry = GEOMETRY,
    intensity: Intensity = INTENSITY,
    encoder: EncoderSettings = PUBLISHED_ENCODER,
) -> Views:
    """`count` augmented views of each slice, always the same ones for a seed, with the livers where the set knows them."""
    change = partial(augmented, size=size, geometry=geometry, intensity=intensity, encoder=encoder)

    def make(sample: int, view: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed((seed * 7919 + view) * 1_000_003 + sample)
        own = slice(sample, sample + 1)
        livers = None if data.livers is None else data.livers[own]
        return change(data.slices[own], generator=generator, livers=livers)[0]

    return Views(count, make)


def plain_inputs(
    data: SliceSet, *, size: int = IMAGE_SIZE, encoder: EncoderSettings = PUBLISHED_ENCODER
) -> Callable[[Sequence[int]], torch.Tensor]:
    """Function of slice numbers that gives their network input, not augmented."""

    def give(numbers: Sequence[int]) -> torch.Tensor:
        images = data.slices[list(numbers)].float()[:, None]
        return network_input(F.interpolate(images, size=(size, size), mode="bilinear", antialias=True)[:, 0], encoder)

    return give
