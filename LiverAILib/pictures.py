"""Pictures of an assessment: the slice, the outline of the mask and the heat map fused over the image."""

from __future__ import annotations

import base64
import io

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from LiverAILib.assessment import Assessment
from LiverAILib.imaging.geometry import axis_order

HEATMAP_OPACITY = 0.6
COLORMAP = "inferno"


def fuse(section: np.ndarray, heat: np.ndarray, *, opacity: float = HEATMAP_OPACITY) -> np.ndarray:
    """RGB (rows, columns, 3), 0..1: the heat map over the gray image, the more opaque the hotter.

    Args:
        section: Intensities 0..1 (rows, columns).
        heat: Raw map, same shape; scaled by its maximum. Where it is 0 the image stays as it is.
        opacity: Opacity at the maximum.
    """
    scaled = np.clip(heat / heat.max(), 0, 1) if heat.max() > 0 else np.zeros_like(heat)
    color = colormaps[COLORMAP](0.25 + 0.75 * scaled)[..., :3]
    weight = (opacity * scaled)[..., None]
    return (1 - weight) * section[..., None] + weight * color


def assessment_figure(assessment: Assessment, *, title: bool = True) -> Figure:
    """The chosen slice three times or more: with the liver's outline, and with the heat map of every pipeline.

    Shown as radiologists look at it: anterior up, the patient's right on the left.
    """
    order = axis_order(assessment.image)
    chosen = assessment.chosen_slice
    if chosen is None:
        raise ValueError("The assessment has no chosen slice to draw")
    position = order.canonical_slice(chosen.index, assessment.image)
    section = display_gray(order.apply(assessment.image.array)[position])
    liver = order.apply(assessment.segmentation.image.array)[position] == 1
    spacing = [assessment.image.spacing[axis] for axis in order.axes]
    extent = (0, section.shape[1] * spacing[0], section.shape[0] * spacing[1], 0)
    panels = 1 + len(assessment.pipelines)
    figure = Figure(figsize=(4.2 * panels, 4.2 * extent[2] / extent[1] + (0.5 if title else 0)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    axes[0].imshow(section, cmap="gray", vmin=0, vmax=1, extent=extent)
    axes[0].contour(liver, [0.5], colors=["#e6a08c"], linewidths=1.2, extent=extent, origin="upper")
    axes[0].set_title(f"Slice {chosen.index}, liver outline", fontsize=10)
    for axis, (name, result) in zip(axes[1:], assessment.pipelines.items(), strict=True):
        heat = order.apply(result.heatmap.image.array)[position]
        axis.imshow(fuse(section, heat), extent=extent)
        probability = result.probabilities[result.heatmap.target]
        axis.set_title(f"{result.heatmap.method}, {name}: {result.heatmap.target} {probability:.2f}", fontsize=10)
    for axis in axes:
        axis.set_axis_off()
    if title and assessment.simulated:
        figure.suptitle("Classifier trained on simulated cases. Research use only.", fontsize=9, color="#a33")
    return figure


def display_gray(section: np.ndarray) -> np.ndarray:
    """Intensities scaled to 0..1 between the 1st and 99.5th percentile, for the eye."""
    finite = np.nan_to_num(section.astype(np.float32))
    low, high = np.percentile(finite, [1, 99.5])
    return np.clip((finite - low) / max(high - low, 1e-6), 0, 1)


def png_bytes(figure: Figure, *, dpi: int = 110) -> bytes:
    """The figure as the content of a PNG file."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi)
    return stream.getvalue()


def data_uri(png: bytes) -> str:
    """A PNG as a `data:` address, so that an HTML file holds its pictures itself."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
