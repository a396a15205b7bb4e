"""Folders with image files and DICOM series, and what is found in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid

from LiverAILib.imaging.files import write_image
from LiverAILib.imaging.image import Image
from LiverAILib.jobs.case_search.find_cases import FoundCases, find_cases
from LiverAILib.methods import method_named

SHAPE = (4, 12, 16)


def image(seed: int = 0) -> Image:
    return Image(np.random.default_rng(seed).normal(100, 20, SHAPE).astype(np.float32), (1.5, 1.5, 6.0))


def write(*paths: Path) -> None:
    for number, path in enumerate(paths):
        write_image(image(number), path)


def write_series(
    folder: Path,
    *,
    seed: int = 0,
    modality: str = "MR",
    description: str = "t2 axial",
    name: str = "IM{:04d}",
    slices: range = range(4),
    uid: str | None = None,
    image_type: str = "ORIGINAL\\PRIMARY\\AXIAL",
) -> str:
    """Single-frame DICOM files of one series; the same seed and UID give the same instances."""
    uid = uid or generate_uid()[:50]
    folder.mkdir(parents=True, exist_ok=True)
    for number in slices:
        pixels = np.random.default_rng(100 * seed + number).integers(0, 1000, SHAPE[1:]).astype(np.int16)
        ds = Dataset()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = {"MR": MRImageStorage, "CT": CTImageStorage}[modality]
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{uid}.{number + 1}"
        ds.SeriesInstanceUID, ds.StudyInstanceUID, ds.FrameOfReferenceUID = uid, "1.2.3", "1.2.4"
        ds.PatientID, ds.PatientName, ds.Modality, ds.SeriesDescription = "p1", "P", modality, description
        ds.ImageType = image_type.split("\\")
        ds.InstanceNumber = number + 1
        ds.ImagePositionPatient, ds.ImageOrientationPatient = [0, 0, 6 * number], [1, 0, 0, 0, 1, 0]
        ds.PixelSpacing, ds.SliceThickness = [1.5, 1.5], 6
        ds.Rows, ds.Columns = pixels.shape
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
        ds.PixelData = pixels.tobytes()
        ds.save_as(folder / name.format(number + 1), enforce_file_format=True)
    return uid


def find(folder: Path, **more) -> FoundCases:
    return find_cases(folder, method_named("nowak2021"), **more)


def names(found: FoundCases) -> list[str]:
    return [case.case_id for case in found.cases]


def aside(found: FoundCases, folder: Path) -> dict[str, str]:
    return {one.path.relative_to(folder).as_posix(): one.reason for one in found.set_aside}
