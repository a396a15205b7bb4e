"""The panel's choice of the processor that the networks run on. Needs Qt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from LiverAILib.errors import UserError
from LiverAISlicer.library import libraryRoot
from LiverAISlicer.process import pythonCommand, workerEnvironment
from LiverAISlicer.qtprocess import QtWorker
from LiverAISlicer.workerprotocol import readEvent

SCRIPT = Path(__file__).resolve().parent.parent / "Scripts" / "liverai_devices.py"
AUTO = "auto"


class DeviceList:
    """Offers the devices that are there. A child process looks for them: torch stays out of this one.

    It looks when the user opens the section of the panel, or where the scene asks for a device other than the processor.
    """

    def __init__(self, ui: Any, parameters: Callable[[], Any]) -> None:
        """`parameters` gives the parameter node, or None."""
        self._ui = ui
        self._parameters = parameters
        self._process: QtWorker | None = None
        self._isKnown = False
        self._devices = {AUTO: _("automatic"), "cpu": "CPU"}
        self._updating = False
        ui.deviceComboBox.connect("currentIndexChanged(int)", self.onChanged)
        ui.advancedCollapsibleButton.connect("contentsCollapsed(bool)", self.onCollapsed)

    def update(self) -> None:
        """Show what the parameter node holds; a device that is not here becomes automatic once that is known."""
        device = self._parameters().device
        if device not in self._devices:
            if self._isKnown:
                self._parameters().device = device = AUTO
            else:
                self._find()
        entries = [*self._devices.values(), *([device] if device not in self._devices else [])]
        box = self._ui.deviceComboBox
        self._updating = True
        if [box.itemText(index) for index in range(box.count)] != entries:
            box.clear()
            for entry in entries:
                box.addItem(entry)
        box.currentIndex = [*self._devices, device].index(device)
        self._updating = False

    def onChanged(self, index: int) -> None:
        """The user chose a device."""
        if not self._updating and self._parameters() is not None and 0 <= index < len(self._devices):
            self._parameters().device = list(self._devices)[index]

    def onCollapsed(self, collapsed: bool) -> None:
        """The user opened the section: see which devices there are."""
        if not collapsed:
            self._find()

    def close(self) -> None:
        """End the child process."""
        if self._process is not None:
            self._process.kill()

    def _find(self) -> None:
        if self._isKnown or self._process is not None:
            return
        try:
            command = [pythonCommand(), str(SCRIPT), str(libraryRoot())]
        except UserError:
            return  # Apply says so
        self._process = QtWorker()
        self._process.onLine = self._line
        self._process.onExit = self._finished
        self._process.start(command, workerEnvironment())

    def _line(self, line: str) -> None:
        event = readEvent(line)
        if event is not None:
            self._devices.update({one["name"]: f"{one['name'].upper()}: {one['title']}" for one in event["devices"]})

    def _finished(self, code: int) -> None:
        """Without torch there is no more than the processor until it is installed, when this is asked again."""
        self._process = None
        self._isKnown = code == 0
        if self._parameters() is not None:
            self.update()
