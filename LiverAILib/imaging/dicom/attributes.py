"""The DICOM attributes that tell one volume from another, read from classic and from enhanced multi-frame objects."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID

from LiverAILib.imaging.dicom.elements import get_value, get_value_at, value_text


@dataclass(frozen=True)
class Attribute:
    """Where an attribute is found.

    Attributes:
        label: What it is called in messages.
        keyword: DICOM keyword in a classic object.
        group: Functional group sequence and keyword in an enhanced multi-frame object.
        decimals: Numbers are compared after rounding to so many decimals; None compares the text.
        unit: Unit in messages.
        tolerance: Numbers that differ by no more are taken as equal.
    """

    label: str
    keyword: str
    group: tuple[str, str] | None = None
    decimals: int | None = None
    unit: str = ""
    tolerance: float = 0.0


OBJECT_TYPE, DESCRIPTION = "object type", "description"

SEPARATING = (
    Attribute(OBJECT_TYPE, "SOPClassUID"),
    Attribute("frame of reference", "FrameOfReferenceUID"),
    Attribute(DESCRIPTION, "SeriesDescription"),
    Attribute("series number", "SeriesNumber"),
    Attribute("stack", "StackID", ("FrameContentSequence", "StackID")),
    Attribute("image type", "ImageType"),
    Attribute("complex component", "ComplexImageComponent", ("MRImageFrameTypeSequence", "ComplexImageComponent")),
    Attribute("echo time", "EchoTime", ("MREchoSequence", "EffectiveEchoTime"), 3, "ms", 0.01),
    Attribute("echo number", "EchoNumbers"),
    Attribute("temporal position", "TemporalPositionIdentifier", ("FrameContentSequence", "TemporalPositionIndex"), 0),
    Attribute("kernel", "ConvolutionKernel", ("CTReconstructionSequence", "ConvolutionKernel")),
    Attribute("reconstruction diameter", "ReconstructionDiameter", ("CTReconstructionSequence", ""), 2, "mm", 0.1),
    Attribute("slice thickness", "SliceThickness", ("PixelMeasuresSequence", "SliceThickness"), 3, "mm", 0.05),
    Attribute("contrast agent", "ContrastBolusAgent"),
    Attribute("contrast phase", "", ("ContrastBolusUsageSequence", "ContrastBolusAgentPhase")),
    Attribute("unit of the values", "RescaleType", ("PixelValueTransformationSequence", "RescaleType")),
)
"""Attributes that are the same throughout a volume: images that differ in one of them are never put into one volume."""

EXPLAINING = (
    Attribute(
        "acquisition number", "AcquisitionNumber", ("FrameContentSequence", "FrameAcquisitionNumber"), decimals=0
    ),
    Attribute("inversion time", "InversionTime", ("MRModifierSequence", "InversionTimes"), 1, "ms"),
    Attribute("flip angle", "FlipAngle", ("MRTimingAndRelatedParametersSequence", "FlipAngle"), 1, "degrees"),
    Attribute("diffusion direction", "DiffusionGradientOrientation"),
    Attribute(
        "diffusion directionality", "DiffusionDirectionality", ("MRDiffusionSequence", "DiffusionDirectionality")
    ),
    Attribute("tube voltage", "KVP", ("CTXRayDetailsSequence", "KVP"), 1, "kV"),
    Attribute("sequence name", "SequenceName"),
    Attribute("protocol", "ProtocolName"),
    Attribute("scan options", "ScanOptions"),
    Attribute("repetition time", "RepetitionTime", ("MRTimingAndRelatedParametersSequence", "RepetitionTime"), 1, "ms"),
    Attribute(
        "trigger time", "TriggerTime", ("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime"), 0, "ms"
    ),
    Attribute(
        "cardiac phase",
        "NominalPercentageOfCardiacPhase",
        ("CardiacSynchronizationSequence", "NominalPercentageOfCardiacPhase"),
        0,
        "%",
    ),
    Attribute(
        "temporal offset", "TemporalPositionTimeOffset", ("TemporalPositionSequence", "TemporalPositionTimeOffset"), 1
    ),
    Attribute("start of the contrast bolus", "ContrastBolusStartTime"),
    Attribute("patient position", "PatientPosition"),
    Attribute("acquisition time", "AcquisitionTime", ("FrameContentSequence", "FrameAcquisitionDateTime")),
    Attribute("acquisition date and time", "AcquisitionDateTime"),
    Attribute("content time", "ContentTime", ("FrameContentSequence", "FrameReferenceDateTime")),
    Attribute("series time", "SeriesTime"),
)
"""Attributes that may also change from slice to slice of one volume: they part images only where positions are repeated."""

NOT_SHOWN = frozenset(
    {
        "frame of reference",
        "start of the contrast bolus",
        "acquisition time",
        "acquisition date and time",
        "content time",
        "series time",
    }
)
"""Labels of UIDs and times, which lead to the patient: messages number them."""

FREE_TEXT = frozenset({"protocol", "contrast agent", "sequence name", "scan options", "stack"})
"""Labels of what people type in."""

FRAME_TYPES = (
    "MRImageFrameTypeSequence",
    "CTImageFrameTypeSequence",
    "PETFrameTypeSequence",
    "XRay3DFrameTypeSequence",
    "MRSpectroscopyFrameTypeSequence",
)
B_VALUE = "b value"
DIMENSIONS = "dimension index"
IN_PLANE_POSITION = "in-plane position"
FILE = "file"
COMPUTED = (B_VALUE, DIMENSIONS)
POSITION_POINTERS = frozenset({0x00200032, 0x00209057, 0x00209056, 0x00201041})
"""Dimension pointers that count slices or stacks: ImagePositionPatient, InStackPositionNumber, StackID, SliceLocation."""

PRIVATE_B_VALUES = (
    (0x0019, 0x10, "SIEMENS MR HEADER", 0x0C),
    (0x0043, 0x10, "GEMS_PARM_01", 0x39),
    (0x2001, 0x10, "Philips Imaging DD 001", 0x03),
)
"""Group, block, private creator and element of the b value before DiffusionBValue became a standard attribute."""

PRIVATE_TAGS: tuple[BaseTag, ...] = tuple(
    tag
    for group, block, _, element in PRIVATE_B_VALUES
    for tag in (Tag(group, block), Tag(group, (block << 8) | element))
)


@dataclass(frozen=True)
class FunctionalGroups:
    """One frame's view of a data set: its own functional groups, else the shared ones, else the data set itself."""

    dataset: Dataset
    own: Dataset | None = None
    shared: Dataset | None = None

    def item(self, sequence: str) -> Dataset | None:
        """The item of a functional group sequence of this frame."""
        for groups in (self.own, self.shared):
            items = get_value(groups, sequence) if groups is not None else None
            if items is not None and not isinstance(items, str):
                return items[0]
        return None

    def get(self, keyword: str, group: tuple[str, str] | None = None) -> Any:
        """The value for this frame; None where there is none."""
        if group and (self.own is not None or self.shared is not None):
            item = self.item(group[0])
            value = get_value(item, group[1] or keyword) if item is not None else None
            if value is not None:
                return value
        return get_value(self.dataset, keyword) if keyword else None


def attributes_of(groups: FunctionalGroups) -> dict[str, str]:
    """Label to text of every attribute above that the frame has."""
    found = {}
    for attribute in (*SEPARATING, *EXPLAINING):
        text = value_text(groups.get(attribute.keyword, attribute.group), attribute.decimals)
        if text:
            found[attribute.label] = text
    frame_type = next((item for name in FRAME_TYPES if (item := groups.item(name)) is not None), None)
    if frame_type is not None and (text := value_text(get_value(frame_type, "FrameType"))):
        found["image type"] = text
    if b_value := _b_value(groups):
        found[B_VALUE] = b_value
    if direction := _gradient_direction(groups):
        found["diffusion direction"] = direction
    if dimensions := _dimensions(groups):
        found[DIMENSIONS] = dimensions
    return found


def _b_value(groups: FunctionalGroups) -> str:
    value = groups.get("DiffusionBValue", ("MRDiffusionSequence", "DiffusionBValue"))
    if value is not None:
        return value_text(value, 0)
    for group, block, creator, element in PRIVATE_B_VALUES:
        if value_text(get_value_at(groups.dataset, Tag(group, block))) != creator:
            continue
        value = get_value_at(groups.dataset, Tag(group, (block << 8) | element))
        text = value.decode("ascii", "replace") if isinstance(value, bytes) else value_text(value)
        number = re.match(r"\s*-?\d+(\.\d+)?", text)
        if number:
            return f"{float(number.group()) % 1e6:g}"  # GE adds 1e9 to the b value
    name = re.search(r"_b(\d+)", value_text(groups.get("SequenceName")))
    return name.group(1) if name else ""


def _gradient_direction(groups: FunctionalGroups) -> str:
    diffusion = groups.item("MRDiffusionSequence")
    directions = get_value(diffusion, "DiffusionGradientDirectionSequence") if diffusion is not None else None
    if directions is None or isinstance(directions, str):
        return value_text(groups.get("DiffusionGradientOrientation"), 3)
    return value_text(get_value(directions[0], "DiffusionGradientOrientation"), 3)


def _dimensions(groups: FunctionalGroups) -> str:
    """The frame's indices along the dimensions of its object that are neither slice nor stack."""
    content = groups.item("FrameContentSequence")
    values = get_value(content, "DimensionIndexValues") if content is not None else None
    dimensions = get_value(groups.dataset, "DimensionIndexSequence")
    if values is None or dimensions is None or isinstance(dimensions, str):
        return ""
    indices: Sequence[Any] = values if isinstance(values, MultiValue | list) else [values]
    pointers = [get_value(one, "DimensionIndexPointer") for one in dimensions]
    return "\\".join(
        str(index)
        for index, pointer in zip(indices, pointers, strict=False)
        if not isinstance(pointer, int) or int(pointer) not in POSITION_POINTERS
    )


UNITS: Mapping[str, str] = {one.label: one.unit for one in (*SEPARATING, *EXPLAINING) if one.unit} | {B_VALUE: "s/mm2"}


def described(label: str, text: str) -> str:
    """ "echo time 4.6 ms": an attribute in a message."""
    if label == OBJECT_TYPE and text:
        text = UID(text).name.removesuffix(" Storage")
    return f"{label} {text or 'not stated'}{' ' + UNITS[label] if text and label in UNITS else ''}"
