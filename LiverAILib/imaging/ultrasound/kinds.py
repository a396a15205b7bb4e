"""What kind of ultrasound picture an image is, and whether it can be used as what it is given for."""

from __future__ import annotations

from typing import Literal

from LiverAILib.errors import UserError
from LiverAILib.imaging.image import REGIONS, Image
from LiverAILib.imaging.ultrasound.box import Box
from LiverAILib.imaging.ultrasound.color_box import MOSTLY, find_colors, shows_flow
from LiverAILib.imaging.ultrasound.scan_area import find_layout, find_scan_area
from LiverAILib.imaging.ultrasound.text import find_text

UltrasoundKind = Literal["b-mode", "elastogram", "doppler", "m-mode", "two panes"]
Warnings = tuple[tuple[str, str], ...]
"""(code, text) of what a person has to know."""

COLOR_FLOW, SPECTRA = 2, (3, 4)
"""RegionDataType of DICOM (PS3.3, C.8.5.5.1.2)."""

M_MODE, SPECTRUM = 2, 3
"""RegionSpatialFormat of DICOM (PS3.3, C.8.5.5.1.1)."""

LISTED = 4
"""At most so many places are named in a message."""

KIND_NAMES = {
    "b-mode": "a gray-scale image without a color box",
    "elastogram": "an elastogram (its scan area holds a color box)",
    "doppler": "a Doppler image",
    "m-mode": "an M-mode image or a spectrum (values over time below the image)",
    "two panes": "a screenshot of two images beside or above each other",
}
FIXES = {
    "b-mode": "the gray-scale image",
    "elastogram": "the image with the colored stiffness map",
}


def ultrasound_kind(image: Image) -> UltrasoundKind:
    """What a picture shows, from its DICOM regions where it has them, else from what it looks like.

    "elastogram" includes a dual display with an elastogram in one pane; "two panes" are two gray-scale images.

    Raises:
        UserError: There is no scan area.
    """
    stated = _stated_kind(image)
    if stated in ("doppler", "m-mode"):
        return stated
    layout = find_layout(image)
    if layout.traces:
        return "m-mode"
    colors = find_colors(image)
    if colors is not None:
        return "doppler" if shows_flow(image, colors) else "elastogram"
    return "two panes" if len(layout.panes) > 1 else "b-mode"


def check_ultrasound(
    image: Image,
    *,
    expected: Literal["b-mode", "elastogram"],
    name: str = "the image",
    dual_display: bool = False,
) -> Warnings:
    """Whether an image can be used as a gray-scale image or as an elastogram.

    Args:
        image: One picture.
        expected: What it is given for.
        name: What messages call it.
        dual_display: Whether the gray-scale image may be one pane of a display that shows the elastogram in the other one.

    Returns:
        Warnings that belong into the assessment, (code, text).

    Raises:
        UserError: It is no single ultrasound picture, or of another kind than expected.
    """
    _check_picture(image, name)
    kind = ultrasound_kind(image)
    panes = find_layout(image).panes
    dual = kind == "elastogram" and len(panes) > 1
    if kind != expected and not (dual and dual_display):
        raise UserError(
            f"{name}: {KIND_NAMES[kind]}, where {KIND_NAMES[expected]} is needed. Give {FIXES[expected]} alone."
        )
    return (*_text_warnings(image, name), *_shape_warnings(image, name), *_color_warnings(image, name, dual=dual))


def _check_picture(image: Image, name: str) -> None:
    if image.modality not in (None, "US"):
        raise UserError(f"{name}: the image is {image.modality}, not ultrasound. Give an ultrasound image.")
    frames = image.size[2]
    if frames > 1:
        raise UserError(f"{name}: a cine loop or volume of {frames} images; a single one is needed. Export one frame.")
    if image.array.min() < 0:
        raise UserError(
            f"{name}: the values start at {image.array.min():g}, which no ultrasound picture does (CT has negative values). Give "
            "an ultrasound image."
        )


def _stated_kind(image: Image) -> UltrasoundKind | None:
    """What the DICOM header says; elastograms are not told from color flow by all scanners, so that is looked at too."""
    formats = {region[4] for region in image.meta.get(REGIONS, ())}
    types = {region[5] for region in image.meta.get(REGIONS, ())}
    if M_MODE in formats:
        return "m-mode"
    if SPECTRUM in formats or types & set(SPECTRA):
        return "doppler"
    if COLOR_FLOW in types:
        colors = find_colors(image)
        if colors is None or shows_flow(image, colors):
            return "doppler"
    return None


def _text_warnings(image: Image, name: str) -> Warnings:
    outside: list[Box] = []
    inside: list[Box] = []
    for pane in find_layout(image).panes:
        found = find_text(image, pane)
        outside += [box for box in found.outside if box not in outside]
        inside += found.inside
    panes = [pane.box for pane in find_layout(image).panes]
    outside = [box for box in outside if not any(pane.contains(box) and box in inside for pane in panes)]
    warnings = []
    if outside:
        text = (
            f"{name}: text is burned into the picture beside the scan area ({_places(outside)}); it may name the patient. "
            "LiverAI shows and writes the scan area only, but the file itself holds the text."
        )
        warnings.append(("burned_in_text", text))
    if inside:
        text = (
            f"{name}: text seems to be burned into the scan area ({_places(inside)}). The networks see it, and it is in the "
            "pictures of the result: check that it names nobody, and export the image without it."
        )
        warnings.append(("text_in_scan_area", text))
    return tuple(warnings)


def _places(boxes: list[Box]) -> str:
    listed = [f"rows {box.top} to {box.bottom - 1}, columns {box.left} to {box.right - 1}" for box in boxes[:LISTED]]
    more = f"; and {len(boxes) - LISTED} more" if len(boxes) > LISTED else ""
    return "; ".join(listed) + more


def _shape_warnings(image: Image, name: str) -> Warnings:
    if find_scan_area(image).shape != "hull":
        return ()
    text = (
        f"{name}: the scan area is neither a fan nor a rectangle. Check that this is an ultrasound image as the scanner exported "
        "it; what lies outside of the convex hull of the tissue is left out."
    )
    return (("scan_area_in_doubt", text),)


def _color_warnings(image: Image, name: str, *, dual: bool) -> Warnings:
    warnings = []
    if dual:
        text = f"{name}: the picture shows two images; the color box was taken from the one with colors."
        warnings.append(("dual_display", text))
    colors = find_colors(image)
    if colors is not None and colors.filled < MOSTLY:
        text = (
            f"{name}: only {100 * colors.filled:.0f} % of the color box is in color, so that the stiffness is not measured in "
            "most of it. Repeat the elastogram."
        )
        warnings.append(("elastogram_sparse", text))
    return tuple(warnings)
