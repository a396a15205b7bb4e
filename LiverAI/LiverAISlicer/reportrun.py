"""Makes the report and the files of a result in a child process: its pictures need libraries that Slicer does not load."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import qt
import slicer.util
from slicer.i18n import tr as _

from LiverAISlicer.export import saveForReport
from LiverAISlicer.library import libraryRoot
from LiverAISlicer.process import pythonCommand, workerEnvironment
from LiverAISlicer.qtprocess import QtWorker
from LiverAISlicer.resultnodes import AssessmentNodes

SCRIPT = Path(__file__).resolve().parent.parent / "Scripts" / "liverai_report.py"
REPORT = "report.html"


class ReportRun:
    """One report at a time.

    Args:
        statusLabel: Says what happens.
    """

    def __init__(self, statusLabel) -> None:
        self._statusLabel = statusLabel
        self._process: QtWorker | None = None
        self._source: Path | None = None

    def start(self, nodes: AssessmentNodes, output: Path, *, openReport: bool) -> None:
        """Write all files of a result to a folder, and open the report if asked to.

        Raises:
            UserError: A node of the result is gone.
        """
        if self._process is not None:
            self._statusLabel.text = _("Wait for the other report.")
            return
        self._source = Path(tempfile.mkdtemp(prefix="LiverAI-"))
        try:
            saveForReport(nodes, self._source)
        except BaseException:
            self._removeSource()
            raise
        log: list[str] = []
        self._process = process = QtWorker()
        process.onLine = log.append
        process.onExit = lambda code: self._finished(code, log, output, openReport)
        self._statusLabel.text = _("Making the report")
        command = [pythonCommand(), str(SCRIPT), str(libraryRoot()), str(self._source), str(output)]
        process.start(command, workerEnvironment())

    def close(self) -> None:
        """End what runs."""
        if self._process is not None:
            self._process.kill()

    def _finished(self, code: int, log: list[str], output: Path, openReport: bool) -> None:
        self._process = None
        self._removeSource()
        if code != 0:
            text = log[-1] if log else _("The report could not be made.")
            self._statusLabel.text = text
            slicer.util.errorDisplay(text, windowTitle="LiverAI", detailedText="\n".join(log))
            return
        self._statusLabel.text = _("Saved in {folder}").format(folder=output)
        if openReport:
            qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(output / REPORT)))

    def _removeSource(self) -> None:
        shutil.rmtree(self._source, ignore_errors=True)
