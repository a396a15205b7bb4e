"""Pictures of an assessment: the slice, the outline of the mask and the heat map fused over the image."""

from __future__ import annotations

import base64
import io

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from LiverAILib.data.assessment import Assessment
from LiverAILib.data.outcome import Classification, HeatMap
from LiverAILib.data.structures import LIVER
from LiverAILib.imaging.geometry import axis_order
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.intensity import CT_WINDOW_HU, modality_of
from LiverAILib.imaging.ultrasound import tissue_mask, without_burned_in
from LiverAILib.imaging.ultrasound.box import box_of
from LiverAILib.results.shown_slice import shown_slice

HEATMAP_OPACITY = 0.6
COLORMAP, SIGNED_COLORMAP = "inferno", "bwr"


def fuse(
    section: np.ndarray, heat: np.ndarray, *, opacity: float = HEATMAP_OPACITY, maximum: float | None = None
) -> np.ndarray:
    """RGB (rows, columns, 3), 0..1: the heat map over the gray image, the more opaque the hotter.

    Args:
        section: Intensities 0..1 (rows, columns), or RGB (rows, columns, 3).
        heat: Raw map, same shape. Where it is 0 the image stays as it is.
        opacity: Opacity at the maximum.
        maximum: Value of the map that is shown at full strength; the largest of `heat` where None.
    """
    maximum = heat.max() if maximum is None else maximum
    scaled = np.clip(heat / maximum, 0, 1) if maximum > 0 else np.zeros_like(heat)
    color = colormaps[COLORMAP](0.25 + 0.75 * scaled)[..., :3]
    weight = (opacity * scaled)[..., None]
    base = section if section.ndim == 3 else section[..., None]
    return np.clip((1 - weight) * base + weight * color, 0, 1)


def fuse_signed(
    section: np.ndarray, heat: np.ndarray, *, opacity: float = HEATMAP_OPACITY, maximum: float | None = None
) -> np.ndarray:
    """RGB as of `fuse` for a signed map: red where it is positive, blue where it is negative (Byra 2021)."""
    maximum = np.abs(heat).max() if maximum is None else maximum
    scaled = np.clip(heat / maximum, -1, 1) if maximum > 0 else np.zeros_like(heat)
    color = colormaps[SIGNED_COLORMAP]((scaled + 1) / 2)[..., :3]
    weight = (opacity * np.abs(scaled))[..., None]
    base = section if section.ndim == 3 else section[..., None]
    return np.clip((1 - weight) * base + weight * color, 0, 1)


def assessment_figure(assessment: Assessment, *, title: bool = True) -> Figure:
    """A row for each image: its slice of `shown_slice` with the liver's outline, then each of its heat maps fused over it.

    Shown as radiologists look at it: anterior up, the patient's right on the left. A heat map is scaled by its maximum in
    the whole volume.
    """
    main = next(iter(assessment.images))
    rows = [(role, number) for role, images in assessment.images.items() for number in range(len(images))]
    maps = {
        key: [h for o in assessment.outcomes.values() for h in o.heatmaps if (h.role or main, h.number) == key]
        for key in rows
    }
    columns = 1 + max(len(found) for found in maps.values())
    extents = [shown_section(assessment, *key)[1] for key in rows]
    height = sum(4.2 * extent[2] / extent[1] for extent in extents)
    figure = Figure(figsize=(4.2 * columns, height + (0.5 if title else 0)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for key, row in zip(rows, axes, strict=True):
        _draw_image(row[0], assessment, *key)
        for axis, heatmap in zip(row[1:], maps[key], strict=False):
            _draw_heatmap(axis, assessment, heatmap)
    for axis in axes.ravel():
        axis.set_axis_off()
        axis.set(xticks=(), yticks=())  # ticks that nobody sees take half of the time of drawing
    if title and assessment.simulated:
        figure.suptitle("Classifier trained on simulated cases. Research use only.", fontsize=9, color="#a33")
    return figure


def shown_section(
    assessment: Assessment, role: str, number: int
) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """The shown slice of an image for the eye, and its extent in mm; of an ultrasound picture its scan area alone."""
    image = assessment.images[role][number]
    order = axis_order(image)
    shown = shown_slice(assessment, role, number)
    visible = without_burned_in(image) if _is_picture(image) else image
    section = order.apply(visible.array)[shown.position][_window(image, shown.position)]
    if not image.color:
        section = display_gray(section, modality=modality_of(image))
    elif section.dtype == np.uint8:
        section = section / 255
    spacing = [image.spacing[axis] for axis in order.axes]
    return section, (0, section.shape[1] * spacing[0], section.shape[0] * spacing[1], 0)


def _is_picture(image: Image) -> bool:
    """Whether an image is an ultrasound picture, beside whose tissue names may be burned in."""
    return image.modality == "US" and len(image.array) == 1


def _window(image: Image, position: int) -> tuple[slice, slice]:
    """Rows and columns of a section that are shown: those with tissue of an ultrasound picture, else all."""
    if not _is_picture(image) or not (mask := tissue_mask(image)).any():
        return slice(None), slice(None)
    section = axis_order(image).apply(mask[None])[position]
    return box_of(section).slices if section.any() else (slice(None), slice(None))


def shown_liver(assessment: Assessment) -> np.ndarray | None:
    """The liver in the shown slice of the main image, bool (rows, columns) as of `shown_section`; None without a segmentation."""
    if assessment.segmentation is None:
        return None
    position = shown_slice(assessment).position
    liver = axis_order(assessment.image).apply(assessment.segmentation.image.array)[position] == LIVER.label
    return liver[_window(assessment.image, position)]


def _draw_image(axis: Axes, assessment: Assessment, role: str, number: int) -> None:
    section, extent = shown_section(assessment, role, number)
    shown = shown_slice(assessment, role, number)
    axis.imshow(section, cmap="gray", vmin=0, vmax=1, extent=extent)
    image = assessment.images[role][number]
    title = f"Slice {shown.index}" if len(image.array) > 1 else role.replace("_", " ")
    if image is assessment.image and (liver := shown_liver(assessment)) is not None:
        if liver.any():
            axis.contour(
                liver,
                [0.5],
                colors=[tuple(channel / 255 for channel in LIVER.color)],
                linewidths=1.2,
                extent=extent,
                origin="upper",
            )
        title = f"Slice {shown.index}, liver outline"
    axis.set_title(title, fontsize=10)


def _draw_heatmap(axis: Axes, assessment: Assessment, heatmap: HeatMap) -> None:
    section, extent = fused_section(assessment, heatmap)
    axis.imshow(section, extent=extent)
    outcome = assessment.outcomes[heatmap.pipeline]
    value = f"{outcome.probabilities[heatmap.target]:.2f}" if isinstance(outcome, Classification) else outcome.answer
    axis.set_title(f"{heatmap.method}, {heatmap.pipeline}: {heatmap.target} {value}", fontsize=10)


def fused_section(assessment: Assessment, heatmap: HeatMap) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """The shown slice of the image that a heat map explains with the map over it: RGB (rows, columns, 3), 0..1; its extent in mm.

    Anterior is up, the patient's right on the left; of an ultrasound picture the scan area alone. The extent is (left, right,
    bottom, top) as matplotlib has it.
    """
    role, number = heatmap.role or next(iter(assessment.images)), heatmap.number
    section, extent = shown_section(assessment, role, number)
    volume = heatmap.image.array
    position = shown_slice(assessment, role, number).position
    heat = axis_order(heatmap.image).apply(volume)[position]
    heat = heat[_window(assessment.images[role][number], position)]
    blend = fuse_signed if heatmap.signed else fuse
    return blend(section, heat, maximum=max(float(volume.max()), -float(volume.min()))), extent


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
