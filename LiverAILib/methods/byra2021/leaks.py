"""No image of one participant may train under the name of another."""

from __future__ import annotations

import hashlib

import numpy as np

from LiverAILib.errors import UserError
from LiverAILib.imaging.image import Image


def picture_checksum(image: Image) -> str:
    """Checksum of what a single image shows, the same for its mirror image and for gray values kept as color."""
    pixels = image.array[0]
    if image.color and (pixels == pixels[..., :1]).all():
        pixels = pixels[..., 0]
    ways = (np.ascontiguousarray(way) for way in (pixels, pixels[:, ::-1]))
    return min(hashlib.sha256(str(way.shape).encode() + way.tobytes()).hexdigest() for way in ways)


class SamePictures:
    """Notes the pictures of a cohort, and refuses one that is there twice."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[str, str, str]] = {}

    def add(self, image: Image, *, participant: str, case_id: str, view: str) -> None:
        """Note an image.

        Raises:
            UserError: The same picture, or its mirror image, belongs to another participant or another view.
        """
        given = (participant, case_id, view)
        first = self._first.setdefault(picture_checksum(image), given)
        if first == given:
            return
        title = view.replace("_", " ")
        if first[0] != participant:
            raise UserError(
                f"case {case_id}: the image '{title}' is that of case {first[1]} (patient {first[0]}), as it is or mirrored, "
                f"but belongs to patient {participant}. Correct the manifest: copies of a patient's image would be tested on "
                "models that were trained on them."
            )
        raise UserError(
            f"case {case_id}: the image '{title}' is the same as its '{first[2].replace('_', ' ')}'. Correct the manifest."
        )
