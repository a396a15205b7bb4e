"""Runs a scenario of the panel in a process of its own: Qt and the stand-ins of PythonQt do not go back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def run_panel(scenario: str, *arguments: object, **environment: str) -> None:
    """Run a script of this folder without a screen; it says so when it has come to its end."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / scenario), *map(str, arguments)],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", **environment},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "panel scenario passed" in done.stdout
