"""The panel stays open while scenes are opened and results come from elsewhere. See test_panel.py."""

from __future__ import annotations

import sys
from pathlib import Path

import panel_window
from LiverAISlicer.logic import AssessmentLogic
from LiverAISlicer.nodes import imageFromVolumeNode
from LiverAISlicer.resultnodes import findResult
from LiverAISlicer.selftest import addKnownVolume, knownAssessment
from panel_window import check_no_slot_failed, panel, scene, settle
from scene_tools import let_read_mrb

NAME = "untrained"
"""Model that the panel offers."""


def write(volume, cirrhosis: float):
    """A result as the console or another run makes it: not by the panel."""
    assessment = knownAssessment(imageFromVolumeNode(volume), cirrhosis=cirrhosis, model=NAME)
    return AssessmentLogic().write(volume, assessment)


def shown() -> float | None:
    """Probability of cirrhosis in the result that the panel shows."""
    settle()
    nodes = panel._result.nodes
    return None if nodes is None else round(nodes.record["probabilities"]["cirrhosis"], 3)


# A scene with a result is saved, then closed.
folder = Path(sys.argv[1])
let_read_mrb(scene, folder)
write(addKnownVolume(scene, "saved"), 0.8)
assert scene.WriteToMRB(str(folder / "scene.mrb"))
scene.Clear()

# The panel is opened without anything, then the scene is opened: its volume can be assessed, its result is shown.
ui = panel_window.open_panel(1500)
assert not ui.applyButton.enabled
assert shown() is None
assert scene.ReadFromMRB(str(folder / "scene.mrb"))
volume = scene.GetFirstNodeByName("saved")
assert panel._parameterNode.inputVolume is volume
assert ui.applyButton.enabled
assert shown() == 0.8

# A result made elsewhere is shown, first one that replaces the old, then one of a volume that had none.
write(volume, 0.3)
assert shown() == 0.3
other = addKnownVolume(scene, "other")
panel._parameterNode.inputVolume = other
assert shown() is None
table = write(other, 0.6).tableNode
assert shown() == 0.6
scene.RemoveNode(table)
assert shown() is None
assert ui.resultLabel.text == "No result yet."

# Another scene is added to this one, and opened in its place.
assert scene.ReadFromMRB(str(folder / "scene.mrb"), False)
settle()
assert panel._parameterNode.inputVolume is not None
assert scene.ReadFromMRB(str(folder / "scene.mrb"), True)
assert shown() == 0.8
assert ui.applyButton.enabled

# While another module is open the panel does nothing; when it is opened again it is up to date.
panel_window.parent.isEntered = False
panel.exit()
assert scene.ReadFromMRB(str(folder / "scene.mrb"), True)
assert findResult(write(scene.GetFirstNodeByName("saved"), 0.9).volumeNode, NAME) is not None
settle()
panel_window.parent.isEntered = True
panel.enter()
assert shown() == 0.9
panel.cleanup()
check_no_slot_failed()
print("panel scenario passed")
