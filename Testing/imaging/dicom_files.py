"""DICOM files as scanners write them, made with pydicom, and dcm2niix as an independent reader of them."""

from __future__ import annotations

import io
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dcm2niix
import nibabel
import numpy as np
import PIL.Image
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    CTImageStorage,
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    MRImageStorage,
    RLELossless,
    generate_uid,
)

from LiverAILib.imaging.image import Image

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
STUDY, SERIES, FRAME_OF_REFERENCE = "1.2.3.1", "1.2.3.2", "1.2.3.3"
PIXEL = (0.8, 0.7)
"""Distance of rows and of columns in mm."""

STEP = 2.5
ORIGIN = (-100.0, -120.0, 40.0)


def dataset(
    pixels: np.ndarray, position: Sequence[float] | None, orientation: Sequence[float] | None, **tags: Any
) -> Dataset:
    """One classic image; `pixels` are stored values of 8 or 16 bits. `tags` are set last, None deletes one."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    modality = tags.get("Modality", "CT")
    made.SOPClassUID = MRImageStorage if modality == "MR" else CTImageStorage
    made.SOPInstanceUID = generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID, made.FrameOfReferenceUID = STUDY, SERIES, FRAME_OF_REFERENCE
    made.PatientID, made.PatientName = "P1", "Test^Person"
    made.Modality, made.SeriesDescription, made.SeriesNumber, made.InstanceNumber = modality, "portal venous", 2, 1
    made.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    if orientation is not None:
        made.ImageOrientationPatient = [f"{value:.10g}" for value in orientation]
    if position is not None:
        made.ImagePositionPatient = [f"{value:.10g}" for value in position]
    made.PixelSpacing, made.SliceThickness = list(PIXEL), STEP
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.RescaleSlope, made.RescaleIntercept = 1, 0
    store(made, pixels)
    for name, value in tags.items():
        if value is None:
            delattr(made, name)
        else:
            setattr(made, name, value)
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    return made


def store(made: Dataset, pixels: np.ndarray) -> None:
    """Put stored values into a data set, in their own type."""
    bits = 8 * pixels.dtype.itemsize
    made.Rows, made.Columns = pixels.shape[-2:]
    made.BitsAllocated = made.BitsStored = bits
    made.HighBit, made.PixelRepresentation = bits - 1, int(pixels.dtype.kind == "i")
    made.PixelData = pixels.tobytes()
    made["PixelData"].VR = "OB" if bits == 8 else "OW"


def save(made: Dataset, path: Path) -> Path:
    """Write a data set as a DICOM file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path, enforce_file_format=True)
    return path


def write_series(
    folder: Path,
    volume: np.ndarray,
    *,
    orientation: Sequence[float] = AXIAL,
    origin: Sequence[float] = ORIGIN,
    positions: Sequence[float] | None = None,
    name: str = "IM{:04d}.dcm",
    each: Callable[[int, Dataset], Dataset | None] | None = None,
    **tags: Any,
) -> list[Path]:
    """Write a volume (slices, rows, columns) as a classic series, file names in shuffled order of the slices.

    `positions` are mm along the normal; `each(k, data set)` may change a slice or leave it out (None).
    """
    normal = np.cross(orientation[:3], orientation[3:])
    positions = np.arange(len(volume)) * STEP if positions is None else positions
    numbers = np.random.default_rng(1).permutation(len(volume))
    written = []
    for k, (pixels, distance) in enumerate(zip(volume, positions, strict=True)):
        made = dataset(pixels, np.add(origin, normal * distance), orientation, **{"InstanceNumber": k + 1, **tags})
        changed = each(k, made) if each else made
        if changed is not None:
            written.append(save(changed, folder / name.format(numbers[k])))
    return written


def item(**tags: Any) -> Dataset:
    """A sequence item."""
    made = Dataset()
    for name, value in tags.items():
        setattr(made, name, value)
    return made


def write_enhanced(
    path: Path,
    frames: Sequence[tuple[np.ndarray, float, dict[str, Any]]],
    *,
    modality: str = "MR",
    orientation: Sequence[float] | None = AXIAL,
    slope: float = 1,
    intercept: float = 0,
) -> Path:
    """One enhanced multi-frame object. A frame is (stored values, mm along the normal, functional groups by sequence keyword)."""
    made = dataset(np.stack([pixels for pixels, _, _ in frames]), None, None, Modality=modality)
    for name in ("PixelSpacing", "SliceThickness", "RescaleSlope", "RescaleIntercept"):
        delattr(made, name)
    kind = EnhancedCTImageStorage if modality == "CT" else EnhancedMRImageStorage
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = kind
    shared = item(
        PixelMeasuresSequence=[item(PixelSpacing=list(PIXEL), SliceThickness=STEP)],
        PixelValueTransformationSequence=[item(RescaleSlope=slope, RescaleIntercept=intercept, RescaleType="US")],
    )
    normal = np.cross(AXIAL[:3], AXIAL[3:])
    if orientation is not None:
        shared.PlaneOrientationSequence = [item(ImageOrientationPatient=list(orientation))]
        normal = np.cross(orientation[:3], orientation[3:])
    made.SharedFunctionalGroupsSequence = [shared]
    own = []
    places = sorted({distance for _, distance, _ in frames})
    for _, distance, groups in frames:
        position = [f"{value:.10g}" for value in np.add(ORIGIN, normal * distance)]
        one = item(PlanePositionSequence=[item(ImagePositionPatient=position)])
        place = places.index(distance) + 1
        one.FrameContentSequence = [item(StackID="1", InStackPositionNumber=place, DimensionIndexValues=[1, place])]
        for name, group in groups.items():
            setattr(one, name, [group])
        own.append(one)
    made.PerFrameFunctionalGroupsSequence, made.NumberOfFrames = own, len(own)
    return save(made, path)


def without_file_meta(file: Path, bare: Path) -> Path:
    """The data set of a file alone, implicit VR, without preamble and file meta, as old archives hold it."""
    made = pydicom.dcmread(file)
    del made.file_meta
    pydicom.dcmwrite(bare, made, implicit_vr=True, little_endian=True, enforce_file_format=False)
    return bare


# --- compression ----------------------------------------------------------------------------------------------------


def compress(made: Dataset, syntax: UID) -> Dataset:
    """The data set with its 16-bit pixels compressed without loss."""
    if syntax in (RLELossless, JPEGLSLossless):
        made.compress(syntax, generate_instance_uid=False)
        return made
    stored = np.int16 if made.PixelRepresentation else np.uint16
    pixels = np.frombuffer(made.PixelData, stored).reshape(made.Rows, made.Columns)
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/compressed.dcm"
        writer = sitk.ImageFileWriter()
        writer.SetFileName(file)
        writer.SetUseCompression(True)
        writer.SetCompressor({JPEG2000Lossless: "JPEG2000", JPEGLosslessSV1: "JPEG"}[syntax])
        writer.Execute(sitk.GetImageFromArray(pixels[None]))
        written = pydicom.dcmread(file)
    assert written.file_meta.TransferSyntaxUID == syntax
    made.PixelData = written.PixelData
    made["PixelData"].VR, made["PixelData"].is_undefined_length = "OB", True
    made.file_meta.TransferSyntaxUID = syntax
    return made


def jpeg_baseline(made: Dataset) -> Dataset:
    """The data set with its 8-bit pixels compressed with loss."""
    code = io.BytesIO()
    pixels = np.frombuffer(made.PixelData, np.uint8).reshape(made.Rows, made.Columns)
    PIL.Image.fromarray(pixels).save(code, "JPEG", quality=95)
    made.PixelData = encapsulate([code.getvalue()])
    made["PixelData"].VR, made["PixelData"].is_undefined_length = "OB", True
    made.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    return made


# --- dcm2niix -------------------------------------------------------------------------------------------------------


def converted_by_dcm2niix(source: Path, folder: Path) -> list[nibabel.Nifti1Image]:
    """What dcm2niix makes of a folder or file, images in the order of their names."""
    folder.mkdir()
    target = source if source.is_dir() else source.parent
    command = [dcm2niix.bin, "-f", "image_%s_%e_%r", "-b", "n", "-o", str(folder), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return [nibabel.load(file) for file in sorted(folder.glob("*.nii"))]


def assert_same_as(image: Image, nifti: nibabel.Nifti1Image, *, tolerance: float = 0.0) -> None:
    """Every voxel of `image` has the value that the NIfTI image has at the same place of the patient."""
    to_lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ nifti.affine
    index = np.indices(image.size).reshape(3, -1)
    points = image.index_to_lps @ np.vstack([index, np.ones(index.shape[1])])
    there = (np.linalg.inv(to_lps) @ points)[:3]
    nearest = np.rint(there).astype(int)
    assert np.abs(there - nearest).max() < 0.01, "voxels lie at other places"
    assert sorted(image.size) == sorted(nifti.shape)
    values = nifti.get_fdata()[tuple(nearest)]
    np.testing.assert_allclose(image.array.transpose(2, 1, 0).ravel(), values, atol=tolerance, rtol=1e-6)


def ultrasound(pixels: np.ndarray, **tags: Any) -> Dataset:
    """An ultrasound picture or cine loop: `pixels` (rows, columns), (rows, columns, 3), or with frames before these axes."""
    color = pixels.shape[-1] == 3
    frames = pixels.shape[0] if pixels.ndim == 3 + color else 0
    kind = "1.2.840.10008.5.1.4.1.1.3.1" if frames else "1.2.840.10008.5.1.4.1.1.6.1"
    size = pixels[..., 0] if color else pixels
    made = dataset(size, None, None, Modality="US", SOPClassUID=kind, PixelSpacing=None, SliceThickness=None)
    del made.RescaleSlope, made.RescaleIntercept
    made.PixelData = pixels.tobytes()
    if color:
        made.SamplesPerPixel, made.PhotometricInterpretation, made.PlanarConfiguration = 3, "RGB", 0
    if frames:
        made.NumberOfFrames = frames
    for name, value in tags.items():
        setattr(made, name, value)
    return made
