"""The panel's runs in the background: Apply, progress, Cancel, and the result in the scene."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import slicer.util
from slicer.i18n import tr as _

from LiverAILib.errors import UserError
from LiverAISlicer.background import BackgroundAssessor
from LiverAISlicer.jobs import Job
from LiverAISlicer.process import workerEnvironment
from LiverAISlicer.qtprocess import QtWorker
from LiverAISlicer.resultnodes import AssessmentNodes

Images = Mapping[str, Sequence[Any]]
"""Volume nodes by role."""


class PanelRun:
    """One assessment at a time, in a process that stays alive with its networks loaded.

    Args:
        ui: Widgets of the panel.
        write: Puts an assessment into the scene: assessment, images by role, segmentation that the user gave. Returns its
            nodes.
        onChanged: Called when a run starts or ends.
    """

    def __init__(self, ui: Any, write: Callable[[Any, Images, Any], AssessmentNodes], onChanged) -> None:
        self._ui = ui
        self._write = write
        self._onChanged = onChanged
        self._background: BackgroundAssessor | None = None
        self._given: tuple[Images, Any] | None = None

    @property
    def isBusy(self) -> bool:
        """Whether an assessment is being made."""
        return self._background is not None and self._background.busy

    def start(self, job: Job, images: Images, segmentationNode) -> None:
        """Assess in the background.

        Args:
            job: What to do.
            images: Nodes of the job's images by role.
            segmentationNode: The mask that the user gave, or None.
        """
        if self._background is None:
            self._background = BackgroundAssessor(QtWorker, workerEnvironment())
            self._background.onProgress = self._progress
            self._background.onDone = self._done
            self._background.onError = self._failed
        self._given = (images, segmentationNode)
        self._progress(0.0, _("Starting"))
        self._background.submit(job)
        self._onChanged()

    def cancel(self) -> None:
        """End what runs; the scene is as it was before."""
        if self.isBusy:
            self._background.cancel()
            self._given = None
            self._ui.statusLabel.text = _("Cancelled.")
            self._onChanged()

    def close(self) -> None:
        """End the process."""
        if self._background is not None:
            self._background.close()

    def _progress(self, share: float, text: str) -> None:
        self._ui.progressBar.value = round(100 * share)
        self._ui.statusLabel.text = text

    def _done(self, assessment) -> None:
        images, segmentationNode = self._given
        self._given = None
        try:
            nodes = self._write(assessment, images, segmentationNode)
        except UserError as error:
            self._failed(str(error), "")
            return
        self._ui.statusLabel.text = _doneText(nodes)
        self._onChanged()

    def _failed(self, text: str, details: str) -> None:
        self._given = None
        self._onChanged()
        self._ui.statusLabel.text = text
        slicer.util.errorDisplay(text, windowTitle="LiverAI", detailedText=details)


def _doneText(nodes: AssessmentNodes) -> str:
    if nodes.keptSegmentation is None:
        return _("Done.")
    text = _("Done. The segmentation that you edited is kept as '{name}', hidden in the views.")
    return text.format(name=nodes.keptSegmentation.GetName())
