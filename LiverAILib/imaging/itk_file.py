"""Image files of the formats that SimpleITK alone knows, PNG and JPEG pictures among them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from LiverAILib.atomic_write import atomic_write
from LiverAILib.imaging.color import color_array
from LiverAILib.imaging.image import DICOM_MODALITY, MODALITY_SOURCE, Image
from LiverAILib.imaging.placement import HeaderReading, placed_image, volume_shape
from LiverAILib.imaging.stored_bytes import check_expansion

PICTURES = ("PNGImageIO", "JPEGImageIO", "BMPImageIO", "TIFFImageIO")
"""Readers of pictures, whose resolution is that of a screen or printer and no distance in the patient."""


def write_itk(itk: sitk.Image, path: Path) -> Path:
    """Write an image of SimpleITK, compressed, whole or not at all.

    Raises:
        UserError: The file cannot be written.
    """
    with atomic_write(path) as unfinished:
        try:
            sitk.WriteImage(itk, str(unfinished), useCompression=True)
        except RuntimeError as error:
            raise OSError(None, str(error).strip().splitlines()[-1]) from None
    return path


def read_with_itk(path: Path) -> Image:
    """The image of a file in one of SimpleITK's formats; a color picture is uint8 (k, j, i, 3).

    Pixels of pictures have no size in mm: their spacing is 1, whatever dots per inch a file states.

    Raises:
        UserError: It is none, cannot be read, or is no single volume of one or three values per voxel.
    """
    reading = HeaderReading(path)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    warnings_on = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # what is wrong is said in one line below
    try:
        try:
            reader.ReadImageInformation()
        except RuntimeError:
            raise reading.error(
                "not a readable image. Give a NIfTI, NRRD or MHA file or a DICOM folder; if it is one, export it again."
            ) from None
        channels = reader.GetNumberOfComponents()
        shape = volume_shape(reader.GetSize(), reading)
        check_expansion(int(np.prod(shape, dtype=object)) * channels, path.stat().st_size, path)
        try:
            itk = reader.Execute()
        except RuntimeError:
            raise reading.error(
                "the image data cannot be read, the file is cut off or damaged. Export or copy it again."
            ) from None
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(warnings_on)
    modality = itk.GetMetaData("0008|0060").strip() if "0008|0060" in itk.GetMetaDataKeys() else ""
    array = sitk.GetArrayFromImage(itk)
    array = color_array(array, channels, shape, reading) if channels > 1 else array.reshape(shape[::-1])
    if array.dtype.kind not in "iuf":
        raise reading.error(
            "the image holds complex numbers; one number per voxel is needed. Export the magnitude image."
        )
    return placed_image(
        array,
        np.eye(3, 4) if sitk.ImageFileReader.GetImageIOFromFileName(str(path)) in PICTURES else _index_to_lps(itk),
        reading,
        modality=modality or None,
        meta={MODALITY_SOURCE: DICOM_MODALITY} if modality else {},
    )


def _index_to_lps(itk: sitk.Image) -> np.ndarray:
    """3x4 matrix from voxel index to LPS mm of the first three axes; a 2D image lies in a slice of 1 mm."""
    rank = itk.GetDimension()
    kept = min(rank, 3)
    matrix = np.eye(3, 4)
    direction = np.reshape(itk.GetDirection(), (rank, rank))[:kept, :kept]
    matrix[:kept, :kept] = direction * np.array(itk.GetSpacing()[:kept])
    matrix[:kept, 3] = itk.GetOrigin()[:kept]
    return matrix
