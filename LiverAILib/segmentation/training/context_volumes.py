"""Training samples for the context network: whole abdomens at low resolution, deformed and with other contrasts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from LiverAILib.segmentation.context import VOXEL_MM, WINDOW, to_context_grid
from LiverAILib.segmentation.grid import PIXEL_MM
from LiverAILib.segmentation.training.samples import TrainingVolume
from LiverAILib.segmentation.training.synthetic_contrast import random_contrast
from LiverAILib.training.augmentation import Intensity, change_intensity, uniform

INTENSITY = Intensity(log_gamma=0.5, contrast=0.25, brightness=0.1, bias_field=0.25, noise=0.05, blur_chance=0.2)
ROTATION_DEGREES = (10.0, 10.0, 15.0)
"""About the columns, the rows and the patient's axis."""
ZOOM, ASPECT, SHIFT_MM, ELASTIC_MM = (0.75, 1.3), 0.1, 25.0, 6.0
CUT_CHANCE, LARGEST_CUT = 0.4, 0.35
"""How often the field of view is cut at either end, and by how much of it at most."""


@dataclass(frozen=True)
class ContextBatch:
    """Volumes (n, 1, slices, rows, columns) in 0..1, labels (n, slices, rows, columns), and the organs that are marked."""

    images: torch.Tensor
    labels: torch.Tensor
    known: torch.Tensor


@dataclass(frozen=True)
class ContextVolume:
    """A labelled volume on the context network's grid.

    Attributes:
        images: Intensities 0..1, float32 (slices, rows, columns).
        labels: uint8, same shape.
        tissues: Tissue classes for synthetic contrast, int64, or None.
        known: Which organs the reference marks.
        modality: "MR" or "CT".
        weight: How often it is drawn.
    """

    images: torch.Tensor
    labels: torch.Tensor
    tissues: torch.Tensor | None
    known: tuple[bool, ...]
    modality: str
    weight: float

    @classmethod
    def of(cls, volume: TrainingVolume) -> ContextVolume:
        """The volume on the coarser grid; each voxel takes the label of its center."""
        images = to_context_grid(volume.images, (volume.slice_mm, PIXEL_MM, PIXEL_MM))

        def nearest(labels: torch.Tensor) -> torch.Tensor:
            return F.interpolate(labels[None, None].float(), size=images.shape, mode="nearest-exact")[0, 0]

        tissues = None if volume.tissues is None else nearest(volume.tissues).long()
        return cls(
            images, nearest(volume.labels).to(torch.uint8), tissues, volume.known, volume.modality, volume.weight
        )


class ContextSampler:
    """Random batches of deformed volumes: MR, MR with synthetic contrast, and CT."""

    def __init__(
        self,
        volumes: Sequence[ContextVolume],
        *,
        batch_size: int = 2,
        steps: int = 50,
        synthetic_share: float = 0.4,
        ct_share: float = 0.5,
    ) -> None:
        self.volumes, self.batch_size, self.steps = volumes, batch_size, steps
        self.synthetic_share = synthetic_share
        chances = np.zeros(len(volumes))
        for modality, share in (("MR", 1 - ct_share), ("CT", ct_share)):
            weights = np.array([v.weight * (v.modality == modality) for v in volumes])
            if weights.any():
                chances += share * weights / weights.sum()
        self.chances = chances / chances.sum()

    def epoch(self, seed: int) -> Iterator[ContextBatch]:
        """The batches of one epoch; the same seed gives the same batches."""
        rng = np.random.default_rng(seed)
        generator = torch.Generator().manual_seed(seed)
        for _ in range(self.steps):
            drawn = [self.volumes[int(n)] for n in rng.choice(len(self.volumes), self.batch_size, p=self.chances)]
            samples = [self._sample(volume, generator) for volume in drawn]
            images, labels = (torch.stack(parts) for parts in zip(*samples, strict=True))
            yield ContextBatch(images[:, None], labels, torch.tensor([volume.known for volume in drawn]))

    def _sample(self, volume: ContextVolume, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        images = volume.images[None]
        if volume.tissues is not None and float(torch.rand(1, generator=generator)) < self.synthetic_share:
            images = random_contrast(images, volume.tissues[None], generator)
        grid = random_sampling_grid(volume.images.shape, generator)
        moved = F.grid_sample(images[None], grid, mode="bilinear", padding_mode="zeros", align_corners=False)[0]
        labels = volume.labels[None, None].float()
        labels = F.grid_sample(labels, grid, mode="nearest", padding_mode="zeros", align_corners=False)[0, 0]
        # The slices pass as channels: they share what changes the intensities, as those of one scan do.
        changed = change_intensity(moved, INTENSITY, generator)[0]
        _cut_ends(changed, labels, generator)
        return changed, labels.long()


def random_sampling_grid(shape: Sequence[int], generator: torch.Generator) -> torch.Tensor:
    """Grid (1, *WINDOW, 3) for `F.grid_sample` of a volume of `shape`: random rotation, zoom, shift and elastic warp.

    The window is as large as `WINDOW` and lies somewhere along a volume that is longer than it.
    """
    voxel = torch.tensor(VOXEL_MM)
    size_mm = torch.tensor(shape) * voxel
    window_mm = torch.tensor(WINDOW) * voxel
    axes = [(torch.arange(n) + 0.5) * mm - n * mm / 2 for n, mm in zip(WINDOW, VOXEL_MM, strict=True)]
    points = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
    zoom = uniform((1,), *ZOOM, generator) * torch.exp(uniform((3,), -ASPECT, ASPECT, generator))
    points = (points / zoom) @ _rotation(generator).T
    coarse = torch.randn((1, 3, 4, 5, 6), generator=generator) * ELASTIC_MM
    points = points + F.interpolate(coarse, size=WINDOW, mode="trilinear", align_corners=True)[0].permute(1, 2, 3, 0)
    slack = ((size_mm - window_mm / zoom) / 2).clamp_min(0)
    points = points + uniform((3,), -1, 1, generator) * (slack + SHIFT_MM)
    # grid_sample takes columns first, -1..1 over the volume.
    return (points / (size_mm / 2)).flip(-1)[None]


def _rotation(generator: torch.Generator) -> torch.Tensor:
    """A random rotation of (slices, rows, columns); the first angle turns about the columns."""
    matrix = torch.eye(3)
    planes = ((0, 1), (0, 2), (1, 2))
    for (first, second), degrees in zip(planes, ROTATION_DEGREES, strict=True):
        angle = torch.deg2rad(uniform((1,), -degrees, degrees, generator))[0]
        turn = torch.eye(3)
        turn[first, first] = turn[second, second] = torch.cos(angle)
        turn[first, second], turn[second, first] = -torch.sin(angle), torch.sin(angle)
        matrix = turn @ matrix
    return matrix


def _cut_ends(images: torch.Tensor, labels: torch.Tensor, generator: torch.Generator) -> None:
    """Blank slices at the ends of some volumes (slices, rows, columns), in place: scans end where the technologist said."""
    for end in ("inferior", "superior"):
        if float(torch.rand(1, generator=generator)) < CUT_CHANCE:
            count = int(float(uniform((1,), 0, LARGEST_CUT, generator)) * len(images))
            cut = slice(count) if end == "inferior" else slice(len(images) - count, None)
            images[cut] = 0
            labels[cut] = 0
