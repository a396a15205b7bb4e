"""The mask of a structure from a file, on the grid of the image that it belongs to."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from LiverAILib.data.masks.label_names import LabelNames
from LiverAILib.data.masks.mask_file import MaskFile
from LiverAILib.data.masks.open_file import read_mask_file
from LiverAILib.data.masks.placement import check_coverage, check_placement
from LiverAILib.data.masks.segment_choice import (
    LISTED_SEGMENTS,
    SegmentChoice,
    SegmentName,
    choose_segment,
)
from LiverAILib.data.masks.segment_union import files_of_folder, missing_parts, parts_of_file, wanted_together
from LiverAILib.data.structures import Structure, structure_named
from LiverAILib.errors import UserError
from LiverAILib.imaging.geometry import resample
from LiverAILib.imaging.image import READ_WARNINGS, Image

ADVICE = "Choose one with FILE#NAME, FILE#LABEL or FILE#ID."

MANY_FOR_ORGANS = 50
"""Labels from which a file is suspected to be no label map."""

LABEL = re.compile(r"[+-]?\d+")

OUTSIDE = "outside of the image"
MASK_SOURCE = "mask_source"
"""Key of `Image.meta`: which segment of the file the mask is and why, for the provenance."""


def read_mask(
    file: str | os.PathLike[str],
    structure: str,
    *,
    reference: Image,
    empty_allowed: bool = False,
    label_names: LabelNames | None = None,
) -> Image:
    """The mask of a structure from a Slicer segmentation, a DICOM SEG, a label map, a mask or a probability map.

    Args:
        file: `FILE`, `FILE#NAME` or `FILE#LABEL`, several joined by "+" (`FILE#5+6+7+8`); or a folder with a file a segment, as
            TotalSegmentator writes it. Lobes of the liver are put together from Couinaud segments (`segment_union`).
        structure: Its name ("liver"). Without a choice the segment is found by its SNOMED CT code, else by its exact name; a file
            with one label and no names is the structure.
        reference: The image that the mask belongs to.
        empty_allowed: Accept a mask without a voxel, as evidence of disease is where there is none.
        label_names: Names of the labels of a file that has none of its own (`stated_names`).

    Returns:
        Mask of the geometry of `reference`, uint8 0/1, (k, j, i). `read_warnings` says what a person has to know (a threshold, a
        part outside of the image), `meta["mask_source"]` what was taken.

    Raises:
        UserError: The file cannot be read, several segments could be meant, or the mask does not fit the image.
    """
    path, wanted = split_choice(file)
    if wanted is not None and not wanted.strip():
        raise UserError(f"{file}: there is nothing behind the '#'. Give FILE, FILE#NAME or FILE#LABEL.")
    known = structure_named(structure)
    files = files_of_folder(path, known) if path.is_dir() and wanted is None else {}
    if len(files) == 1 and known.is_called(next(iter(files))):
        path = next(iter(files.values()))
    elif files:
        found = [_part(read_mask_file(one), "only", known, reference) for one in files.values()]
        return _united_parts(found, list(files), known, str(file), empty_allowed)
    opened = read_mask_file(path, label_names=label_names)
    if not opened.segments:
        return _empty(opened.name, known, reference, empty_allowed)
    if together := wanted_together(opened, wanted):
        return united(
            [_placed(opened, _choose(opened, known, one), known, str(file), reference, True) for one in together]
        )
    if wanted is None and (parts := parts_of_file(opened, known)):
        found = [_part(opened, part, known, reference) for part in parts]
        return _united_parts(found, [part.name for part in parts], known, str(file), empty_allowed)
    if empty_allowed and _label_is_absent(opened, wanted):
        text = f"{file}: no voxel has the label {wanted}; the {known.title.lower()} counts as not there."
        return _empty(opened.name, known, reference, empty_allowed).with_read_warning("mask_label_absent", text)
    return _placed(opened, _choose(opened, known, wanted), known, str(file), reference, empty_allowed)


def _part(opened: MaskFile, segment: SegmentName | Literal["only"], known: Structure, reference: Image) -> Image:
    """The mask of a part of a structure, which may be empty or lie outside of the image."""
    if segment == "only":
        if not opened.segments:
            return _empty(opened.name, known, reference, True)
        segment = _choose(opened, known, None).segment
    choice = SegmentChoice(segment, f"a part of the {known.title.lower()}")
    return _placed(opened, choice, known, opened.name, reference, True, outside_allowed=True)


def _united_parts(masks: Sequence[Image], names: Sequence[str], known: Structure, name: str, allowed: bool) -> Image:
    """The union of the parts of a structure, with a warning where some of them are missing."""
    whole = united(masks)
    if not whole.array.any():
        if any(mask.meta.get(MASK_SOURCE) == OUTSIDE for mask in masks):
            raise UserError(
                f"{name}: nothing of the {known.title.lower()} lies in the image. Check that mask and image belong together."
            )
        return _empty(name, known, whole, allowed)
    missing = missing_parts(names, known)
    if not missing:
        return whole
    text = f"{name}: the {known.title.lower()} was put together from {', '.join(names)}; {', '.join(missing)} is not there."
    return whole.with_read_warning("mask_parts_missing", text)


def _placed(
    opened: MaskFile,
    choice: SegmentChoice[SegmentName],
    known: Structure,
    name: str,
    reference: Image,
    empty_allowed: bool,
    outside_allowed: bool = False,
) -> Image:
    """The mask of a segment on the grid of the image, checked; see `read_mask`."""
    mask = opened.mask(choice.segment)
    if choice.doubt:
        mask = mask.with_read_warning("segment_in_doubt", f"{opened.name}: {choice.doubt}")
    if not mask.array.any():
        return _empty(name, known, reference, empty_allowed)
    found = tuple(
        (code, text if text.startswith(opened.name) else f"{opened.name}: {text}") for code, text in mask.read_warnings
    )
    placed = resample(mask, reference, nearest=True)
    if outside_allowed and not placed.array.any():
        nothing = _empty(name, known, reference, True)
        return replace(nothing, meta={**nothing.meta, MASK_SOURCE: OUTSIDE})
    warnings = found + check_placement(mask, reference, name, known)
    if not placed.array.any():
        raise UserError(
            f"{name}: nothing of the {known.title.lower()} lies in the image, between whose voxels the mask falls. Check that "
            "mask and image belong together."
        )
    check_coverage(placed, name, known)
    meta = {**mask.meta, MASK_SOURCE: _source(opened, choice), READ_WARNINGS: warnings}
    return replace(placed, modality=None, meta=meta)


def united(masks: Sequence[Image]) -> Image:
    """Several masks of one grid as one, with the warnings and sources of all."""
    if len(masks) == 1:
        return masks[0]
    warnings = tuple(warning for mask in masks for warning in mask.read_warnings)
    sources = "; ".join(str(mask.meta.get(MASK_SOURCE, "")) for mask in masks)
    array = np.maximum.reduce([mask.array for mask in masks])
    return masks[0].with_array(array, meta={**masks[0].meta, READ_WARNINGS: warnings, MASK_SOURCE: sources})


def split_choice(file: str | os.PathLike[str]) -> tuple[Path, str | None]:
    """The path and the choice of `FILE#CHOICE`, each '#' of which may belong to the path or to the name of a segment.

    A path that exists is taken whole; otherwise the last '#' with an existing path before it separates the two.
    """
    text = str(file)
    if Path(text).exists():
        return Path(text), None
    for match in reversed(list(re.finditer("#", text))):
        path = Path(text[: match.start()])
        if text[: match.start()] and path.exists():
            return path, text[match.end() :]
    return Path(text), None


def _choose(opened: MaskFile, structure: Structure, wanted: str | None) -> SegmentChoice[SegmentName]:
    if opened.named:
        return choose_segment(
            opened.segments, structure, wanted, source=opened.name, advice=ADVICE, describe=opened.describe
        )
    listed = ", ".join(opened.describe(segment) for segment in opened.segments[:LISTED_SEGMENTS])
    if len(opened.segments) > LISTED_SEGMENTS:
        listed += f" and {len(opened.segments) - LISTED_SEGMENTS} more"
    if wanted is None:
        if len(opened.segments) == 1:
            return SegmentChoice(opened.segments[0], "the only label")
        raise UserError(
            f"{opened.name}: a label map of {len(opened.segments)} labels{_hint(opened)}: which label is the "
            f"{structure.title.lower()}? It has "
            f"{listed}. Choose one with FILE#LABEL."
        )
    if not LABEL.fullmatch(wanted.strip()):
        raise UserError(
            f"{opened.name}#{wanted}: the file has no names, so '{wanted}' chooses no label. It has {listed}. Choose one with "
            "FILE#LABEL."
        )
    for segment in opened.segments:
        if segment.label == int(wanted):
            return SegmentChoice(segment, "chosen by the user")
    raise UserError(
        f"{opened.name}#{wanted}: no voxel has the label {wanted}. The file has {listed}. Choose one of these."
    )


def _hint(opened: MaskFile) -> str:
    """What a file with very many labels may be instead."""
    many = len(opened.segments) > MANY_FOR_ORGANS
    return " (or an image, or probabilities that do not go from 0 to 1, which are no mask)" if many else ""


def _label_is_absent(opened: MaskFile, wanted: str | None) -> bool:
    """Whether the user chose a label that a file without names does not have."""
    if opened.named or wanted is None or not LABEL.fullmatch(wanted.strip()):
        return False
    return all(segment.label != int(wanted) for segment in opened.segments)


def _empty(name: str, structure: Structure, reference: Image, allowed: bool) -> Image:
    if not allowed:
        raise UserError(
            f"{name}: the mask of the {structure.title.lower()} is empty (no voxel is marked). Give the mask that was "
            "drawn, or leave it out."
        )
    empty = np.zeros(reference.array.shape[:3], np.uint8)
    return reference.with_array(empty, modality=None, meta={"path": name, MASK_SOURCE: "empty"})


def _source(opened: MaskFile, choice: SegmentChoice[SegmentName]) -> str:
    """Which part of the file was taken and why."""
    segment = choice.segment
    what = f"segment '{segment.name}'" if opened.named else f"label {segment.label}"
    names = f", names from {opened.names_from}" if opened.named and opened.names_from else ""
    return f"{what} ({choice.reason}{names})"
