"""What the backbone sees of an ultrasound image, and the way back of a map.

Borders and annotations are cropped off, the rest is resized to a square by bicubic interpolation. Training images are also
shifted in the lateral direction before they are cropped, and mirrored (Byra 2021, Model Development and Evaluation).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from LiverAILib.data.assessment import CaseWarning
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.ultrasound import Box, check_ultrasound, find_scan_area
from LiverAILib.imaging.ultrasound.picture import color_picture
from LiverAILib.methods.byra2021.settings import InputSettings
from LiverAILib.methods.view import View

SHIFTS = (0, -20, -10, 10, 20)
"""Lateral shifts in pixels of the copies that are trained on, a default: the paper says "up to 20 pixels"."""
COPIES = tuple((shift, mirrored) for shift in SHIFTS for mirrored in (False, True))
"""Shift and reflection of every copy; the first one is the image as it is, which validation and tests look at."""


@dataclass(frozen=True)
class Crop:
    """The part of an image that the network sees.

    Attributes:
        mask: Bool (rows, columns) of the image: insonated tissue; everything else is black in the input.
        box: Its rows and columns.
    """

    mask: np.ndarray
    box: Box

    @classmethod
    def of(cls, image: Image) -> Crop:
        """The scan area of an ultrasound image.

        Raises:
            UserError: The picture has none.
        """
        area = find_scan_area(image)
        return cls(area.mask, area.box)

    def cut(self, pixels: np.ndarray, *, shift: int = 0) -> np.ndarray:
        """The part of an image (rows, columns, 3) that was moved to the right by `shift` pixels; black beyond the scan area."""
        visible = np.where(self.mask[..., None], pixels, 0)
        moved = np.zeros_like(visible)
        width = visible.shape[1]
        kept = max(width - abs(shift), 0)
        start = max(shift, 0)
        moved[:, start : start + kept] = visible[:, max(-shift, 0) : max(-shift, 0) + kept]
        return moved[self.box.slices]


def prepare(
    picture: np.ndarray, crop: Crop, settings: InputSettings, *, shift: int = 0, mirrored: bool = False
) -> torch.Tensor:
    """The network's input of one copy of an image.

    Args:
        picture: Colors uint8 (rows, columns, 3); gray values in three equal channels.
        crop: What of it is seen.
        settings: Size and normalization.
        shift: Pixels that the image is moved by before it is cropped.
        mirrored: Whether left and right are exchanged.

    Returns:
        float32 (3, size, size), normalized as the backbone expects.
    """
    part = torch.from_numpy(np.ascontiguousarray(crop.cut(picture, shift=shift))).permute(2, 0, 1)[None] / 255
    size = (settings.image_size, settings.image_size)
    small = F.interpolate(part, size=size, mode="bicubic", antialias=True, align_corners=False)[0].clamp(0, 1)
    if mirrored:
        small = small.flip(-1)
    mean, std = torch.tensor(settings.mean), torch.tensor(settings.std)
    return (small - mean[:, None, None]) / std[:, None, None]


def ultrasound_warnings(image: Image, role: str) -> tuple[CaseWarning, ...]:
    """What a person has to know of an image that is given as a view.

    Raises:
        UserError: It is no single gray-scale ultrasound picture: an elastogram, a Doppler or M-mode image, two panes, ...
    """
    place = str(image.meta.get("path") or image.meta.get("name") or "")
    name = f"the image '{role}'" + (f" ({Path(place).name})" if place else "")
    return tuple(CaseWarning(code, text) for code, text in check_ultrasound(image, expected="b-mode", name=name))


def copies(image: Image, settings: InputSettings) -> torch.Tensor:
    """The inputs (copies, 3, size, size) of all `COPIES` of a training image."""
    picture, crop = color_picture(image), Crop.of(image)
    return torch.stack([prepare(picture, crop, settings, shift=shift, mirrored=mirrored) for shift, mirrored in COPIES])


@dataclass(frozen=True, eq=False)
class UltrasoundView(View):
    """The backbone's view of an ultrasound image.

    Attributes:
        image: The image.
        crop: What of it is seen.
        tensor: float32 (3, size, size).
        role: One of the four views.
        number: Which of the images of that role.
    """

    image: Image
    crop: Crop
    tensor: torch.Tensor
    role: str
    number: int = 0

    @classmethod
    def of(cls, image: Image, role: str, settings: InputSettings) -> UltrasoundView:
        """The view of a single image, gray or in color."""
        crop = Crop.of(image)
        return cls(image, crop, prepare(color_picture(image), crop, settings), role)

    def restore(self, map_: torch.Tensor) -> np.ndarray:
        """A map (h, w) of the feature positions on the image, bilinear; 0 beyond the crop."""
        size = (self.crop.box.height, self.crop.box.width)
        whole = F.interpolate(map_[None, None].float(), size=size, mode="bilinear", align_corners=False)[0, 0]
        restored = np.zeros(self.image.array.shape[:3], np.float32)
        restored[0][self.crop.box.slices] = whole.numpy()
        return restored

    def seen(self) -> np.ndarray:
        """The crop."""
        seen = np.zeros(self.image.array.shape[:3], bool)
        seen[0][self.crop.box.slices] = True
        return seen

    def support(self) -> np.ndarray:
        """The insonated tissue."""
        return self.seen() & self.crop.mask
