"""The grid on which the slices of a volume lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from highdicom.spatial import create_affine_matrix_from_attributes, get_volume_positions

from LiverAILib.errors import UserError
from LiverAILib.imaging.dicom.header import DicomFrame
from LiverAILib.imaging.dicom.split import normal_distances

UNEVEN_SPACING_TOLERANCE = 0.05
"""Share of the slice spacing by which slices may be off an even spacing."""

REFUSED_SHIFT = 0.5
"""Shift within the plane, in pixels, from the first slice to any other, from which a stack is refused as sheared."""

NOTED_SHIFT = 0.1
"""Shift in pixels from which it is said."""


@dataclass(frozen=True)
class Grid:
    """Geometry of a volume.

    Attributes:
        spacing: mm along (i, j, k).
        origin: LPS mm of voxel (0, 0, 0).
        direction: 3x3, LPS; columns are the axes i, j, k.
        warnings: What a person should know of it.
    """

    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    direction: tuple[tuple[float, float, float], ...]
    warnings: tuple[str, ...] = ()


def grid_of(frames: Sequence[DicomFrame], name: str) -> Grid:
    """The grid of slices that are sorted along their normal, each position once.

    Args:
        frames: The slices, of one orientation, or the frames of one cine loop, which get a step of 1 mm.
        name: What messages call the volume.

    Raises:
        UserError: Positions, orientation or pixel spacing are missing in a stack, or its slices are shifted sideways.
    """
    warnings = []
    lone = len(frames) == 1
    loop = frames[0].file.is_picture and len({frame.file for frame in frames}) == 1
    placed = frames[0].orientation is not None and all(one.position is not None for one in frames)
    if not placed and not lone and not loop:
        raise UserError(_without_positions(frames, name))
    if not placed:
        warnings.append(
            "The image has no position and orientation (ImagePositionPatient, ImageOrientationPatient): its sides are unknown."
        )
    pixel = frames[0].spacing
    if pixel is None and not lone and not loop:
        raise UserError(
            f"{name}: no PixelSpacing in its files, so nothing can be measured. Export the series with its geometry."
        )
    if pixel is None:
        warnings.append("The image has no PixelSpacing: 1 mm is taken, and nothing can be measured in it.")
        pixel = (1.0, 1.0)
    orientation = frames[0].orientation if placed and frames[0].orientation else (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    position = frames[0].position if placed and frames[0].position else (0.0, 0.0, 0.0)
    step = frames[0].slice_step or 1.0
    if loop and not placed:
        step = 1.0  # frames follow each other in time
    elif not lone:
        warnings += _shifts(frames, name, min(pixel))
        step, uneven = _step(frames)
        warnings += uneven
    affine = create_affine_matrix_from_attributes(position, orientation, pixel, step)
    spacing = (pixel[1], pixel[0], step)
    direction = affine[:3, :3] / spacing
    return Grid(
        spacing,
        (position[0], position[1], position[2]),
        tuple((float(row[0]), float(row[1]), float(row[2])) for row in direction),
        tuple(warnings),
    )


def _without_positions(frames: Sequence[DicomFrame], name: str) -> str:
    missing = [one for one in frames if one.position is None or one.orientation is None]
    file = missing[0].file.path.name
    if len(missing) < len(frames):
        return (
            f"{name}: {len(missing)} of {len(frames)} images ({file}, ...) have no position or orientation "
            "(ImagePositionPatient, ImageOrientationPatient). Export the series again."
        )
    element = "ImageOrientationPatient" if missing[0].orientation is None else "ImagePositionPatient"
    return (
        f"{name}: its {len(frames)} images have no position and orientation in the patient ({element} is missing), so the order "
        "and the sides of the slices are unknown. Export the series with its geometry."
    )


def _shifts(frames: Sequence[DicomFrame], name: str, pixel: float) -> list[str]:
    """A warning where slices are shifted sideways a little; raises where positions would be wrong."""
    orientation = np.array(frames[0].orientation).reshape(2, 3)
    positions = np.array([frame.position for frame in frames])
    in_plane = (positions - positions[0]) @ orientation.T
    largest = float(np.linalg.norm(in_plane, axis=1).max())
    if largest <= NOTED_SHIFT * pixel:
        return []
    distances = normal_distances(frames)
    assert distances is not None
    depth = distances - distances[0]
    slope = (depth @ in_plane) / (depth @ depth)
    residual = float(np.linalg.norm(in_plane - np.outer(depth, slope), axis=1).max())
    tilt = float(np.degrees(np.arctan(np.linalg.norm(slope))))
    if largest <= REFUSED_SHIFT * pixel:
        return [f"The slices are shifted sideways by up to {largest:.2f} mm: positions are off by as much."]
    if residual <= REFUSED_SHIFT * pixel:
        raise UserError(
            f"{name}: the slices are sheared by {tilt:.1f} degrees (gantry tilt), {largest:.1f} mm from the first to the last. "
            "Convert it with a tool that corrects gantry tilt (dcm2niix writes a file ..._Tilt), and give that file."
        )
    raise UserError(
        f"{name}: the positions of the slices are shifted sideways against each other by up to {largest:.1f} mm, they are "
        "not one stack. Export them as series of their own."
    )


def _step(frames: Sequence[DicomFrame]) -> tuple[float, list[str]]:
    """The mean distance of the slices in mm, and a warning where they are uneven."""
    distances = normal_distances(frames)
    assert distances is not None
    mean = float(distances[-1] - distances[0]) / (len(frames) - 1)
    positions = [frame.position for frame in frames if frame.position is not None]
    spacing, _ = get_volume_positions(
        positions,
        frames[0].orientation,  # type: ignore[arg-type]
        rtol=UNEVEN_SPACING_TOLERANCE,
        perpendicular_tol=1.0,  # shifts within the plane are judged in mm, in `_shifts`
    )
    if spacing is not None:
        return mean, []
    steps = np.diff(distances)
    return mean, [
        f"The slices are unevenly spaced ({steps.min():.2f} to {steps.max():.2f} mm): slices are missing or doubled, and "
        "volumes and positions are wrong where they are."
    ]
