"""Reading and writing images, with errors that name the file, the rule and the fix."""

from __future__ import annotations

import gzip
import os
import re
import tempfile
import zlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverAILib.errors import UserError
from LiverAILib.imaging.dicom import is_dicom, read_dicom
from LiverAILib.imaging.geometry import from_sitk, to_sitk
from LiverAILib.imaging.image import Image

SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".dcm")
"""Endings of image files."""


def image_name(path: Path) -> str:
    """The file's name without its image ending: what a case is called where nothing else names it."""
    name = Path(path).name
    for suffix in (".seg.nrrd", *SUFFIXES):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name


def read_image(path: str | os.PathLike[str], *, series: str | None = None, constant_allowed: bool = False) -> Image:
    """A 3D scalar image from a NIfTI, NRRD or MetaImage file, a DICOM file or a DICOM folder.

    Args:
        path: File or folder.
        series: Which volume of a DICOM folder or file, by its number in the list, its series UID or its description.
        constant_allowed: Accept one value everywhere, as a heat map without evidence has it.

    Raises:
        UserError: The file is missing, unreadable, cut off, in color, 4D, empty, constant or without any number.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path}: no such file or folder. Check the path.")
    if path.is_dir():
        image = read_dicom(path, series=series)
    else:
        if path.stat().st_size == 0:
            raise UserError(f"{path}: the file is empty (0 bytes). Export or copy it again.")
        if is_dicom(path):
            image = read_dicom(path, series=series)
        else:
            check_not_cut_off(path)
            image = _read_file(path)
    check_values(image.array, path, constant_allowed=constant_allowed)
    return image


def _read_file(path: Path) -> Image:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        raise UserError(
            f"{path}: not a readable image. Give a NIfTI, NRRD or MHA file or a DICOM folder; if it is one, export it again."
        ) from None
    size = reader.GetSize()
    if reader.GetNumberOfComponents() > 1:
        raise UserError(
            f"{path}: the image has {reader.GetNumberOfComponents()} values a voxel (a color or vector image); one is needed. "
            "Export the gray-scale series."
        )
    if len([n for n in size if n > 1]) > 3:
        raise UserError(
            f"{path}: the image is {len(size)}D, size {size}; a single 3D volume is needed. Save one time point."
        )
    try:
        itk = reader.Execute()
    except RuntimeError as error:
        reason = "cut off" if "read" in str(error).lower() else "damaged"
        raise UserError(
            f"{path}: the image data cannot be read, the file is {reason}. Export or copy it again."
        ) from None
    while itk.GetDimension() > 3:
        itk = itk[(slice(None),) * (itk.GetDimension() - 1) + (0,)]
    if itk.GetDimension() == 2:
        itk = sitk.JoinSeries(itk)
    return from_sitk(itk, meta={"path": str(path)})


def check_values(array: np.ndarray, path: Path, *, constant_allowed: bool = False) -> None:
    """Raise where there is nothing to look at: no voxel, no finite number, or one value everywhere."""
    if array.size == 0:
        raise UserError(f"{path}: the image has no voxels. Export it again.")
    if np.issubdtype(array.dtype, np.floating):
        finite = np.isfinite(array)
        if not finite.any():
            raise UserError(f"{path}: every voxel is NaN or infinite. Export the image again.")
        values = array[finite]
    else:
        values = array
    if not constant_allowed and values.min() == values.max():
        raise UserError(f"{path}: the image is constant (every voxel is {values.min():g}). Export the image again.")


def check_not_cut_off(path: Path) -> None:
    """Raise where a compressed file ends early, or a NIfTI file holds fewer bytes than its header promises.

    SimpleITK reads a cut-off `.nii.gz` without complaint and leaves the missing slices empty, and a gzipped `.nrrd` as long
    as every voxel but a few can be had.
    """
    name = path.name.lower()
    if name.endswith(".nrrd"):
        _check_nrrd_stream(path)
    if not name.endswith((".nii", ".nii.gz")):
        return
    opener = gzip.open if name.endswith(".gz") else open
    length = 0
    try:
        with opener(path, "rb") as stream:
            header = stream.read(348)
            length = len(header)
            while block := stream.read(1 << 22):
                length += len(block)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise UserError(f"{path}: the file is cut off or damaged. Copy or export it again.") from None
    if len(header) < 348:
        raise UserError(f"{path}: not a NIfTI file (shorter than its header). Copy or export it again.")
    order = "<" if int(np.frombuffer(header, "<i4", 1)[0]) in (348, 540) else ">"
    if int(np.frombuffer(header, f"{order}i4", 1)[0]) != 348:
        return  # NIfTI-2 and others: SimpleITK judges them.
    dimensions = np.frombuffer(header, f"{order}i2", 8, 40).astype(np.int64)
    bits = int(np.frombuffer(header, f"{order}i2", 1, 72)[0])
    offset = float(np.frombuffer(header, f"{order}f4", 1, 108)[0])
    promised = int(offset) + int(np.prod(np.maximum(dimensions[1 : 1 + dimensions[0]], 1))) * bits // 8
    if length < promised:
        raise UserError(
            f"{path}: the file is cut off ({length} of {promised} bytes that its header promises). Copy or export it again."
        )


def _check_nrrd_stream(path: Path) -> None:
    """Raise where the gzip stream behind an NRRD header does not end as such a stream has to."""
    with path.open("rb") as stream:
        header = b""
        for line in iter(stream.readline, b""):
            header += line
            if not line.strip():
                break
        if not header.startswith(b"NRRD") or not re.search(rb"^encoding:\s*(gz|gzip)\s*$", header, re.MULTILINE):
            return
        try:
            with gzip.GzipFile(fileobj=stream) as data:
                while data.read(1 << 22):
                    pass
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise UserError(f"{path}: the file is cut off or damaged. Copy or export it again.") from None


def write_image(image: Image, path: str | os.PathLike[str], *, header: dict[str, str] | None = None) -> Path:
    """Write `image` to `path` (format by ending), whole or not at all; `header` adds text fields (NRRD).

    Raises:
        UserError: The folder does not exist or cannot be written, or the disk is full.
    """
    path = Path(path)
    itk = to_sitk(image)
    for key, value in (header or {}).items():
        itk.SetMetaData(key, value)
    suffix = next((s for s in (".seg.nrrd", *SUFFIXES) if path.name.lower().endswith(s)), None)
    if suffix is None:
        raise UserError(f"{path}: unknown image ending. Use one of .nii.gz, .nrrd, .mha.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".writing-") as folder:
            unfinished = Path(folder) / f"image{suffix}"
            sitk.WriteImage(itk, str(unfinished), useCompression=True)
            unfinished.replace(path)
    except (OSError, RuntimeError) as error:
        detail = str(error).strip().splitlines()[-1]
        raise UserError(
            f"{path}: cannot be written ({detail}). Choose a folder that exists, is writable and has space."
        ) from None
    return path
