"""A small picture of a result for the report of a batch: the outline of the liver, and the heat map over the image."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image as PilImage
from scipy import ndimage

from LiverAILib.atomic_write import atomic_bytes
from LiverAILib.data.assessment import Assessment
from LiverAILib.data.outcome import HeatMap
from LiverAILib.data.structures import LIVER
from LiverAILib.results.files import THUMBNAIL
from LiverAILib.results.pictures import fused_section, shown_liver, shown_section

HEIGHT = 180
"""Rows of pixels."""
MOST_PANELS = 4
"""A case of more images shows the first ones."""
QUALITY = 80
AIR, SPECKS = 0.08, 0.02
"""Gray that counts as air, and the share of brighter pixels from which a row or column belongs to the body."""


def write_thumbnail(assessment: Assessment, folder: Path) -> None:
    """Write the picture to the folder of a result.

    Raises:
        UserError: It cannot be written.
    """
    atomic_bytes(folder / THUMBNAIL, thumbnail(assessment))


def thumbnail(assessment: Assessment) -> bytes:
    """The picture as JPEG: the slice with the outline of the liver, then images with their heat maps, side by side.

    Shown as radiologists look at it: anterior up, the patient's right on the left.
    """
    keys = [(role, number) for role, given in assessment.images.items() for number in range(len(given))]
    liver = shown_liver(assessment)
    panels = [] if liver is None else [_outlined(assessment, liver)]
    panels += [_with_heatmap(assessment, *key) for key in keys[: MOST_PANELS - len(panels)]]
    stream = io.BytesIO()
    PilImage.fromarray(np.concatenate(panels, axis=1)).save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()


def _outlined(assessment: Assessment, liver: np.ndarray) -> np.ndarray:
    section, extent = shown_section(assessment, next(iter(assessment.images)), 0)
    window = _body(section)
    picture = _scaled(section, extent, window)
    size = (picture.shape[1], picture.shape[0])
    inside = np.array(PilImage.fromarray(liver[window]).resize(size, PilImage.Resampling.NEAREST))
    picture[inside & ~ndimage.binary_erosion(inside)] = [round(255 * part / max(LIVER.color)) for part in LIVER.color]
    return picture


def _with_heatmap(assessment: Assessment, role: str, number: int) -> np.ndarray:
    section, extent = shown_section(assessment, role, number)
    heatmap = _heatmap_of(assessment, role, number)
    fused = section if heatmap is None else fused_section(assessment, heatmap)[0]
    return _scaled(fused, extent, _body(section))


def _body(section: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of a section that show more than air."""
    bright = (section if section.ndim == 2 else section.max(axis=2)) > AIR
    found = []
    for axis in (1, 0):
        inside = np.flatnonzero(bright.mean(axis=axis) > SPECKS)
        found.append(slice(inside[0], inside[-1] + 1) if inside.size else slice(0, bright.shape[1 - axis]))
    return found[0], found[1]


def _heatmap_of(assessment: Assessment, role: str, number: int) -> HeatMap | None:
    """The heat map of an image, that of the primary outcome where several outcomes have one."""
    main = next(iter(assessment.images))
    outcomes = [assessment.outcome, *(one for name, one in assessment.outcomes.items() if name != assessment.primary)]
    maps = [one for outcome in outcomes for one in outcome.heatmaps if (one.role or main, one.number) == (role, number)]
    return maps[0] if maps else None


def _scaled(section: np.ndarray, extent: tuple[float, float, float, float], window: tuple[slice, slice]) -> np.ndarray:
    """RGB uint8 of `HEIGHT` rows, with square pixels.

    Args:
        section: Gray or RGB, 0..1.
        extent: (0, width, height, 0) of the whole section in mm.
        window: Rows and columns to show.
    """
    pixel_mm = extent[1] / section.shape[1], extent[2] / section.shape[0]
    section = section[window]
    width, height = section.shape[1] * pixel_mm[0], section.shape[0] * pixel_mm[1]
    colored = section if section.ndim == 3 else np.repeat(section[..., None], 3, axis=2)
    size = (max(1, round(HEIGHT * width / height)), HEIGHT)
    picture = PilImage.fromarray(np.round(255 * np.clip(colored, 0, 1)).astype(np.uint8))
    return np.array(picture.resize(size, PilImage.Resampling.BILINEAR))
