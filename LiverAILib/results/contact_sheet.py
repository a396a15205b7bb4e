"""One picture a case for checking a mask at a glance: slices with the outlines of all organs, volumes and warnings."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from LiverAILib.atomic_write import atomic_write
from LiverAILib.data.assessment import CaseWarning, Segmentation
from LiverAILib.data.measurement import Measurement
from LiverAILib.data.structures import Structure
from LiverAILib.imaging.geometry import AxisOrder, axis_order
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.intensity import intensity_scale, modality_of
from LiverAILib.output_paths import PICTURE_SUFFIXES, check_ending

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = 24
COLUMNS = 6
PANEL_INCHES = 2.3
TEXT_WIDTH = 150
BACKGROUND, TEXT = "#111111", "#eeeeee"


def shown_slices(labels: np.ndarray, panels: int = PANELS) -> list[int]:
    """Canonical slice numbers to show, top down: all where they fit, else evenly spaced ones through the organs.

    A slice below and one above the organs is shown too, because there a mask may be missing.

    Args:
        labels: Canonical labels (k, j, i), 0 outside.
        panels: How many fit.
    """
    count = len(labels)
    if count <= panels:
        return list(range(count))[::-1]
    inside = np.flatnonzero(labels.any(axis=(1, 2)))
    first, last = (max(inside[0] - 1, 0), min(inside[-1] + 1, count - 1)) if inside.size else (0, count - 1)
    chosen = np.unique(np.round(np.linspace(first, last, min(panels, last - first + 1))).astype(int))
    return chosen[::-1].tolist()


def contact_sheet(
    image: Image,
    segmentation: Segmentation,
    *,
    title: str = "",
    measurements: Sequence[Measurement] = (),
    warnings: Sequence[CaseWarning] = (),
    panels: int = PANELS,
) -> Figure:
    """The picture: anterior up, the patient's right on the left, slices from the top of the patient down.

    Args:
        image: The scan.
        segmentation: Label map in its geometry.
        title: First line, such as the case and the model.
        measurements: Shown below it.
        warnings: Shown below them, in full.
        panels: How many slices at most.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    order = axis_order(image)
    labels = order.apply(segmentation.image.array)
    volume = order.apply(image.array)
    scale = intensity_scale(image, modality_of(image))
    spacing = [image.spacing[axis] for axis in order.axes]
    chosen = shown_slices(labels, panels)
    window = _window_of_the_body([scale(volume[k]) for k in chosen], labels)
    columns = min(COLUMNS, len(chosen))
    rows = -(-len(chosen) // columns)
    lines = _caption(title, measurements, warnings, width=max(TEXT_WIDTH * columns // COLUMNS, 40))
    height_mm = (window[0].stop - window[0].start) * spacing[1]
    width_mm = (window[1].stop - window[1].start) * spacing[0]
    panel_height = PANEL_INCHES * min(height_mm / width_mm, 1.6)
    header = 0.2 * (len(lines) + 1) + 0.15
    width, height = PANEL_INCHES * columns, panel_height * rows + header
    figure = Figure(figsize=(width, height), facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    _write_header(figure, lines, segmentation.structures, height)
    for number, k in enumerate(chosen):
        row, column = divmod(number, columns)
        box = (column / columns, 1 - (header + (row + 1) * panel_height) / height, 1 / columns, panel_height / height)
        axes = figure.add_axes(box)
        _draw_panel(axes, scale(volume[k])[window], labels[k][window], segmentation.structures, spacing)
        _mark(axes, stored_slice(k, image, order), first=number == 0)
    return figure


def stored_slice(k: int, image: Image, order: AxisOrder) -> int:
    """Number of canonical slice `k` along the input's own slice axis, as a viewer counts it (from 0)."""
    return order.canonical_slice(k, image)


def write_contact_sheet(figure: Figure, path: str | os.PathLike[str], *, dpi: int = 110) -> Path:
    """Write the picture as PNG, whole or not at all.

    Raises:
        UserError: The ending is not .png, or the file cannot be written.
    """
    path = Path(path)
    check_ending(path, PICTURE_SUFFIXES)
    with atomic_write(path) as unfinished:
        figure.savefig(unfinished, format="png", dpi=dpi, facecolor=figure.get_facecolor())
    return path


def _window_of_the_body(sections: Sequence[np.ndarray], labels: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns with the body or a mask, with a small margin: air around the patient is not worth the space."""
    seen = np.stack([section > 0.08 for section in sections]).mean(axis=0) > 0.1
    seen |= labels.any(axis=0)
    if not seen.any():
        return slice(0, seen.shape[0]), slice(0, seen.shape[1])
    found = []
    for axis in (1, 0):
        inside = np.flatnonzero(seen.any(axis=axis))
        margin = max(2, seen.shape[1 - axis] // 40)
        found.append(slice(max(inside[0] - margin, 0), min(inside[-1] + 1 + margin, seen.shape[1 - axis])))
    return found[0], found[1]


def _caption(
    title: str, measurements: Sequence[Measurement], warnings: Sequence[CaseWarning], *, width: int
) -> list[tuple[str, str]]:
    """Lines of the header with their color."""
    lines = [(line, TEXT) for line in textwrap.wrap(title, width)] if title else []
    volumes = "   ".join(f"{m.name} {m.value:g} {m.unit}" for m in measurements)
    lines += [(line, TEXT) for line in textwrap.wrap(volumes, width)]
    for warning in warnings:
        lines += [
            (line, "#ffb347") for line in textwrap.wrap(f"Warning: {warning.text}", width, subsequent_indent="    ")
        ]
    return lines or [("", TEXT)]


def _write_header(figure: Figure, lines: list[tuple[str, str]], structures: Sequence[Structure], height: float) -> None:
    for number, (line, color) in enumerate(lines):
        figure.text(0.006, 1 - (0.2 * number + 0.08) / height, line, color=color, fontsize=8.5, va="top")
    x = 0.006
    for structure in structures:
        y = 1 - (0.2 * len(lines) + 0.08) / height
        entry = figure.text(
            x,
            y,
            f"{'- -' if structure.laterality[0] else '—'} {structure.title}",
            color=_bright(structure),
            fontsize=8.5,
            va="top",
            weight="bold",
        )
        x = entry.get_window_extent().x1 / figure.bbox.width + 0.012


def _draw_panel(axes, section: np.ndarray, labels: np.ndarray, structures: Sequence[Structure], spacing) -> None:
    extent = (0, section.shape[1] * spacing[0], section.shape[0] * spacing[1], 0)
    axes.imshow(section, cmap="gray", vmin=0, vmax=1, extent=extent, interpolation="bilinear")
    for structure in structures:
        inside = labels == structure.label
        if inside.any():
            # A border of background, so that the outline of an organ at the edge of the picture is closed.
            padded = np.pad(inside, 1)
            x = (np.arange(padded.shape[1]) - 0.5) * spacing[0]
            y = (np.arange(padded.shape[0]) - 0.5) * spacing[1]
            style = "dashed" if structure.laterality[0] else "solid"  # the kidneys' hue is nearly that of the liver
            axes.contour(x, y, padded, [0.5], colors=[_bright(structure)], linewidths=0.9, linestyles=style)
    axes.set_xlim(extent[:2])
    axes.set_ylim(extent[2:])
    axes.set_aspect("equal")
    axes.set_axis_off()


def _mark(axes, number: int, *, first: bool) -> None:
    """Slice number in every panel; right and left of the patient in every panel too, because panels get cut out."""
    place = {"transform": axes.transAxes, "fontsize": 7.5, "color": TEXT}
    axes.text(0.02, 0.98, f"{number}" if not first else f"slice {number}", va="top", **place)
    axes.text(0.02, 0.5, "R", va="center", **place)
    axes.text(0.98, 0.5, "L", va="center", ha="right", **place)


def _bright(structure: Structure) -> tuple[float, float, float]:
    """The structure's color, as bright as that hue goes, to stand out from gray."""
    top = max(structure.color)
    return tuple(value / top for value in structure.color)  # type: ignore[return-value]
