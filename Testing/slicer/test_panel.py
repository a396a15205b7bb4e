"""The panel: the real .ui file with Qt, a real background process, and MRML; only ctk and qMRML widgets are stand-ins.

Qt and VTK's rendering do not share a process well, so the panel runs in its own.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
from panel_run import run_panel

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("PySide6") is None, reason="needs PySide6-Essentials: pip install PySide6-Essentials"
)


def test_panel(tmp_path, untrained_model):
    picture = Path(os.environ.get("LIVERAI_PICTURES", tmp_path)) / "panel_applied.png"
    run_panel("panel_scenario.py", picture, LIVERAI_MODELS=str(untrained_model.parent))
    assert picture.stat().st_size > 5000


def test_panel_that_stays_open_shows_what_the_scene_holds(tmp_path, untrained_model):
    run_panel("scene_panel_scenario.py", tmp_path, LIVERAI_MODELS=str(untrained_model.parent))


def test_result_area_and_views(tmp_path, untrained_model):
    pictures = Path(os.environ.get("LIVERAI_PICTURES", tmp_path))
    run_panel("result_panel_scenario.py", pictures, LIVERAI_MODELS=str(untrained_model.parent))
    assert (pictures / "panel_result.png").stat().st_size > 5000


def test_models_are_added_and_removed(tmp_path, untrained_model):
    run_panel("models_panel_scenario.py", untrained_model, tmp_path, LIVERAI_HOME=str(tmp_path), NO_PROXY="127.0.0.1")
