"""Uses the panel as a person would, in the application: what the self-test and `Testing/slicer/run_in_slicer.py` run."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import slicer.util

from LiverAISlicer import views
from LiverAISlicer.resulthistory import resultTables
from LiverAISlicer.resultnodes import findResult

MODEL = "nowak2021-simulated"
NARROW = 350
"""Pixels: the width that the panel has to make do with."""
SCROLL_BAR = 20
SECONDS = 900.0
"""How long one assessment may take on a slow computer."""


@dataclass(frozen=True)
class Outcome:
    """What came of a step.

    Attributes:
        step: What was done.
        fault: What was wrong; "" where nothing was.
        seconds: How long it took.
    """

    step: str
    fault: str
    seconds: float


class PanelCheck:
    """Steps through the panel; each takes pictures, and raises AssertionError where something is wrong.

    Args:
        widget: Gives the module's `LiverAIWidget`, another one after a reload.
        output: Folder for pictures and the saved scene.
    """

    def __init__(self, widget: Callable[[], Any], output: Path) -> None:
        self._widget = widget
        self._output = output
        self._errors: list[str] = []
        output.mkdir(parents=True, exist_ok=True)

    def run(self) -> list[Outcome]:
        """All steps in an empty scene; those after one that failed are run too, as far as they can."""
        steps = (
            self.emptyPanel,
            self.sample,
            self.apply,
            self.resultIsShown,
            self.secondRun,
            self.transformedVolume,
            self.cancel,
            self.history,
            self.savedScene,
        )
        outcomes, shown, asked = [], slicer.util.errorDisplay, slicer.util.confirmOkCancelDisplay
        # A dialog would wait for a person.
        slicer.util.errorDisplay = lambda text, *args, **kwargs: self._errors.append(text)
        slicer.util.confirmOkCancelDisplay = lambda text, *args, **kwargs: True
        try:
            slicer.mrmlScene.Clear()
            outcomes += [outcomeOf(step) for step in steps]
        finally:
            slicer.util.errorDisplay, slicer.util.confirmOkCancelDisplay = shown, asked
        return outcomes

    def emptyPanel(self) -> None:
        """The panel in an empty scene offers no Apply and is narrow."""
        self._settle()
        check(not self._ui.applyButton.enabled, "Apply is offered without an image")
        check(self._ui.resultLabel.text == "No result yet.", "a result is shown in an empty scene")
        self._checkWidth()
        self.picture("1-empty")

    def sample(self) -> None:
        """One click makes simulated images and chooses them."""
        self._chooseModel()
        self._ui.sampleButton.click()
        self._settle()
        volume = self._parameters.inputVolume
        check((volume is not None and views.isShown(volume)) or not _hasViews(), "the sample is not on display")
        check(self._ui.applyButton.enabled, "Apply is not offered for the sample")
        self.picture("2-sample")

    def apply(self) -> None:
        """Apply works in the background and leaves torch out of this process."""
        torchBefore = "torch" in sys.modules
        self._ui.applyButton.click()
        self._settle()
        check(not self._errors, " ".join(self._errors))
        check(self._ui.applyButton.text == "Cancel", "Apply does not become Cancel")
        self.picture("3-running")
        rounds = self._waitForResult()
        check(rounds > 20, "the window did not live while the assessment ran")
        check(torchBefore or "torch" not in sys.modules, "torch was loaded into this process")

    def resultIsShown(self) -> None:
        """The result says what it is, at a narrow width, with outline and heat map in the views."""
        nodes = self._nodes
        check(
            "simulated" in self._ui.resultLabel.text, "the panel does not say that the model knows simulated cases only"
        )
        check(nodes.record["predicted"] in self._ui.resultLabel.text, "the panel does not show the answer")
        check(nodes.segmentationNode is not None and len(nodes.heatMaps) == 2, "nodes of the result are missing")
        liver = slicer.util.arrayFromVolume(nodes.heatMapNode)
        check(bool(np.isfinite(liver).all() and liver.max() > 0), "the heat map is empty")
        self._checkWidth()
        self.picture("4-result")

    def secondRun(self) -> None:
        """A second run updates the result and piles up no nodes."""
        before, table = slicer.mrmlScene.GetNumberOfNodes(), self._nodes.tableNode
        self._ui.applyButton.click()
        self._waitForResult()
        check(self._nodes.tableNode is table, "a second run made another result")
        check(slicer.mrmlScene.GetNumberOfNodes() == before, "a second run piled up nodes")

    def transformedVolume(self) -> None:
        """A volume under a transform gets its results there, in the same nodes."""
        volume, segmentation = self._parameters.inputVolume, self._nodes.segmentationNode
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "moved")
        matrix = np.eye(4)
        matrix[:3, 3] = (10, 20, 30)
        transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
        volume.SetAndObserveTransformNodeID(transform.GetID())
        self._ui.applyButton.click()
        self._waitForResult()
        nodes = self._nodes
        check(nodes.segmentationNode is segmentation, "moving the volume made a second segmentation")
        for node in (nodes.segmentationNode, *nodes.heatMaps.values()):
            check(node.GetParentTransformNode() is transform, f"{node.GetName()} is not under the volume's transform")
        self.picture("5-transformed")

    def cancel(self) -> None:
        """Cancel leaves the scene as it was."""
        before = slicer.mrmlScene.GetNumberOfNodes()
        self._ui.applyButton.click()
        self._settle()
        self._ui.applyButton.click()
        self._settle()
        check(self._ui.applyButton.text == "Apply", "Cancel does not end the run")
        check(slicer.mrmlScene.GetNumberOfNodes() == before, "Cancel left nodes behind")

    def history(self) -> None:
        """The list of results holds the one of this scene."""
        check(
            self._ui.historyTable.rowCount == len(resultTables(slicer.mrmlScene)) == 1, "the list of results is wrong"
        )

    def savedScene(self) -> None:
        """A saved scene is opened while the panel is: its result is shown and can be made again."""
        path = str(self._output / "scene.mrb")
        check(bool(slicer.util.saveScene(path)), "the scene could not be saved")
        predicted = self._nodes.record["probabilities"]
        slicer.mrmlScene.Clear()
        self._settle()
        check(self._ui.resultLabel.text == "No result yet.", "the result of the closed scene is still shown")
        slicer.util.loadScene(path)
        self._settle()
        check(self._parameters.inputVolume is not None, "the opened scene has no input")
        check(self._ui.applyButton.enabled, "Apply is not offered in the opened scene")
        check(self._nodes is not None and self._nodes.record["probabilities"] == predicted, "the result is not shown")
        check(findResult(self._parameters.inputVolume, MODEL) is not None, "the result is not in the opened scene")
        self.picture("6-opened")

    def picture(self, name: str) -> None:
        """Save the panel, and the whole window with its views where there is one."""
        self._root.grab().save(str(self._output / f"{name}-panel.png"))
        window = slicer.util.mainWindow()
        if window is not None:
            window.grab().save(str(self._output / f"{name}-window.png"))

    @property
    def _ui(self) -> Any:
        return self._widget().ui

    @property
    def _parameters(self) -> Any:
        return self._widget()._parameterNode

    @property
    def _nodes(self) -> Any:
        return self._widget()._result.nodes

    @property
    def _root(self) -> Any:
        """The widget that holds all of the panel."""
        return self._ui.resultCollapsibleButton.parentWidget()

    def _chooseModel(self) -> None:
        box = self._ui.modelComboBox
        names = [box.itemText(index) for index in range(box.count)]
        check(MODEL in names, f"the model {MODEL} is not installed")
        box.currentIndex = names.index(MODEL)
        self._settle()

    def _checkWidth(self) -> None:
        self._settle()
        needed = self._root.minimumSizeHint.width() + SCROLL_BAR
        check(needed <= NARROW, f"the panel needs {needed} pixels")

    def _waitForResult(self) -> int:
        """Let the window live until the run has ended; returns how many rounds of its event loop there were."""
        end, rounds = time.monotonic() + SECONDS, 0
        while self._widget()._run.isBusy:
            check(time.monotonic() < end, f"no result after {SECONDS:.0f} s: {self._ui.statusLabel.text}")
            self._pause()
            rounds += 1
        self._settle()
        check(not self._errors, " ".join(self._errors))
        check(self._ui.statusLabel.text.startswith("Done."), f"the run ended with: {self._ui.statusLabel.text}")
        return rounds

    def _settle(self) -> None:
        for _ in range(20):
            self._pause()

    def _pause(self) -> None:
        slicer.app.processEvents()
        time.sleep(0.01)


def outcomeOf(step: Callable[[], None]) -> Outcome:
    """Run a step; whatever it raises is its fault, and the next ones still count."""
    start, fault = time.monotonic(), ""
    try:
        step()
    except Exception as error:  # whatever it is, it is a fault that the verdict names
        fault = f"{type(error).__name__}: {error}" if not isinstance(error, AssertionError) else str(error)
    return Outcome(step.__name__, fault, time.monotonic() - start)


def check(condition: bool, text: str) -> None:
    """Raise AssertionError unless the condition holds; unlike `assert` also where Python optimizes."""
    if not condition:
        raise AssertionError(text)


def runInApplication() -> list[Outcome]:
    """All steps on the module's own panel, where it is open and the Python packages are there; else none."""
    from LiverAISlicer.dependencies import missingRequirements

    widget = getattr(getattr(slicer, "modules", None), "LiverAIWidget", None)
    if widget is None or missingRequirements():
        return []
    with tempfile.TemporaryDirectory(prefix="LiverAI-") as folder:
        return PanelCheck(lambda: widget, Path(folder)).run()


def _hasViews() -> bool:
    """Whether the scene has slice views."""
    return slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode") > 0
