"""Whether a mask and an image lie in the same place: a lost geometry, another image's, a part outside."""

from __future__ import annotations

import itertools

import numpy as np

from LiverAILib.data.structures import Structure
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import FRAME_OF_REFERENCE, Image

OUTSIDE_SHARE = 0.05
"""Share of a mask outside of the image from which it is said; rims of resampled masks are less."""

SAMPLED_VOXELS = 200_000

COVERED_SHARE, COVERED_CORNERS = 0.5, 6
"""Share and corners (of 8) of the image from which a mask is no organ."""

Warnings = tuple[tuple[str, str], ...]


def check_placement(mask: Image, reference: Image, name: str, structure: Structure) -> Warnings:
    """Warnings, as (code, text), about where a mask lies.

    Args:
        mask: Not 0 inside, on its own grid; at least one voxel.
        reference: The image.
        name: Of the mask's file.
        structure: What it is a mask of.

    Raises:
        UserError: The mask lost its geometry, or all of it lies outside of the image.
    """
    warnings = _frame_warnings(mask, reference, name)
    if mask.same_geometry(reference):
        return tuple(warnings)
    other_box = mask.size == reference.size and not _same_box(mask, reference)
    if other_box and _has_no_place(mask):
        raise UserError(
            f"{name}: the mask lost its geometry (origin 0, no directions, spacing {_spacing(mask)} mm); the image has "
            f"{_geometry(reference)}. Save the mask with the geometry of the image."
        )
    share = _share_inside(mask, reference)
    what = structure.title.lower()
    if share == 0:
        raise UserError(
            f"{name}: nothing of the {what} lies in the image; all of the mask is outside. Mask: {_geometry(mask)}; image: "
            f"{_geometry(reference)}. Check that mask and image belong together."
        )
    if other_box:
        warnings.append(
            (
                "mask_of_other_geometry",
                f"{name}: the mask has the size of the image but another geometry, as the mask of another image has. Mask: "
                f"{_geometry(mask)}; image: {_geometry(reference)}. Check that they belong together.",
            )
        )
    if share < 1 - OUTSIDE_SHARE:
        warnings.append(
            (
                "mask_partly_outside",
                f"{name}: {100 * (1 - share):.0f} % of the mask of the {what} lies outside of the image. Check that mask and "
                "image belong together.",
            )
        )
    return tuple(warnings)


def check_coverage(mask: Image, name: str, structure: Structure) -> None:
    """Refuse a 3D mask that is most of the image and its corners: all ones, or the background instead of the organ.

    Args:
        mask: On the grid of the image.
        name: Of the mask's file.
        structure: What it is a mask of.

    Raises:
        UserError: As said.
    """
    if 1 in mask.size:
        return  # A patch of a 2D image may be liver throughout.
    share = np.count_nonzero(mask.array) / mask.array.size
    corners = [bool(mask.array[k, j, i]) for k in (0, -1) for j in (0, -1) for i in (0, -1)]
    if share > COVERED_SHARE and sum(corners) >= COVERED_CORNERS:
        raise UserError(
            f"{name}: the mask of the {structure.title.lower()} covers {100 * share:.0f} % of the image, its corners included: "
            "an inverted mask (the background is marked) or one of the whole image. Give the mask that marks the organ."
        )


def _frame_warnings(mask: Image, reference: Image, name: str) -> list[tuple[str, str]]:
    frames = mask.meta.get(FRAME_OF_REFERENCE), reference.meta.get(FRAME_OF_REFERENCE)
    if not all(frames) or frames[0] == frames[1]:
        return []
    text = f"{name}: the mask has another DICOM frame of reference than the image. Check that they belong together."
    return [("mask_of_other_frame_of_reference", text)]


def _has_no_place(image: Image) -> bool:
    """Whether origin and directions are what programs write that know none: origin 0, axes of LPS or RAS."""
    axes = np.abs(np.asarray(image.direction))
    return np.allclose(image.origin, 0) and np.allclose(axes, np.eye(3), atol=1e-4)


def _corners(image: Image) -> np.ndarray:
    """(8, 3) outer corners in LPS mm, in no order that means anything."""
    index = [[*(n - 0.5 if end else -0.5 for n, end in zip(image.size, ends, strict=True)), 1] for ends in _ENDS]
    return (np.array(index) @ image.index_to_lps.T)[:, :3]


_ENDS = tuple(itertools.product((False, True), repeat=3))


def _same_box(one: Image, other: Image) -> bool:
    """Whether two images fill the same box up to one voxel, however their axes run."""
    near = max(max(one.spacing), max(other.spacing))
    distance = np.linalg.norm(_corners(one)[:, None] - _corners(other)[None], axis=2)
    return bool((distance.min(axis=1) <= near).all() and (distance.min(axis=0) <= near).all())


def _share_inside(mask: Image, reference: Image) -> float:
    """Share of the marked voxels whose centers lie in the reference."""
    marked = np.argwhere(mask.array)[:, ::-1]
    marked = marked[:: max(1, len(marked) // SAMPLED_VOXELS)]
    to_reference = np.linalg.inv(reference.index_to_lps) @ mask.index_to_lps
    index = np.column_stack([marked, np.ones(len(marked))]) @ to_reference.T
    inside = ((index[:, :3] >= -0.5) & (index[:, :3] <= np.array(reference.size) - 0.5)).all(axis=1)
    return float(inside.mean())


def _geometry(image: Image) -> str:
    origin = ", ".join(f"{value:.4g}" for value in image.origin)
    return f"{' x '.join(map(str, image.size))} voxels, spacing {_spacing(image)} mm, origin ({origin}) mm LPS"


def _spacing(image: Image) -> str:
    return " x ".join(f"{value:.4g}" for value in image.spacing)
