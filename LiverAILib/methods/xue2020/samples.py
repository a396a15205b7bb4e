"""The images that the networks of Xue 2020 are trained on, and their random crops and reflections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F

from LiverAILib.data.case import Case
from LiverAILib.data.cohort import CohortRow
from LiverAILib.data.shared_images import SharedImages
from LiverAILib.errors import UserError
from LiverAILib.methods.xue2020 import SPEC
from LiverAILib.methods.xue2020.settings import CUTS
from LiverAILib.methods.xue2020.view import views_of
from LiverAILib.morphometry.covariates import check_covariates, number
from LiverAILib.training.augmentation import uniform
from LiverAILib.training.frozen_features import Views

SMALLEST_CROP = 0.8
"""Least side of a random crop as a share of the square's, a default."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """The squares of some cases.

    Attributes:
        gray_scale: uint8 (n, 3, size, size).
        elastogram: The same of the elastograms; zeros where there is none.
        paired: Whether there is an elastogram, bool (n,).
        case: Index of the case of each image, int64 (n,).
        stages: Stage of each case, int64 (cases,).
        stiffness_kpa: Of each case, float64 (cases,); nan where it is not known.
    """

    gray_scale: torch.Tensor
    elastogram: torch.Tensor
    paired: torch.Tensor
    case: torch.Tensor
    stages: torch.Tensor
    stiffness_kpa: torch.Tensor

    @property
    def labels(self) -> torch.Tensor:
        """Whether the case of an image reaches each cut-off, int64 (n, cut-offs)."""
        return self.case_labels[self.case]

    @property
    def case_labels(self) -> torch.Tensor:
        """The same of the cases, (cases, cut-offs)."""
        return (self.stages[:, None] >= torch.tensor(CUTS)).long()

    @property
    def with_elastogram(self) -> ImageSet:
        """Those images that have an elastogram; the cases stay numbered as they are."""
        own = self.paired
        return replace(
            self,
            gray_scale=self.gray_scale[own],
            elastogram=self.elastogram[own],
            paired=self.paired[own],
            case=self.case[own],
        )

    def patient_means(self, images: torch.Tensor) -> torch.Tensor:
        """Mean (cases, ...) over the images of each case of values (n, ...); nan for a case without any."""
        total = torch.zeros(len(self.stages), *images.shape[1:], dtype=torch.float64)
        total.index_add_(0, self.case, images.double())
        counts = torch.bincount(self.case, minlength=len(self.stages)).double()
        return total / counts.view(-1, *(1,) * (images.ndim - 1))


def load_images(rows: Sequence[CohortRow], size: int, *, shared: SharedImages, log: Callable[[str], None]) -> ImageSet:
    """The squares of cases with stages.

    Args:
        rows: Cases.
        size: Rows and columns of the squares.
        shared: Refuses an image that another patient has too.
        log: Told of what cannot be trusted, each code once.

    Raises:
        UserError: An image cannot be used, a laboratory value is impossible, or two patients share an image.
    """
    gray, color, paired, of_case, stiffness = [], [], [], [], []
    told: set[str] = set()
    for index, row in enumerate(rows):
        check_covariates(row.covariates, where=f"case {row.case_id}: covariate")
        value = number(row.covariates, "stiffness_kpa")
        stiffness.append(float("nan") if value is None else value)
        case = Case.from_row(shared.watch(row), SPEC.modalities, masks=())
        _check_kinds(case, row)
        views = views_of(case.images, size=size, case_id=row.case_id)
        for warning in views.warnings:
            if warning.code not in told:
                told.add(warning.code)
                log(f"case {row.case_id}: {warning.text}")
        for place, view in enumerate(views.gray_scale):
            gray.append(_stored(view.tensor))
            other = views.elastograms[place] if views.elastograms else None
            paired.append(other is not None)
            color.append(torch.zeros_like(gray[-1]) if other is None else _stored(other.tensor))
            of_case.append(index)
    return ImageSet(
        torch.stack(gray),
        torch.stack(color),
        torch.tensor(paired),
        torch.tensor(of_case),
        torch.tensor([row.stage for row in rows]),
        torch.tensor(stiffness, dtype=torch.float64),
    )


def _check_kinds(case: Case, row: CohortRow) -> None:
    for role in SPEC.images:
        for image in case.images.get(role.name, ()):
            if image.modality != role.modality or image.size[2] != 1:
                raise UserError(
                    f"{image.meta.get('path', row.case_id)}: is {image.modality} with {image.size[2]} slice(s), not a single "
                    f"ultrasound image. Correct the column image:{role.name} of case {row.case_id}."
                )


def _stored(tensor: torch.Tensor) -> torch.Tensor:
    return (tensor * 255).round().to(torch.uint8)


def as_inputs(stored: torch.Tensor) -> torch.Tensor:
    """Network inputs in 0..1 of stored images."""
    return stored.float() / 255


def random_crops(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Images (batch, channels, size, size) each cropped to a random square and reflected by chance, at their old size."""
    batch = len(images)
    share = uniform((batch,), SMALLEST_CROP, 1.0, generator)
    sign = torch.where(torch.rand(batch, generator=generator) < 0.5, -1.0, 1.0)
    theta = torch.zeros(batch, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = share * sign, share
    theta[:, :, 2] = uniform((batch, 2), -1, 1, generator) * (1 - share)[:, None]
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def fixed_views(images: torch.Tensor, count: int, *, seed: int) -> Views:
    """So many views of each image (n, channels, size, size), uint8: the whole one, then crops drawn once.

    The same seed gives the images of a pair the same crops.
    """

    def make(sample: int, view: int) -> torch.Tensor:
        image = as_inputs(images[sample : sample + 1])
        if view == 0:
            return image[0]
        generator = torch.Generator().manual_seed((seed * 100003 + sample) * 1009 + view)
        return random_crops(image, generator)[0]

    return Views(count, make)
