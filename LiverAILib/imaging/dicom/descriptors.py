"""Descriptions in DICOM headers without what identifies a patient: the Clean Descriptors Option of PS3.15, E.3.5.

A series description or protocol name tells the volumes of a study apart, and people type names, dates and numbers of patients
into it. A word of it is left out where another element of the header says that it identifies someone, and where it looks like a
date, a long number, a UID or an address.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pydicom.dataset import Dataset

from LiverAILib.imaging.dicom.elements import get_value, value_text

IDENTIFYING = (
    "PatientName",
    "PatientID",
    "OtherPatientNames",
    "OtherPatientIDs",
    "PatientBirthName",
    "PatientMotherBirthName",
    "PatientBirthDate",
    "AccessionNumber",
    "StudyID",
    "ReferringPhysicianName",
    "PerformingPhysicianName",
    "OperatorsName",
    "PhysiciansOfRecord",
    "NameOfPhysiciansReadingStudy",
    "RequestingPhysician",
    "InstitutionName",
    "StationName",
)
"""Elements whose words identify somebody wherever else they appear."""

SUSPICIOUS = re.compile(
    r"\d+(?:\.\d+){3,}"  # UID
    r"|\d{1,4}[-./]\d{1,2}[-./]\d{2,4}"  # date
    r"|\d{6,}"  # date, number of a patient or an order
    r"|\S+@\S+"
)
SHORTEST_WORD = 2
"""Single letters of a name say nothing, and are parts of sequence names."""


def identifying_words(dataset: Dataset) -> frozenset[str]:
    """The words of the identifying elements, in lower case."""
    return _words_of(tuple(value_text(get_value(dataset, keyword)) for keyword in IDENTIFYING))


@lru_cache(maxsize=256)  # most files of a study have the same
def _words_of(texts: tuple[str, ...]) -> frozenset[str]:
    found = (word for text in texts for word in (text, *_words(text)))
    return frozenset(word.strip().casefold() for word in found if len(word.strip()) >= SHORTEST_WORD)


@lru_cache(maxsize=1024)
def cleaned(text: str, identifying: frozenset[str]) -> str:
    """`text` without identifying and suspicious words.

    Args:
        text: A description.
        identifying: From `identifying_words`.
    """
    for word in sorted(identifying, key=len, reverse=True):
        text = re.sub(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", " ", text, flags=re.IGNORECASE)
    text = "".join(one if one.isprintable() else " " for one in text)  # no escape sequence reaches a terminal
    return " ".join(SUSPICIOUS.sub(" ", text).split()).strip(" _-^,;:")


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", text) if word]
