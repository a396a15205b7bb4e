"""The regions of a DICOM ultrasound image: what each shows and how its pixels are calibrated (PS3.3, C.8.5.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset

from LiverAILib.imaging.dicom.elements import UNREADABLE, get_value

CENTIMETERS = 3
MM_PER_CM = 10.0
TWO_DIMENSIONAL = 1
"""RegionSpatialFormat of an image of tissue; 2 is M-mode, 3 a spectrum, 4 a wave form, 5 graphics."""

AGREEMENT = 0.01
"""Relative difference of two pixel sizes that count as equal."""


@dataclass(frozen=True)
class UltrasoundRegion:
    """A part of an ultrasound image.

    Attributes:
        box: (top, bottom, left, right), half-open, in pixels.
        spatial_format: RegionSpatialFormat: 1 an image, 2 M-mode, 3 a spectrum, 4 a wave form, 5 graphics; 0 where not stated.
        data_type: RegionDataType: 1 tissue, 2 color flow, 3 and 4 Doppler spectra, 14 gray bar, 15 color bar, ...; 0 where
            not stated.
        spacing: Distance of rows and of columns in mm; None where the region is not calibrated in cm.
    """

    box: tuple[int, int, int, int]
    spatial_format: int
    data_type: int
    spacing: tuple[float, float] | None


def regions_of(dataset: Dataset) -> tuple[UltrasoundRegion, ...]:
    """The regions that the header describes; what cannot be decoded counts as not stated."""
    items = get_value(dataset, "SequenceOfUltrasoundRegions")
    if items is None or isinstance(items, str):
        return ()
    return tuple(_region(item) for item in items)


def calibrated_spacing(regions: Sequence[UltrasoundRegion]) -> tuple[float, ...] | None:
    """Distance of rows and of columns in mm; None where no image is calibrated, or two of them differ.

    A region whose kind is not stated counts where it is the only one.
    """
    images = [one for one in regions if one.spatial_format == TWO_DIMENSIONAL or len(regions) == 1]
    found = [one.spacing for one in images if one.spacing is not None]
    if not found:
        return None
    agree = all(
        abs(one - first) <= AGREEMENT * first for spacing in found for one, first in zip(spacing, found[0], strict=True)
    )
    return found[0] if agree else None


def _region(item: Dataset) -> UltrasoundRegion:
    corners = [_whole(get_value(item, f"RegionLocation{name}")) for name in ("MinY0", "MaxY1", "MinX0", "MaxX1")]
    units = (get_value(item, "PhysicalUnitsXDirection"), get_value(item, "PhysicalUnitsYDirection"))
    steps = [_number(get_value(item, f"PhysicalDelta{axis}")) for axis in "YX"]
    calibrated = units == (CENTIMETERS, CENTIMETERS) and all(steps)
    return UltrasoundRegion(
        (corners[0], corners[1] + 1, corners[2], corners[3] + 1),
        _whole(get_value(item, "RegionSpatialFormat")),
        _whole(get_value(item, "RegionDataType")),
        (abs(steps[0]) * MM_PER_CM, abs(steps[1]) * MM_PER_CM) if calibrated else None,
    )


def _number(value: Any) -> float:
    if value is None or value == UNREADABLE:
        return 0.0
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0


def _whole(value: Any) -> int:
    return int(_number(value))
