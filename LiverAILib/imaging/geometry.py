"""Axis order, resampling and cropping, all of it reversible to the exact geometry of the input."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk

from LiverAILib.imaging.image import Image, as_direction
from LiverAILib.imaging.modality import keep_finding


@dataclass(frozen=True)
class AxisOrder:
    """How the axes of an input were permuted and flipped to run left, posterior, superior, and the way back.

    Attributes:
        axes: For each canonical axis (i, j, k), which axis of the input it was.
        flipped: For each canonical axis, whether its direction was reversed.
    """

    axes: tuple[int, int, int]
    flipped: tuple[bool, bool, bool]

    @property
    def slice_axis(self) -> int:
        """Axis of the input, 0..2 for (i, j, k), that runs nearest to superior."""
        return self.axes[2]

    @property
    def _flipped_axes(self) -> tuple[int, ...]:
        """Axes of a (k, j, i) array."""
        return tuple(2 - axis for axis in range(3) if self.flipped[axis])

    def apply(self, array: np.ndarray) -> np.ndarray:
        """A view of `array`, (k, j, i) of the input, with canonical axes (superior, posterior, left)."""
        numpy_axes = [2 - self.axes[axis] for axis in (2, 1, 0)]
        numpy_axes += range(3, array.ndim)  # the colors of a color image
        return np.flip(array.transpose(numpy_axes), axis=self._flipped_axes)

    def undo(self, array: np.ndarray) -> np.ndarray:
        """A view of the canonical `array` with the axes of the input: the inverse of `apply`."""
        numpy_axes = [2 - self.axes[axis] for axis in (2, 1, 0)]
        numpy_axes += range(3, array.ndim)
        unflipped = np.flip(array, axis=self._flipped_axes)
        return unflipped.transpose(np.argsort(numpy_axes))

    def canonical_slice(self, index: int, image: Image) -> int:
        """Canonical slice number of slice `index` along the input's slice axis; the map is its own inverse."""
        return image.size[self.slice_axis] - 1 - index if self.flipped[2] else index


def axis_order(image: Image) -> AxisOrder:
    """The permutation and flips that bring `image` nearest to (left, posterior, superior) axes.

    Of the six permutations the one with the largest sum of absolute cosines is taken, so that an oblique image (even at
    45 degrees) has one well-defined answer.
    """
    direction = np.asarray(image.direction)
    axes = max(itertools.permutations(range(3), 3), key=lambda p: sum(abs(direction[row, p[row]]) for row in range(3)))
    i, j, k = (bool(direction[row, axes[row]] < 0) for row in range(3))
    return AxisOrder(axes, (i, j, k))


def to_canonical(image: Image) -> tuple[Image, AxisOrder]:
    """`image` with axes nearest to left, posterior, superior, and the way back. No voxel is interpolated."""
    order = axis_order(image)
    direction = np.asarray(image.direction)
    origin = np.asarray(image.origin, dtype=float)
    columns = []
    for axis in range(3):
        source = order.axes[axis]
        column = direction[:, source]
        if order.flipped[axis]:
            origin = origin + column * image.spacing[source] * (image.size[source] - 1)
            column = -column
        columns.append(column)
    i, j, k = (image.spacing[source] for source in order.axes)
    canonical = replace(
        image,
        array=np.ascontiguousarray(order.apply(image.array)),
        spacing=(i, j, k),
        origin=tuple(origin),
        direction=as_direction(np.stack(columns, axis=1)),
    )
    keep_finding(canonical, image)
    return canonical, order


def to_sitk(image: Image) -> sitk.Image:
    """The SimpleITK image with the same voxels and geometry."""
    array = image.array
    if array.dtype == bool:
        array = array.astype(np.uint8)
    elif array.dtype == np.float16:
        array = array.astype(np.float32)
    itk = sitk.GetImageFromArray(np.ascontiguousarray(array), isVector=image.color)
    itk.SetSpacing(image.spacing)
    itk.SetOrigin(image.origin)
    itk.SetDirection(np.asarray(image.direction).ravel().tolist())
    return itk


def resample(image: Image, reference: Image, *, nearest: bool = False, outside: float | None = None) -> Image:
    """`image` on the grid of `reference`.

    Args:
        image: What is resampled; a signed or float array keeps its type, linear interpolation.
        reference: Image whose size, spacing, origin and direction the result has.
        nearest: Nearest neighbor, for labels.
        outside: Value beyond the image; by default 0 for labels and the image's minimum otherwise.

    Returns:
        Image of the reference's geometry with the modality and meta of `image`.
    """
    if image.same_geometry(reference, tolerance_mm=1e-6):
        return image
    if outside is None:
        outside = 0.0 if nearest else float(np.nanmin(image.array))
    grid = sitk.ResampleImageFilter()
    grid.SetSize(reference.size)
    grid.SetOutputSpacing(reference.spacing)
    grid.SetOutputOrigin(reference.origin)
    grid.SetOutputDirection(np.asarray(reference.direction).ravel().tolist())
    grid.SetInterpolator(sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear)
    grid.SetDefaultPixelValue(outside)
    itk = grid.Execute(to_sitk(image))
    return replace(
        image,
        array=sitk.GetArrayFromImage(itk),
        spacing=reference.spacing,
        origin=reference.origin,
        direction=reference.direction,
    )
