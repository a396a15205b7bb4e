"""Ultrasound pictures: the scan area, text, color box and color bar of exported images, and what kind of picture it is."""

from LiverAILib.imaging.ultrasound.box import Box
from LiverAILib.imaging.ultrasound.color_bar import ColorBar, find_color_bar
from LiverAILib.imaging.ultrasound.color_box import ColorBox, find_color_box, find_colors, largest_square, mirrored
from LiverAILib.imaging.ultrasound.kinds import UltrasoundKind, check_ultrasound, ultrasound_kind
from LiverAILib.imaging.ultrasound.scan_area import ScanArea, crop, find_panes, find_scan_area
from LiverAILib.imaging.ultrasound.stiffness import stiffness_kpa
from LiverAILib.imaging.ultrasound.text import TextBoxes, find_text
from LiverAILib.imaging.ultrasound.tissue import tissue_mask, without_burned_in

__all__ = [
    "Box",
    "ColorBar",
    "ColorBox",
    "ScanArea",
    "TextBoxes",
    "UltrasoundKind",
    "check_ultrasound",
    "crop",
    "find_color_bar",
    "find_color_box",
    "find_colors",
    "find_panes",
    "find_scan_area",
    "find_text",
    "largest_square",
    "mirrored",
    "stiffness_kpa",
    "tissue_mask",
    "ultrasound_kind",
    "without_burned_in",
]
