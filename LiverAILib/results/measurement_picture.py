"""How the measurements were made, drawn into the image: one panel per measurement."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from LiverAILib.data.assessment import Assessment
from LiverAILib.data.measurement import Drawing
from LiverAILib.data.structures import STRUCTURES
from LiverAILib.imaging.geometry import AxisOrder, axis_order
from LiverAILib.imaging.intensity import modality_of
from LiverAILib.results.pictures import display_gray

MARGIN_MM = 20.0
PANEL_INCHES = 4.6
LINE_COLOR, CURVE_COLOR = "#ffd166", "#ffffff"
REGION_COLOR = "#f28482"
DEVIATION_COLORS = "cool"


def measurement_figure(assessment: Assessment) -> Figure | None:
    """All drawings of an assessment, two in a row; None where there are none (or no image to draw them into).

    Shown as radiologists look at it: anterior up, the patient's right on the left. Slice numbers are those of the input.
    """
    drawings = assessment.drawings
    if not drawings:
        return None
    columns = min(2, len(drawings))
    rows = -(-len(drawings) // columns)
    figure = Figure(figsize=(PANEL_INCHES * columns, 0.85 * PANEL_INCHES * rows), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    order = axis_order(assessment.image)
    for panel, drawing in zip(panels, drawings, strict=False):
        _draw(panel, drawing, assessment, order)
    for panel in panels:
        panel.set_axis_off()
        panel.set(xticks=(), yticks=())
    return figure


def _draw(panel: Axes, drawing: Drawing, assessment: Assessment, order: AxisOrder) -> None:
    image = assessment.image
    section = display_gray(order.apply(image.array)[drawing.position], modality=modality_of(image))
    column_mm, row_mm = image.spacing[order.axes[0]], image.spacing[order.axes[1]]
    panel.imshow(section, cmap="gray", vmin=0, vmax=1, aspect=row_mm / column_mm, interpolation="nearest")
    for name, region in drawing.regions.items():
        _outline(panel, name, region)
    for mark in drawing.marks:
        if mark.values is None:
            _line(panel, mark.points, mark.label)
        else:
            dots = panel.scatter(
                mark.points[:, 0],
                mark.points[:, 1],
                c=mark.values,
                s=7,
                cmap=DEVIATION_COLORS,
                vmin=0,
                vmax=2,
                linewidths=0,
            )
            panel.figure.colorbar(dots, ax=panel, shrink=0.7, pad=0.01, extend="max", label=drawing.color_label)
    _crop(panel, drawing, section.shape, (column_mm, row_mm))
    index = order.canonical_slice(drawing.position, image)
    panel.set_title(f"{drawing.title}\nslice {index}", fontsize=9)


def _outline(panel: Axes, name: str, region: np.ndarray) -> None:
    if not region.any():
        return
    structure = STRUCTURES.get(name)
    color = REGION_COLOR if structure is None else tuple(c / 255 for c in structure.color)
    panel.contour(region, [0.5], colors=[color], linewidths=1.2)
    if name.endswith("ROI"):
        panel.contourf(region, [0.5, 1.5], colors=[color], alpha=0.25)


def _line(panel: Axes, points: np.ndarray, label: str) -> None:
    if len(points) > 2:  # a curve; its name is in the legend
        panel.plot(*points.T, color=CURVE_COLOR, linewidth=0.8, label=label)
        panel.legend(loc="lower left", fontsize=7, framealpha=0.6)
        return
    panel.plot(*points.T, color=LINE_COLOR, linewidth=1.2)
    upright = points[0, 0] == points[1, 0]
    place = points[0] if upright else points.mean(axis=0)
    offset = (0, 2) if upright else (0, 3)
    panel.annotate(
        label, place, xytext=offset, textcoords="offset points", color=LINE_COLOR, fontsize=8, ha="center", va="bottom"
    )


def _crop(panel: Axes, drawing: Drawing, shape: tuple[int, int], spacing: tuple[float, float]) -> None:
    """Show what is drawn with a margin around it, not the empty rest of the slice."""
    corners = [np.argwhere(region)[:, ::-1] for region in drawing.regions.values() if region.any()]
    corners += [mark.points[np.isfinite(mark.points).all(axis=1)] for mark in drawing.marks]
    if not corners:
        return
    points = np.concatenate(corners)
    margin = MARGIN_MM / np.array(spacing)
    low = np.maximum(points.min(axis=0) - margin, -0.5)
    high = np.minimum(points.max(axis=0) + margin, np.array(shape[::-1]) - 0.5)
    panel.set_xlim(low[0], high[0])
    panel.set_ylim(high[1], low[1])
