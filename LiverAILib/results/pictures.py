"""Pictures of an assessment: the slice, the outline of the mask and the heat map fused over the image."""

from __future__ import annotations

import base64
import io

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from LiverAILib.data.assessment import Assessment
from LiverAILib.data.structures import LIVER
from LiverAILib.imaging.geometry import axis_order
from LiverAILib.imaging.intensity import CT_WINDOW_HU, modality_of
from LiverAILib.results.shown_slice import shown_slice

HEATMAP_OPACITY = 0.6
COLORMAP = "inferno"


def fuse(
    section: np.ndarray, heat: np.ndarray, *, opacity: float = HEATMAP_OPACITY, maximum: float | None = None
) -> np.ndarray:
    """RGB (rows, columns, 3), 0..1: the heat map over the gray image, the more opaque the hotter.

    Args:
        section: Intensities 0..1 (rows, columns).
        heat: Raw map, same shape. Where it is 0 the image stays as it is.
        opacity: Opacity at the maximum.
        maximum: Value of the map that is shown at full strength; the largest of `heat` where None.
    """
    maximum = heat.max() if maximum is None else maximum
    scaled = np.clip(heat / maximum, 0, 1) if maximum > 0 else np.zeros_like(heat)
    color = colormaps[COLORMAP](0.25 + 0.75 * scaled)[..., :3]
    weight = (opacity * scaled)[..., None]
    return (1 - weight) * section[..., None] + weight * color


def assessment_figure(assessment: Assessment, *, title: bool = True) -> Figure:
    """The slice of `shown_slice` twice or more: with the liver's outline, and with the heat map of every pipeline.

    Shown as radiologists look at it: anterior up, the patient's right on the left. A heat map is scaled by its maximum in
    the whole volume.
    """
    order = axis_order(assessment.image)
    shown = shown_slice(assessment)
    position = shown.position
    section = display_gray(order.apply(assessment.image.array)[position], modality=modality_of(assessment.image))
    liver = order.apply(assessment.segmentation.image.array)[position] == LIVER.label
    spacing = [assessment.image.spacing[axis] for axis in order.axes]
    extent = (0, section.shape[1] * spacing[0], section.shape[0] * spacing[1], 0)
    panels = 1 + len(assessment.pipelines)
    figure = Figure(figsize=(4.2 * panels, 4.2 * extent[2] / extent[1] + (0.5 if title else 0)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    axes[0].imshow(section, cmap="gray", vmin=0, vmax=1, extent=extent)
    if liver.any():
        axes[0].contour(liver, [0.5], colors=["#e6a08c"], linewidths=1.2, extent=extent, origin="upper")
    axes[0].set_title(f"Slice {shown.index}, liver outline", fontsize=10)
    for axis, (name, result) in zip(axes[1:], assessment.pipelines.items(), strict=True):
        volume = result.heatmap.image.array
        heat = order.apply(volume)[position]
        axis.imshow(fuse(section, heat, maximum=float(volume.max())), extent=extent)
        probability = result.probabilities[result.heatmap.target]
        axis.set_title(f"{result.heatmap.method}, {name}: {result.heatmap.target} {probability:.2f}", fontsize=10)
    for axis in axes:
        axis.set_axis_off()
    if title and assessment.simulated:
        figure.suptitle("Classifier trained on simulated cases. Research use only.", fontsize=9, color="#a33")
    return figure


def display_gray(section: np.ndarray, *, modality: str = "MR") -> np.ndarray:
    """Intensities scaled to 0..1 for the eye: the abdominal window of CT, else the 1st to the 99.5th percentile."""
    finite = np.nan_to_num(section.astype(np.float32))
    low, high = CT_WINDOW_HU if modality == "CT" else np.percentile(finite, [1, 99.5])
    return np.clip((finite - low) / max(high - low, 1e-6), 0, 1)


def png_bytes(figure: Figure, *, dpi: int = 110) -> bytes:
    """The figure as the content of a PNG file."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi)
    return stream.getvalue()


def data_uri(png: bytes) -> str:
    """A PNG as a `data:` address, so that an HTML file holds its pictures itself."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
