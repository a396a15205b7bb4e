"""A child process whose output arrives in Qt's event loop. Python threads hardly run in Slicer, so there are none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import qt

from LiverAISlicer.process import LineBuffer


class QtWorker:
    """A `WorkerProcess` on QProcess."""

    def __init__(self) -> None:
        self.onLine: Callable[[str], None] = lambda line: None
        self.onExit: Callable[[int], None] = lambda code: None
        self._process = None
        self._buffer = LineBuffer()

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start the command; a command that cannot be started ends in `onExit` with code -1."""
        process = qt.QProcess()
        variables = qt.QProcessEnvironment()
        for name, value in environment.items():
            variables.insert(name, value)
        process.setProcessEnvironment(variables)
        process.setProcessChannelMode(qt.QProcess.MergedChannels)
        process.connect("readyReadStandardOutput()", self._read)
        process.connect("finished(int,QProcess::ExitStatus)", self._finished)
        process.connect("errorOccurred(QProcess::ProcessError)", self._failed)
        self._process = process
        process.start(command[0], list(command[1:]))

    def isRunning(self) -> bool:
        """True from `start` until `onExit`."""
        return self._process is not None

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._process.kill()

    def _read(self) -> None:
        if self._process is None:
            return
        for line in self._buffer.lines(self._process.readAllStandardOutput().data()):
            self.onLine(line)

    def _finished(self, code, status=None) -> None:
        if self._process is None:
            return
        self._read()
        for line in self._buffer.rest():
            self.onLine(line)
        self._end(int(code))

    def _failed(self, error) -> None:
        # Anything but a failed start is followed by finished().
        if self._process is not None and error == qt.QProcess.FailedToStart:
            self.onLine(self._process.errorString())
            self._end(-1)

    def _end(self, code: int) -> None:
        process, self._process = self._process, None
        process.deleteLater()
        self.onExit(code)
