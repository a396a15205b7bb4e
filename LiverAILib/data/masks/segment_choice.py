"""Which segment of a segmentation is a structure: one rule for mask files, manifests and Slicer's segmentation nodes.

A segment is the structure that its terminology code names (SNOMED CT), else the one that its name is, exactly; a name that only
contains the word ("Liver tumor") says nothing. Where neither decides, a person has to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from LiverAILib.data.structures import KNOWN_STRUCTURES, Structure, same_name
from LiverAILib.errors import UserError

GENERIC_CODES = ("85756007", "113343008", "123037004")
"""SNOMED CT: tissue (Slicer's default of a new segment), organ, anatomical structure. They do not say which."""

AUTOMATIC_NAME = re.compile(r"(segment|segmentation|label)?[ _#-]*\d*", re.IGNORECASE)
"""Names that programs give where a person gave none: "Segment_1", "Label 1", "1", nothing."""

LISTED_SEGMENTS = 12
"""So many segments are listed in a message."""


@dataclass(frozen=True)
class CodedTerm:
    """A code of a coding scheme ("SCT", or "SRT" in old files) and its meaning."""

    scheme: str = ""
    value: str = ""
    meaning: str = ""

    def is_snomed(self, *codes: str) -> bool:
        """Whether it is one of these SNOMED CT codes; older SNOMED-RT codes of DICOM count as what replaced them."""
        if not self.value or not codes:
            return False
        if self.scheme == "SCT":
            return self.value in codes
        from pydicom.sr.coding import Code

        return any(Code(self.value, self.scheme, self.meaning) == Code(code, "SCT", "") for code in codes)


@dataclass(frozen=True)
class Terminology:
    """What the terminology of a segment says: what it is, the side, and the anatomic region that it lies in."""

    kind: CodedTerm = CodedTerm()
    modifier: CodedTerm = CodedTerm()
    region: CodedTerm = CodedTerm()

    @classmethod
    def from_slicer(cls, entry: str) -> Terminology:
        """From Slicer's text: context~category~type~modifier~context~region~modifier, each scheme^value^meaning."""
        parts = [CodedTerm(*[*part.split("^"), "", "", ""][:3]) for part in entry.split("~")]
        parts += [CodedTerm()] * (7 - len(parts))
        return cls(kind=parts[2], modifier=parts[3], region=parts[5])

    @property
    def is_generic(self) -> bool:
        """Whether it leaves open what the segment is."""
        return not self.kind.value or self.kind.is_snomed(*GENERIC_CODES)

    def names(self, structure: Structure) -> bool:
        """Whether it says that the segment is `structure`."""
        side = structure.laterality[0]
        if structure.region and not self.region.is_snomed(structure.region):
            return False
        if structure.code and self.kind.is_snomed(structure.code):
            return not side or self.modifier.is_snomed(side)
        return self.kind.is_snomed(*structure.other_codes)


@dataclass(frozen=True)
class SegmentName:
    """What identifies a segment.

    Attributes:
        segment_id: Unique in its segmentation.
        name: As shown to a person.
        terminology: Its codes.
        label: Its value in the label map, or its number in a DICOM SEG; None where that is no way to name it.
    """

    segment_id: str
    name: str
    terminology: Terminology = Terminology()
    label: int | None = None

    @property
    def is_unnamed(self) -> bool:
        """Whether neither a person nor a code said what it is."""
        return AUTOMATIC_NAME.fullmatch(self.name.strip()) is not None and self.terminology.is_generic


AnySegment = TypeVar("AnySegment", bound=SegmentName)


@dataclass(frozen=True)
class SegmentChoice(Generic[AnySegment]):
    """The segment that was chosen.

    Attributes:
        segment: It.
        reason: Why this one, for a person ("its SNOMED CT code").
        doubt: What speaks against it, a sentence; "" where nothing does.
    """

    segment: AnySegment
    reason: str
    doubt: str = ""


def choose_segment(
    segments: Sequence[AnySegment],
    structure: Structure,
    wanted: str | None = None,
    *,
    source: str,
    advice: str,
    describe: Callable[[AnySegment], str] = lambda segment: f"'{segment.name}'",
) -> SegmentChoice[AnySegment]:
    """The segment that is `structure`, or that the user wants to be it.

    Args:
        segments: All of the segmentation.
        structure: What is looked for.
        wanted: The user's choice: an ID, a name or a label; None to choose by code, by name, or the only segment where it has
            no name of its own.
        source: Name of the file or node, for messages.
        advice: What to do where none or several fit, a sentence.
        describe: A segment in the list of a message.

    Raises:
        UserError: None or several fit; the text lists the segments.
    """
    listed = "; ".join(describe(segment) for segment in segments[:LISTED_SEGMENTS])
    listed += f"; and {len(segments) - LISTED_SEGMENTS} more" if len(segments) > LISTED_SEGMENTS else ""
    if not segments:
        raise UserError(
            f"{source}: it holds no segment. Save the segmentation with a segment of the {_lower(structure)}."
        )
    if wanted is not None:
        return _wanted_segment(segments, wanted, f"{source}#{wanted}", listed)
    choice = find_segment(segments, structure)
    if choice is not None:
        return choice
    fitting = _by_code(segments, structure) or _by_name(segments, structure)
    how_many = (
        f"{len(fitting)} segments are the {_lower(structure)}"
        if fitting
        else f"which segment is the {_lower(structure)}?"
    )
    raise UserError(f"{source}: {how_many}{'.' if fitting else ''} It has {listed}. {advice}")


def find_segment(segments: Sequence[AnySegment], structure: Structure) -> SegmentChoice[AnySegment] | None:
    """The one segment that is `structure` by its code, else by its name, else the only one without a name; None otherwise."""
    by_code, by_name = _by_code(segments, structure), _by_name(segments, structure)
    if len(by_code) > 1:
        by_code = [segment for segment in by_code if segment in by_name]
        by_name = []
    if len(by_code) == 1:
        return SegmentChoice(by_code[0], "its SNOMED CT code", _doubt_of_code(by_code[0], by_name, structure))
    if len(by_name) == 1:
        return SegmentChoice(by_name[0], "its name", _doubt_of_name(by_name[0], structure))
    if not by_name and len(segments) == 1 and segments[0].is_unnamed:
        return SegmentChoice(segments[0], "the only segment")
    return None


def _wanted_segment(segments: Sequence[AnySegment], wanted: str, source: str, listed: str) -> SegmentChoice[AnySegment]:
    """By ID, by name as it is written, by name, by label: the first of these that fits one segment."""
    label = int(wanted) if re.fullmatch(r"[+-]?\d+", wanted.strip()) else None
    for found in (
        [segment for segment in segments if segment.segment_id == wanted],
        [segment for segment in segments if segment.name == wanted],
        [segment for segment in segments if same_name(segment.name, wanted)],
        [segment for segment in segments if label is not None and segment.label == label],
    ):
        if len(found) == 1:
            return SegmentChoice(found[0], "chosen by the user")
        if found:
            ids = ", ".join(segment.segment_id for segment in found)
            raise UserError(f"{source}: {len(found)} segments fit. Choose one by its ID: {ids}. It has {listed}.")
    raise UserError(f"{source}: there is no segment '{wanted}'. It has {listed}. Choose one of these.")


def _by_code(segments: Sequence[AnySegment], structure: Structure) -> list[AnySegment]:
    return [segment for segment in segments if segment.terminology.names(structure)]


def _by_name(segments: Sequence[AnySegment], structure: Structure) -> list[AnySegment]:
    return [segment for segment in segments if structure.is_called(segment.name)]


def _doubt_of_code(segment: AnySegment, by_name: Sequence[AnySegment], structure: Structure) -> str:
    """A sentence where names contradict the code that decided."""
    others = [one for one in by_name if one is not segment]
    if others and segment not in by_name:
        return (
            f"The segment '{segment.name}' was taken as the {_lower(structure)} because its SNOMED CT code says so, although "
            f"another one is named '{others[0].name}'. Check which is right."
        )
    for known in KNOWN_STRUCTURES.values():
        if known.name != structure.name and _by_name([segment], known):
            return (
                f"The segment '{segment.name}' was taken as the {_lower(structure)} because its SNOMED CT code says so, although "
                "its name says otherwise. Check it."
            )
    return ""


def _doubt_of_name(segment: AnySegment, structure: Structure) -> str:
    """A sentence where the code contradicts the name that decided."""
    if segment.terminology.is_generic or not structure.code:
        return ""
    kind, modifier = segment.terminology.kind, segment.terminology.modifier
    side = structure.laterality[0]
    side_fits = not side or not modifier.value or modifier.is_snomed(side)
    if side_fits and kind.is_snomed(structure.code, *structure.other_codes):
        return ""
    return (
        f"The segment '{segment.name}' was taken as the {_lower(structure)} because of its name, although its code says "
        f"'{kind.meaning or kind.value}'. Check it."
    )


def _lower(structure: Structure) -> str:
    return structure.title.lower()
