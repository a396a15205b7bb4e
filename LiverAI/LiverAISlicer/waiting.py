"""Assess in a child process and wait for it: for the console and scripts, which go on when the result is there.

Torch stays out of the application's process: its libraries can clash with those of a software OpenGL and end the application.
"""

from __future__ import annotations

import atexit
import logging
import time
from collections.abc import Callable

from LiverAILib.data.assessment import Assessment
from LiverAILib.errors import UserError
from LiverAISlicer.background import BackgroundAssessor
from LiverAISlicer.jobs import Job
from LiverAISlicer.process import SubprocessWorker, workerEnvironment

POLL_SECONDS = 0.02


class WaitingAssessor:
    """Hands one job after the other to a child process, which keeps its networks loaded between them."""

    def __init__(self) -> None:
        self.environment = workerEnvironment()
        self._process: SubprocessWorker | None = None
        self._background = BackgroundAssessor(self._newProcess, self.environment)

    def assess(self, job: Job, progress: Callable[[float, str], None] | None = None) -> Assessment:
        """Do a job.

        Raises:
            UserError: The job failed. The traceback of an error that was not foreseen is in the log.
        """
        done: list[Assessment] = []
        failed: list[tuple[str, str]] = []
        self._background.onProgress = progress or (lambda share, text: None)
        self._background.onDone = done.append
        self._background.onError = lambda text, details: failed.append((text, details))
        if self._process is not None:
            self._process.pump()  # notice where it has ended meanwhile
        try:
            self._background.submit(job)
            while not done and not failed:
                self._process.pump()
                time.sleep(POLL_SECONDS)
        except BaseException:  # also Ctrl+C: nothing goes on that nobody waits for
            self._background.cancel()
            raise
        if failed:
            text, details = failed[0]
            if details:
                logging.error(details)
            raise UserError(text)
        return done[0]

    def close(self) -> None:
        """End the child process."""
        self._background.close()

    def _newProcess(self) -> SubprocessWorker:
        self._process = SubprocessWorker()
        return self._process


_shared: WaitingAssessor | None = None


def sharedAssessor() -> WaitingAssessor:
    """The assessor of all console calls; another one where the environment has changed."""
    global _shared
    if _shared is not None and _shared.environment != workerEnvironment():
        closeSharedAssessor()
    if _shared is None:
        _shared = WaitingAssessor()
        atexit.register(closeSharedAssessor)
    return _shared


def closeSharedAssessor() -> None:
    """End the child process of the console calls."""
    global _shared
    if _shared is not None:
        _shared.close()
        _shared = None
        atexit.unregister(closeSharedAssessor)
