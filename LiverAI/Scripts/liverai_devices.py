"""Tells Slicer which devices the networks can run on here, besides the processor.

Usage: PythonSlicer liverai_devices.py LIBRARY_ROOT

Emits one event "devices" with names and titles, see LiverAISlicer/workerprotocol.py.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Look, and tell."""
    sys.path[:0] = [arguments[0], str(Path(__file__).resolve().parent.parent)]
    from LiverAISlicer.workerprotocol import emit

    from LiverAILib.networks.device import available_devices

    found = available_devices()
    emit("devices", devices=[{"name": name, "title": title} for name, title in found.items() if name != "cpu"])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
