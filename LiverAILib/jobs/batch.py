"""Many cases: every image of a folder or every row of a manifest, one result folder each and a table of all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from LiverAILib.atomic_write import atomic_csv, atomic_text
from LiverAILib.data.assessment import Assessment
from LiverAILib.data.case import Case
from LiverAILib.data.fingerprint import Fingerprint
from LiverAILib.data.model import load_model
from LiverAILib.data.record import upgrade_record
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.errors import UserError
from LiverAILib.jobs.assess import Assessor
from LiverAILib.jobs.case_loop import each_case
from LiverAILib.jobs.checked_case import check_request, request_for_row
from LiverAILib.jobs.find_cases import FoundCase, FoundCases, find_cases
from LiverAILib.jobs.folder_files import SetAside
from LiverAILib.jobs.not_a_case import Duplicates, NotACaseError
from LiverAILib.methods import method_of
from LiverAILib.output_paths import check_keeps_inputs, check_output_folder
from LiverAILib.results.files import RECORD, remove_assessment, remove_unfinished, write_assessment, written_files

SUMMARY, SET_ASIDE, ERRORS = "summary.csv", "set_aside.csv", "errors.log"

Writer = Callable[[Assessment, Path], Mapping[str, Any]]
"""Writes an assessment to a folder, `assessment.json` last, and returns the record that this file holds."""


@dataclass(frozen=True)
class CaseJob:
    """One case to assess: all that another process needs for it.

    Attributes:
        case: The case, not yet read.
        model: Name of an installed model, or a model folder.
        output: Folder of all results.
        request: Slice, class and kind of heat map.
        device: "auto", "cpu", "cuda" or "mps".
    """

    case: FoundCase
    model: str
    output: Path
    request: AssessmentRequest = field(default_factory=AssessmentRequest)
    device: str = "auto"

    @property
    def place(self) -> Path:
        """Folder of the result."""
        return self.output / self.case.folder


def assess_one(
    job: CaseJob,
    assessor: Assessor | None = None,
    *,
    write: Writer | None = None,
    check: Callable[[FoundCase, Case], None] = lambda found, case: None,
) -> Mapping[str, Any]:
    """The record of one case, which depends on the job alone: a finished result of the same fingerprint, or a new one.

    Args:
        job: What to do.
        assessor: One for the job's model and device, where its networks are loaded already.
        write: Writes the result; `write_assessment` where None.
        check: Called with the case that was read; what it raises ends the job.

    Raises:
        UserError: The case cannot be assessed. A result of an earlier input is then removed.
    """
    assessor = assessor or Assessor(job.model, device=job.device)
    try:
        case = job.case.read()
        check(job.case, case)
        fingerprint = assessor.fingerprint(case, job.request)
    except (UserError, NotACaseError):
        if all(path.exists() for path in job.case.paths):  # else a drive is away, and results must not go with it
            remove_assessment(job.place)
        raise
    record = finished_record(job.place, fingerprint)
    if record is not None:
        return record
    remove_unfinished(job.place)
    remove_assessment(job.place)  # of another input: it must not outlive a failure of this one
    return (write or _write)(assessor.assess(case, job.request), job.place)


def finished_record(place: Path, fingerprint: Fingerprint) -> dict[str, Any] | None:
    """The record of a result at `place` with this fingerprint; it is written last, so that the result is whole."""
    try:
        record = upgrade_record(json.loads((place / RECORD).read_text(encoding="utf-8")))
        found = record["provenance"]["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError):  # a ValueError: no JSON, or no record of a known version
        return None
    return record if found == fingerprint.sha256 else None


def assess_all(
    source: Path,
    output: Path,
    model: str | os.PathLike[str],
    *,
    request: AssessmentRequest | None = None,
    masks: Path | None = None,
    modality: str | None = None,
    device: str = "auto",
    write: Writer | None = None,
    progress: Callable[[float, str], None] = lambda fraction, text: None,
) -> list[dict[str, object]]:
    """Assess every case of a folder or manifest; a case that fails is recorded and the others go on.

    A case whose result in `output` has the same fingerprint is not computed again.

    Args:
        source: See `find_cases`. The masks of a manifest replace the segmentation network's, its other columns are covariates.
        output: One folder per case, `summary.csv` (written after each case), `set_aside.csv` with the files that are no cases,
            and `errors.log` with the tracebacks of errors that were not expected.
        model: Name of an installed model, or a model folder.
        request: Slice, class and kind of heat map, for all cases. Where it names no slice, a manifest's column "slice" does.
        masks: Folder of liver masks, named like the images of a folder.
        modality: What the image files of a folder are ("MR", "CT"); None: what their headers or intensities say.
        device: "auto", "cpu", "cuda" or "mps".
        write: Writes the result of a case; `write_assessment` where None.
        progress: Called with a share 0..1 and a sentence.

    Returns:
        One row per case, as written to `output/summary.csv`.

    Raises:
        UserError: There is no case, or the model or the output folder cannot be used.
    """
    chosen = load_model(model)
    spec = method_of(chosen)
    request = request or AssessmentRequest(heatmap=spec.heatmaps[0])
    check_request(chosen, request)
    found = find_cases(source, spec, masks=masks, exclude=(output,), stated_modality=modality)
    check_output_folder(output)
    _check_no_input_is_overwritten(source, found, output)
    for one in found.set_aside:
        progress(0.0, f"set aside: {one.path}: {one.reason}")
    jobs = [CaseJob(case, str(model), output, request_for_row(request, case.row, spec), device) for case in found.cases]
    rows = _assess_jobs(jobs, Assessor(chosen, device=device), found.set_aside, write, progress)
    progress(1.0, "Done")
    return [{"error": "", **row} for row in rows]


def _assess_jobs(
    jobs: Sequence[CaseJob],
    assessor: Assessor,
    aside: Sequence[SetAside],
    write: Writer | None,
    progress: Callable[[float, str], None],
) -> list[dict[str, object]]:
    """The loop over the cases; the summary is written after each of them."""
    duplicates, set_aside, output = Duplicates(), list(aside), jobs[0].output
    rows: list[dict[str, object]] = []
    errors: list[str] = []

    def announce(number: int, job: CaseJob) -> None:
        progress(number / len(jobs), f"{job.case.case_id} ({number + 1} of {len(jobs)})")

    def work(job: CaseJob) -> Mapping[str, Any] | NotACaseError:
        try:
            return assess_one(job, assessor, write=write, check=duplicates.check)
        except NotACaseError as reason:
            return reason

    for outcome in each_case(jobs, work, before=announce):
        case = outcome.case.case
        if isinstance(outcome.result, NotACaseError):
            set_aside.append(SetAside(case.paths[0], str(outcome.result)))
            progress(len(rows) / len(jobs), f"set aside: {case.paths[0]}: {outcome.result}")
        elif outcome.result is None:
            rows.append({"case_id": case.case_id, "file": case.file, "error": outcome.error})
            errors += [f"{case.case_id}\n{outcome.details}"] if outcome.details else []
        else:
            rows.append(summary_row(outcome.result, case))
        with suppress(UserError):  # the table may be open in another program; the last attempt counts
            write_summary(rows, output / SUMMARY)
    _write_tables(rows, set_aside, errors, output)
    return rows


def _write(assessment: Assessment, place: Path) -> Mapping[str, Any]:
    write_assessment(assessment, place)
    return assessment.record()


def _check_no_input_is_overwritten(source: Path, found: FoundCases, output: Path) -> None:
    inputs = [source, *(path for case in found.cases for path in (case.row.files() if case.row else case.paths))]
    tables = [output / name for name in (SUMMARY, SET_ASIDE, ERRORS)]
    check_keeps_inputs(
        [*tables, *(path for case in found.cases for path in written_files(output / case.folder))], inputs
    )
    for case in found.cases:
        place = (output / case.folder).resolve()
        inside = next((path for path in case.paths if place in path.resolve().parents), None)
        if inside is not None:
            raise UserError(
                f"{output}: the result of {case.case_id} would be written among its images ({inside.name}). Choose another "
                "--output."
            )


def summary_row(record: Mapping[str, Any], case: FoundCase) -> dict[str, object]:
    """A case as a row of the summary: reservations, predicted class, probabilities, measurements with units, warnings, notes.

    Args:
        record: `Assessment.record()`, as in `assessment.json`.
        case: The case.
    """
    row: dict[str, object] = {
        "case_id": case.case_id,
        "file": case.file,
        "reservations": " ".join(record["reservations"]),
        "predicted": record["predicted"],
    }
    for name, outcome in record["outcomes"].items():
        for label, value in outcome.get("probabilities", {}).items():
            row[f"probability {name}: {label}"] = round(value, 6)
        for question, score in outcome.get("cumulative", {}).items():
            row[f"score {name}: {question}"] = round(score, 6)
        if outcome["kind"] == "quantity":
            row[f"{name} [{outcome['unit']}]"] = outcome["value"]
    if record["slice"] is not None:
        row["slice"] = record["slice"]["index"]
    for measurement in record["measurements"]:
        row[f"{measurement['name']} [{measurement['unit']}]"] = measurement["value"]
    row["warnings"] = "; ".join(warning["code"] for warning in record["warnings"])
    row["notes"] = " ".join(note for note in record["notes"] if note not in record["reservations"])
    return row


def write_summary(rows: Sequence[Mapping[str, object]], path: Path) -> None:
    """All rows as CSV, "error" in the last column; whole or not at all."""
    columns = list(dict.fromkeys(column for row in rows for column in row if column != "error"))
    _write_csv(rows, [*columns, "error"], path)


def _write_tables(
    rows: Sequence[Mapping[str, object]], set_aside: Sequence[SetAside], errors: Sequence[str], output: Path
) -> None:
    """The summary, what was set aside and the tracebacks; a table that would be empty is removed."""
    write_summary(rows, output / SUMMARY)
    if set_aside:
        listed = [{"path": str(one.path), "reason": one.reason} for one in set_aside]
        _write_csv(listed, ["path", "reason"], output / SET_ASIDE)
    else:
        (output / SET_ASIDE).unlink(missing_ok=True)
    if errors:
        atomic_text(output / ERRORS, "\n".join(errors))
    else:
        (output / ERRORS).unlink(missing_ok=True)


def _write_csv(rows: Sequence[Mapping[str, object]], columns: Sequence[str], path: Path) -> None:
    atomic_csv(path, columns, ([row.get(column, "") for column in columns] for row in rows))
