"""Reading and writing images, with errors that name the file, the rule and the fix."""

from __future__ import annotations

import os
from pathlib import Path

from LiverAILib.errors import UserError
from LiverAILib.imaging.color import refuse_color
from LiverAILib.imaging.dicom import is_dicom, read_dicom
from LiverAILib.imaging.geometry import to_sitk
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.itk_file import read_with_itk, write_itk
from LiverAILib.imaging.metaimage_file import is_metaimage, read_metaimage
from LiverAILib.imaging.nifti_file import is_nifti, read_nifti
from LiverAILib.imaging.nrrd_file import MAGIC as NRRD_MAGIC
from LiverAILib.imaging.nrrd_file import read_nrrd
from LiverAILib.imaging.stored_bytes import first_bytes
from LiverAILib.imaging.values import check_values, fill_not_measured
from LiverAILib.output_paths import check_ending

SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".dcm")
"""Endings of image files."""

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
"""Endings of pictures: single images without a place in the patient."""

WRITTEN_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")
"""Endings of the image files that are written: formats of one file."""


def image_name(path: Path) -> str:
    """The file's name without its image ending: what a case is called where nothing else names it."""
    name = Path(path).name
    for suffix in (".seg.nrrd", *SUFFIXES, *PICTURES):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name


def read_image(
    path: str | os.PathLike[str],
    *,
    series: str | None = None,
    constant_allowed: bool = False,
    fill: bool = True,
    color: bool = True,
) -> Image:
    """An image from a NIfTI, NRRD or MetaImage file, a PNG or JPEG picture, a DICOM file or a DICOM folder.

    A single image is a volume of one slice, a cine loop has one slice a frame. Colors are kept (`Image.color`), also where red,
    green and blue are equal. The format of a file is told from its content, not from its name. What a person has to know of the
    reading is in `Image.read_warnings`.

    Args:
        path: File or folder.
        series: Which volume of a DICOM folder or file, by its number in the list, its series UID or its description.
        constant_allowed: Accept one value everywhere, as a heat map without evidence has it.
        fill: Replace NaN and infinite values by the lowest one, with a warning; for a mask they mean something else.
        color: Whether a color image can be used.

    Raises:
        UserError: The file is missing, unreadable, cut off, 4D, empty, constant, without any number, in color where that cannot
            be used, or its geometry cannot be used.

    Examples:
        >>> from LiverAILib import read_image
        >>> image = read_image("t2.nii.gz")  # the file of the example of `write_image`
        >>> image.size, image.spacing
        ((128, 128, 18), (2.5, 2.5, 15.0))
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path}: no such file or folder. Check the path.")
    if not path.is_dir() and not path.is_file():
        raise UserError(f"{path}: is neither a file nor a folder. Give an image file or a DICOM folder.")
    if path.is_file() and path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty (0 bytes). Export or copy it again.")
    try:
        image = read_dicom(path, series=series) if path.is_dir() or is_dicom(path) else _read_file(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}). Check the file's permissions.") from None
    if not color:
        refuse_color(image, path)
    check_values(image.array, path, constant_allowed=constant_allowed)
    return fill_not_measured(image) if fill else image


def _read_file(path: Path) -> Image:
    start = first_bytes(path, 64)
    name = path.name.lower()
    if start.startswith(NRRD_MAGIC):
        return read_nrrd(path)
    if is_nifti(start) or (name.endswith((".nii", ".nii.gz", ".img")) and not is_metaimage(start)):
        return read_nifti(path)
    if is_metaimage(start) or name.endswith((".mha", ".mhd")):
        return read_metaimage(path)
    return read_with_itk(path)


def write_image(image: Image, path: str | os.PathLike[str], *, header: dict[str, str] | None = None) -> Path:
    """Write `image` to `path` (format by ending), whole or not at all; `header` adds text fields (NRRD).

    Raises:
        UserError: The ending is unknown, the folder cannot be written, or the disk is full.

    Examples:
        >>> from LiverAILib.imaging.files import write_image
        >>> from LiverAILib.simulation.t2_mr import simulate_t2_mr
        >>> simulated = simulate_t2_mr(4, seed=2, size=(128, 128, 18), spacing=(2.5, 2.5, 15.0))
        >>> write_image(simulated.image, "t2.nii.gz").name
        't2.nii.gz'
    """
    path = Path(path)
    check_ending(path, WRITTEN_SUFFIXES)
    itk = to_sitk(image)
    for key, value in (header or {}).items():
        itk.SetMetaData(key, value)
    return write_itk(itk, path)
