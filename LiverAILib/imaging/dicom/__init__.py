"""DICOM: the volumes of a folder or file, and one of them as an image.

`scan_dicom` walks a folder tree and reads headers alone, `choose_volume` picks one of what it found, `read_volume` reads it.
"""

from LiverAILib.imaging.dicom.folder import DicomFolder, DicomVolume, choose_volume, describe_volumes, scan_dicom
from LiverAILib.imaging.dicom.header import SEGMENTATION_CLASSES, is_dicom, sop_class
from LiverAILib.imaging.dicom.match import matching_volumes
from LiverAILib.imaging.dicom.patients import check_one_patient
from LiverAILib.imaging.dicom.read import read_dicom, read_volume

__all__ = [
    "SEGMENTATION_CLASSES",
    "DicomFolder",
    "DicomVolume",
    "check_one_patient",
    "choose_volume",
    "describe_volumes",
    "is_dicom",
    "matching_volumes",
    "read_dicom",
    "read_volume",
    "scan_dicom",
    "sop_class",
]
