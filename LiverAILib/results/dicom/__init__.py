"""An assessment as DICOM objects of the patient's study: segmentation, structured report, heat maps and pictures."""

from LiverAILib.results.dicom.source import check_sources
from LiverAILib.results.dicom.write import write_dicom_objects

__all__ = ["check_sources", "write_dicom_objects"]
