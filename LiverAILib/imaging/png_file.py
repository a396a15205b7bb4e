"""Single pictures as PNG files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverAILib.imaging.image import Image
from LiverAILib.imaging.itk_file import write_itk


def write_png(image: Image, path: str | os.PathLike[str]) -> Path:
    """Write an image of one slice as a PNG file, whole or not at all.

    A PNG file has no place in the patient: its pixel size is that of a screen or a print. Spacing and origin are not written, as
    in the exports of scanners.

    Args:
        image: uint8, gray or color, one slice.
        path: File to write.

    Raises:
        ValueError: The image has several slices or another type.
        UserError: The file cannot be written.
    """
    path = Path(path)
    if image.array.shape[0] != 1 or image.array.dtype != np.uint8:
        raise ValueError(f"A PNG file holds one slice of uint8, got {image.array.shape} of {image.array.dtype}")
    return write_itk(sitk.GetImageFromArray(image.array[0], isVector=image.color), path)
