"""The panel stays open while scenes are opened and results come from elsewhere. See test_panel.py."""

from __future__ import annotations

import sys
from pathlib import Path

import panel_window
import slicer
import slicer.util
from LiverAISlicer.logic import AssessmentLogic
from LiverAISlicer.nodes import imageFromVolumeNode, maskFromSegmentationNode
from LiverAISlicer.resultnodes import findResult
from LiverAISlicer.selftest import addKnownVolume, knownAssessment
from LiverAISlicer.shownmaps import shownNode
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

# The history lists all results of the scene, whatever the inputs are; choosing one shows it with its image and heat map.
other = addKnownVolume(scene, "other")
kept = write(other, 0.6)
elsewhere = AssessmentLogic().write(
    other, knownAssessment(imageFromVolumeNode(other), cirrhosis=0.7, model="not installed")
)
settle()
history = ui.historyTable
assert ui.historyCollapsibleButton.visible
ui.historyCollapsibleButton.collapsed = False
listed = [[history.item(row, column).text() for column in (1, 2)] for row in range(history.rowCount)]
assert listed == [
    [f"saved\n{NAME}", "cirrhosis 80 %"],
    [f"other\n{NAME}", "cirrhosis 60 %"],
    ["other\nnot installed", "cirrhosis 70 %"],
]
assert history.currentRow() == 0
composite = slicer.vtkMRMLSliceCompositeNode()
composite.SetLayoutName("Red")
composite = scene.AddNode(composite)
history.setCurrentCell(1, 0)
assert shown() == 0.6
assert panel._parameterNode.inputVolume is other
assert composite.GetBackgroundVolumeID() == other.GetID()
assert composite.GetForegroundVolumeID() == shownNode(kept.heatMapNode).GetID()
history.setCurrentCell(2, 0)
assert shown() == 0.7
assert panel._parameterNode.model == NAME
panel_window.picture(folder / "panel_history.png")
assert panel_window.needed_width() <= panel_window.NARROW

# It stays while the inputs do, and goes with another choice.
panel.exit()
panel.enter()
assert shown() == 0.7
panel._parameterNode.inputVolume = scene.GetFirstNodeByName("saved")
assert shown() == 0.8
assert history.currentRow() == 0

# Deleting asks, and removes what belongs to the result alone.
asked = []
slicer.util.confirmOkCancelDisplay = lambda text, windowTitle=None: asked.append(text) or len(asked) > 1
history.setCurrentCell(2, 0)
ui.deleteResultButton.click()
assert history.rowCount == 3
ui.deleteResultButton.click()
settle()
assert history.rowCount == 2
assert "not installed" in asked[1]
assert elsewhere.tableNode.GetScene() is None
assert elsewhere.segmentationNode.GetScene() is None
assert kept.segmentationNode.GetScene() is scene
assert composite.GetForegroundVolumeID() is None
assert shown() == 0.8

# The liver of a mask: by name or code, else chosen by the user.
mask = kept.segmentationNode
panel._parameterNode.segmentation = mask
entries = [ui.segmentComboBox.itemText(index) for index in range(ui.segmentComboBox.count)]
assert entries == ["Automatic: Liver", "Liver", "Spleen"]
ui.segmentComboBox.currentIndex = 2
assert panel._parameterNode.liverSegment == "spleen"
job, given = panel._inputs.job()
assert given.segmentId == "spleen"
assert int(job.case.masks["liver"].array.sum()) == int(maskFromSegmentationNode(mask, "spleen", other).array.sum())
mask.GetSegmentation().RemoveSegment("liver")
panel.enter()
assert ui.segmentComboBox.itemText(0) == "Choose the segment"
assert "Spleen" in ui.segmentComboBox.toolTip
assert panel._parameterNode.liverSegment == "spleen"
mask.GetSegmentation().RemoveSegment("spleen")
panel.enter()
assert panel._parameterNode.liverSegment == ""
panel._parameterNode.segmentation = None
assert not ui.segmentComboBox.visible

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
