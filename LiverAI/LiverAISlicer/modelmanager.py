"""The panel's section that adds and removes models; nothing is downloaded unless the user asks for it. Needs Qt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer.util
from slicer.i18n import tr as _

from LiverAILib.errors import UserError
from LiverAISlicer.library import libraryRoot
from LiverAISlicer.process import pythonCommand, workerEnvironment
from LiverAISlicer.qtprocess import QtWorker
from LiverAISlicer.workerprotocol import readEvent

SCRIPT = Path(__file__).resolve().parent.parent / "Scripts" / "liverai_models.py"


class ModelManager:
    """Adds a model from a folder, a zip file or a URL in a child process, and removes added ones.

    Args:
        ui: Widgets of the panel.
        chosen: Gives the model that is chosen in the panel, or None.
        onChanged: Called with the name of the model that was added, or "" where one was removed.
    """

    def __init__(self, ui: Any, chosen: Callable[[], Any], onChanged: Callable[[str], None]) -> None:
        self._ui = ui
        self._chosen = chosen
        self._onChanged = onChanged
        self._process: QtWorker | None = None
        self._log: list[str] = []
        self._event: dict[str, Any] = {}
        ui.modelFolderButton.connect("clicked(bool)", self.onFolder)
        ui.addModelButton.connect("clicked(bool)", self.onAdd)
        ui.removeModelButton.connect("clicked(bool)", self.onRemove)
        ui.modelSourceLineEdit.connect("textChanged(QString)", self.onSourceChanged)
        self.update()

    def update(self) -> None:
        """Offer what can be done."""
        from LiverAILib.data.model_store import is_added

        isBusy, model = self._process is not None, self._chosen()
        self._ui.addModelButton.text = _("Cancel") if isBusy else _("Add model")
        self._ui.addModelButton.enabled = isBusy or bool(self._ui.modelSourceLineEdit.text.strip())
        self._ui.removeModelButton.enabled = not isBusy and model is not None and is_added(model)

    def onSourceChanged(self, text: str) -> None:
        """The user typed an address."""
        self.update()

    def onFolder(self, checked: bool = False) -> None:
        """Choose a model folder."""
        folder = qt.QFileDialog.getExistingDirectory(None, _("Model folder"))
        if folder:
            self._ui.modelSourceLineEdit.text = folder

    def onAdd(self, checked: bool = False) -> None:
        """Add the model, or end a download, which goes on the next time."""
        if self._process is not None:
            self.close()
            return
        source, checksum = self._ui.modelSourceLineEdit.text.strip(), self._ui.modelChecksumLineEdit.text.strip()
        try:
            command = [pythonCommand(), str(SCRIPT), str(libraryRoot()), source, checksum]
        except UserError as error:
            slicer.util.errorDisplay(str(error), windowTitle="LiverAI")
            return
        self._log, self._event = [], {}
        self._process = QtWorker()
        self._process.onLine = self._line
        self._process.onExit = self._finished
        self._process.start(command, workerEnvironment())
        self._ui.statusLabel.text = _("Adding the model")
        self.update()

    def onRemove(self, checked: bool = False) -> None:
        """Remove the chosen model after a question."""
        from LiverAILib.data.model_store import remove_model

        name = self._chosen().name
        if not slicer.util.confirmOkCancelDisplay(
            _("Delete the model '{name}' from this computer?").format(name=name), windowTitle="LiverAI"
        ):
            return
        try:
            remove_model(name)
        except UserError as error:
            slicer.util.errorDisplay(str(error), windowTitle="LiverAI")
            return
        self._ui.statusLabel.text = _("The model {name} is removed.").format(name=name)
        self._onChanged("")

    def close(self) -> None:
        """End a download."""
        if self._process is not None:
            process, self._process = self._process, None
            process.onExit = lambda code: None
            process.kill()
            self._ui.statusLabel.text = _("Cancelled. What has arrived is kept for the next try.")
            self.update()

    def _line(self, line: str) -> None:
        event = readEvent(line)
        if event is None:
            self._log.append(line)
        elif event["event"] == "progress":
            self._ui.statusLabel.text = event["text"]
        else:
            self._event = event

    def _finished(self, code: int) -> None:
        self._process = None
        self.update()
        if self._event.get("event") == "added":
            name = self._event["name"]
            self._ui.modelSourceLineEdit.text = self._ui.modelChecksumLineEdit.text = ""
            self._ui.statusLabel.text = _("The model {name} is added.").format(name=name)
            self._onChanged(name)
        else:
            text = self._event.get("text") or _("The model could not be added.")
            self._ui.statusLabel.text = text
            slicer.util.errorDisplay(text, windowTitle="LiverAI", detailedText="\n".join(self._log))
