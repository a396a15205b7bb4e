"""Runs `run_in_slicer.py` on stand-ins of what it asks of the application, and keeps pictures. See test_run_in_slicer.py."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import panel_pictures
import panel_window
import slicer
import slicer.util
from LiverAISlicer import process
from LiverAISlicer.acceptance import PanelCheck
from panel_window import panel, scene
from scene_tools import let_read_mrb

output, kind = Path(sys.argv[1]), sys.argv[2]
let_read_mrb(scene, output.parent)
slicer.app.processEvents = panel_window.application.processEvents
slicer.modules = types.SimpleNamespace(LiverAIWidget=panel)


def saveScene(path: str) -> bool:
    return scene.WriteToMRB(path)


def loadScene(path: str) -> bool:
    return scene.ReadFromMRB(path)


def selectModule(name: str) -> None:
    assert name == "LiverAI"
    panel_window.open_panel(1500)
    if kind == "broken":  # a panel that is too wide, and a worker that cannot start
        panel.ui.applyButton.setMinimumWidth(800)
        process.WORKER = Path("nothing.py")


slicer.util.saveScene, slicer.util.loadScene = saveScene, loadScene
slicer.util.selectModule = selectModule
slicer.util.mainWindow = lambda: None
slicer.util.confirmOkCancelDisplay = lambda text, **options: True


def onReload() -> None:
    """As the application: another widget takes the place of this one."""
    slicer.modules.LiverAIWidget = types.SimpleNamespace(ui=panel.ui)


panel.onReload = onReload
import run_in_slicer  # noqa: E402

if len(sys.argv) > 3:
    take = PanelCheck.picture

    def take_and_keep(self: PanelCheck, step: str) -> None:
        take(self, step)
        panel_pictures.keep_state(Path(sys.argv[3]), step)

    PanelCheck.picture = take_and_keep

code = run_in_slicer.main(["--", "--output", str(output)])
panel.cleanup()
print(f"EXIT {code}")
print("panel scenario passed")
