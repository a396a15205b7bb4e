"""Images that two patients of a cohort share: one of the two rows is wrong, and a split would not keep them apart."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from LiverAILib.data.cohort import CohortRow
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image


class SharedImages:
    """Remembers whose every image is, while others read them; a mirrored copy is the same image."""

    def __init__(self) -> None:
        self._patient: dict[str, tuple[str, Path]] = {}

    def watch(self, row: CohortRow) -> CohortRow:
        """The same case; each image that is read from it is compared with those of the other patients.

        Reading an image then raises a `UserError` where another patient has it too.
        """
        earlier = row.on_read

        def note(file: Path, image: Image) -> None:
            if earlier is not None:
                earlier(file, image)
            self.note(row.patient_id, file, image)

        return replace(row, on_read=note)

    def note(self, patient: str, file: Path, image: Image) -> None:
        """Remember an image of a patient.

        Raises:
            UserError: It, or its mirrored copy, was noted for another patient.
        """
        other, other_file = self._patient.setdefault(pixel_checksum(image.array), (patient, file))
        if other != patient:
            raise UserError(
                f"{file}: the image of patient {patient} is the same (or mirrored) as {other_file} of patient {other}; an image "
                "of two patients would be on both sides of a split. Correct the manifest."
            )


def pixel_checksum(array: np.ndarray) -> str:
    """SHA-256 of the voxels (k, j, i, ...), the same for an array and its mirror image along i, wherever they lie.

    A color image whose channels are equal counts as the gray-scale image that it is.
    """
    if array.ndim == 4 and (array == array[..., :1]).all():
        array = array[..., 0]
    both = (np.ascontiguousarray(one).tobytes() for one in (array, array[:, :, ::-1]))
    return min(hashlib.sha256(repr((array.dtype.str, array.shape)).encode() + one).hexdigest() for one in both)
