"""LiverAI, a module of 3D Slicer: liver segmentation, staging of diffuse liver disease, and Grad-CAM over the image."""

from __future__ import annotations

import slicer
import slicer.util
import vtk

# Torch and SimpleITK are imported with the first Apply, not here: opening the module has to be instant.
from LiverAISlicer.display import ROLE
from LiverAISlicer.logic import AssessmentLogic, UserError
from LiverAISlicer.parameters import LiverAIParameterNode
from LiverAISlicer.resultnodes import findResult, readNodes
from LiverAISlicer.views import displayedVolume
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


class LiverAI(ScriptedLoadableModule):
    """What the application shows of the module before it is opened."""

    def __init__(self, parent) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = "LiverAI"
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = []
        self.parent.contributors = ["LiverAI contributors"]
        self.parent.helpText = _(
            "Segments the liver, stages diffuse liver disease with published deep-learning methods, and shows over the "
            "image where the evidence lies. For research use only."
        )
        slicer.app.connect("startupCompleted()", self.onStartupCompleted)
        self.parent.acknowledgementText = _(
            "Methods: Nowak et al., Eur Radiol 2021. Each model names its data and license."
        )

    def onStartupCompleted(self) -> None:
        """All modules are there: list the simulated cases in Sample Data."""
        from LiverAISlicer.sampledata import registerSampleData

        registerSampleData()


class LiverAILogic(ScriptedLoadableModuleLogic, AssessmentLogic):
    """`LiverAILogic().assess(volumeNode, model)`; see `LiverAISlicer.logic.AssessmentLogic`."""

    def __init__(self, parent=None) -> None:
        ScriptedLoadableModuleLogic.__init__(self, parent)
        AssessmentLogic.__init__(self)

    def getParameterNode(self) -> LiverAIParameterNode:
        """The module's parameters in the scene, with types."""
        return LiverAIParameterNode(ScriptedLoadableModuleLogic.getParameterNode(self))


class LiverAIWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: input, model, Apply, result."""

    def __init__(self, parent=None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None
        self._run = None
        self._result = None
        self._inputs = None
        self._history = None
        self._chosen = None
        self._refresh = None
        self._importAhead = None
        self._updating = False

    def setup(self) -> None:
        """Build the panel."""
        # These need Qt.
        from LiverAISlicer.historytable import HistoryTable
        from LiverAISlicer.importahead import ImportAhead
        from LiverAISlicer.later import Later
        from LiverAISlicer.panelinputs import PanelInputs
        from LiverAISlicer.panelrun import PanelRun
        from LiverAISlicer.resultpanel import ResultPanel

        ScriptedLoadableModuleWidget.setup(self)
        panel = slicer.util.loadUI(self.resourcePath("UI/LiverAI.ui"))
        self.layout.addWidget(panel)
        self.ui = slicer.util.childWidgetVariables(panel)
        panel.setMRMLScene(slicer.mrmlScene)
        self.logic = LiverAILogic()
        self._inputs = PanelInputs(self.ui, self.logic, lambda: self._parameterNode, self.onInputActivated)
        self._result = ResultPanel(self.ui, self.logic, lambda: self._parameterNode)
        self._history = HistoryTable(self.ui, self.onResultChosen)
        self._run = PanelRun(self.ui, self._writeSteps, self._updateApply, self._result.show)
        self._refresh = Later(self.onParametersChanged)
        self._connect()
        self._updateApply()
        self.initializeParameterNode()
        self._importAhead = ImportAhead()
        self._importAhead.start()

    def _connect(self) -> None:
        self.ui.applyButton.connect("clicked(bool)", self.onApply)
        self.ui.sampleButton.connect("clicked(bool)", self.onSample)
        self.ui.inputSelector.connect("nodeActivated(vtkMRMLNode*)", self.onInputActivated)
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneEndImport)
        for change in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndBatchProcessEvent):
            self.addObserver(scene, change, self.onNodesChanged)

    def cleanup(self) -> None:
        """The application closes or the module is reloaded."""
        if self._run is not None:
            self._close()
        self.removeObservers()

    def _close(self) -> None:
        """End processes and what waits for the event loop."""
        for one in (self._run, self._result, self._inputs):
            one.close()
        self._refresh.forget()
        self._importAhead.stop()

    def enter(self) -> None:
        """The user opens the panel."""
        self.initializeParameterNode()

    def exit(self) -> None:
        """The user leaves the panel; a running assessment goes on."""
        self.setParameterNode(None)

    def onReload(self) -> None:
        """Developer's Reload: the library's files are read again too."""
        from LiverAISlicer.library import forgetLibrary

        if self._run is not None:
            self._close()
        forgetLibrary()
        ScriptedLoadableModuleWidget.onReload(self)

    def onSceneStartClose(self, caller, event) -> None:
        """What runs belongs to the scene that goes."""
        self.onCancel()
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event) -> None:
        """A new scene has new parameters."""
        self._result.show(None)
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneEndImport(self, caller, event) -> None:
        """A saved scene was opened, or added to this one: its parameters, volumes and results count now."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onNodesChanged(self, caller, event) -> None:
        """A node came, went or changed: look for results once whoever does it is done."""
        self._refresh.ask()

    def initializeParameterNode(self) -> None:
        """Connect the panel to the scene's parameters, with the volume on display as input."""
        self.setParameterNode(self.logic.getParameterNode())
        if not self._parameterNode.inputVolume:
            volumeNode = displayedVolume(slicer.mrmlScene, ROLE)
            if volumeNode:
                self._parameterNode.inputVolume = volumeNode

    def setParameterNode(self, parameterNode: LiverAIParameterNode | None) -> None:
        """Connect the panel to parameters, or to none."""
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersChanged)
        self._parameterNode = parameterNode
        self._inputs.setParameterNode(parameterNode)
        if self._parameterNode:
            self._parameterNodeGuiTag = self._parameterNode.connectGui(self.ui)
            self.addObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersChanged)
            self.onParametersChanged()

    def onParametersChanged(self, caller=None, event=None) -> None:
        """Bring what is not bound by itself up to date."""
        if self._parameterNode is None or self._updating or slicer.mrmlScene.IsBatchProcessing():
            return
        self._updating = True
        try:
            self._inputs.update()
            self._updateResult()
            self._result.updateDisplay()
            self._updateApply()
        finally:
            self._updating = False

    def onInputActivated(self, node) -> None:
        """The user chose an input: the views show it, with its heat map where it has a result."""
        if node is None or self._parameterNode is None:
            return
        self._refresh.forget()
        self.onParametersChanged()
        if self._result.nodes is None or node not in self._result.nodes.imageNodes.values():
            self.logic.showImage(node)
        else:
            self._result.showHeatMap(node)

    def onResultChosen(self, tableNode) -> None:
        """The user chose a result of the scene: its images and model become the inputs, where they are there, and it is shown."""
        nodes = readNodes(tableNode)
        images: dict[str, list] = {}
        for (role, _number), node in nodes.imageNodes.items():
            images.setdefault(role, []).append(node)
        isInstalled = nodes.record["model"] in [model.name for model in self._inputs.modelList.models]
        if isInstalled and None not in nodes.imageNodes.values():
            self._inputs.choose(images, nodes.record["model"])
        self._chosen = (tableNode, self._inputKey())
        self.onParametersChanged()
        if nodes.volumeNode is not None and self._result.nodes is not None:
            self._result.showHeatMap(nodes.volumeNode)

    def onApply(self, checked: bool = False) -> None:
        """Assess the input in the background, or cancel what runs."""
        if self._run.isBusy:
            self.onCancel()
            return
        try:
            if self._dependenciesReady():
                self._start()
        except UserError as error:
            slicer.util.errorDisplay(str(error), windowTitle="LiverAI")

    def onCancel(self, checked: bool = False) -> None:
        """End what runs; the scene is as it was before Apply."""
        self._run.cancel()

    def onSample(self, checked: bool = False) -> None:
        """Make simulated images for the model and choose them."""
        from LiverAISlicer.sampledata import loadSample

        spec = self._inputs.spec
        try:
            with slicer.util.WaitCursor():
                nodes = loadSample(spec.simulation, slicer.mrmlScene)
        except UserError as error:
            slicer.util.errorDisplay(str(error), windowTitle="LiverAI")
            return
        self._inputs.choose(nodes)
        self.onInputActivated(nodes[spec.role][0])

    def _start(self) -> None:
        self._run.start(*self._inputs.job())

    def _writeSteps(self, assessment, given):
        """Put a finished assessment into the scene, in steps."""
        return self.logic.writeSteps(assessment, given, self._result.look)

    def _dependenciesReady(self) -> bool:
        """True where the Python packages are there or the user let them be installed."""
        from LiverAISlicer.dependencies import installDependencies

        question = _("LiverAI needs Python packages that are not installed: {names}. Install them now (up to 3 GB)?")
        return installDependencies(lambda names: slicer.util.confirmOkCancelDisplay(question.format(names=names)))

    def _updateApply(self) -> None:
        ready, busy = bool(self._inputs.images), self._run.isBusy
        self.ui.applyButton.enabled = ready or busy
        self.ui.applyButton.text = _("Cancel") if busy else _("Apply")
        if busy:
            self.ui.applyButton.toolTip = _("End the assessment; the scene stays as it was")
        else:
            self.ui.applyButton.toolTip = (
                _("Segment, classify and explain") if ready else _("Choose the input and a model")
            )
        self.ui.progressBar.visible = busy
        self.ui.sampleButton.enabled = not busy and bool(self._inputs.spec and self._inputs.spec.simulation)

    def _updateResult(self) -> None:
        """Show what the scene already holds for these images and this model; a later change of it is shown too."""
        if self._chosen is not None and (self._chosen[0].GetScene() is None or self._chosen[1] != self._inputKey()):
            self._chosen = None
        nodes = [node for role in self._inputs.images.values() for node in role]
        if self._chosen is not None:
            tableNode = self._chosen[0]
        else:
            tableNode = findResult(nodes[0], self._parameterNode.model, images=nodes) if nodes else None
        if tableNode is not None and not self.hasObserver(tableNode, vtk.vtkCommand.ModifiedEvent, self.onNodesChanged):
            self.addObserver(tableNode, vtk.vtkCommand.ModifiedEvent, self.onNodesChanged)
        self._result.showTable(tableNode)
        self._history.update(tableNode)

    def _inputKey(self) -> tuple:
        """Model and images that are chosen: a result that was chosen from the history is shown until these change."""
        nodes = [node.GetID() for role in self._inputs.images.values() for node in role]
        return (self._parameterNode.model, *nodes)


class LiverAITest(ScriptedLoadableModuleTest):
    """Self-test in the application."""

    def setUp(self) -> None:
        """Start from an empty scene."""
        slicer.mrmlScene.Clear()

    def test_knownAssessmentInScene(self) -> None:
        """A known assessment arrives in the scene with the input's geometry, and again without piling up nodes."""
        from LiverAISlicer.selftest import runSelfTest

        runSelfTest(slicer.mrmlScene, LiverAILogic())

    def test_panel(self) -> None:
        """The panel is used as a person would, with the sample and the networks: where it is open and the packages are there."""
        from LiverAISlicer.acceptance import runInApplication

        faults = [f"{one.step}: {one.fault}" for one in runInApplication() if one.fault]
        assert not faults, "; ".join(faults)
