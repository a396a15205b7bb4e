"""The tables of a batch: `summary.csv` with a row for each case, `report.html`, `set_aside.csv`, `errors.log` with tracebacks."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from LiverAILib.atomic_write import atomic_csv, atomic_text, atomic_write
from LiverAILib.errors import UserError
from LiverAILib.jobs.batch.case_job import CaseJob, remove_result
from LiverAILib.jobs.batch.case_worker import CaseOutcome
from LiverAILib.jobs.case_loop import attempt
from LiverAILib.jobs.case_search.find_cases import FoundCase
from LiverAILib.jobs.case_search.folder_files import SetAside
from LiverAILib.jobs.case_search.not_a_case import Duplicates, ImageOwner, NotACaseError
from LiverAILib.results.batch_report import ReportRow, batch_report
from LiverAILib.results.files import REPORT

SUMMARY, PARQUET, SET_ASIDE, ERRORS = "summary.csv", "summary.parquet", "set_aside.csv", "errors.log"
TABLES = (SUMMARY, PARQUET, SET_ASIDE, ERRORS, REPORT)
SHARE_OF_TIME = 0.05
"""Share of the time that writing summary and report in between may take: with many thousand cases it takes seconds."""


class BatchTables:
    """Collects what became of the cases, in any order; what is written is in the order of the cases.

    Of several cases with one image, the first in this order keeps it, whichever was ready first.

    Args:
        jobs: The cases of the batch.
        aside: What was set aside before.
        output: Folder of the tables.
        title: Of the report.
        parquet: Whether `summary.parquet` is written too.
    """

    def __init__(
        self,
        jobs: Sequence[CaseJob],
        aside: Sequence[SetAside],
        output: Path,
        *,
        title: str = "Batch",
        parquet: bool = False,
    ) -> None:
        self.output = output
        self._title = title
        self._parquet = parquet
        self._jobs = {job.number: job for job in jobs}
        self._aside_before = list(aside)
        self._duplicates = Duplicates()
        self._rows: dict[int, dict[str, object]] = {}
        self._shown: dict[int, ReportRow] = {}
        self._aside: dict[int, str] = {}
        self._details: dict[int, str] = {}
        self._next_writing = 0.0

    def add(self, outcome: CaseOutcome) -> None:
        """Take in a case, and write the summary."""
        job = self._jobs[outcome.number]
        if outcome.details:
            self._details[job.number] = job.case.hide(outcome.details)
        if outcome.record is not None:
            self._rows[job.number] = summary_row(outcome.record, job.case)
            self._shown[job.number] = ReportRow.of(outcome.record, job.case.case_id, job.case.file, job.place)
        elif outcome.aside:
            self._aside[job.number] = outcome.aside
        else:
            self._fail(job, outcome.error)
        if outcome.image_key is not None:
            self._duplicates.add(outcome.image_key, job.owner)
        self._write_in_between()

    def settle_duplicates(self) -> list[SetAside]:
        """Take their results from cases that were ready before an earlier case with the same image.

        Returns:
            What is set aside by this.
        """
        before = set(self._aside)
        for first, *others in self._duplicates.owners():
            for later in others:
                self._settle(later, first)
        return [self._set_aside(number) for number in sorted(set(self._aside) - before)]

    @property
    def rows(self) -> list[dict[str, object]]:
        """The rows of the summary so far."""
        return [self._rows[number] for number in sorted(self._rows)]

    @property
    def set_aside(self) -> list[SetAside]:
        """What is no case so far, and why."""
        return [*self._aside_before, *(self._set_aside(number) for number in sorted(self._aside))]

    def write(self) -> None:
        """Write all tables; one that would be empty is removed.

        Raises:
            UserError: One of them cannot be written.
        """
        self._write_cases()
        if self._parquet:
            write_parquet(self.rows, self.output / PARQUET)
        else:
            (self.output / PARQUET).unlink(missing_ok=True)  # of an earlier run
        if self.set_aside:
            listed = [{"path": str(one.path), "reason": one.reason} for one in self.set_aside]
            _write_csv(listed, ["path", "reason"], self.output / SET_ASIDE)
        else:
            (self.output / SET_ASIDE).unlink(missing_ok=True)
        details = [f"{self._jobs[number].case.case_id}\n{self._details[number]}" for number in sorted(self._details)]
        if details:
            atomic_text(self.output / ERRORS, "\n".join(details))
        else:
            (self.output / ERRORS).unlink(missing_ok=True)

    def _set_aside(self, number: int) -> SetAside:
        return SetAside(self._jobs[number].case.shown_path, self._aside[number])

    def _settle(self, later: ImageOwner, first: ImageOwner) -> None:
        job = self._jobs[later.number]
        try:
            later.check(first)
        except NotACaseError as reason:
            self._rows.pop(later.number, None)
            self._shown.pop(later.number, None)
            self._aside[later.number] = str(reason)
        except UserError as error:
            self._fail(job, str(error))
        else:
            return
        self._details.pop(later.number, None)
        removed = attempt(job.place, remove_result)
        if removed.error:
            self._fail(job, removed.error)

    def _fail(self, job: CaseJob, error: str) -> None:
        error = job.case.hide(error)
        self._rows[job.number] = {"case_id": job.case.case_id, "file": job.case.file, "error": error}
        self._shown[job.number] = ReportRow(job.case.case_id, job.case.file, error=error)

    def _write_cases(self) -> None:
        write_summary(self.rows, self.output / SUMMARY)
        shown = [self._shown[number] for number in sorted(self._shown)]
        atomic_text(self.output / REPORT, batch_report(shown, title=self._title, aside=len(self.set_aside)))

    def _write_in_between(self) -> None:
        started = time.monotonic()
        if started < self._next_writing:
            return
        with suppress(UserError):  # the table may be open in another program; the last attempt counts
            self._write_cases()
        now = time.monotonic()
        self._next_writing = now + (now - started) / SHARE_OF_TIME


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
    _write_csv(rows, _columns(rows), path)


def write_parquet(rows: Sequence[Mapping[str, object]], path: Path) -> None:
    """The same table as Parquet, numbers as numbers; needs the extra `scale`.

    Raises:
        UserError: The extra is not installed, or the file cannot be written.
    """
    check_parquet()
    import pyarrow
    import pyarrow.parquet

    columns = {name: [row.get(name) for row in rows] for name in _columns(rows)}
    with atomic_write(path) as unfinished:
        pyarrow.parquet.write_table(pyarrow.table(columns), unfinished)


def check_parquet() -> None:
    """Raise a `UserError` where the extra `scale` is not installed."""
    if importlib.util.find_spec("pyarrow") is None:
        raise UserError('--parquet: pyarrow is not installed. Run: pip install "LiverAI[scale]"')


def _columns(rows: Sequence[Mapping[str, object]]) -> list[str]:
    return [*dict.fromkeys(column for row in rows for column in row if column != "error"), "error"]


def _write_csv(rows: Sequence[Mapping[str, object]], columns: Sequence[str], path: Path) -> None:
    atomic_csv(path, columns, ([row.get(column, "") for column in columns] for row in rows))
