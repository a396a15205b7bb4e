"""The healthy scan that disease is planted in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from LiverAILib.errors import UserError
from LiverAILib.imaging.geometry import AxisOrder, to_canonical
from LiverAILib.imaging.image import Image

MINIMUM_LIVER_ML = 300.0
THICK_SLICE_MM = 3.0
"""Slices further apart are not shifted along their normal: mixing two of them would blur the image."""
AIR_HU = -160.0
ORGANS = ("liver", "right_kidney", "left_kidney", "spleen")
"""Masks that are used; all but the liver's may be missing."""


@dataclass(frozen=True, eq=False)
class SourceScan:
    """A real scan with its masks, both in the geometry of the file.

    Attributes:
        name: For messages.
        image: Gray-scale volume of modality "MR" (T2-weighted) or "CT" (HU).
        masks: Structure (see `ORGANS`) to a mask (k, j, i) of the image's shape; "liver" is needed.

    Raises:
        UserError: There is no usable liver, the modality is another one, or the volume is too small.
    """

    name: str
    image: Image
    masks: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        if self.image.modality not in ("MR", "CT"):
            raise UserError(
                f"{self.name}: disease is planted in MR and CT, not in modality {self.image.modality}. Give another image."
            )
        if self.image.color or min(self.image.size) < 8:
            raise UserError(
                f"{self.name}: a gray-scale volume of 8 slices or more is needed, not {self.image.size}. Give another image."
            )
        if "liver" not in self.masks:
            raise UserError(f"{self.name}: no liver mask. Add the column mask:liver.")
        volume = float(np.count_nonzero(self.masks["liver"])) * self.image.voxel_volume_ml
        if volume < MINIMUM_LIVER_ML:
            raise UserError(
                f"{self.name}: the liver mask has {volume:.0f} mL, at least {MINIMUM_LIVER_ML:.0f} mL are needed. Correct the "
                "mask or remove the case."
            )

    @cached_property
    def _canonical(self) -> tuple[Image, AxisOrder]:
        return to_canonical(self.image)

    @property
    def order(self) -> AxisOrder:
        """Permutation of the file's axes to left, posterior, superior."""
        return self._canonical[1]

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel distance in mm along (left, posterior, superior)."""
        return self._canonical[0].spacing

    @property
    def mr(self) -> bool:
        """Whether values are signals, whose 0 means none; HU otherwise."""
        return self.image.modality == "MR"

    @property
    def thick_slices(self) -> bool:
        """Whether voxels stay in their slice."""
        return self.spacing[2] > THICK_SLICE_MM

    @cached_property
    def voxels(self) -> np.ndarray:
        """Values, float32 (superior, posterior, left)."""
        return self._canonical[0].array.astype(np.float32)

    @cached_property
    def whole_numbers(self) -> bool:
        """Whether the file holds nothing but whole numbers that int16 can hold."""
        values = self.image.array
        whole = values.dtype.kind in "iu" or bool(np.array_equal(values, np.round(values)))
        return whole and float(np.abs(values).max()) < 2**15 and float(np.ptp(values)) > 50

    def mask(self, organ: str) -> np.ndarray:
        """The boolean mask (superior, posterior, left); empty where the organ is not known."""
        if organ not in self.masks:
            return np.zeros(self.voxels.shape, bool)
        return np.ascontiguousarray(self.order.apply(np.asarray(self.masks[organ]) > 0))

    def as_file(self, array: np.ndarray, *, is_mask: bool = False) -> Image:
        """The image of an array (superior, posterior, left) in the geometry of the file; a mask becomes uint8."""
        array = np.ascontiguousarray(self.order.undo(array))
        if is_mask:
            return self.image.with_array(array.astype(np.uint8), modality=None, meta={})
        array = np.clip(array, self.voxels.min(), self.voxels.max())
        array = np.round(array).astype(np.int16) if self.whole_numbers else array.astype(np.float32)
        return self.image.with_array(array, meta={})
