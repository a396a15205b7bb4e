"""Assess in a background process that can be cancelled, so that the window never freezes."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from LiverAILib.data.assessment import Assessment
from LiverAISlicer.jobs import RESULT, Job, writeJob
from LiverAISlicer.library import libraryRoot
from LiverAISlicer.process import WorkerProcess, workerCommand
from LiverAISlicer.workerprotocol import STOP, readEvent

LOG_LINES = 200


class BackgroundAssessor:
    """Hands jobs to a worker process, which stays alive between them with its networks loaded.

    Attributes:
        onProgress: Called with a share 0..1 and a sentence.
        onDone: Called with the `Assessment` of the job.
        onError: Called with a sentence and details (traceback or the last lines of output); not after `cancel`.
    """

    def __init__(self, newProcess: Callable[[], WorkerProcess], environment: Mapping[str, str] | None = None) -> None:
        self.onProgress: Callable[[float, str], None] = lambda share, text: None
        self.onDone: Callable[[Assessment], None] = lambda assessment: None
        self.onError: Callable[[str, str], None] = lambda text, details: None
        self._newProcess = newProcess
        self._environment = dict(os.environ if environment is None else environment)
        self._process: WorkerProcess | None = None
        self._workerId: int | None = None
        self._folder: Path | None = None
        self._job: Path | None = None
        self._count = 0
        self._log: deque[str] = deque(maxlen=LOG_LINES)

    @property
    def busy(self) -> bool:
        """True while a job is being done."""
        return self._job is not None

    @property
    def workerId(self) -> int | None:
        """Process ID of the worker, once it has reported."""
        return self._workerId

    def submit(self, job: Job) -> None:
        """Start a job; one at a time."""
        if self.busy:
            raise RuntimeError("A job is being done already.")
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="LiverAI-"))
        self._count += 1
        folder = self._folder / f"job-{self._count}"
        writeJob(job, folder)
        self._job = folder
        if self._process is None or not self._process.isRunning():
            self._startProcess()

    def cancel(self) -> None:
        """End the job and the worker at once; nothing of the job is left."""
        self._job = None
        self._end()

    def close(self) -> None:
        """End the worker and remove all files."""
        self.cancel()

    def _startProcess(self) -> None:
        self._log.clear()
        process = self._newProcess()
        process.onLine = lambda line: self._line(process, line)
        process.onExit = lambda code: self._exited(process, code)
        self._process, self._workerId = process, None
        process.start(workerCommand(self._folder, libraryRoot()), self._environment)

    def _end(self) -> None:
        process, self._process = self._process, None
        folder, self._folder = self._folder, None
        if folder is not None:
            # A launcher may stand between us and the worker: the worker itself looks for this file.
            with contextlib.suppress(OSError):
                (folder / STOP).touch()
        if process is not None and process.isRunning():
            if self._workerId is not None:
                with contextlib.suppress(OSError):
                    os.kill(self._workerId, getattr(signal, "SIGKILL", signal.SIGTERM))
            process.kill()
        self._workerId = None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _line(self, process: WorkerProcess, line: str) -> None:
        if process is not self._process:
            return
        event = readEvent(line)
        if event is None:
            if line.strip():
                self._log.append(line)
            return
        kind = event["event"]
        if kind == "ready":
            self._workerId = event["pid"]
        elif self._job is not None and kind == "progress":
            self.onProgress(event["share"], event["text"])
        elif self._job is not None and event["job"] == self._job.name:
            self._finish(kind, event)

    def _finish(self, kind: str, event: dict) -> None:
        folder, self._job = self._job, None
        assessment, text, details = None, event.get("text", ""), event.get("details", "")
        if kind == "done":
            from LiverAILib.errors import UserError
            from LiverAILib.results.files import read_assessment

            try:
                assessment = read_assessment(folder / RESULT)
            except UserError as error:
                text = str(error)
        shutil.rmtree(folder, ignore_errors=True)
        if assessment is not None:
            self.onDone(assessment)
        else:
            self.onError(text, details)

    def _exited(self, process: WorkerProcess, code: int) -> None:
        if process is not self._process:
            return
        self._process, self._workerId = None, None
        if self._job is None:
            return
        folder, self._job = self._job, None
        shutil.rmtree(folder, ignore_errors=True)
        reason = "not enough memory is a common cause" if code in (-9, 9, 137) else "its last words are in the details"
        self.onError(f"The background process ended with code {code} ({reason}).", "\n".join(self._log))
