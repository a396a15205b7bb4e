"""Runs the panel with a model of several images: choose them, Apply, look at each map, another model. See test_toy_method.py."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import panel_window
import pythonqt_standins
import slicer
import slicer.util
from LiverAISlicer.imageselectors import ImageSelectors
from LiverAISlicer.nodes import volumeNodeFromImage
from LiverAISlicer.shownmaps import shownNode
from panel_window import check_no_slot_failed, errors, panel, scene, settle, wait
from PySide6 import QtWidgets

from LiverAILib.methods import ImageRole
from Testing.slicer.toy_case import expected_map, expected_value, toy_images


def choose_model(name: str) -> None:
    names = [ui.modelComboBox.itemText(index) for index in range(ui.modelComboBox.count)]
    ui.modelComboBox.currentIndex = names.index(name)


def selectors() -> dict:
    return panel._inputs.imageSelectors._selectors


nodes = {}
for key, image in toy_images().items():
    nodes[key] = volumeNodeFromImage(image, " ".join(map(str, key)), scene)
    if key == ("view", 1):  # as a PNG file: the scene does not know the modality
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
        hierarchy.RemoveItemAttribute(hierarchy.GetItemByDataNode(nodes[key]), "DICOM.Modality")

# The toy model's inputs take the place of the input volume; what it does not take is not shown.
ui = panel_window.open_panel(760)
assert ui.modelComboBox.itemText(0) == "planted"
assert list(selectors()) == list(nodes)
for widget in (
    ui.inputSelector,
    ui.segmentationSelector,
    ui.sliceSpinBox,
    ui.targetClassComboBox,
    ui.fineHeatMapCheckBox,
):
    assert not widget.visible, widget.name
assert ui.imagesCollapsibleButton.visible
settle()
labels = {key: ui.imagesCollapsibleButton.layout().labelForField(box).text for key, box in selectors().items()}
assert labels == {
    ("view", 0): "Ultrasound view 1:",
    ("view", 1): "Ultrasound view 2:",
    ("reference", 0): "Reference image:",
}

# Apply needs all of them, and each choice is kept in the scene.
for key, node in nodes.items():
    assert not ui.applyButton.enabled
    selectors()[key].setCurrentNode(node)
    assert panel._parameterNode.parameterNode.GetNodeReference(f"Input.{key[0]}.{key[1]}") is node
assert ui.applyButton.enabled

# The same image twice is refused with the fix.
selectors()["view", 1].setCurrentNode(nodes["view", 0])
ui.applyButton.click()
assert "chosen for two images" in errors.pop()[0]
selectors()["view", 1].setCurrentNode(nodes["view", 1])

# Apply: the planted value, in the background.
ui.applyButton.click()
assert ui.applyButton.text == "Cancel"
wait(lambda: ui.statusLabel.text == "Done." or errors)
assert not errors, errors
assert f"{expected_value():.4g} %" in ui.resultLabel.text
result = panel._result.nodes
assert result.segmentationNode is None
for key in nodes:
    heat = slicer.util.arrayFromVolume(result.heatMap("brightness", *key))
    assert np.allclose(heat, expected_map(key), atol=1e-5)

# Each map can be shown, over its own image.
composite = slicer.vtkMRMLSliceCompositeNode()
composite.SetLayoutName("Red")
composite = scene.AddNode(composite)
shown = [ui.pipelineComboBox.itemText(index) for index in range(ui.pipelineComboBox.count)]
assert shown == ["brightness: view 1", "brightness: view 2", "brightness: reference"]
ui.pipelineComboBox.currentIndex = 2
assert composite.GetBackgroundVolumeID() == nodes["reference", 0].GetID()
assert composite.GetForegroundVolumeID() == shownNode(result.heatMap("brightness", "reference")).GetID()
settle()
assert panel_window.needed_width() <= panel_window.NARROW
panel_window.picture(sys.argv[1])

# Another choice of images has no result yet; the first one is found again.
selectors()["reference", 0].setCurrentNode(None)
assert ui.resultLabel.text == "No result yet."
assert not ui.applyButton.enabled
selectors()["reference", 0].setCurrentNode(nodes["reference", 0])
assert panel._result.nodes.tableNode is result.tableNode

# A model of one image shows its input, and the choices are still there afterwards.
choose_model("nowak2021-simulated")
assert ui.inputSelector.visible
assert ui.segmentationSelector.visible
assert not ui.imagesCollapsibleButton.visible
assert not selectors()
assert ui.resultLabel.text == "No result yet."
choose_model("planted")
assert {key: box.currentNode() for key, box in selectors().items()} == nodes
assert panel._result.nodes.tableNode is result.tableNode

# A role that takes any number of images always has a free place, before those of the next role.
form = QtWidgets.QWidget()
free = ImageSelectors(pythonqt_standins.Proxy(QtWidgets.QFormLayout(form)), lambda node: None)
parameters = scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
free.setParameterNode(parameters)
roles = (ImageRole("pair", "Pair", "US", maximum=None, dimensions=2, color=True), ImageRole("last", "Last", "US"))
free.show(replace(panel._inputs.modelList.spec, images=roles))
for number, key in enumerate(nodes):
    assert sorted(free._selectors) == [("last", 0), *(("pair", n) for n in range(number + 1))]
    free._selectors["pair", number].setCurrentNode(nodes[key])
    free.update()
assert free.images == {"pair": list(nodes.values()), "last": []}
assert not free.isComplete
titles = [
    form.layout().itemAt(row, QtWidgets.QFormLayout.LabelRole).widget().text()
    for row in range(form.layout().rowCount())
]
assert titles == ["Pair 1:", "Pair 2:", "Pair 3:", "Pair 4:", "Last:"]

# Where every role is optional, as the four views of a liver are, one image is enough and none is too few.
optional = tuple(ImageRole(name, name, "US", minimum=0, dimensions=2, color=True) for name in ("first", "second"))
free.show(replace(panel._inputs.modelList.spec, images=optional))
assert not free.isComplete
free._selectors["second", 0].setCurrentNode(next(iter(nodes.values())))
free.update()
assert free.isComplete

# Leave and come back; an image that goes leaves its place empty; a new scene is empty.
panel.exit()
panel.enter()
assert ui.applyButton.enabled
scene.RemoveNode(nodes["view", 1])
assert selectors()["view", 1].currentNode() is None
assert not ui.applyButton.enabled
scene.InvokeEvent(scene.StartCloseEvent)
scene.Clear()
scene.InvokeEvent(scene.EndCloseEvent)
assert ui.resultLabel.text == "No result yet."
panel.cleanup()
check_no_slot_failed()
print("panel scenario passed")
