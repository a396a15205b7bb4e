"""A writer of results that kills its process, for tests of what is lost then."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from LiverAILib.data.assessment import Assessment
from LiverAILib.results.files import write_assessment


@dataclass(frozen=True)
class KillingWriter:
    """Writes results as always, but kills its process in the middle of writing some cases.

    Attributes:
        times: How often, by case.
        marks: Here the folder "kills of CASE" gets a file for each kill.
    """

    times: Mapping[str, int]
    marks: Path

    def __call__(self, assessment: Assessment, place: Path) -> Mapping[str, Any]:
        marks = self.marks / f"kills of {assessment.case_id}"
        if len(list(marks.iterdir())) < self.times[assessment.case_id]:
            (marks / str(os.getpid())).touch()
            half_written = place / ".writing-killed"
            half_written.mkdir(parents=True)
            (half_written / "segmentation.seg.nrrd").write_bytes(b"NRRD")
            os.kill(os.getpid(), signal.SIGKILL)
        write_assessment(assessment, place)
        return assessment.record()
