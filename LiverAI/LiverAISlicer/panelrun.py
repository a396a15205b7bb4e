"""The panel's runs in the background: Apply, progress, Cancel, and the result in the scene."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import slicer.util
from slicer.i18n import tr as _

from LiverAILib.errors import UserError
from LiverAISlicer.background import BackgroundAssessor
from LiverAISlicer.jobs import Job
from LiverAISlicer.later import Later
from LiverAISlicer.logic import GivenNodes
from LiverAISlicer.process import workerEnvironment
from LiverAISlicer.qtprocess import QtWorker
from LiverAISlicer.resultnodes import AssessmentNodes
from LiverAISlicer.timeleft import TimeLeft

Steps = Generator[None, None, AssessmentNodes]


class PanelRun:
    """One assessment at a time, in a process that stays alive with its networks loaded.

    Args:
        ui: Widgets of the panel.
        writeSteps: Puts an assessment into the scene, in steps: assessment and the nodes that the user chose. Returns its nodes.
        onChanged: Called when a run starts or ends.
        onWritten: Called with the nodes.
    """

    def __init__(self, ui: Any, writeSteps: Callable[[Any, GivenNodes], Steps], onChanged, onWritten) -> None:
        self._ui = ui
        self._writeSteps = writeSteps
        self._onChanged = onChanged
        self._onWritten = onWritten
        self._background: BackgroundAssessor | None = None
        self._given: GivenNodes | None = None
        self._steps: Steps | None = None
        self._next = Later(self._step)
        self._timeLeft = TimeLeft()

    @property
    def isBusy(self) -> bool:
        """Whether an assessment is being made or written."""
        return self._steps is not None or (self._background is not None and self._background.busy)

    def start(self, job: Job, given: GivenNodes) -> None:
        """Assess in the background.

        Args:
            job: What to do.
            given: The nodes that the job was made from.
        """
        if self._background is None:
            self._background = BackgroundAssessor(QtWorker, workerEnvironment())
            self._background.onProgress = self._progress
            self._background.onDone = self._done
            self._background.onError = self._failed
        self._given = given
        self._timeLeft = TimeLeft()
        self._progress(0.0, _("Starting"))
        self._background.submit(job)
        self._onChanged()

    def cancel(self) -> None:
        """End what runs; the scene is as it was before."""
        if self.isBusy:
            self._forgetSteps()
            self._background.cancel()
            self._given = None
            self._ui.statusLabel.text = _("Cancelled.")
            self._onChanged()

    def close(self) -> None:
        """End the process."""
        self._forgetSteps()
        if self._background is not None:
            self._background.close()

    def _progress(self, share: float, text: str) -> None:
        self._ui.progressBar.value = round(100 * share)
        seconds = self._timeLeft.after(share)
        if seconds is not None:
            text = _("{text}, about {seconds} s left").format(text=text, seconds=seconds)
        self._ui.statusLabel.text = text

    def _done(self, assessment) -> None:
        """The result is there: write it a step at a time, so that the window lives on."""
        self._ui.statusLabel.text = _("Writing the result")
        self._steps = self._writeSteps(assessment, self._given)
        self._given = None
        self._next.ask()

    def _step(self) -> None:
        try:
            next(self._steps)
        except StopIteration as end:
            self._steps = None
            self._ui.statusLabel.text = _doneText(end.value)
            self._onWritten(end.value)
            self._onChanged()
        except UserError as error:
            self._failed(str(error), "")
        except Exception:
            self._forgetSteps()
            self._onChanged()
            raise
        else:
            self._next.ask()

    def _forgetSteps(self) -> None:
        self._next.forget()
        if self._steps is not None:
            self._steps.close()
            self._steps = None

    def _failed(self, text: str, details: str) -> None:
        self._forgetSteps()
        self._given = None
        self._onChanged()
        self._ui.statusLabel.text = text
        slicer.util.errorDisplay(text, windowTitle="LiverAI", detailedText=details)


def _doneText(nodes: AssessmentNodes) -> str:
    if nodes.keptSegmentation is None:
        return _("Done.")
    text = _("Done. The segmentation that you edited is kept as '{name}', hidden in the views.")
    return text.format(name=nodes.keptSegmentation.GetName())
