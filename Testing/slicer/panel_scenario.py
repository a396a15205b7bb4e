"""Runs the panel as a user would: open, refuse, Apply, look, cancel, correct the mask, Apply again. See test_panel.py."""

from __future__ import annotations

import sys

import panel_window
import slicer
from LiverAISlicer.nodes import imageFromVolumeNode, maskFromSegmentationNode
from LiverAISlicer.selftest import addKnownVolume, knownAssessment
from LiverAISlicer.summary import percent
from panel_window import check_no_slot_failed, errors, panel, parent, scene, settle, wait
from PySide6 import QtWidgets

from LiverAILib.data.assessment import RESEARCH_USE, SIMULATED

# An empty scene: nothing to apply to.
ui = panel_window.open_panel(1500)
assert not ui.applyButton.enabled
assert ui.modelComboBox.itemText(0) == "untrained"
assert "Trained on simulated cases" in ui.modelLabel.text
assert ui.resultLabel.text == "No result yet."
assert ui.inputSelector.visible
assert not ui.imagesCollapsibleButton.visible
shown = [label.text() for label in parent.widget.findChildren(QtWidgets.QLabel)]
assert sum(RESEARCH_USE in text for text in shown) == 1

# A volume and a liver mask come in.
volume = addKnownVolume(scene)
known = panel.logic.write(volume, knownAssessment(imageFromVolumeNode(volume)))
scene.RemoveNode(known.tableNode)
panel.enter()
assert panel._parameterNode.inputVolume is volume
assert ui.applyButton.enabled
panel._parameterNode.segmentation = known.segmentationNode
assert ui.segmentationSelector.currentNode() is known.segmentationNode

# A slice that the volume does not have cannot be set.
ui.automaticSliceCheckBox.checked = False
assert ui.sliceSpinBox.enabled
assert ui.sliceSpinBox.maximum == 11
ui.sliceSpinBox.value = 5
assert panel._parameterNode.sliceIndex == 5
ui.targetClassComboBox.currentIndex = 2
assert panel._parameterNode.targetClass == "cirrhosis"
ui.fineHeatMapCheckBox.checked = True
assert panel._parameterNode.fineHeatMap

# A value that no person has is refused with the fix; mended ones go along.
ui.heightSpinBox.value = 1.75
ui.applyButton.click()
assert "Give the height in cm" in errors.pop()[0]
assert ui.applyButton.enabled
ui.heightSpinBox.value = 175
for box, value in ((ui.ageSpinBox, 54), (ui.astSpinBox, 80), (ui.altSpinBox, 64), (ui.plateletsSpinBox, 120)):
    box.value = value
ui.contrastComboBox.currentIndex = 2
assert panel._parameterNode.contrast == "no"

# Apply: the window goes on living, the result arrives.
before = scene.GetNumberOfNodes()
ui.applyButton.click()
assert ui.applyButton.text == "Cancel"
assert ui.progressBar.visible
ticks = 0


def tick() -> bool:
    global ticks
    ticks += 1
    return ui.statusLabel.text == "Done." or bool(errors)


wait(tick)
assert not errors, errors
check_no_slot_failed()
assert ticks > 20, "the window was frozen"
text = ui.resultLabel.text
assert SIMULATED in text
assert RESEARCH_USE not in text
nodes = panel._result.nodes
assert percent(nodes.record["probabilities"][nodes.record["predicted"]]) in text.replace("&gt;", ">").replace(
    "&lt;", "<"
)
bars = parent.widget.findChildren(QtWidgets.QProgressBar)
assert f"cirrhosis {percent(nodes.record['probabilities']['cirrhosis'])}" in [bar.format() for bar in bars]
table = {ui.measurementsTable.item(row, 0).text(): row for row in range(ui.measurementsTable.rowCount)}
assert float(ui.measurementsTable.item(table["FIB-4"], 1).text()) == 4.5
assert nodes.record["slice"]["index"] == 5
assert nodes.heatMapNode.GetAttribute("LiverAI.Target") == "cirrhosis"
assert {one["key"]: one["value"] for one in nodes.record["measurements"]}["fib4"] == 4.5
assert nodes.segmentationNode is known.segmentationNode
assert ui.pipelineComboBox.currentText == "segmented"
assert ui.applyButton.text == "Apply"
assert not ui.progressBar.visible

# The slider reaches the slice views.
composite = slicer.vtkMRMLSliceCompositeNode()
composite.SetLayoutName("Red")
composite = scene.AddNode(composite)
panel.logic.show(nodes)
ui.opacitySlider.value = 0.8
assert abs(composite.GetForegroundOpacity() - 0.8) < 1e-6
settle()
for name in ("goToSlice", "editMask", "showTable", "show3D", "report", "export", "copy"):
    assert getattr(ui, f"{name}Button").enabled, name
assert panel_window.needed_width() <= panel_window.NARROW, "the result widens the panel"
panel_window.picture(sys.argv[1])
result = ui.resultLabel
assert result.height >= result.heightForWidth(result.width), "the result is cut off"

# Correct the mask, apply again: the same result nodes, the correction untouched.
labelmap = known.segmentationNode.GetBinaryLabelmapInternalRepresentation("liver")
labelmap.SetScalarComponentFromDouble(12, 10, 3, 0, 0)
corrected = maskFromSegmentationNode(known.segmentationNode, "liver", volume).array
table, count = nodes.tableNode, scene.GetNumberOfNodes()
ui.statusLabel.text = ""
ui.applyButton.click()
wait(lambda: ui.statusLabel.text == "Done." or errors)
assert not errors, errors
assert panel._result.nodes.tableNode is table
assert scene.GetNumberOfNodes() == count
assert (maskFromSegmentationNode(known.segmentationNode, "liver", volume).array == corrected).all()

# A mask without liver in the slice: the library's sentence, no traceback, the scene as it was.
ui.sliceSpinBox.value = 0
ui.applyButton.click()
wait(lambda: errors)
assert "shows no liver" in errors[0][0]
assert errors[0][1] == ""
assert ui.applyButton.enabled
assert scene.GetNumberOfNodes() == count

# Cancel: nothing of it stays.
ui.sliceSpinBox.value = 5
ui.applyButton.click()
wait(lambda: panel._run.isBusy)
assert ui.applyButton.text == "Cancel"
ui.applyButton.click()
assert ui.statusLabel.text == "Cancelled."
assert ui.applyButton.enabled
assert scene.GetNumberOfNodes() == count

# Leave and come back, close the scene, reload, close.
panel.exit()
panel.enter()
assert SIMULATED in ui.resultLabel.text
scene.InvokeEvent(scene.StartCloseEvent)
scene.Clear()
scene.InvokeEvent(scene.EndCloseEvent)
assert ui.resultLabel.text == "No result yet."
assert not ui.applyButton.enabled
panel.onReload()
assert not [name for name in sys.modules if name.startswith(("LiverAILib", "LiverAISlicer"))]
panel.cleanup()
check_no_slot_failed()
print("panel scenario passed")
