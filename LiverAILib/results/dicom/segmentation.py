"""The label map of an assessment as a DICOM SEG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.color import CIELabColor
from highdicom.seg import Segmentation as DicomSegmentation
from highdicom.seg import SegmentDescription
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from LiverAILib.data.assessment import Assessment
from LiverAILib.data.structures import Structure
from LiverAILib.results.dicom.frames import pixel_measures, restore_frame_numbers
from LiverAILib.results.dicom.identity import MANUFACTURER, Identity, long_string
from LiverAILib.results.dicom.source import SourceImage

GIVEN = "given"
"""Source of a segmentation whose masks all come from the user."""


def segment_numbers(assessment: Assessment) -> dict[str, int]:
    """Segment number by structure, for those structures that have a voxel."""
    if assessment.segmentation is None:
        return {}
    labels = assessment.segmentation.image.array
    found = [one for one in assessment.segmentation.structures if (labels == one.label).any()]
    return {structure.name: number for number, structure in enumerate(found, 1)}


def dicom_segmentation(identity: Identity, source: SourceImage) -> Dataset | None:
    """Binary DICOM SEG, one segment a structure, its frames at the positions of the source's slices; None without a mask."""
    assessment = identity.assessment
    numbers = segment_numbers(assessment)
    if assessment.segmentation is None or not numbers:
        return None
    array = np.zeros(assessment.segmentation.image.array.shape, np.uint8)
    descriptions = []
    for structure in assessment.segmentation.structures:
        if number := numbers.get(structure.name):
            array[assessment.segmentation.image.array == structure.label] = number
            descriptions.append(_description(identity, source, structure, number))
    made = DicomSegmentation(
        source.headers,
        array,
        segmentation_type="BINARY",
        segment_descriptions=descriptions,
        pixel_measures=pixel_measures(source),
        content_label="LIVERAI",
        content_description="Automatic segmentation, research use only",
        **identity.arguments(source, "segmentation", 1, "LiverAI segmentation (research use only)"),
    )
    restore_frame_numbers(made, source)
    identity.finish(made, source, "segmentation", 1)
    return made


def _description(identity: Identity, source: SourceImage, structure: Structure, number: int) -> SegmentDescription:
    side = structure.laterality[0]
    made = SegmentDescription(
        segment_number=number,
        segment_label=structure.title,
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=CodedConcept(structure.code, "SCT", structure.meaning),
        tracking_uid=identity.uid(source, "tracking", structure.name),
        tracking_id=f"LiverAI {structure.name}",
        display_color=CIELabColor.from_rgb(*structure.color),
        **_algorithm(identity.assessment, structure),
    )
    if side:
        modifier = CodedConcept(side, "SCT", structure.laterality[1])
        made.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [modifier]
    return made


def _algorithm(assessment: Assessment, structure: Structure) -> Mapping[str, Any]:
    """How the segment was made: by the network, or by the user, who may have used another tool or corrected a mask by hand."""
    assert assessment.segmentation is not None
    if assessment.segmentation.source == GIVEN or structure.name in assessment.provenance.get("masks", {}):
        return {"algorithm_type": "MANUAL"}
    about = assessment.provenance.get("segmentation") or {}
    return {
        "algorithm_type": "AUTOMATIC",
        "algorithm_identification": AlgorithmIdentificationSequence(
            name=long_string(assessment.segmentation.source),
            family=codes.cid7162.ArtificialIntelligence,
            version=str(assessment.provenance["liverai"]),
            source=MANUFACTURER,
            parameters={"weights SHA-256": str(about.get("sha256") or "not known")},
        ),
    }
