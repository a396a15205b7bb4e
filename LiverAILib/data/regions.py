"""Rectangles that a person draws on an image: where a method that looks at a region of interest has to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image

LIVER_REGION, KIDNEY_REGION = "liver", "kidney"
FORM = "LEFT,TOP,WIDTH,HEIGHT"


@dataclass(frozen=True)
class Region:
    """A rectangle of whole pixels on a single image.

    Attributes:
        left: First column, from 0 at the left edge of the stored image.
        top: First row, from 0 at its upper edge.
        width: Number of columns.
        height: Number of rows.

    Examples:
        >>> from LiverAILib.data.regions import Region
        >>> Region.parse("304,140,28,28")
        Region(left=304, top=140, width=28, height=28)
    """

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Region:
        """The region that `LEFT,TOP,WIDTH,HEIGHT` says.

        Raises:
            ValueError: The text is something else; says what it has to be.
        """
        parts = [part.strip() for part in text.split(",")]
        if len(parts) != 4 or not all(part.isdecimal() for part in parts) or 0 in (int(parts[2]), int(parts[3])):
            raise ValueError(f"'{text}' is no region; write {FORM} in whole pixels, from 0 at the upper left corner")
        return cls(*(int(part) for part in parts))

    def __str__(self) -> str:
        return f"{self.left},{self.top},{self.width},{self.height}"

    @classmethod
    def whole(cls, image: Image) -> Region:
        """All of a single image."""
        return cls(0, 0, image.size[0], image.size[1])

    def inside(self, image: Image) -> bool:
        """Whether no part of it lies outside of the image."""
        columns, rows = image.size[:2]
        return self.left >= 0 and self.top >= 0 and self.left + self.width <= columns and self.top + self.height <= rows

    def cut(self, pixels: np.ndarray) -> np.ndarray:
        """The part of an array (rows, columns, ...) that the region covers."""
        return pixels[self.top : self.top + self.height, self.left : self.left + self.width]

    def overlaps(self, other: Region) -> bool:
        """Whether the two share a pixel."""
        return (
            self.left < other.left + other.width
            and other.left < self.left + self.width
            and self.top < other.top + other.height
            and other.top < self.top + self.height
        )


Regions = Mapping[str, tuple[Region, ...]]
"""Name ("liver", "kidney") to its region on each image of the method's first role, or to one for all of them."""


def parse_regions(text: str) -> tuple[Region, ...]:
    """The regions of a manifest's cell or an option, one per image, separated by `;`. ValueError as `Region.parse`."""
    return tuple(Region.parse(part.strip()) for part in text.split(";"))


def region_of_each(
    regions: Regions, name: str, images: Sequence[Image], *, case_id: str, smallest: int = 1
) -> tuple[Region, ...] | None:
    """The region called `name` on each of the images; None where the case has none of that name.

    Args:
        regions: Those of the case.
        name: Which one.
        images: Single images.
        case_id: For messages.
        smallest: Rows and columns that it needs.

    Raises:
        UserError: There are neither one region nor as many as images, or one is too small or not on its image.
    """
    given = regions.get(name)
    if given is None:
        return None
    if len(given) not in (1, len(images)):
        raise UserError(
            f"case {case_id}: {len(given)} regions '{name}' for {len(images)} images. Give one region for all images, or one for "
            "each."
        )
    found = given * len(images) if len(given) == 1 else given
    for number, (region, image) in enumerate(zip(found, images, strict=True), 1):
        where = f"{image.meta.get('path') or case_id}: region '{name}' ({region})"
        if not region.inside(image):
            columns, rows = image.size[:2]
            raise UserError(
                f"{where} lies outside of image {number}, which has {columns} columns and {rows} rows. Give {FORM} within "
                "the image."
            )
        if min(region.width, region.height) < smallest:
            raise UserError(
                f"{where} has {region.width}x{region.height} pixels; the model looks at {smallest}x{smallest} pixels at the "
                "least. Draw it larger."
            )
    return found
