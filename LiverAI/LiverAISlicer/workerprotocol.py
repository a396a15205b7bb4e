"""How a worker process and Slicer talk: events as lines of JSON on standard output, and when the worker has to end."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

MARK = "@liverai "
STOP = "stop"
POLL_SECONDS = 0.1


def emit(event: str, **fields: object) -> None:
    """Tell Slicer something."""
    print(MARK + json.dumps({"event": event, **fields}), flush=True)


def readEvent(line: str) -> dict | None:
    """The event of a line of output; None where the line is something else."""
    return json.loads(line[len(MARK) :]) if line.startswith(MARK) else None


def endWithSlicer(folder: Path) -> None:
    """End this process, even in the middle of a job, when `folder/stop` appears, the folder is gone, or the parent ends.

    Killing PythonSlicer ends only a launcher in between; its child has to notice by itself.
    """
    threading.Thread(target=_watch, args=(folder,), daemon=True).start()


def _watch(folder: Path) -> None:
    parent = os.getppid()
    while folder.is_dir() and not (folder / STOP).exists() and os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os._exit(3)
