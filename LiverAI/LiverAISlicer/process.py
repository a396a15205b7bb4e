"""A child process that reports lines of text: what the background worker needs of it, and one without Qt."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from LiverAILib.errors import UserError

WORKER = Path(__file__).resolve().parent.parent / "Scripts" / "liverai_worker.py"


class WorkerProcess(Protocol):
    """A child process. `onLine` gets every line of its output, `onExit` its exit code, once, after the last line."""

    onLine: Callable[[str], None]
    onExit: Callable[[int], None]

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start the command; a command that cannot be started ends in `onExit` too."""

    def isRunning(self) -> bool:
        """True from `start` until `onExit`."""

    def kill(self) -> None:
        """End the process at once."""


class LineBuffer:
    """Cuts output that comes in arbitrary pieces into whole lines."""

    def __init__(self) -> None:
        self._rest = b""

    def lines(self, data: bytes) -> list[str]:
        """The lines that `data` completes."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        return [line.decode("utf-8", errors="replace").rstrip("\r") for line in whole]

    def rest(self) -> list[str]:
        """What came after the last line end."""
        rest, self._rest = self._rest, b""
        return [rest.decode("utf-8", errors="replace")] if rest else []


class SubprocessWorker:
    """A `WorkerProcess` for use without Qt: whoever waits calls `pump` until it is over."""

    def __init__(self) -> None:
        self.onLine: Callable[[str], None] = lambda line: None
        self.onExit: Callable[[int], None] = lambda code: None
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = LineBuffer()

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start the command."""
        self._process = subprocess.Popen(
            list(command), env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        os.set_blocking(self._process.stdout.fileno(), False)

    def isRunning(self) -> bool:
        """True from `start` until `onExit`."""
        return self._process is not None

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._process.kill()

    def pump(self) -> None:
        """Deliver the output that is there, and the end."""
        if self._process is None:
            return
        code = self._process.poll()
        while data := self._process.stdout.read():
            for line in self._buffer.lines(data):
                self.onLine(line)
        if code is not None:
            for line in self._buffer.rest():
                self.onLine(line)
            self._process.stdout.close()
            self._process = None
            self.onExit(code)


def pythonCommand() -> str:
    """The Python interpreter that a child process can use: PythonSlicer in the application.

    Raises:
        UserError: There is none.
    """
    found = shutil.which("PythonSlicer")
    if found:
        return found
    if Path(sys.executable or "").name.lower().startswith("python"):
        return sys.executable
    raise UserError("PythonSlicer was not found beside the application. Install 3D Slicer again.")


def workerCommand(folder: Path, libraryRoot: Path) -> list[str]:
    """Command line of the background worker that looks for jobs in `folder`."""
    return [pythonCommand(), str(WORKER), str(folder), str(libraryRoot)]


def workerEnvironment() -> dict[str, str]:
    """Environment of child processes: that of before the application's start, and `LIVERAI_...` variables as they are now."""
    import slicer
    import slicer.util

    if getattr(slicer, "app", None) is None:  # Slicer's libraries without the application
        return dict(os.environ)
    ours = {name: value for name, value in os.environ.items() if name.startswith("LIVERAI_")}
    return {**slicer.util.startupEnvironment(), **ours}
