"""The samples of Nowak 2021: one slice a patient at the level of the caudate lobe, each shown once an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F

from LiverAILib.data.cohort import CohortRow
from LiverAILib.data.structures import LIVER
from LiverAILib.errors import UserError
from LiverAILib.imaging.geometry import axis_order
from LiverAILib.segmentation.caudate_level import training_slice
from LiverAILib.segmentation.grid import adjacent_slices
from LiverAILib.segmentation.training.samples import Batch, TrainingVolume, load_training_volume
from LiverAILib.training.augmentation import Geometry, Intensity, change_intensity, random_grid, warp
from LiverAILib.training.balance import epoch_batches


def load_single_slice(row: CohortRow, organs: Sequence[str]) -> TrainingVolume:
    """The slice of a case picked by hand, else at the level of the caudate lobe (or the only one), on the network's pixel grid.

    Raises:
        UserError: The case has no liver mask, an empty one, or the slice that was picked shows no liver.
    """
    if LIVER.name not in row.masks:
        raise UserError(
            f"case {row.case_id}: no mask:liver in the manifest. Add it, or use --schedule short or extended."
        )
    volume = load_training_volume(row, organs, synthetic=False)
    liver = volume.labels.numpy() == 1 + list(organs).index(LIVER.name)
    if not liver.any():
        raise UserError(f"case {row.case_id}: the liver mask is empty. Correct it or take the case out.")
    # Only the axis order is needed of the image; its slices are those of the volume.
    image = row.read_image("t2" if "t2" in row.images else "ct", color=False)
    level = training_slice(row, image, axis_order(image), liver)
    return replace(volume, images=volume.images[level : level + 1], labels=volume.labels[level : level + 1])


class SingleSliceSampler:
    """Every slice once an epoch, in random order, each changed at random.

    Attributes:
        steps: Batches an epoch.
    """

    def __init__(
        self,
        slices: Sequence[TrainingVolume],
        *,
        batch_size: int,
        size: tuple[int, int],
        geometry: Geometry,
        intensity: Intensity,
        adjacent: int,
        steps: int | None = None,
    ) -> None:
        """Prepare the epochs.

        Args:
            slices: What `load_single_slice` gives.
            batch_size: Slices a batch.
            size: Rows and columns of a sample: what a slice has more is cut off on either side, what it has less is padded.
            geometry: Random changes of the geometry.
            intensity: Random changes of the intensities.
            adjacent: As `grid.adjacent_slices` takes it.
            steps: Batches an epoch; None for as many as show every slice once.
        """
        stacks = [adjacent_slices(one.images.float(), 0, count=adjacent) for one in slices]
        self._images = torch.stack([centered(stack, size) for stack in stacks])
        self._labels = torch.stack([centered(one.labels, size)[0].long() for one in slices])
        self._known = torch.tensor([one.known for one in slices])
        self._geometry, self._intensity = geometry, intensity
        self._indices, self.steps = epoch_batches(
            torch.zeros(len(slices), dtype=torch.long), "none", batch_size=batch_size, steps=steps
        )

    def epoch(self, seed: int) -> Iterator[Batch]:
        """The batches of one epoch; the same seed gives the same batches."""
        generator = torch.Generator().manual_seed(seed)
        rows, columns = self._images.shape[-2:]
        for index in self._indices(generator):
            grid = random_grid(len(index), rows, columns, self._geometry, generator)
            images, labels = warp(self._images[index], grid, labels=self._labels[index])
            yield Batch(change_intensity(images, self._intensity, generator), labels, self._known[index])


def centered(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Images (..., rows, columns) cut and padded with zeros to `size` around their center."""
    rows, columns = images.shape[-2:]
    above, left = (size[0] - rows) // 2, (size[1] - columns) // 2
    return F.pad(images, (left, size[1] - columns - left, above, size[0] - rows - above))
