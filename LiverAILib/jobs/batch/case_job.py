"""One case of a batch: what is to be done, and doing it unless a result with the same fingerprint is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from LiverAILib.data.assessment import Assessment
from LiverAILib.data.case import Case
from LiverAILib.data.fingerprint import Fingerprint
from LiverAILib.data.record import upgrade_record
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.errors import UserError
from LiverAILib.imaging.image import IDENTIFIERS
from LiverAILib.jobs.assess import Assessor
from LiverAILib.jobs.case_search.find_cases import FoundCase
from LiverAILib.jobs.case_search.not_a_case import ImageOwner, NotACaseError
from LiverAILib.results.files import (
    DICOM_FOLDER,
    DICOM_REPORT,
    RECORD,
    REPORT,
    THUMBNAIL,
    read_assessment,
    remove_assessment,
    remove_unfinished,
    write_assessment,
)
from LiverAILib.results.thumbnail import write_thumbnail

Writer = Callable[[Assessment, Path], Mapping[str, Any]]
"""Writes an assessment to a folder, `assessment.json` last, and returns the record that this file holds.

Where several processes work on a batch, it must be possible to pickle it.
"""


@dataclass(frozen=True)
class ResultWriter:
    """What writes a result as `liverai assess` does.

    Attributes:
        dicom: Whether DICOM objects are written too.
        keep_identifiers: Whether the record names patient, study and series of DICOM images.
        pictures: Whether each result has its pictures and report.
    """

    dicom: bool = False
    keep_identifiers: bool = False
    pictures: bool = True

    def __call__(self, assessment: Assessment, place: Path) -> Mapping[str, Any]:
        """Write `assessment` to `place`; returns its record."""
        write_assessment(
            assessment, place, dicom=self.dicom, keep_identifiers=self.keep_identifiers, pictures=self.pictures
        )
        return assessment.record()

    def check(self, case: Case) -> None:
        """Raise where the result of a case could not be written, before it is computed.

        Raises:
            UserError: DICOM objects are wanted, and an image did not come from DICOM.
        """
        if self.dicom:
            from LiverAILib.results.dicom import check_sources

            check_sources([image for some in case.images.values() for image in some])

    def has_written(self, record: Mapping[str, Any], place: Path, case: Case) -> bool:
        """Whether the finished result of a case at `place` has what this writer adds to it, and nothing that it leaves out."""
        named = any(IDENTIFIERS in image for image in record.get("images", ()))
        identified = any(IDENTIFIERS in image.meta for some in case.images.values() for image in some)
        objects = (place / DICOM_FOLDER / DICOM_REPORT).is_file()
        drawn = (place / REPORT).is_file() or not self.pictures
        return drawn and (objects or not self.dicom) and named == (self.keep_identifiers and identified)


@dataclass(frozen=True)
class CaseJob:
    """One case to assess: all that another process needs for it.

    Attributes:
        case: The case, not yet read.
        model: Name of an installed model, or a model folder.
        output: Folder of all results.
        request: Slice, class and kind of heat map.
        device: "auto", "cpu", "cuda" or "mps".
        number: Place of the case in the batch.
        write: Writes the result.
    """

    case: FoundCase
    model: str
    output: Path
    request: AssessmentRequest = field(default_factory=AssessmentRequest)
    device: str = "auto"
    number: int = 0
    write: Writer = ResultWriter()

    @property
    def place(self) -> Path:
        """Folder of the result."""
        return self.output / self.case.folder

    @property
    def owner(self) -> ImageOwner:
        """The case as the owner of its images."""
        return ImageOwner.of(self.case, self.number)


def assess_one(
    job: CaseJob, assessor: Assessor | None = None, *, read: Callable[[], Case] | None = None
) -> Mapping[str, Any]:
    """The record of one case, which depends on the job alone: a finished result of the same fingerprint, or a new one.

    Args:
        job: What to do.
        assessor: One for the job's model and device, where its networks are loaded already.
        read: Reads the case in another way than `job.case.read`; what it raises ends the job.

    Raises:
        UserError: The case cannot be assessed. A result of an earlier input is then removed.
        NotACaseError: `read` says so.
    """
    assessor = assessor or Assessor(job.model, device=job.device)
    try:
        case = (read or job.case.read)()
        fingerprint = assessor.fingerprint(case, job.request)
    except (UserError, NotACaseError):
        if all(path.exists() for path in job.case.paths):  # else a drive is away, and results must not go with it
            remove_assessment(job.place)
        raise
    remove_unfinished(job.place)
    record = finished_record(job.place, fingerprint)
    plain = job.write if isinstance(job.write, ResultWriter) else None
    if record is not None and (plain is None or plain.has_written(record, job.place, case)):
        _add_thumbnail(job.place)
        return record
    remove_assessment(job.place)  # of another input: it must not outlive a failure of this one
    if plain is not None:
        plain.check(case)
    assessment = assessor.assess(case, job.request)
    written = job.write(assessment, job.place)
    write_thumbnail(assessment, job.place)
    return written


def finished_record(place: Path, fingerprint: Fingerprint) -> dict[str, Any] | None:
    """The record of a result at `place` with this fingerprint; it is written last, so that the result is whole."""
    try:
        record = upgrade_record(json.loads((place / RECORD).read_text(encoding="utf-8")))
        found = record["provenance"]["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError):  # a ValueError: no JSON, or no record of a known version
        return None
    return record if found == fingerprint.sha256 else None


def remove_result(place: Path) -> None:
    """Remove the result at `place`, what a process that died left of it, and the folder where nothing else is in it.

    Raises:
        UserError: A file cannot be removed.
    """
    if not place.is_dir():
        return
    remove_assessment(place)
    remove_unfinished(place)
    if not any(place.iterdir()):
        place.rmdir()


def _add_thumbnail(place: Path) -> None:
    """The thumbnail of a finished result that has none: it is of an earlier version, or its process was killed."""
    if not (place / THUMBNAIL).exists():
        with suppress(UserError):  # what is missing beside the record then has been removed by hand
            write_thumbnail(read_assessment(place), place)
