"""Makes the report, the files or the DICOM objects of a result in a child process, with libraries that Slicer does not load."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
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
DICOM_FILES = "dicom_files.json"
"""List of the files that DICOM objects refer to, beside what is saved for the script, which then makes nothing else."""


class ReportRun:
    """One report at a time.

    Args:
        statusLabel: Says what happens.
    """

    def __init__(self, statusLabel) -> None:
        self._statusLabel = statusLabel
        self._process: QtWorker | None = None
        self._source: Path | None = None

    def start(
        self, nodes: AssessmentNodes, output: Path, *, openReport: bool = False, dicomFiles: Sequence[str] | None = None
    ) -> None:
        """Write a result to a folder.

        Args:
            nodes: The result.
            output: The folder.
            openReport: Whether the report is opened when it is there.
            dicomFiles: Write DICOM objects that refer to these files, in place of all other files.

        Raises:
            UserError: A node of the result is gone.
        """
        if self._process is not None:
            self._statusLabel.text = _("Wait for the other report.")
            return
        self._source = Path(tempfile.mkdtemp(prefix="LiverAI-"))
        try:
            saveForReport(nodes, self._source)
            if dicomFiles is not None:
                (self._source / DICOM_FILES).write_text(json.dumps(list(dicomFiles)), encoding="utf-8")
        except BaseException:
            self._removeSource()
            raise
        log: list[str] = []
        self._process = process = QtWorker()
        process.onLine = log.append
        process.onExit = lambda code: self._finished(code, log, output, openReport)
        self._statusLabel.text = _("Making the report") if dicomFiles is None else _("Making DICOM objects")
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
