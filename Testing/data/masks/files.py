"""Mask files for tests, written by other software: slicer-core, highdicom, SimpleITK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import highdicom
import numpy as np
import pytest
from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from LiverAILib.imaging.image import Image

LIVER_CODE, SPLEEN_CODE, MASS_CODE = (
    Code("10200004", "SCT", "Liver"),
    Code("78961009", "SCT", "Spleen"),
    Code("4147007", "SCT", "Mass"),
)


def box(image: Image, k: tuple[int, int], j: tuple[int, int], i: tuple[int, int]) -> np.ndarray:
    """uint8 1 in a box of voxels, of the image's shape."""
    array = np.zeros(image.array.shape, np.uint8)
    array[slice(*k), slice(*j), slice(*i)] = 1
    return array


def entry(code: Code, *, region: Code | None = None, scheme: str = "SCT") -> str:
    """Slicer's terminology entry of a code."""
    place = f"SCT^{region.value}^{region.meaning}" if region else "^^"
    return f"Segmentation category and type~SCT^1^category~{scheme}^{code.value}^{code.meaning}~^^~Anatomic codes~{place}~^^"


def write_with_slicer(
    path: Path,
    image: Image,
    segments: Sequence[tuple[str, np.ndarray]],
    *,
    entries: Mapping[str, str] | None = None,
) -> Path:
    """A `.seg.nrrd` by Slicer's own storage node: cropped to the segments, in layers where they overlap.

    Args:
        path: The file.
        image: Its geometry.
        segments: Name and mask (k, j, i) of each.
        entries: Terminology entry by name; Slicer's default ("Tissue") for the others.
    """
    slicer = pytest.importorskip("slicer")
    pytest.importorskip("slicer.util")
    import vtk
    from vtk.util import numpy_support

    scene = slicer.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    matrix = slicer.util.vtkMatrixFromArray(np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.index_to_lps)
    for name, mask in segments:
        labelmap = slicer.vtkOrientedImageData()
        labelmap.SetDimensions(*mask.shape[::-1])
        labelmap.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
        numpy_support.vtk_to_numpy(labelmap.GetPointData().GetScalars())[:] = mask.ravel()
        labelmap.SetImageToWorldMatrix(matrix)
        segment_id = node.AddSegmentFromBinaryLabelmapRepresentation(labelmap, name)
        if name in (entries or {}):
            node.GetSegmentation().GetSegment(segment_id).SetTerminology(entries[name])
    node.GetSegmentation().CollapseBinaryLabelmaps(False)
    storage = scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(path))
    assert storage.WriteData(node)
    return path


def dicom_slices(image: Image) -> list[Dataset]:
    """CT slices of the image, in memory."""
    direction = np.asarray(image.direction)
    series, study, frame = generate_uid(), generate_uid(), generate_uid()
    slices = []
    for k in range(image.size[2]):
        ds = Dataset()
        ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, generate_uid()
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = study, series, frame
        ds.PatientID, ds.PatientName, ds.PatientBirthDate, ds.PatientSex = "1", "A^B", "", ""
        ds.StudyDate, ds.StudyTime, ds.AccessionNumber, ds.StudyID, ds.ReferringPhysicianName = "", "", "", "", ""
        ds.Modality, ds.SeriesNumber, ds.InstanceNumber = "CT", 1, k + 1
        ds.PositionReferenceIndicator = ""
        ds.Rows, ds.Columns, ds.SliceThickness = image.size[1], image.size[0], image.spacing[2]
        ds.PixelSpacing = [image.spacing[1], image.spacing[0]]
        ds.ImageOrientationPatient = [*direction[:, 0], *direction[:, 1]]
        ds.ImagePositionPatient = list((image.index_to_lps @ [0, 0, k, 1])[:3])
        ds.file_meta = Dataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        slices.append(ds)
    return slices


def write_dicom_seg(
    path: Path, image: Image, segments: Sequence[tuple[str, Code, np.ndarray]], *, kind: str = "BINARY"
) -> Path:
    """A DICOM SEG by highdicom; segments may overlap where `kind` is not "LABELMAP", fractional ones are floats 0..1."""
    descriptions = [
        highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=name,
            segmented_property_category=Code("123037004", "SCT", "Anatomical Structure"),
            segmented_property_type=code,
            algorithm_type="MANUAL",
        )
        for number, (name, code, _) in enumerate(segments, 1)
    ]
    array = np.stack([mask for _, _, mask in segments], axis=-1)
    if kind == "LABELMAP":
        array = (array * np.arange(1, len(segments) + 1)).max(axis=-1).astype(np.uint8)
    elif kind == "FRACTIONAL":
        array = array.astype(np.float32)
    seg = highdicom.seg.Segmentation(
        dicom_slices(image),
        array,
        segmentation_type=kind,
        segment_descriptions=descriptions,
        series_instance_uid=generate_uid(),
        series_number=2,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="x",
        manufacturer_model_name="x",
        software_versions="1",
        device_serial_number="1",
        **({"fractional_type": "PROBABILITY"} if kind == "FRACTIONAL" else {}),
    )
    seg.save_as(path)
    return path
