"""Training samples for the segmentation network: slices of MR and CT with random thickness, contrast and geometry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from LiverAILib.data.cohort import CohortRow
from LiverAILib.errors import UserError
from LiverAILib.imaging.geometry import AxisOrder, to_canonical
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.intensity import normalize
from LiverAILib.networks.unet import ADJACENT_SLICES, SINGLE_SLICE
from LiverAILib.segmentation.grid import SliceGrid
from LiverAILib.segmentation.training.synthetic_contrast import random_contrast, tissue_classes
from LiverAILib.training.augmentation import Geometry, Intensity, change_intensity, random_grid, uniform, warp

WIDE_GEOMETRY = Geometry(rotation_degrees=15, zoom=(0.75, 1.3), aspect=0.12, shear=0.08, shift=0.06, elastic=0.012)
WIDE_INTENSITY = Intensity(
    log_gamma=0.5, contrast=0.25, brightness=0.1, bias_field=0.25, noise=0.06, blur_chance=0.3, channel_dropout=0.08
)

NEAR_GEOMETRY = Geometry(rotation_degrees=10, zoom=(0.85, 1.15), aspect=0.06, shear=0.04, shift=0.05, elastic=0.006)
NEAR_INTENSITY = Intensity(
    log_gamma=0.25, contrast=0.15, brightness=0.05, bias_field=0.15, noise=0.03, blur_chance=0.2, channel_dropout=0.08
)

ROLE_MODALITIES = {"t2": "MR", "ct": "CT"}
"""Roles that the segmentation network is trained on, with the modality of files that do not say theirs."""
WEIGHT_COLUMN = "sampling_weight"
SliceOf = Callable[[CohortRow, Image, AxisOrder, np.ndarray], int]
"""Function of a case, its image, the axis order of that and labels in canonical order that gives a slice."""


@dataclass(frozen=True)
class TrainingVolume:
    """One labelled volume on the network's pixel grid, slices as stored.

    Attributes:
        images: Intensities 0..1, float16 tensor (slices, rows, columns).
        labels: uint8 tensor, same shape: 0 background, then the organs.
        tissues: uint8 tensor of tissue classes for synthetic contrast, or None.
        slice_mm: Distance of the stored slices.
        known: For each organ whether the reference marks it; an unmarked one counts as background in the loss.
        modality: "MR" or "CT".
        weight: How often slices of it are drawn, relative to the other volumes of its modality.
    """

    images: torch.Tensor
    labels: torch.Tensor
    tissues: torch.Tensor | None
    slice_mm: float
    known: tuple[bool, ...]
    modality: str
    weight: float = 1.0


def sampling_weight(row: CohortRow) -> float:
    """The number in the manifest's column `sampling_weight`; 1 where there is none.

    Raises:
        UserError: It is no number above 0.
    """
    cell = row.covariates.get(WEIGHT_COLUMN, "1")
    try:
        weight = float(cell)
    except ValueError:
        weight = 0.0
    if not 0 < weight < float("inf"):
        raise UserError(
            f"case {row.case_id}, column {WEIGHT_COLUMN}: '{cell}' is no number above 0. Leave it empty for 1."
        )
    return weight


def read_training_image(row: CohortRow) -> Image:
    """The image of a case that the segmentation network is trained on: T2-weighted MR where there is one, else CT."""
    role = "t2" if "t2" in row.images else "ct"
    return row.read_image(role, ROLE_MODALITIES[role], color=False)


def load_training_volume(
    row: CohortRow, organs: Sequence[str], *, synthetic: bool = True, slice_of: SliceOf | None = None
) -> TrainingVolume:
    """Read a case of the manifest (role t2 or ct, masks of `organs`) onto the network's pixel grid.

    Args:
        row: The case.
        organs: Their masks become the labels 1, 2, ...
        synthetic: Find the tissue classes of MR that synthetic contrast needs.
        slice_of: Gives the canonical number of the only slice that is kept, from the case, its image, the axis order of that and
            the labels in canonical order; None keeps all.
    """
    image = read_training_image(row)
    labels = np.zeros(image.array.shape, np.uint8)
    for number, organ in enumerate(organs, 1):
        if organ in row.masks:
            labels[row.read_mask(organ, image)] = number
    modality = "CT" if image.modality == "CT" else "MR"
    canonical, order = to_canonical(image)
    found = order.apply(labels)
    scaled = normalize(canonical, modality)
    if slice_of is not None:
        position = slice_of(row, image, order, found)
        scaled, found = scaled[position : position + 1], found[position : position + 1]
    grid = SliceGrid.of(found.shape, canonical.spacing, slice_mm=0)
    images = grid.downsample(scaled, lambda part: part)
    size = grid.size
    label_tensor = torch.from_numpy(found.astype(np.float32))[:, None]
    small_labels = F.interpolate(label_tensor, size=size, mode="nearest-exact")[:, 0].to(torch.uint8)
    tissues = None
    if modality == "MR" and synthetic:
        tissues = torch.from_numpy(tissue_classes(images.numpy(), small_labels.numpy()))
    known = tuple(organ in row.masks for organ in organs)
    return TrainingVolume(
        images.half(), small_labels, tissues, canonical.spacing[2], known, modality, sampling_weight(row)
    )


@dataclass(frozen=True)
class Batch:
    """Network input (n, 3, rows, columns), labels (n, rows, columns), and which organs each sample's reference marks."""

    images: torch.Tensor
    labels: torch.Tensor
    known: torch.Tensor


class SliceSampler:
    """Random batches of slices: real MR, MR with synthetic contrast, and CT, each with its share of a batch."""

    def __init__(
        self,
        volumes: Sequence[TrainingVolume],
        *,
        batch_size: int = 16,
        steps: int = 50,
        size: tuple[int, int] = (192, 224),
        synthetic_share: float = 0.5,
        ct_share: float = 0.35,
        empty_share: float = 0.15,
        geometry: Geometry = WIDE_GEOMETRY,
        intensity: Intensity = WIDE_INTENSITY,
        adjacent: int = ADJACENT_SLICES,
    ) -> None:
        self.volumes = volumes
        self.batch_size = batch_size
        self.steps = steps
        self.size = size
        self.synthetic_share = synthetic_share
        self.empty_share = empty_share
        self.geometry, self.intensity, self.adjacent = geometry, intensity, adjacent
        self.mr = [i for i, v in enumerate(volumes) if v.modality == "MR"]
        self.ct = [i for i, v in enumerate(volumes) if v.modality == "CT"]
        self.shares = {"MR": self._shares(self.mr), "CT": self._shares(self.ct)}
        self.ct_share = ct_share if self.mr and self.ct else float(not self.mr)
        self._with_organs = [torch.nonzero((v.labels > 0).flatten(1).any(1)).flatten().tolist() for v in volumes]

    def _shares(self, indices: Sequence[int]) -> np.ndarray:
        """Chance of each of the volumes `indices` of one modality."""
        weights = np.array([self.volumes[i].weight for i in indices], float)
        return weights / weights.sum()

    def epoch(self, seed: int) -> Iterator[Batch]:
        """The batches of one epoch; the same seed gives the same batches."""
        rng = np.random.default_rng(seed)
        generator = torch.Generator().manual_seed(seed)
        for _ in range(self.steps):
            yield self._batch(rng, generator)

    def _batch(self, rng: np.random.Generator, generator: torch.Generator) -> Batch:
        images, labels, tissues, known = [], [], [], []
        synthetic = []
        ct_count = int(self.batch_size * self.ct_share + rng.random())
        for number in range(self.batch_size):
            is_ct = number < ct_count
            modality = "CT" if is_ct else "MR"
            index = int(rng.choice(self.ct if is_ct else self.mr, p=self.shares[modality]))
            volume = self.volumes[index]
            parts = self._sample(volume, self._with_organs[index], rng)
            images.append(parts[0])
            labels.append(parts[1])
            tissues.append(parts[2])
            known.append(volume.known)
            synthetic.append(volume.tissues is not None and rng.random() < self.synthetic_share)
        stack = torch.stack(images)
        chosen = torch.tensor(synthetic)
        if chosen.any():
            stack[chosen] = random_contrast(stack[chosen], torch.stack(tissues)[chosen], generator)
        grid = random_grid(len(stack), *self.size, self.geometry, generator)
        stack, warped_labels = warp(stack, grid, labels=torch.stack(labels))
        stack = self._cut_field_of_view(stack, generator)
        return Batch(change_intensity(stack, self.intensity, generator), warped_labels, torch.tensor(known))

    def _sample(self, volume: TrainingVolume, with_organs: list[int], rng: np.random.Generator):
        """Slabs at and beside a random slice as the channels, its labels and tissues, cropped or padded to the input size."""
        count = volume.images.shape[0]
        center = int(rng.integers(count)) if rng.random() < self.empty_share else int(rng.choice(with_organs))
        group = 1
        if volume.slice_mm < 4:
            group = max(1, round(float(rng.uniform(2.0, 6.0)) / volume.slice_mm))
        step = max(group, round(float(rng.uniform(3.0, 8.0)) / volume.slice_mm)) if volume.slice_mm < 4 else 1
        channels, classes = [], []
        for offset in (0, 0, 0) if self.adjacent == SINGLE_SLICE else (-step, 0, step):
            first = int(np.clip(center + offset - group // 2, 0, count - 1))
            last = min(first + group, count)
            channels.append(volume.images[first:last].float().mean(0))
            middle = int(np.clip(center + offset, 0, count - 1))
            classes.append(volume.tissues[middle] if volume.tissues is not None else torch.zeros_like(volume.labels[0]))
        rows, columns = volume.images.shape[1:]
        top = int(rng.integers(min(0, rows - self.size[0]), max(0, rows - self.size[0]) + 1))
        left = int(rng.integers(min(0, columns - self.size[1]), max(0, columns - self.size[1]) + 1))
        padding = (-left, self.size[1] + left - columns, -top, self.size[0] + top - rows)
        cut = [F.pad(t, padding) for t in (torch.stack(channels), volume.labels[center], torch.stack(classes))]
        return cut[0], cut[1].long(), cut[2].long()

    def _cut_field_of_view(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Blank a random border of some samples: a smaller field of view than the body."""
        rows, columns = images.shape[-2:]
        for index in torch.nonzero(torch.rand(len(images), generator=generator) < 0.15).flatten().tolist():
            edge = (uniform((4,), 0, 0.12, generator) * torch.tensor([rows, rows, columns, columns])).long().tolist()
            blank = torch.zeros_like(images[index])
            inside = (slice(None), slice(edge[0], rows - edge[1]), slice(edge[2], columns - edge[3]))
            blank[inside] = images[index][inside]
            images[index] = blank
        return images
