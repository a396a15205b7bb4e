"""Runs the panel with a model that looks at regions: make a box, Apply without and with it. See test_regions.py."""

from __future__ import annotations

import numpy as np
import panel_window
from LiverAISlicer.nodes import volumeNodeFromImage
from LiverAISlicer.regions import regionFromROINode
from panel_window import check_no_slot_failed, errors, panel, scene, settle, wait

from LiverAILib.imaging.image import Image

gray = np.random.default_rng(0).gamma(16, 100 / 16, (1, 160, 200)).clip(0, 255).astype(np.uint8)
image = volumeNodeFromImage(Image(gray, (0.4, 0.4, 1.0), modality="US"), "us", scene)
ui = panel_window.open_panel(900)
names = [ui.modelComboBox.itemText(index) for index in range(ui.modelComboBox.count)]
ui.modelComboBox.currentIndex = names.index("byra2021-biopsy")
settle()
assert ui.regionsCollapsibleButton.visible
selectors = panel._inputs.regionSelectors._selectors
assert list(selectors) == ["liver", "kidney"]

# Without a region the model says what is missing.
panel._inputs.imageSelectors._selectors["liver_kidney", 0].setCurrentNode(image)
settle()
ui.applyButton.click()
wait(lambda: errors)
assert "no region in the liver was drawn" in errors.pop()[0]

# A new box lies in the middle of the image and is kept in the scene.
liver = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Region in the liver")
selectors["liver"].setCurrentNode(liver)
settle()
assert panel._parameterNode.parameterNode.GetNodeReference("Region.liver") is liver
assert regionFromROINode(liver, image).width == 32
ui.applyButton.click()
wait(lambda: panel._result.nodes is not None)
assert "Liver fat by biopsy" in ui.resultLabel.text
assert "No region in the kidney was drawn" in ui.warningsLabel.text

# Another model takes the rows away.
ui.modelComboBox.currentIndex = names.index("yin2021-simulated")
settle()
assert not ui.regionsCollapsibleButton.visible
assert not panel._inputs.regionSelectors.regions
check_no_slot_failed()
panel.cleanup()
print("panel scenario passed")
