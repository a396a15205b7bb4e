"""Background process of the panel: takes jobs from a folder, keeps the networks loaded between them.

Usage: PythonSlicer liverai_worker.py FOLDER LIBRARY_ROOT

Jobs appear as FOLDER/job-N (see LiverAISlicer/jobs.py); each ends in an event "done" or "error". Events are lines of
JSON after a mark on standard output; other output belongs to the log. The process ends when LiverAISlicer/workerprotocol.py
says so, or after a while without a job.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from pathlib import Path

POLL_SECONDS = 0.1
IDLE_SECONDS = 600.0


def run(folder: Path, assessors: dict) -> None:
    """Do one job."""
    from LiverAISlicer.jobs import RESULT, readJob
    from LiverAISlicer.workerprotocol import emit

    job = readJob(folder)
    if "torch" not in sys.modules:
        emit("progress", share=0.0, text="Loading the networks' libraries")
    from LiverAILib import Assessor
    from LiverAILib.data.fingerprint import same_model
    from LiverAILib.data.model import load_model
    from LiverAILib.results.files import write_assessment

    model = load_model(job.model)
    key = (job.model, job.device)
    if key not in assessors or not same_model(assessors[key].model, model):
        report = lambda share, text: emit("progress", share=share, text=text)  # noqa: E731
        assessors[key] = Assessor(model, device=job.device, progress=report)
    assessment = assessors[key].assess(job.case, job.request)
    emit("progress", share=1.0, text="Writing the result")
    write_assessment(assessment, folder / RESULT, pictures=False, images=False)


def main(arguments: list[str]) -> int:
    """Take jobs until there is no more need."""
    folder, root = Path(arguments[0]), arguments[1]
    sys.path[:0] = [root, str(Path(__file__).resolve().parent.parent)]
    from LiverAISlicer.workerprotocol import emit, endWithSlicer

    from LiverAILib.console import print_any_character
    from LiverAILib.errors import UserError

    print_any_character()
    endWithSlicer(folder)
    emit("ready", pid=os.getpid())
    assessors: dict = {}
    done: set[str] = set()
    lastJob = time.monotonic()
    while time.monotonic() - lastJob < IDLE_SECONDS:
        waiting = [path for path in folder.glob("job-*") if path.suffix != ".tmp" and path.name not in done]
        if not waiting:
            time.sleep(POLL_SECONDS)
            continue
        job = waiting[0]
        done.add(job.name)
        try:
            run(job, assessors)
            emit("done", job=job.name)
        except UserError as error:
            emit("error", job=job.name, text=str(error), details="")
        except Exception as error:  # Whatever it is, the panel has to show its cause.
            emit("error", job=job.name, text=f"{type(error).__name__}: {error}", details=traceback.format_exc())
        lastJob = time.monotonic()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
