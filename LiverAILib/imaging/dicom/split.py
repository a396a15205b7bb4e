"""The images of one or more DICOM series, split into the volumes that they make up.

Images are never put together that differ in what is the same throughout a volume (`SEPARATING`, matrix, pixel spacing,
orientation). What may also change from slice to slice (acquisition number, times, ...) parts images only where positions are
repeated.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from LiverAILib.imaging.dicom.attributes import B_VALUE, DIMENSIONS, EXPLAINING, FILE, IN_PLANE_POSITION, SEPARATING
from LiverAILib.imaging.dicom.header import DicomFrame

ORIENTATION, PIXEL_SPACING, MATRIX, COLOR = "orientation", "pixel spacing", "matrix", "color"
INSTANCE_NUMBERS = "instance numbers"
ORIENTATION_TOLERANCE = 2e-3
"""Largest difference of direction cosines within a volume: 0.1 degree."""

SPACING_TOLERANCE = 2e-4
"""Largest relative difference of pixel spacings within a volume: a tenth of a pixel across 512."""

INTERLEAVED_STEP = 1.5
"""Slices further apart than this many slice thicknesses leave room for those of another pass over the same organ."""

PER_SLICE_LABELS = ("temporal position",)
"""Some scanners number these slice by slice; then they say nothing about volumes."""

Frames = list[DicomFrame]


@dataclass
class Part:
    """Images that make up one volume.

    Attributes:
        frames: Sorted along the normal of the slices where positions are known.
        values: Label to text of what is the same in all of them.
        copies: Images that are in `frames` already, from other files.
    """

    frames: Frames
    values: dict[str, str]
    copies: Frames = field(default_factory=list)


def split_volumes(frames: Iterable[DicomFrame], same_pixels: Callable[[DicomFrame, DicomFrame], bool]) -> list[Part]:
    """Split images of any patients and series into volumes.

    Args:
        frames: The images.
        same_pixels: Says whether two images hold the same values; asked once for each stack in which positions are repeated,
            to know slices that were exported twice from volumes.
    """
    parts = []
    for series in _grouped(frames, _identity).values():
        for labels, group in _separated(series):
            parts += _parted(group, labels, same_pixels)
    return parts


def _grouped(frames: Iterable[DicomFrame], key: Callable[[DicomFrame], Hashable]) -> dict[Hashable, Frames]:
    groups: dict[Hashable, Frames] = defaultdict(list)
    for frame in frames:
        groups[key(frame)].append(frame)
    return groups


def _identity(frame: DicomFrame) -> tuple[str | Path, ...]:
    file = frame.file
    place = file.path.parent if not file.series_uid else ""  # anonymized away: a folder is all there is to go by
    return file.patient_id, file.patient_name, file.study_uid, file.series_uid, place


def _separated(frames: Frames) -> list[tuple[dict[str, str], Frames]]:
    """The images of a series by all that is the same throughout a volume."""
    labels = [*(one.label for one in SEPARATING), B_VALUE]
    texts: dict[str, list[str]] = {label: [frame.attributes.get(label, "") for frame in frames] for label in labels}
    for attribute in SEPARATING:
        if attribute.tolerance:
            texts[attribute.label] = _merged(texts[attribute.label], attribute.tolerance)
    texts[MATRIX] = [f"{frame.file.pixels.columns} x {frame.file.pixels.rows}" for frame in frames if frame.file.pixels]
    texts[COLOR] = ["yes" if frame.file.pixels and frame.file.pixels.color else "" for frame in frames]
    texts[FILE] = _picture_files(frames)
    texts[ORIENTATION] = _clustered([frame.orientation for frame in frames], ORIENTATION_TOLERANCE, _orientation_text)
    texts[PIXEL_SPACING] = _clustered([frame.spacing for frame in frames], None, _spacing_text)
    for label in PER_SLICE_LABELS:
        others = [name for name in texts if name != label]
        if _changes_from_slice_to_slice(frames, texts[label], [texts[name] for name in others]):
            texts[label] = [""] * len(frames)
    groups: dict[tuple[str, ...], Frames] = defaultdict(list)
    for number, frame in enumerate(frames):
        groups[tuple(texts[label][number] for label in texts)].append(frame)
    return [(dict(zip(texts, values, strict=True)), group) for values, group in groups.items()]


def _picture_files(frames: Frames) -> list[str]:
    """The file of each picture without a position: one file is one picture or cine loop; "" for slices of a volume."""
    paths = [frame.file.path if frame.file.is_picture and frame.position is None else None for frame in frames]
    places: dict[str, set[Path]] = defaultdict(set)
    for path in paths:
        if path is not None:
            places[path.name].add(path)
    return ["" if path is None else path.name if len(places[path.name]) == 1 else path.as_posix() for path in paths]


def _merged(texts: Sequence[str], tolerance: float) -> list[str]:
    """Numbers that differ by no more than the tolerance get the text of the smallest of them."""
    numbers = {}
    for text in set(texts):
        try:
            numbers[text] = float(text)
        except ValueError:
            numbers[text] = np.nan
    merged: dict[str, str] = {}
    first = previous = None
    for text in sorted((one for one in numbers if not np.isnan(numbers[one])), key=lambda one: numbers[one]):
        if first is None or previous is None or numbers[text] - previous > tolerance:
            first = text
        merged[text], previous = first, numbers[text]
    return [merged.get(text, text) for text in texts]


def _clustered(
    vectors: Sequence[tuple[float, ...] | None], tolerance: float | None, text: Callable[[tuple[float, ...]], str]
) -> list[str]:
    """The text of the first vector that each is equal to within the tolerance (relative `SPACING_TOLERANCE` for None)."""
    centers: list[tuple[float, ...]] = []
    known: dict[tuple[float, ...] | None, str] = {None: ""}
    for vector in vectors:
        if vector in known or vector is None:
            continue
        limit = SPACING_TOLERANCE * max(vector) if tolerance is None else tolerance
        near = (c for c in centers if max(abs(a - b) for a, b in zip(c, vector, strict=True)) <= limit)
        center = next(near, None)
        if center is None:
            centers.append(vector)
            center = vector
        known[vector] = text(center)
    return [known[vector] for vector in vectors]


def _orientation_text(orientation: tuple[float, ...]) -> str:
    """ "axial (1 0 0 0 1 0)": the plane that the images are nearest to, and the cosines."""
    normal = np.abs(np.cross(orientation[:3], orientation[3:]))
    plane = ("sagittal", "coronal", "axial")[int(normal.argmax())]
    return f"{plane} ({' '.join(f'{round(value, 4) + 0.0:g}' for value in orientation)})"


def _spacing_text(spacing: tuple[float, ...]) -> str:
    return f"{spacing[1]:.6g} x {spacing[0]:.6g} mm"


def _changes_from_slice_to_slice(frames: Frames, texts: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Whether a label has another value in every image of a stack whose positions all differ."""
    if len(set(texts)) < 3 or len(set(texts)) < len(frames):
        return False
    alike = all(len(set(other)) == 1 for other in others)
    levels = slice_levels(frames)
    return alike and levels is not None and len(set(levels)) == len(frames)


def slice_levels(frames: Sequence[DicomFrame]) -> list[int] | None:
    """For images of one orientation, which of the distinct positions along their normal each has; None without positions."""
    distances = normal_distances(frames)
    if distances is None:
        return None
    steps = [frame.slice_step for frame in frames if frame.slice_step]
    same = min(max(0.1 * min(steps), 0.01), 0.5) if steps else 0.05
    order = np.argsort(distances, kind="stable")
    level = np.concatenate([[0], np.cumsum(np.diff(distances[order]) > same)])
    levels = np.empty(len(frames), int)
    levels[order] = level
    return levels.tolist()


def normal_distances(frames: Sequence[DicomFrame]) -> np.ndarray | None:
    """Signed distance of each image along the normal of the first, in mm; None where a position is unknown."""
    if any(frame.position is None or frame.orientation is None for frame in frames):
        return None
    orientation = frames[0].orientation
    normal = np.cross(orientation[:3], orientation[3:])  # type: ignore[index]
    return np.array([frame.position for frame in frames]) @ normal


# --- repeated positions ---------------------------------------------------------------------------------------------


def _parted(
    frames: Frames, values: dict[str, str], same_pixels: Callable[[DicomFrame, DicomFrame], bool]
) -> list[Part]:
    """Images that agree in all that a volume has in common, as one volume, or as several where positions are repeated."""
    frames, copies = _without_copies(frames)
    levels = slice_levels(frames)
    if levels is None:
        return [Part(frames, values, copies)]
    known = _explaining_texts(frames)
    repeated = max(np.bincount(levels))
    parts = [Part(frames, values)]
    if repeated > 1:
        if not _exported_twice(frames, levels, same_pixels):
            parts = _explained(frames, levels, known, values) or _passes(frames, levels, known, values) or parts
    else:
        parts = _interleaved(frames, levels, known, values) or parts
    by_key = {instance_key(frame): part for part in parts for frame in part.frames}
    for copy in copies:
        by_key[instance_key(copy)].copies.append(copy)
    for part in parts:
        distances = normal_distances(part.frames)
        order = np.argsort(distances, kind="stable") if distances is not None else range(len(part.frames))
        part.frames = [part.frames[number] for number in order]
    return parts


def instance_key(frame: DicomFrame) -> Hashable:
    """Equal for two images that claim to be the same: instance, frame, position and attributes."""
    return frame.file.instance_uid, frame.index, frame.position, tuple(sorted(frame.attributes.items()))


def _without_copies(frames: Frames) -> tuple[Frames, Frames]:
    """The images, and those that are the same instance in another file (an export that went twice into the folder)."""
    kept: dict[Hashable, DicomFrame] = {}
    copies = []
    for frame in frames:
        key = instance_key(frame) if frame.file.instance_uid and frame.position else frame
        if key in kept:
            copies.append(frame)
        kept.setdefault(key, frame)
    return list(kept.values()), copies


def _explaining_texts(frames: Frames) -> dict[str, list[str]]:
    """Label to the texts of all images, for the labels in which they differ."""
    found = {one.label: [frame.attributes.get(one.label, "") for frame in frames] for one in EXPLAINING}
    found[DIMENSIONS] = [frame.attributes.get(DIMENSIONS, "") for frame in frames]
    if frames[0].orientation is not None:
        axes = np.reshape(frames[0].orientation, (2, 3))
        in_plane = np.array([frame.position for frame in frames]) @ axes.T
        found[IN_PLANE_POSITION] = [f"{x + 0.0:.1f}, {y + 0.0:.1f} mm" for x, y in in_plane]
    if any(frame.file.pixels and frame.file.pixels.frames > 1 for frame in frames):
        found[FILE] = [frame.file.path.name for frame in frames]
    return {label: texts for label, texts in found.items() if len(set(texts)) > 1}


def _explained(
    frames: Frames, levels: Sequence[int], known: dict[str, list[str]], values: dict[str, str]
) -> list[Part] | None:
    """The volumes by the first attribute, or pair of attributes, that leaves no position twice."""
    repeated = max(np.bincount(levels))
    for labels in itertools.chain(((label,) for label in known), itertools.combinations(known, 2)):
        groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for number in range(len(frames)):
            groups[tuple(known[label][number] for label in labels)].append(number)
        if len(groups) > 2 * repeated or any(_has_repeats(levels, group) for group in groups.values()):
            continue
        return [
            Part([frames[number] for number in group], values | dict(zip(labels, texts, strict=True)))
            for texts, group in groups.items()
        ]
    return None


def _has_repeats(levels: Sequence[int], numbers: Sequence[int]) -> bool:
    chosen = [levels[number] for number in numbers]
    return len(set(chosen)) < len(chosen)


def _passes(
    frames: Frames, levels: Sequence[int], known: dict[str, list[str]], values: dict[str, str]
) -> list[Part] | None:
    """The volumes by the order of the images in time or by number, where every pass covers all positions once."""
    positions = len(set(levels))
    repeated = len(frames) // positions
    if len(frames) != positions * repeated or positions < 2:
        return None
    numbers = [frame.file.instance_number for frame in frames]
    orders: dict[str, list[str] | list[int]] = {
        label: known[label]
        for label in ("acquisition time", "acquisition date and time", "content time")
        if label in known
    }
    if None not in numbers and len(set(numbers)) == len(numbers):
        orders[INSTANCE_NUMBERS] = [number for number in numbers if number is not None]
    for label, keys in orders.items():
        order = sorted(range(len(frames)), key=lambda number: keys[number])
        passes = [order[first : first + positions] for first in range(0, len(order), positions)]
        clear = all(keys[a[-1]] != keys[b[0]] for a, b in itertools.pairwise(passes))
        if clear and not any(_has_repeats(levels, one) for one in passes):
            return [
                Part([frames[n] for n in one], values | {label: f"{keys[one[0]]} to {keys[one[-1]]}"}) for one in passes
            ]
    return None


def _exported_twice(
    frames: Frames, levels: Sequence[int], same_pixels: Callable[[DicomFrame, DicomFrame], bool]
) -> bool:
    """Whether the images at the middle one of the repeated positions hold the same values."""
    counts = np.bincount(levels)
    repeated = np.flatnonzero(counts > 1)
    middle = repeated[len(repeated) // 2]
    first, *others = (frame for frame, level in zip(frames, levels, strict=True) if level == middle)
    return all(same_pixels(first, other) for other in others)


def _interleaved(
    frames: Frames, levels: Sequence[int], known: dict[str, list[str]], values: dict[str, str]
) -> list[Part] | None:
    """Two passes over the same organ whose positions differ a little: each pass alone is a stack without gaps."""
    distances = normal_distances(frames)
    thickness = frames[0].slice_step
    if distances is None or thickness is None:
        return None
    for label in ("acquisition number", "start of the contrast bolus", "trigger time", "tube voltage"):
        groups: dict[str, list[float]] = defaultdict(list)
        for distance, text in zip(distances, known.get(label, ()), strict=False):
            groups[text].append(distance)
        if len(groups) < 2 or min(len(one) for one in groups.values()) < 3:
            continue
        complete = all(np.diff(sorted(one)).max() <= INTERLEAVED_STEP * thickness for one in groups.values())
        ranges = sorted((min(one), max(one)) for one in groups.values())
        overlapping = all(b[0] < a[1] - thickness for a, b in itertools.pairwise(ranges))
        if complete and overlapping:
            return [
                Part([f for f in frames if f.attributes.get(label, "") == text], values | {label: text})
                for text in groups
            ]
    return None
