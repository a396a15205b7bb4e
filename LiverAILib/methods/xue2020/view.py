"""What the networks of Xue 2020 see: the largest square in the elastogram's color box, the same one in the gray-scale image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F

from LiverAILib.data.assessment import CaseWarning
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.ultrasound import (
    Box,
    check_ultrasound,
    find_color_box,
    find_scan_area,
    largest_square,
    mirrored,
)
from LiverAILib.methods.view import View
from LiverAILib.methods.xue2020.settings import ELASTOGRAM, GRAY_SCALE

EXPECTED: dict[str, Literal["b-mode", "elastogram"]] = {GRAY_SCALE: "b-mode", ELASTOGRAM: "elastogram"}
"""What the images of each role have to show."""
SMALLEST_SQUARE = 32
"""Rows of a square below which there is no texture to see; most likely what was found is no color box."""
NO_ELASTOGRAM = CaseWarning(
    "no_elastogram",
    "There is no elastogram: its color box cannot say where the liver is, so the networks look at the largest square of the "
    "gray-scale image's scan area. The published method looks at the color box only.",
)


@dataclass(frozen=True, eq=False)
class SquareView(View):
    """A square of an ultrasound image.

    Attributes:
        image: The whole image, one slice.
        tensor: The square as color in 0..1, float32 (3, size, size).
        role: "gray_scale" or "elastogram".
        box: The square's rows and columns in the image.
        number: Which of the images of that role.
    """

    image: Image
    tensor: torch.Tensor
    role: str
    box: Box
    number: int = 0

    @classmethod
    def of(cls, image: Image, box: Box, *, role: str, number: int, size: int) -> SquareView:
        """The square `box` of an image, as `size` rows and columns of 8-bit colors (a gray image is repeated in all three)."""
        pixels = image.array[0, box.top : box.bottom, box.left : box.right]
        color = torch.from_numpy(np.ascontiguousarray(pixels)).float()
        color = color.permute(2, 0, 1) if image.color else color.expand(3, -1, -1)
        scaled = F.interpolate(color[None], size=(size, size), mode="bilinear", antialias=True, align_corners=False)[0]
        return cls(image, scaled.round().clamp(0, 255) / 255, role, box, number)

    def restore(self, map_: torch.Tensor) -> np.ndarray:
        restored = np.zeros(self.image.array.shape[:3], np.float32)
        size = (self.box.bottom - self.box.top, self.box.right - self.box.left)
        whole = F.interpolate(map_[None, None].float(), size=size, mode="bilinear", align_corners=False)
        restored[0, self.box.top : self.box.bottom, self.box.left : self.box.right] = whole[0, 0].numpy()
        return restored

    def seen(self) -> np.ndarray:
        inside = np.zeros(self.image.array.shape[:3], bool)
        inside[0, self.box.top : self.box.bottom, self.box.left : self.box.right] = True
        return inside

    def support(self) -> np.ndarray:
        return self.seen()


@dataclass(frozen=True, eq=False)
class CaseViews:
    """The views of a case.

    Attributes:
        gray_scale: One for each gray-scale image.
        elastograms: One for each elastogram, the n-th taken with the n-th gray-scale image; none where there are none.
        warnings: What cannot be trusted, each once.
    """

    gray_scale: tuple[SquareView, ...]
    elastograms: tuple[SquareView, ...]
    warnings: tuple[CaseWarning, ...]

    @property
    def all(self) -> tuple[SquareView, ...]:
        """The gray-scale ones, then the elastograms."""
        return self.gray_scale + self.elastograms


def views_of(images: Mapping[str, Sequence[Image]], *, size: int, case_id: str = "case") -> CaseViews:
    """The squares of a case's images.

    Args:
        images: By role, "gray_scale" and, where there are some, as many "elastogram".
        size: Rows and columns of the networks' input.
        case_id: Named in errors.

    Raises:
        UserError: An image cannot be used (see `check_ultrasound`), an elastogram has no color box or one outside of the
            gray-scale image, or there are not as many elastograms as gray-scale images.
    """
    gray, color = images[GRAY_SCALE], images.get(ELASTOGRAM, ())
    if color and len(color) != len(gray):
        raise UserError(
            f"case {case_id}: {len(gray)} images '{GRAY_SCALE}' and {len(color)} '{ELASTOGRAM}'. Give each gray-scale image its "
            "elastogram, in the same order, or no elastogram at all."
        )
    warnings = check_images(images, case_id=case_id)
    if not color:
        squares = [scan_square(one, _name(one, case_id, GRAY_SCALE, n)) for n, one in enumerate(gray)]
        return CaseViews(_views(gray, squares, GRAY_SCALE, size), (), (*warnings, NO_ELASTOGRAM))
    pairs = [
        pair_squares(first, second, _name(second, case_id, ELASTOGRAM, number))
        for number, (first, second) in enumerate(zip(gray, color, strict=True))
    ]
    return CaseViews(
        _views(gray, [first for first, _ in pairs], GRAY_SCALE, size),
        _views(color, [second for _, second in pairs], ELASTOGRAM, size),
        warnings,
    )


def _views(images: Sequence[Image], squares: Sequence[Box], role: str, size: int) -> tuple[SquareView, ...]:
    pairs = enumerate(zip(images, squares, strict=True))
    return tuple(SquareView.of(image, box, role=role, number=number, size=size) for number, (image, box) in pairs)


def check_images(images: Mapping[str, Sequence[Image]], *, case_id: str = "case") -> tuple[CaseWarning, ...]:
    """Whether every image is what it is given for, and what cannot be trusted: what several images share is said once.

    Raises:
        UserError: See `check_ultrasound`.
    """
    texts: dict[str, list[str]] = {}
    for role, expected in EXPECTED.items():
        for number, image in enumerate(images.get(role, ())):
            name = _name(image, case_id, role, number)
            for code, text in check_ultrasound(image, expected=expected, name=name, dual_display=True):
                texts.setdefault(code, []).append(text)
    more = {code: f" The same of {len(own) - 1} more image{'s' * (len(own) > 2)}." for code, own in texts.items()}
    return tuple(CaseWarning(code, own[0] + more[code] * (len(own) > 1)) for code, own in texts.items())


def pair_squares(gray_scale: Image, elastogram: Image, name: str) -> tuple[Box, Box]:
    """The square in the gray-scale image and the one in the elastogram.

    Raises:
        UserError: There is no color box, or the gray-scale image does not show the place.
    """
    color_box = find_color_box(elastogram)
    if color_box is None:
        raise UserError(
            f"{name}: no color box was found, as an elastogram has one. Give the image with the colored stiffness map as "
            f"'{ELASTOGRAM}', or leave the elastograms out."
        )
    square = _large_enough(largest_square(color_box), name)
    return mirrored(square, elastogram, gray_scale, name=name), square


def scan_square(image: Image, name: str) -> Box:
    """The largest square in the scan area of a gray-scale image."""
    return _large_enough(largest_square(find_scan_area(image)), name)


def _large_enough(square: Box, name: str) -> Box:
    if square.bottom - square.top < SMALLEST_SQUARE:
        raise UserError(
            f"{name}: the largest square to look at has {square.bottom - square.top} rows, less than {SMALLEST_SQUARE}. "
            "Export the image at its full size."
        )
    return square


def _name(image: Image, case_id: str, role: str, number: int) -> str:
    return str(image.meta.get("path") or image.meta.get("name") or f"case {case_id}, {role} {number + 1}")
