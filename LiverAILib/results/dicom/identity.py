"""What all DICOM objects of an assessment have in common: who made them, when, and UIDs that depend on nothing but the result."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from highdicom import SOPClass
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom.sr.coding import Code
from pydicom.valuerep import DA, DT, TM

from LiverAILib.data.assessment import Assessment
from LiverAILib.results.dicom.source import SourceImage

MANUFACTURER = "LiverAI"
SCHEME = "99LIVERAI"
"""Private coding scheme for what no public one has a code for: predicted classes, model outputs, heat maps.

A predicted class is deliberately not coded as a disease: the answer of a research model must not enter a list of diagnoses.
"""

SERIES_NUMBERS = {"segmentation": 9001, "report": 9002, "heatmap": 9003, "fusion": 9004}
LONG_STRING = 64
"""Characters of a DICOM string of type LO."""

DIMENSION_SEQUENCES = ("DimensionOrganizationSequence", "DimensionIndexSequence")


@dataclass(frozen=True, eq=False)
class Identity:
    """The maker of the objects of one assessment."""

    assessment: Assessment

    def arguments(self, source: SourceImage, kind: str, number: int, description: str) -> dict[str, Any]:
        """Arguments that every class of highdicom takes.

        Args:
            source: The image that the object is about.
            kind: A key of `SERIES_NUMBERS`.
            number: Number of the object in its series, from 1.
            description: Of the series.
        """
        created = self._created()
        return {
            "series_instance_uid": self.uid(source, kind),
            "series_number": SERIES_NUMBERS[kind],
            "sop_instance_uid": self.uid(source, kind, str(number)),
            "instance_number": number,
            "manufacturer": MANUFACTURER,
            "manufacturer_model_name": long_string(self.assessment.model),
            "software_versions": str(self.assessment.provenance["liverai"]),
            "device_serial_number": self.serial_number,
            "series_description": long_string(description),
            "content_date": created.date(),
            "content_time": created.time(),
            "specific_character_set": "ISO_IR 192",
            "coding_schemes": [CodingSchemeIdentificationItem(designator=SCHEME, name="LiverAI")],
        }

    @property
    def serial_number(self) -> str:
        """The start of the checksum of the model's weights: what tells one installation of this software from another."""
        return str(self.assessment.provenance["model"]["sha256"])[:16]

    def uid(self, source: SourceImage, *names: str) -> str:
        """A UID that is the same whenever the same result is made of the same instances (PS3.5, B.2)."""
        instances = [str(header.SOPInstanceUID) for header in source.headers]
        text = "\n".join(["LiverAI", str(self.assessment.provenance["fingerprint"]), *instances, *names])
        return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, text).int}"

    def finish(self, made: SOPClass, source: SourceImage, kind: str, number: int) -> None:
        """Complete patient, study and body part, and replace times and UIDs that highdicom draws anew on each call."""
        created = self._created()
        made.copy_patient_and_study_information(source.patient)
        if made.Modality != "SR":
            made.BodyPartExamined = "LIVER"
        made.InstanceCreationDate, made.InstanceCreationTime = DA(created.date()), TM(created.time())
        made.ContributingEquipmentSequence[-1].ContributionDateTime = DT(created)
        for keyword in DIMENSION_SEQUENCES:
            for item in made.get(keyword) or ():
                item.DimensionOrganizationUID = self.uid(source, kind, str(number), "dimensions")

    def _created(self) -> datetime:
        """When the assessment was made, in the time zone of this machine, as the clocks of scanners have it."""
        return datetime.fromisoformat(str(self.assessment.provenance["created"])).astimezone()


def private_code(text: str, meaning: str) -> Code:
    """A code of LiverAI's scheme.

    Args:
        text: What it is about; letters, digits and underscores remain.
        meaning: For a person.
    """
    value = "_".join("".join(one if one.isalnum() else " " for one in text.replace(">=", " ge ")).split()).lower()
    return Code(value[:LONG_STRING] or "unnamed", SCHEME, long_string(meaning))


def long_string(text: str) -> str:
    """At most 64 characters without those that DICOM gives a meaning to."""
    return "".join("/" if one == "\\" else one for one in text if one.isprintable())[:LONG_STRING] or "-"
