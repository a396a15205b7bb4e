"""What is found out only when an image of a folder was read: that it is no case of its own."""

from __future__ import annotations

import hashlib

import numpy as np

from LiverAILib.data.case import Case
from LiverAILib.errors import UserError
from LiverAILib.imaging.geometry import to_canonical
from LiverAILib.jobs.find_cases import FoundCase

LABEL_VALUES = 256
"""A label map has at most so many values."""
LABEL_NEIGHBORS = 0.8
"""In a label map at least this share of the labeled voxels has the label of the next voxel; in an image noise prevents that."""


class NotACaseError(Exception):
    """What was read from a folder is no case of its own: a label map, or the image of another case."""


class Duplicates:
    """Keeps one image from having results under two names."""

    def __init__(self) -> None:
        self._first: dict[str, FoundCase] = {}

    def check(self, found: FoundCase, case: Case) -> None:
        """Raise where the case is that of an earlier one, or no image at all.

        Raises:
            NotACaseError: In a folder.
            UserError: In a manifest, where the rows are of different patients.
        """
        images = [image for given in case.images.values() for image in given]
        if found.row is None and any(is_label_map(image.array) for image in images):
            raise NotACaseError("a label map, no image")
        key = "".join(_hash_values(to_canonical(image)[0].array) for image in images)
        first = self._first.setdefault(key, found)
        if first is found:
            return
        if found.row is None or first.row is None:
            raise NotACaseError(f"the same voxels as {first.file}")
        if found.row.patient_id != first.row.patient_id:
            raise UserError(
                f"{found.file}: the same voxels as {first.file}, which belongs to another patient (case {first.case_id}). "
                "Correct the manifest."
            )


def _hash_values(array: np.ndarray) -> str:
    """Checksum of the values alone, so that a copy in another format, or with rounded geometry, has the same."""
    return hashlib.sha256(repr(array.shape).encode() + np.ascontiguousarray(array, np.float32).tobytes()).hexdigest()


def is_label_map(array: np.ndarray) -> bool:
    """Whether an array holds labels, not intensities: few whole numbers in connected regions, with background.

    Args:
        array: (k, j, i); with colors, (k, j, i, 3), it never does.
    """
    if array.ndim == 4:
        return False  # colors
    middle = array[:: max(1, len(array) // 16)]
    if middle.min() != 0 or not np.array_equal(middle, np.floor(middle)):
        return False
    if len(np.unique(middle)) > LABEL_VALUES:
        return False
    labeled = middle[..., :-1] > 0
    same = middle[..., :-1] == middle[..., 1:]
    return bool(labeled.any() and same[labeled].mean() >= LABEL_NEIGHBORS)
