"""From what a file's header says about the place of its voxels to an `Image`, or to an error that names what is wrong."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from LiverAILib.errors import SeveralValuesError, UserError
from LiverAILib.imaging.image import READ_WARNINGS, Image

SHORTEST_STEP_MM, LONGEST_STEP_MM = 1e-6, 1e4
"""Smaller voxel spacings count as 0; larger ones are no distance within a body."""

FARTHEST_ORIGIN_MM = 1e7

ORTHOGONAL_TOLERANCE = 1e-6
"""Largest cosine between two axes that is left as it is: rounding of single precision."""

LARGEST_SHIFT = 0.1
"""Part of a voxel by which voxels may move where axes are made orthogonal."""

MENTIONED_SHIFT = 0.001
"""Part of a voxel from which that is worth a warning."""


@dataclass
class HeaderReading:
    """What reading a file has found so far.

    Attributes:
        path: The file, for messages.
        warnings: (code, text) for `Image.meta[READ_WARNINGS]`.
    """

    path: Path
    warnings: list[tuple[str, str]] = field(default_factory=list)

    def warn(self, code: str, text: str) -> None:
        """Note something that a person has to know about the image."""
        self.warnings.append((code, text))

    def several_values(self, count: int) -> SeveralValuesError:
        """The error of an image with `count` values per voxel."""
        return SeveralValuesError(
            f"{self.path}: the image has {count} values per voxel (a color or vector image, or several volumes); one is needed. "
            "Export the gray-scale series."
        )

    def error(self, text: str) -> UserError:
        """The error that names the file."""
        return UserError(f"{self.path}: {text}")

    def orientation_unknown(self, why: str) -> None:
        """Note that the header does not say how the axes lie in the patient."""
        text = (
            f"{why}, so the orientation is unknown: rows, columns and slices were taken to run to the patient's left, to "
            "posterior and to superior. Check the sides, or export the image with its geometry."
        )
        self.warn("orientation_unknown", text)


def volume_shape(sizes: Sequence[int], reading: HeaderReading) -> tuple[int, int, int]:
    """The three sizes (i, j, k) of the volume in a file with these axes.

    Axes of size 1 at the end are dropped. Where the third axis has size 1, the fourth one holds the slices, and the header's
    third step is the distance between them.

    Raises:
        UserError: There is no voxel, or more than one volume.
    """
    if not sizes or min(sizes) < 1:
        raise reading.error(f"the image has no voxels (size {_times(sizes)}). Export it again.")
    last = max((axis for axis, size in enumerate(sizes) if size > 1), default=0)
    if last < 3:
        padded = (*sizes, 1, 1)
        return padded[0], padded[1], padded[2]
    if last == 3 and sizes[2] == 1:
        reading.warn(
            "slices_in_fourth_axis",
            f"The third axis has the size 1 and the fourth one {sizes[3]}; it was read as a volume of {sizes[3]} slices. If "
            "these are time points of one slice, save one of them.",
        )
        return sizes[0], sizes[1], sizes[3]
    raise reading.error(
        f"the image is {last + 1}D, size {_times(sizes)}; a single 3D volume is needed. Save one time point."
    )


def placed_image(array: np.ndarray, index_to_lps: np.ndarray, reading: HeaderReading, **fields: Any) -> Image:
    """The `Image` of an array (k, j, i) and the matrix of its header.

    Axes that are not quite orthogonal are made so where no voxel moves by more than `LARGEST_SHIFT` of its size; this and
    the other warnings of `reading` go into the image's meta.

    Args:
        array: Voxels; those of a color image have a fourth axis.
        index_to_lps: At least 3x4, from voxel index (i, j, k, 1) to LPS mm.
        reading: The file and the warnings so far.
        **fields: `modality` and `meta` of the image.

    Raises:
        UserError: The spacing, origin or direction cannot be used, or the axes are sheared.
    """
    matrix = np.asarray(index_to_lps, dtype=float)[:3]
    columns, origin = matrix[:, :3], matrix[:, 3]
    if not (np.abs(origin) <= FARTHEST_ORIGIN_MM).all():
        raise reading.error(
            f"the origin in the header ({_numbers(origin)} mm) is not a number or no place in a scanner. Export the image again."
        )
    if not np.isfinite(columns).all():
        raise reading.error("the voxel spacing or direction in the header is not a number. Export the image again.")
    size = np.array(array.shape[2::-1])
    with np.errstate(over="ignore"):
        columns = _with_normal(columns, size)
        spacing = np.linalg.norm(columns, axis=0)
    if spacing.min() < SHORTEST_STEP_MM or spacing.max() > LONGEST_STEP_MM:
        raise reading.error(
            f"the voxel spacing in the header is {' x '.join(f'{s:g}' for s in spacing)} mm, which is no distance between "
            "voxels. Export the image again."
        )
    direction = columns / spacing
    if abs(np.linalg.det(direction)) < 1e-3:
        raise reading.error("two axes in the header have the same direction. Export the image again.")
    if np.abs(direction.T @ direction - np.eye(3)).max() > ORTHOGONAL_TOLERANCE:
        direction, origin = _orthogonal(direction, spacing, origin, size, reading)
    meta = {**fields.pop("meta", {}), "path": str(reading.path)}
    if reading.warnings:
        meta[READ_WARNINGS] = tuple(reading.warnings)
    return Image(array, tuple(spacing), tuple(origin), direction, meta=meta, **fields)


def _with_normal(columns: np.ndarray, size: np.ndarray) -> np.ndarray:
    """A single slice whose header gives no distance to the next gets 1 mm along its normal."""
    if size[2] > 1 or np.linalg.norm(columns[:, 2]) >= SHORTEST_STEP_MM:
        return columns
    normal = np.cross(columns[:, 0], columns[:, 1])
    length = np.linalg.norm(normal)
    return columns if length == 0 else np.column_stack([columns[:, :2], normal / length])


def _orthogonal(
    direction: np.ndarray, spacing: np.ndarray, origin: np.ndarray, size: np.ndarray, reading: HeaderReading
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest orthogonal direction (polar decomposition) about the volume's center, and the origin that goes with it."""
    left, _, right = np.linalg.svd(direction)
    nearest = left @ right
    center = (size - 1) / 2
    corners = np.array(list(itertools.product((-1, 1), repeat=3))) * center
    moved = (corners * spacing) @ (direction - nearest).T
    shift = float(np.abs((moved @ nearest) / spacing).max())
    cosine = np.abs(direction.T @ direction - np.eye(3)).max()
    degrees = float(np.degrees(np.arcsin(min(1.0, cosine))))
    if shift >= LARGEST_SHIFT:
        raise reading.error(
            f"the axes in the header are not orthogonal (shear of {degrees:.2f} degrees, {shift:.2g} voxels at the corners). "
            "Resample the image to an orthogonal grid, or export it again without the shear."
        )
    if shift >= MENTIONED_SHIFT:
        reading.warn(
            "not_orthogonal",
            f"The axes in the header are not orthogonal (shear of {degrees:.2f} degrees); they were made orthogonal, which "
            f"moves voxels by at most {shift:.2g} of their size.",
        )
    return nearest, origin + (direction - nearest) @ (spacing * center)


def _times(sizes: Sequence[int]) -> str:
    return " x ".join(str(size) for size in sizes)


def _numbers(values: np.ndarray) -> str:
    return ", ".join(f"{value:g}" for value in values)
