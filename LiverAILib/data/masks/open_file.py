"""Which kind of mask file a path is; nothing is chosen here."""

from __future__ import annotations

from pathlib import Path

from LiverAILib.data.masks.dicom_seg import DicomSegFile, find_dicom_seg
from LiverAILib.data.masks.label_map_file import LabelMapFile
from LiverAILib.data.masks.label_names import LabelNames
from LiverAILib.data.masks.mask_file import MaskFile
from LiverAILib.data.masks.slicer_segmentation import SlicerSegmentationFile, slicer_fields
from LiverAILib.errors import UserError


def read_mask_file(path: Path, name: str | None = None, *, label_names: LabelNames | None = None) -> MaskFile:
    """What the file holds.

    Args:
        path: File, or folder with a DICOM SEG or a label map as DICOM series.
        name: The file as the user wrote it; by default the path.
        label_names: Names of the labels of a file that has none.

    Raises:
        UserError: It cannot be read, or is no mask.
    """
    name = name or str(path)
    if not path.exists():
        raise UserError(f"{name}: no such file or folder. Check the path.")
    if path.is_dir():
        _check_folder(path, name)
    found = find_dicom_seg(path, name)
    if found is not None:
        return DicomSegFile(found, name)
    if path.is_file() and path.name.lower().endswith((".nrrd", ".nhdr")):
        fields = slicer_fields(path, name)
        if fields:
            return SlicerSegmentationFile(path, name, fields)
    return LabelMapFile(path, name, label_names)


def _check_folder(path: Path, name: str) -> None:
    """Raise where the folder holds pictures, whose place in the patient nobody knows."""
    files = [file for file in path.iterdir() if file.is_file() and not file.name.startswith(".")]
    pictures = [file for file in files if file.suffix.lower() in (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")]
    if pictures and len(pictures) == len(files):
        raise UserError(
            f"{name}: a folder of {len(pictures)} pictures ({pictures[0].suffix}), which have no geometry: where they lie in the "
            "patient cannot be known. Save the mask as NIfTI, NRRD or DICOM SEG."
        )
    if not files and not any(path.rglob("*")):
        raise UserError(f"{name}: the folder is empty. Give the mask file.")
