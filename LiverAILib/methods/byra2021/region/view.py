"""What the backbone sees of a region: squares of the size that it was trained on, each resized to its input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from LiverAILib.data.case import Case
from LiverAILib.data.regions import FORM, KIDNEY_REGION, LIVER_REGION, Region, region_of_each
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.ultrasound.picture import gray_picture
from LiverAILib.methods.byra2021.region import ROLE
from LiverAILib.methods.byra2021.region.settings import RegionSettings
from LiverAILib.methods.view import View
from LiverAILib.morphometry.hepatorenal import gray_ratio


@dataclass(frozen=True)
class Tissue:
    """The region in the liver of an image, and what makes its gray values those of the squares that the model was trained on.

    Attributes:
        region: Where the model looks.
        gain: Multiplies the gray values.
        calibrated: False where a whole image has no region in the kidney, so that the gain had to be guessed.
    """

    region: Region
    gain: float = 1.0
    calibrated: bool = True


def tissues(case: Case, settings: RegionSettings) -> tuple[Tissue, ...]:
    """The region in the liver on each image of a case.

    An image that is smaller than two squares is itself the region and keeps its gray values. On a whole image the gray values
    are multiplied by the hepatorenal index of the two regions; without one in the kidney, by 1, the index of a liver without fat.

    Raises:
        UserError: A region is missing, lies outside of its image or is too small.
    """
    images = case.images[ROLE]
    if LIVER_REGION not in case.regions:
        return tuple(Tissue(region) for region in _whole_images(case, images, settings))
    smallest = settings.patch_pixels
    liver = region_of_each(case.regions, LIVER_REGION, images, case_id=case.case_id, smallest=smallest)
    kidney = region_of_each(case.regions, KIDNEY_REGION, images, case_id=case.case_id)
    found = []
    for number, (image, region) in enumerate(zip(images, liver or (), strict=True)):
        if max(image.size[:2]) < 2 * settings.patch_pixels:
            found.append(Tissue(region))
            continue
        index = 1.0 if kidney is None else gray_ratio(image, region, kidney[number], case_id=case.case_id)
        found.append(Tissue(region, settings.gray_factor * index, kidney is not None))
    return tuple(found)


def _whole_images(case: Case, images: Sequence[Image], settings: RegionSettings) -> tuple[Region, ...]:
    """All of each image, where they are no larger than what the model looks at."""
    size = settings.patch_pixels
    for image in images:
        where = f"{image.meta.get('path') or case.case_id}"
        columns, rows = image.size[:2]
        if max(columns, rows) >= 2 * size:
            raise UserError(
                f"{where}: no region in the liver was drawn, and the model looks at nothing else. Draw one: --roi "
                f"{LIVER_REGION}={FORM}, column roi:{LIVER_REGION} of a manifest, or Region in the liver in Slicer."
            )
        if min(columns, rows) < size:
            raise UserError(
                f"{where}: {columns}x{rows} pixels; the model looks at {size}x{size} pixels at the least. Give a larger image."
            )
    return tuple(Region.whole(image) for image in images)


def tiles(region: Region, size: int) -> tuple[Region, ...]:
    """As many squares of `size` pixels as fit into the region side by side, evenly spread over it."""
    lefts = _starts(region.left, region.width, size)
    tops = _starts(region.top, region.height, size)
    return tuple(Region(left, top, size, size) for top in tops for left in lefts)


def _starts(first: int, length: int, size: int) -> list[int]:
    count = length // size
    if count == 1:
        return [first + (length - size) // 2]
    return [first + round(step * (length - size) / (count - 1)) for step in range(count)]


def prepare(
    gray: np.ndarray, squares: Sequence[Region], settings: RegionSettings, *, gain: float = 1.0
) -> torch.Tensor:
    """The backbone's inputs (squares, 3, size, size), float32, of squares of an image.

    Args:
        gray: uint8 (rows, columns).
        squares: All of one size, within the image.
        settings: Size and normalization.
        gain: Multiplies the gray values, which end at 255.
    """
    parts = torch.from_numpy(np.stack([square.cut(gray) for square in squares]).astype(np.float32))[:, None] / 255
    parts = (parts * gain).clamp(0, 1)
    size = (settings.inputs.image_size, settings.inputs.image_size)
    large = F.interpolate(parts, size=size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
    large = large.expand(-1, 3, -1, -1)
    mean, std = torch.tensor(settings.inputs.mean), torch.tensor(settings.inputs.std)
    return (large - mean[:, None, None]) / std[:, None, None]


@dataclass(frozen=True, eq=False)
class RegionView(View):
    """The backbone's view of a region.

    Attributes:
        image: The image.
        region: The region of interest.
        squares: What of it is seen.
        tensor: float32 (3, squares * size, size): their inputs, one below the other.
        role: Role of the image.
        number: Which of the images of that role.
    """

    image: Image
    region: Region
    squares: tuple[Region, ...]
    tensor: torch.Tensor
    role: str = ROLE
    number: int = 0

    @classmethod
    def of(cls, image: Image, tissue: Tissue, settings: RegionSettings, *, number: int = 0) -> RegionView:
        """The view of the liver in a single image, whose colors count as gray values."""
        squares = tiles(tissue.region, settings.patch_pixels)
        inputs = prepare(gray_picture(image), squares, settings, gain=tissue.gain)
        return cls(image, tissue.region, squares, stacked(inputs), number=number)

    def restore(self, map_: torch.Tensor) -> np.ndarray:
        """A map (squares * h, w) of the feature positions on the image, bilinear in each square; 0 beyond them."""
        restored = np.zeros(self.image.array.shape[:3], np.float32)
        for square, part in zip(self.squares, map_.float().chunk(len(self.squares)), strict=True):
            size = (square.height, square.width)
            whole = F.interpolate(part[None, None], size=size, mode="bilinear", align_corners=False)[0, 0]
            square.cut(restored[0])[:] = whole.numpy()
        return restored

    def seen(self) -> np.ndarray:
        """The squares."""
        seen = np.zeros(self.image.array.shape[:3], bool)
        for square in self.squares:
            square.cut(seen[0])[:] = True
        return seen

    def support(self) -> np.ndarray:
        """The squares, which show nothing but liver."""
        return self.seen()


def stacked(inputs: torch.Tensor) -> torch.Tensor:
    """Inputs (squares, channels, h, w) one below the other (channels, squares * h, w)."""
    return torch.cat(list(inputs), dim=1)


def unstacked(inputs: torch.Tensor) -> torch.Tensor:
    """Squares (batch * squares, channels, w, w) of inputs (batch, channels, squares * w, w)."""
    channels, width = inputs.shape[1], inputs.shape[3]
    return inputs.unflatten(2, (-1, width)).transpose(1, 2).reshape(-1, channels, width, width)
