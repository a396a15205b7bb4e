"""The DICOM frames that an image was made of, found again by their place and their values."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from LiverAILib.errors import UserError
from LiverAILib.imaging.dicom.folder import DicomVolume, scan_dicom
from LiverAILib.imaging.dicom.header import DicomFrame
from LiverAILib.imaging.dicom.read import placed_frames, read_volume
from LiverAILib.imaging.image import Image

POSITION_TOLERANCE_MM = 0.01
"""Voxels of the same image read by different software lie closer to each other than this."""


def matching_volumes(
    files: Sequence[str | os.PathLike[str]], geometry: Image
) -> Iterator[tuple[Image, Sequence[DicomFrame]]]:
    """The volumes among DICOM files whose voxels lie where those of an image do, each read, with its frames in slice order.

    Args:
        files: DICOM files and folders.
        geometry: Image whose size, spacing, origin and direction count.

    Raises:
        UserError: A file or folder cannot be read.
    """
    found = scan_dicom(files[0] if len(files) == 1 else _common_folder(files), files=files)
    for volume in found.volumes:
        if not _may_match(volume, geometry):
            continue
        try:
            frames, grid, _ = placed_frames(volume)
            shape = (len(frames), *geometry.array.shape[1:3])
            place = Image(np.broadcast_to(np.uint8(0), shape), grid.spacing, grid.origin, grid.direction)
            if place.same_geometry(geometry, tolerance_mm=POSITION_TOLERANCE_MM):
                yield read_volume(volume), frames
        except UserError:
            continue  # a damaged or unsuitable volume is not the one that was read before


def _may_match(volume: DicomVolume, geometry: Image) -> bool:
    """Whether rows and columns fit and there are enough frames; the pixels are not read for that."""
    columns, rows, slices = geometry.size
    layout = volume.frames[0].file.pixels
    return layout is not None and (layout.columns, layout.rows) == (columns, rows) and len(volume.frames) >= slices


def _common_folder(files: Sequence[str | os.PathLike[str]]) -> Path:
    """The folder that holds all the files, for messages."""
    return Path(os.path.commonpath([Path(file).absolute().parent for file in files]))
