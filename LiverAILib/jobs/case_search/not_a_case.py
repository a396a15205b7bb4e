"""What is found out only when an image of a folder was read: that it is no case of its own."""

from __future__ import annotations

import hashlib
from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from LiverAILib.data.case import Case
from LiverAILib.errors import UserError
from LiverAILib.imaging.geometry import to_canonical
from LiverAILib.jobs.case_search.find_cases import FoundCase

LABEL_VALUES = 256
"""A label map has at most so many values."""
LABEL_NEIGHBORS = 0.8
"""In a label map at least this share of the labeled voxels has the label of the next voxel; in an image noise prevents that."""


class NotACaseError(Exception):
    """What was read from a folder is no case of its own: a label map, or the image of another case."""


def check_is_image(found: FoundCase, case: Case) -> None:
    """Raise where what was read from a folder holds labels; in a manifest its author says what is an image.

    Raises:
        NotACaseError: As said.
    """
    if found.row is None and any(is_label_map(image.array) for given in case.images.values() for image in given):
        raise NotACaseError("a label map, no image")


def image_key(case: Case) -> str:
    """Checksum of the voxels of all images of a case, which copies in other formats and axis orders share."""
    return "".join(_hash_values(to_canonical(image)[0].array) for given in case.images.values() for image in given)


@dataclass(frozen=True)
class ImageOwner:
    """Which case an image belongs to.

    Attributes:
        number: Place of the case in the batch: of several cases with one image, the first keeps it.
        case_id: The case.
        file: Where it was found.
        patient_id: Patient in the manifest; None in a folder.
    """

    number: int
    case_id: str
    file: str
    patient_id: str | None = None

    @classmethod
    def of(cls, found: FoundCase, number: int) -> ImageOwner:
        """The owner that a found case is."""
        return cls(number, found.case_id, found.file, found.row.patient_id if found.row else None)

    def check(self, first: ImageOwner) -> None:
        """Raise where this case may not have the same image as `first`.

        Raises:
            NotACaseError: In a folder.
            UserError: In a manifest, where the rows are of different patients.
        """
        if self.patient_id is None or first.patient_id is None:
            raise NotACaseError(f"the same voxels as {first.file}")
        if self.patient_id != first.patient_id:
            raise UserError(
                f"{self.file}: the same voxels as {first.file}, which belongs to another patient (case {first.case_id}). "
                "Correct the manifest."
            )


class Duplicates:
    """Keeps one image from having results under two names.

    Cases may be added in any order: which of them keeps the image depends on their numbers alone.
    """

    def __init__(self) -> None:
        self._owners: dict[str, list[ImageOwner]] = {}

    def add(self, key: str, owner: ImageOwner) -> None:
        """Add a case with the checksum of its voxels."""
        owners = self._owners.setdefault(key, [])
        if owner not in owners:
            insort(owners, owner, key=lambda one: one.number)

    def owners(self) -> Iterator[list[ImageOwner]]:
        """The cases of every image that several cases have, the first one first."""
        return (owners for owners in self._owners.values() if len(owners) > 1)

    def check(self, key: str, owner: ImageOwner) -> None:
        """Raise where it is certain already that a case may not have its image.

        In a manifest that is certain only when all cases were added: the patient of the very first owner counts.

        Raises:
            NotACaseError: In a folder, a case with a lower number has the same image.
        """
        first = self._owners.get(key, [owner])[0]
        if first.number < owner.number and owner.patient_id is None:
            owner.check(first)


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
