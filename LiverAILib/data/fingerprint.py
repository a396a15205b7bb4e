"""Checksums that tell whether two inputs are the same."""

from __future__ import annotations

import hashlib

import numpy as np

from LiverAILib.imaging.image import Image


def hash_image(image: Image) -> str:
    """SHA-256 of the voxels and the geometry of an image."""
    digest = hashlib.sha256(np.ascontiguousarray(image.array).tobytes())
    digest.update(repr((str(image.array.dtype), image.array.shape, image.index_to_lps.round(6).tolist())).encode())
    return digest.hexdigest()
