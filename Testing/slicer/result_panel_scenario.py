"""The result area and the views, without networks: look at a known result, use every button. See test_panel.py."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import panel_window
import pydicom
import slicer
import slicer.util
import vtk
from LiverAISlicer import application as slicer_application
from LiverAISlicer.logic import AssessmentLogic
from LiverAISlicer.nodes import imageFromVolumeNode, volumeNodeFromImage
from LiverAISlicer.selftest import addKnownVolume, knownAssessment
from LiverAISlicer.shownmaps import shownNode
from panel_pictures import DARK, with_palette
from panel_window import NARROW, check_no_slot_failed, errors, needed_width, panel, parent, picture, scene, settle
from PySide6 import QtWidgets

from LiverAILib.data.measurement import Condition, Cutoff, Measurement, NotAssessed
from LiverAILib.imaging.files import read_image
from LiverAILib.imaging.image import Image
from LiverAILib.networks.device import available_devices
from Testing.results.dicom.assessed import assessed, write_patient_series

pictures = Path(sys.argv[1])
MODEL = "untrained"


def result(volume, **options):
    """A result with both pipelines, measurements with units of all sorts, a cut-off and something not assessed."""
    unknown = (Condition("patients with HIV and hepatitis C virus infection", None),)
    cutoff = Cutoff(">", 3.25, "advanced fibrosis likely", "Sterling 2006", "832 patients", "none", unknown)
    measurements = (
        Measurement("Liver surface nodularity", 4.41, "0.1 mm", "Own implementation.", interval=(3.95, 4.99)),
        Measurement("Liver volume by body surface area", 812.0, "mL/m2", "Mosteller."),
        Measurement("FIB-4", 4.5, "", "Age 54 years.", key="fib4", cutoffs=(cutoff,)),
    )
    known = knownAssessment(imageFromVolumeNode(volume), model=MODEL, **options)
    missing = (NotAssessed("APRI", "Not given: AST.", "apri"),)
    return replace(known, measurements=measurements, not_assessed=missing)


# Views as the application has them: slice logics that can be fitted.
application_logic = slicer.app.applicationLogic()
application_logic.SetMRMLScene(scene)
application_logic.SetSliceLogics(vtk.vtkCollection())
slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
views = []
for name, orientation in (("Red", "Axial"), ("Green", "Coronal")):
    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLApplicationLogic(application_logic)
    application_logic.GetSliceLogics().AddItem(logic)
    logic.SetMRMLScene(scene)
    logic.AddSliceNode(name).SetOrientation(orientation)
    logic.ResizeSliceNode(300, 300)
    views.append(logic)


def shows_all_of(volume) -> bool:
    """Whether every view has the volume in its background, in the middle, and as large as the view."""
    settle()
    bounds = np.zeros(6)
    volume.GetRASBounds(bounds)
    middle, size = (bounds[::2] + bounds[1::2]) / 2, bounds[1::2] - bounds[::2]
    fitted = []
    for logic in views:
        node = logic.GetSliceNode()
        toRAS = slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS())
        extent = np.abs(toRAS[:3, :2].T) @ size
        offset = toRAS[:3, :2].T @ (toRAS[:3, 3] - middle)
        view = np.array(node.GetFieldOfView()[:2])
        inside = (np.abs(offset) + extent / 2 <= view / 2 + 1).all() and (extent / view).max() > 0.8
        fitted.append(inside and logic.GetSliceCompositeNode().GetBackgroundVolumeID() == volume.GetID())
    return all(fitted)


# As the application's module Segmentations does.
rules = slicer.vtkSegmentationConverterFactory.GetInstance()
rules.RegisterConverterRule(slicer.vtkBinaryLabelmapToClosedSurfaceConversionRule())

# Two patients who lie far apart; the one on display is the default input, not the first one.
first = addKnownVolume(scene, "first patient")
second = volumeNodeFromImage(
    Image(
        np.random.default_rng(1).normal(size=(20, 60, 70)).astype(np.float32),
        (3, 3, 5),
        (900, -800, 700),
        modality="MR",
    ),
    "second patient",
    scene,
)
AssessmentLogic().showImage(second)
assert shows_all_of(second)
ui = panel_window.open_panel(1500)
assert panel._parameterNode.inputVolume is second
assert ui.resultLabel.text == "No result yet."
assert not ui.goToSliceButton.enabled
picture(pictures / "panel_no_result.png")
assert needed_width() <= NARROW

# Choosing an input shows it, all of it.
ui.inputSelector.activate(first)
assert panel._parameterNode.inputVolume is first
assert shows_all_of(first)

# A result that is written moves to its slice and keeps the zoom.
red = views[0].GetSliceNode()
red.SetFieldOfView(50, 50, 1)
nodes = AssessmentLogic().write(first, result(first, index=8))
settle()
assert panel._result.nodes.tableNode is nodes.tableNode
assert red.GetFieldOfView()[0] == 50
assert abs(red.GetSliceOffset() - (-20 + 6 * 8)) < 1e-3
# Of another patient's image it shows all, and coming back the heat map is there again.
ui.inputSelector.activate(second)
assert shows_all_of(second)
assert views[0].GetSliceCompositeNode().GetForegroundVolumeID() is None
ui.inputSelector.activate(first)
settle()
assert views[0].GetSliceCompositeNode().GetForegroundVolumeID() == shownNode(nodes.heatMapNode).GetID()
assert abs(red.GetSliceOffset() - (-20 + 6 * 8)) < 1e-3

# What the result says.
labels = [label.text() for label in parent.widget.findChildren(QtWidgets.QLabel)]
bars = [one.format for one in panel._result._bars._widgets if one.inherits("QProgressBar")]
assert bars == ["no cirrhosis 20 %", "cirrhosis 80 %", "no cirrhosis 35 %", "cirrhosis 65 %"]
assert "<b>segmented (headline)</b>" in labels
assert "looks at the whole slice" in labels
assert "probability: segmented 80 %, full 65 %" in ui.resultLabel.text
assert (
    "FIB-4 &gt; 3.25: advanced fibrosis likely (Sterling 2006). Published for: patients with HIV"
    in ui.cutoffsLabel.text
)
assert "Not assessed: APRI" in ui.cutoffsLabel.text
assert "lies in the liver" in ui.heatMapLabel.text
assert "own maximum" in ui.heatMapLabel.text
assert needed_width() <= NARROW
picture(pictures / "panel_result.png")

# At this width every title of the table is whole, and so is every row.
table = ui.measurementsTable
for column in range(table.columnCount):
    header = table.horizontalHeaderItem(column)
    lines = header.text().splitlines()
    assert max(table.fontMetrics().horizontalAdvance(line) for line in lines) < table.columnWidth(column), lines
assert table.viewport().height >= sum(table.rowHeight(row) for row in range(table.rowCount)) > 0

# The table sorts by number, and is copied as text.
table.sortItems(1)
values = [float(table.item(row, 1).text()) for row in range(table.rowCount)]
assert values == sorted(values) == [4.41, 4.5, 812.0]
ui.copyButton.click()
copied = QtWidgets.QApplication.clipboard().text().splitlines()
assert copied[1] == "Liver surface nodularity\t4.41\t3.95 to 4.99\ttenths of a mm"
assert copied[2].endswith("\tmL/m²")

# Every button does what it says.
red.SetSliceOffset(0)
ui.goToSliceButton.click()
assert abs(red.GetSliceOffset() - (-20 + 6 * 8)) < 1e-3
ui.show3DButton.click()
display = nodes.segmentationNode.GetDisplayNode()
assert display.GetVisibility3D()
surface = vtk.vtkPolyData()
assert nodes.segmentationNode.GetClosedSurfaceRepresentation("liver", surface)
assert surface.GetNumberOfPoints() > 100
ui.show3DButton.click()
assert not display.GetVisibility3D()
opened = []
slicer_application.editSegment = lambda *arguments: opened.append(arguments)
slicer_application.showTableView = opened.append
ui.editMaskButton.click()
ui.showTableButton.click()
assert opened == [(nodes.segmentationNode, "liver", first), nodes.tableNode]
assert panel._parameterNode.segmentation is nodes.segmentationNode

# The look of the heat map reaches the views.
shown = shownNode(nodes.heatMapNode)
before = slicer.util.arrayFromVolume(shown).copy()
ui.thresholdSlider.value = 0.6
assert (slicer.util.arrayFromVolume(shown)[..., 3] > 0).sum() < (before[..., 3] > 0).sum()
ui.thresholdSlider.value = 0.2
ui.insideLiverCheckBox.checked = True
inside = slicer.util.arrayFromVolume(shown)[..., 3] > 0
assert 0 < inside.sum() < (before[..., 3] > 0).sum()
ui.insideLiverCheckBox.checked = False
assert np.array_equal(slicer.util.arrayFromVolume(shown), before)
ui.legendCheckBox.checked = False
assert not slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(shown).GetVisibility()
ui.pipelineComboBox.currentIndex = 1
full = shownNode(nodes.heatMapNodes["full"])
assert views[0].GetSliceCompositeNode().GetForegroundVolumeID() == full.GetID()

# Report and files, by a child process; DICOM objects where the image came from DICOM, else the tool tip says why not.
opened.clear()
chosen = pictures / "exported"
QtWidgets.QFileDialog.getExistingDirectory = staticmethod(lambda parent, title: str(chosen))
ui.exportButton.click()
panel_window.wait(lambda: "Saved in" in ui.statusLabel.text or errors)
assert not errors, errors
folder = chosen / "first patient untrained result"
assert {"report.html", "assessment.json", "segmentation.seg.nrrd", "heatmap.nrrd", "heatmap_full.nrrd"} <= {
    path.name for path in folder.iterdir()
}
assert not ui.exportDicomButton.enabled
assert "first patient: was not loaded from DICOM" in ui.exportDicomButton.toolTip
write_patient_series(pictures / "series")
files = {str(pydicom.dcmread(path).SOPInstanceUID): str(path) for path in (pictures / "series").iterdir()}
slicer.dicomDatabase = SimpleNamespace(fileForInstance=files.get)
series = volumeNodeFromImage(read_image(pictures / "series"), "series", scene)
series.SetAttribute("DICOM.instanceUIDs", " ".join(files))
AssessmentLogic().write(series, replace(assessed(imageFromVolumeNode(series)), model=MODEL))
ui.inputSelector.activate(series)
settle()
assert ui.exportDicomButton.enabled
ui.statusLabel.text = ""
ui.exportDicomButton.click()
panel_window.wait(lambda: "Saved in" in ui.statusLabel.text or errors)
assert not errors, errors
assert {path.name for path in (chosen / "series untrained result DICOM").iterdir()} == {
    "segmentation.dcm", "report.dcm", "heatmap_1.dcm", "fusion_1.dcm",
}  # fmt: skip
ui.inputSelector.activate(first)
settle()

# Every control says what it is for, and Tab goes through them from top to bottom.
for button in parent.widget.findChildren(QtWidgets.QGroupBox):
    button.collapsed = False
panel_window.wait(lambda: panel._inputs.deviceList._isKnown)
devices = [ui.deviceComboBox.itemText(index) for index in range(ui.deviceComboBox.count)]
assert devices[:2] == ["automatic", "CPU"]
assert len(devices) == len(available_devices()) + 1
panel._parameterNode.device = "tpu"  # of a scene that was saved on another computer
assert panel._parameterNode.device == "auto"
ui.deviceComboBox.currentIndex = 1
assert panel._inputs.job()[0].device == "cpu"
picture(pictures / "panel_all_open.png")
assert needed_width() <= NARROW
KINDS = (
    QtWidgets.QAbstractButton,
    QtWidgets.QComboBox,
    QtWidgets.QAbstractSpinBox,
    QtWidgets.QSlider,
    QtWidgets.QTableView,
)
controls = [
    widget
    for widget in parent.widget.findChildren(QtWidgets.QWidget)
    if isinstance(widget, KINDS) and widget.isVisible()
]
assert len(controls) > 25


def owner(widget):
    """The widget of the .ui file that a control belongs to: a slider has parts of its own."""
    while not hasattr(ui, widget.objectName() or "-"):
        widget = widget.parentWidget()
        if widget is None:
            return None
    return widget


untold = {owner(w).objectName() for w in controls if owner(w) is not None and not owner(w).toolTip()}
assert not untold, untold
order, widget = [], ui.inputSelector._wrapped if hasattr(ui.inputSelector, "_wrapped") else ui.inputSelector
for _ in range(400):
    found = owner(widget)
    if found is not None and found.isVisible() and found.objectName() not in order and found in map(owner, controls):
        order.append(found.objectName())
    widget = widget.nextInFocusChain()
assert len(order) > 25, order
heights = [getattr(ui, name).mapTo(parent.widget, getattr(ui, name).rect.topLeft()).y() for name in order]
falls = [(a, b) for a, b, high, low in zip(order, order[1:], heights, heights[1:], strict=False) if low < high - 4]
assert not falls, falls

# Dark.
with_palette(DARK, lambda: picture(pictures / "panel_result_dark.png"))
panel.cleanup()
check_no_slot_failed()
print("panel scenario passed")
