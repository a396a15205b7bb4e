"""Structures that other tools mark in parts: the lobes of the liver as Couinaud segments, the muscles of the back by side.

The names are those of TotalSegmentator (tasks `liver_segments`, `liver_segments_mr` and `total`). Couinaud's segment 1 is the
caudate lobe, 2 to 4 the left lobe and 5 to 8 the right one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from LiverAILib.data.masks.mask_file import MaskFile
from LiverAILib.data.masks.segment_choice import SegmentName, find_segment
from LiverAILib.data.structures import CAUDATE, LEFT_LOBE, RIGHT_LOBE, SPINAL_MUSCLE, Structure, same_name

ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")


@dataclass(frozen=True)
class Part:
    """A part of a structure: its names in files of other tools, and its SNOMED CT code ("" where there is none)."""

    names: tuple[str, ...]
    code: str = ""

    def is_segment(self, segment: SegmentName) -> bool:
        """Whether a segment is this part, by its code or its name."""
        return segment.terminology.kind.is_snomed(*filter(None, [self.code])) or self.has_name(segment.name)

    def has_name(self, name: str) -> bool:
        """Whether a segment or file of this name is this part."""
        return any(same_name(name, own) for own in self.names)


ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
COUINAUD_CODES = (
    CAUDATE.code,
    "277956007",
    "277957003",
    "277958008",
    "277959000",
    "277960005",
    "277961009",
    "277962002",
)
"""SNOMED CT codes of segments 1 to 8."""


def _couinaud(number: int) -> Part:
    numbers = (str(number), ROMAN[number - 1])
    names = tuple(f"{word} {n}" for n in numbers for word in ("liver segment", "couinaud segment", "hepatic segment"))
    return Part(names, COUINAUD_CODES[number - 1])


PARTS_OF = {
    CAUDATE.name: (_couinaud(1),),
    LEFT_LOBE.name: tuple(_couinaud(number) for number in (2, 3, 4)),
    RIGHT_LOBE.name: tuple(_couinaud(number) for number in (5, 6, 7, 8)),
    SPINAL_MUSCLE.name: (Part(("autochthon_left",)), Part(("autochthon_right",))),
}


def parts_of_file(opened: MaskFile, structure: Structure) -> list[SegmentName]:
    """The segments whose union is `structure`; none where a segment is the structure itself, or no part is there."""
    if not opened.named or structure.name not in PARTS_OF or find_segment(opened.segments, structure) is not None:
        return []
    parts = PARTS_OF[structure.name]
    return [segment for segment in opened.segments if any(part.is_segment(segment) for part in parts)]


def wanted_together(opened: MaskFile, wanted: str | None) -> list[str]:
    """The single choices of "5+6+7+8"; none where a segment has that whole name, or nothing is joined by "+"."""
    if wanted is None or "+" not in wanted or any(same_name(segment.name, wanted) for segment in opened.segments):
        return []
    parts = [part.strip() for part in wanted.split("+")]
    return parts if all(parts) else []


def missing_parts(found: Sequence[str], structure: Structure) -> list[str]:
    """Names of the parts of a structure that are not among the names found."""
    return [part.names[0] for part in PARTS_OF.get(structure.name, ()) if not any(map(part.has_name, found))]


def files_of_folder(folder: Path, structure: Structure) -> dict[str, Path]:
    """Mask files by name of a folder with one file a segment, as TotalSegmentator writes it: the structure's, or its parts'."""
    files = {
        file.name[: -len(ending)]: file
        for file in sorted(folder.iterdir())
        for ending in ENDINGS
        if file.is_file() and file.name.lower().endswith(ending)
    }
    own = {name: file for name, file in files.items() if structure.is_called(name)}
    parts = PARTS_OF.get(structure.name, ())
    return own or {name: file for name, file in files.items() if any(part.has_name(name) for part in parts)}
