"""Ultrasound pictures: the scan area, text, color box and color bar of exported images, and what kind of picture it is."""

from LiverAILib.imaging.ultrasound.box import Box
from LiverAILib.imaging.ultrasound.scan_area import ScanArea, crop, find_panes, find_scan_area

__all__ = ["Box", "ScanArea", "crop", "find_panes", "find_scan_area"]
