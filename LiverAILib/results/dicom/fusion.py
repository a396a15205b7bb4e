"""A heat map over its image as a color picture (Secondary Capture), which every viewer shows."""

from __future__ import annotations

import textwrap

import numpy as np
from highdicom.sc import SCImage
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from LiverAILib.data.assessment import RESEARCH_USE, Assessment
from LiverAILib.data.outcome import HeatMap
from LiverAILib.results.dicom.identity import Identity
from LiverAILib.results.dicom.source import SourceImage
from LiverAILib.results.pictures import fused_section
from LiverAILib.results.shown_slice import shown_slice

SMALLEST_WIDTH = 512
"""Narrower pictures are enlarged so that the caption can be read."""

LINE, MARGIN = 14, 6


def fusion_picture(identity: Identity, source: SourceImage, heatmap: HeatMap, number: int) -> Dataset:
    """The shown slice with the heat map over it, square pixels, anterior up, and a caption with what it is below it.

    Of an ultrasound picture only the scan area is shown: names may be burned in beside it.
    """
    assessment = identity.assessment
    role = heatmap.role or next(iter(assessment.images))
    section, (_, right, bottom, _) = fused_section(assessment, heatmap)
    mm = min(right / section.shape[1], bottom / section.shape[0])
    size = np.array([right, bottom]) / mm
    size = (size * max(1, int(np.ceil(SMALLEST_WIDTH / size[0])))).round().astype(int)
    pixels = Picture.fromarray((255 * section).round().astype(np.uint8)).resize((int(size[0]), int(size[1])))
    shown = shown_slice(assessment, role, heatmap.number)
    made = SCImage.from_ref_dataset(
        source.first,
        _with_caption(pixels, assessment, heatmap, shown.index if len(source.frames) > 1 else None),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "P"),
        transfer_syntax_uid=ExplicitVRLittleEndian,
        pixel_spacing=(bottom / size[1], right / size[0]) if source.placed else None,
        **identity.arguments(source, "fusion", number, "LiverAI heat map pictures (research use only)"),
    )
    if not source.placed:
        made.PatientOrientation = []  # the sides of the picture are unknown
    image = assessment.images[role][heatmap.number]
    burned_in = any(code == "burned_in_annotation" for code, _ in image.read_warnings)
    made.BurnedInAnnotation = "YES" if burned_in and image.modality != "US" else "NO"
    made.DerivationDescription = f"{heatmap.method} for {heatmap.target} over the image"[:1024]
    made.SourceImageSequence = [_reference(source, shown.index if shown.axis == 2 else None)]
    identity.finish(made, source, "fusion", number)
    made.DateOfSecondaryCapture, made.TimeOfSecondaryCapture = made.InstanceCreationDate, made.InstanceCreationTime
    return made


def _reference(source: SourceImage, index: int | None) -> Dataset:
    reference = Dataset()
    header = source.headers[index if index is not None and not source.frame_numbers else 0]
    reference.ReferencedSOPClassUID = header.SOPClassUID
    reference.ReferencedSOPInstanceUID = header.SOPInstanceUID
    if source.frame_numbers and index is not None and int(header.get("NumberOfFrames") or 1) > 1:
        reference.ReferencedFrameNumber = source.frame_numbers[index]
    return reference


def _with_caption(picture: Picture.Image, assessment: Assessment, heatmap: HeatMap, index: int | None) -> np.ndarray:
    """uint8 (rows, columns, 3): the picture with lines of text below it."""
    where = "" if index is None else f", slice {index}"
    text = [f"LiverAI {assessment.model}: {heatmap.method} for {heatmap.target} ({heatmap.pipeline}){where}"]
    text += [*assessment.reservations, RESEARCH_USE]
    font = ImageFont.load_default()
    width = max(picture.width // 6, 20)
    lines = [line for one in text for line in textwrap.wrap(one, width)]
    canvas = Picture.new("RGB", (picture.width, picture.height + LINE * len(lines) + 2 * MARGIN))
    canvas.paste(picture)
    draw = ImageDraw.Draw(canvas)
    for number, line in enumerate(lines):
        draw.text((MARGIN, picture.height + MARGIN + LINE * number), line, fill=(255, 255, 255), font=font)
    return np.asarray(canvas)
