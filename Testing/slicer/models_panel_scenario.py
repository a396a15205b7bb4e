"""Adds a model from a web server in the panel, refuses wrong ones, cancels, and removes it again. See test_panel.py."""

from __future__ import annotations

import hashlib
import io
import sys
import zipfile
from pathlib import Path

import panel_window
import slicer.util
from panel_window import check_no_slot_failed, errors, panel, settle, wait

from Testing.data.file_server import serve

given, home = Path(sys.argv[1]), Path(sys.argv[2])
content = io.BytesIO()
with zipfile.ZipFile(content, "w") as archive:
    for path in given.iterdir():
        archive.writestr(f"model/{path.name}", path.read_bytes())
sha256 = hashlib.sha256(content.getvalue()).hexdigest()


def offered() -> list[str]:
    return [ui.modelComboBox.itemText(index) for index in range(ui.modelComboBox.count)]


ui = panel_window.open_panel(900)
before, default = offered(), ui.modelComboBox.currentText
ui.modelsCollapsibleButton.collapsed = False
assert given.name not in before
assert not ui.addModelButton.enabled
assert not ui.removeModelButton.enabled  # the chosen one came with LiverAI

with serve(content.getvalue()) as served:
    # Without a checksum, and with another one, nothing is added; the message says the fix.
    ui.modelSourceLineEdit.text = served.url
    for checksum, says in (("", "give --sha256"), ("0" * 64, "wrong checksum")):
        ui.modelChecksumLineEdit.text = checksum
        ui.addModelButton.click()
        assert ui.addModelButton.text == "Cancel"
        wait(lambda: errors)
        assert says in errors.pop()[0]
        assert offered() == before

    # A download that never comes to its end can be cancelled.
    served.cut_after = 0
    ui.modelChecksumLineEdit.text = sha256
    ui.addModelButton.click()
    wait(lambda: len(served.asked) > 2)
    ui.addModelButton.click()
    settle()
    assert "kept for the next try" in ui.statusLabel.text
    assert ui.addModelButton.text == "Add model"

    # It is there, chosen, and can be removed.
    served.cut_after = None
    ui.addModelButton.click()
    wait(lambda: given.name in offered() or errors)
    assert not errors, errors
    assert panel._parameterNode.model == given.name
    assert ui.modelComboBox.currentText == given.name
    assert "Random weights" in ui.modelLabel.text
    assert ui.modelSourceLineEdit.text == ""
    assert (home / "Models" / given.name / "model.json").is_file()

panel_window.picture(home / "panel_models.png")
assert panel_window.needed_width() <= panel_window.NARROW
slicer.util.confirmOkCancelDisplay = lambda text, windowTitle=None: given.name in text
assert ui.removeModelButton.enabled
ui.removeModelButton.click()
assert offered() == before
assert panel._parameterNode.model == default
assert not (home / "Models" / given.name).exists()
panel.cleanup()
assert not errors, errors
check_no_slot_failed()
print("panel scenario passed")
