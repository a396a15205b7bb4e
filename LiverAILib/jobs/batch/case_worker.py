"""What works on the cases of a batch, in this or another process: networks stay loaded, the next case is read meanwhile."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from LiverAILib.data.case import Case
from LiverAILib.jobs.assess import Assessor
from LiverAILib.jobs.batch.case_job import CaseJob, assess_one
from LiverAILib.jobs.case_loop import attempt
from LiverAILib.jobs.case_search.not_a_case import Duplicates, NotACaseError, check_is_image, image_key


@dataclass(frozen=True)
class CaseOutcome:
    """What became of a case of a batch. It can be pickled.

    Attributes:
        number: Place of the case in the batch.
        record: The record of its result; None where there is none.
        aside: Why it is no case of its own, else "".
        error: Why it failed, else "".
        details: Traceback of an error that was not expected, else "".
        image_key: Checksum of its voxels; None where it could not be read.
        process: Where it was assessed.
        peak_bytes: Most memory that this process has used so far; None where the system does not say.
    """

    number: int
    record: Mapping[str, Any] | None = None
    aside: str = ""
    error: str = ""
    details: str = ""
    image_key: str | None = None
    process: int = 0
    peak_bytes: int | None = None


@dataclass(frozen=True)
class ReadCase:
    """A case that was read, and the checksum of its voxels."""

    case: Case
    image_key: str

    @classmethod
    def of(cls, job: CaseJob) -> ReadCase:
        """Read the case of a job.

        Raises:
            UserError: It cannot be read.
            NotACaseError: It is a label map.
        """
        case = job.case.read()
        check_is_image(job.case, case)
        return cls(case, image_key(case))


class CaseWorker:
    """Assesses the cases of a batch one after the other, and reads one ahead.

    Attributes:
        duplicates: The images that are known so far; a case that may not have the image of an earlier one is not assessed.
    """

    def __init__(self) -> None:
        self.duplicates = Duplicates()
        self._assessors: dict[tuple[str, str], Assessor] = {}
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        self._ahead: dict[int, Future[ReadCase]] = {}

    def assess(
        self, job: CaseJob, *, upcoming: CaseJob | None = None, read: Callable[[], ReadCase] | None = None
    ) -> CaseOutcome:
        """Assess a case, whatever happens.

        Args:
            job: The case.
            upcoming: A case that comes next; it is read in a thread of its own meanwhile.
            read: Gives the case where it was read elsewhere.
        """
        key: str | None = None

        def read_case() -> Case:
            nonlocal key
            ahead = self._ahead.pop(job.number, None)
            self._ahead.clear()  # read for a job that another worker has got
            found = (read or (ahead.result if ahead else None) or (lambda: ReadCase.of(job)))()
            key = found.image_key
            if upcoming is not None:
                self._ahead[upcoming.number] = self._reader.submit(ReadCase.of, upcoming)
            self.duplicates.check(key, job.owner)
            return found.case

        def work(job: CaseJob) -> Mapping[str, Any] | NotACaseError:
            try:
                return assess_one(job, self._assessor(job), read=read_case)
            except NotACaseError as reason:
                return reason

        outcome = attempt(job, work)
        if key is not None:
            self.duplicates.add(key, job.owner)
        result = outcome.result
        return CaseOutcome(
            number=job.number,
            record=None if isinstance(result, NotACaseError) else result,
            aside=str(result) if isinstance(result, NotACaseError) else "",
            error=outcome.error,
            details=outcome.details,
            image_key=key,
            process=os.getpid(),
            peak_bytes=peak_bytes(),
        )

    def close(self) -> None:
        """End the reading thread."""
        self._reader.shutdown(wait=True, cancel_futures=True)

    def _assessor(self, job: CaseJob) -> Assessor:
        key = (job.model, job.device)
        if key not in self._assessors:
            self._assessors[key] = Assessor(job.model, device=job.device)
        return self._assessors[key]


def peak_bytes() -> int | None:
    """Most memory that this process has used so far; None on Windows."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
