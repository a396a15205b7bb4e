"""The panel: the real .ui file with Qt, a real background process, and MRML; only ctk and qMRML widgets are stand-ins.

Qt and VTK's rendering do not share a process well, so the panel runs in its own.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("PySide6") is None, reason="needs PySide6-Essentials: pip install PySide6-Essentials"
)


def test_panel(tmp_path, untrained_model):
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "LIVERAI_MODELS": str(untrained_model.parent)}
    picture = Path(os.environ.get("LIVERAI_PICTURES", tmp_path)) / "panel.png"
    done = subprocess.run(
        [sys.executable, str(HERE / "panel_scenario.py"), str(picture)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "panel scenario passed" in done.stdout
    assert picture.stat().st_size > 5000
