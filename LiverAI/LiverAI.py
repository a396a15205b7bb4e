"""LiverAI, a module of 3D Slicer: liver segmentation, staging of diffuse liver disease, and Grad-CAM over the image."""

from __future__ import annotations

from typing import Annotated

import slicer
import slicer.util
import vtk

# Torch and SimpleITK are imported with the first Apply, not here: opening the module has to be instant.
from LiverAISlicer.logic import AssessmentLogic, UserError
from LiverAISlicer.patient import CONTRAST, patientValues
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

HIDDEN_MARGIN = 100000


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
        self.parent.acknowledgementText = _(
            "Methods: Nowak et al., Eur Radiol 2021. Each model names its data and license."
        )


@parameterNodeWrapper
class LiverAIParameterNode:
    """What the panel remembers in the scene."""

    inputVolume: vtkMRMLScalarVolumeNode
    segmentation: vtkMRMLSegmentationNode
    model: str = ""
    targetClass: str = ""
    fineHeatMap: bool = False
    automaticSlice: bool = True
    sliceIndex: Annotated[int, WithinRange(0, HIDDEN_MARGIN)] = 0
    heatMapOpacity: Annotated[float, WithinRange(0.0, 1.0)] = 0.5
    ageYears: Annotated[float, WithinRange(0.0, 120.0)] = 0.0
    heightCm: Annotated[float, WithinRange(0.0, 250.0)] = 0.0
    weightKg: Annotated[float, WithinRange(0.0, 400.0)] = 0.0
    astUPerL: Annotated[float, WithinRange(0.0, 20000.0)] = 0.0
    astUlnUPerL: Annotated[float, WithinRange(0.0, 100.0)] = 0.0
    altUPerL: Annotated[float, WithinRange(0.0, 20000.0)] = 0.0
    platelets1e9PerL: Annotated[float, WithinRange(0.0, 2000.0)] = 0.0
    contrast: str = ""


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
        self._background = None
        self._running = None
        self._nodes = None
        self._models: list = []
        self._updating = False

    def setup(self) -> None:
        """Build the panel."""
        ScriptedLoadableModuleWidget.setup(self)
        panel = slicer.util.loadUI(self.resourcePath("UI/LiverAI.ui"))
        self.layout.addWidget(panel)
        self.ui = slicer.util.childWidgetVariables(panel)
        panel.setMRMLScene(slicer.mrmlScene)
        self.logic = LiverAILogic()
        self.ui.applyButton.connect("clicked(bool)", self.onApply)
        self.ui.cancelButton.connect("clicked(bool)", self.onCancel)
        self.ui.modelComboBox.connect("currentIndexChanged(int)", self.onModelChanged)
        self.ui.targetClassComboBox.connect("currentIndexChanged(int)", self.onTargetClassChanged)
        for text in (_("not stated"), _("yes"), _("no")):
            self.ui.contrastComboBox.addItem(text)
        self.ui.contrastComboBox.connect("currentIndexChanged(int)", self.onContrastChanged)
        self.ui.pipelineComboBox.connect("currentIndexChanged(int)", self.onPipelineChanged)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self._listModels()
        self._setBusy(False)
        self.initializeParameterNode()

    def cleanup(self) -> None:
        """The application closes or the module is reloaded."""
        if self._background is not None:
            self._background.close()
        self.removeObservers()

    def enter(self) -> None:
        """The user opens the panel."""
        self.initializeParameterNode()

    def exit(self) -> None:
        """The user leaves the panel; a running assessment goes on."""
        self.setParameterNode(None)

    def onReload(self) -> None:
        """Developer's Reload: the library's files are read again too."""
        from LiverAISlicer.library import forgetLibrary

        if self._background is not None:
            self._background.close()
        forgetLibrary()
        ScriptedLoadableModuleWidget.onReload(self)

    def onSceneStartClose(self, caller, event) -> None:
        """What runs belongs to the scene that goes."""
        self.onCancel()
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event) -> None:
        """A new scene has new parameters."""
        self._showNodes(None)
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self) -> None:
        """Connect the panel to the scene's parameters, with the first volume as input."""
        self.setParameterNode(self.logic.getParameterNode())
        if not self._parameterNode.inputVolume:
            volumeNode = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
            if volumeNode:
                self._parameterNode.inputVolume = volumeNode

    def setParameterNode(self, parameterNode: LiverAIParameterNode | None) -> None:
        """Connect the panel to parameters, or to none."""
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersChanged)
        self._parameterNode = parameterNode
        if self._parameterNode:
            self._parameterNodeGuiTag = self._parameterNode.connectGui(self.ui)
            self.addObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersChanged)
            self.onParametersChanged()

    def onParametersChanged(self, caller=None, event=None) -> None:
        """Bring what is not bound by itself up to date."""
        if self._parameterNode is None or self._updating:
            return
        self._updating = True
        try:
            parameters = self._parameterNode
            self._selectModel(parameters.model)
            self._selectTargetClass(parameters.targetClass)
            self.ui.contrastComboBox.currentIndex = CONTRAST.index(parameters.contrast)
            self._updateSliceRange()
            self._updateResult()
            self._updateOpacity()
            self._setBusy(self._isBusy())
        finally:
            self._updating = False

    def onModelChanged(self, index: int) -> None:
        """The user chose a model."""
        if self._parameterNode and not self._updating and 0 <= index < len(self._models):
            self._parameterNode.model = self._models[index].name

    def onTargetClassChanged(self, index: int) -> None:
        """The user chose the class that the heat map explains; the first entry leaves it to the prediction."""
        if self._parameterNode and not self._updating and index >= 0:
            self._parameterNode.targetClass = self.ui.targetClassComboBox.itemText(index) if index > 0 else ""

    def onContrastChanged(self, index: int) -> None:
        """The user said whether the CT was made with contrast agent."""
        if self._parameterNode and not self._updating and index >= 0:
            self._parameterNode.contrast = CONTRAST[index]

    def onPipelineChanged(self, index: int) -> None:
        """Show another pipeline's heat map."""
        if self._updating or self._nodes is None or index < 0:
            return
        try:
            self.logic.show(self._nodes, self.ui.pipelineComboBox.itemText(index), self._opacity())
        except UserError as error:
            slicer.util.errorDisplay(str(error), windowTitle="LiverAI")

    def onApply(self, checked: bool = False) -> None:
        """Assess the input in the background."""
        try:
            if self._dependenciesReady():
                self._start()
        except UserError as error:
            slicer.util.errorDisplay(str(error), windowTitle="LiverAI")

    def onCancel(self, checked: bool = False) -> None:
        """End what runs; the scene is as it was before Apply."""
        if self._isBusy():
            self._background.cancel()
            self._running = None
            self._setBusy(False)
            self.ui.statusLabel.text = _("Cancelled.")

    def _start(self) -> None:
        from LiverAISlicer.background import BackgroundAssessor
        from LiverAISlicer.qtprocess import QtWorker

        parameters = self._parameterNode
        job = self.logic.job(
            parameters.inputVolume,
            parameters.model,
            parameters.segmentation,
            None if parameters.automaticSlice else parameters.sliceIndex,
            parameters.targetClass or None,
            heatMap="hirescam" if parameters.fineHeatMap else "grad-cam",
            covariates=patientValues(parameters),
        )
        if self._background is None:
            self._background = BackgroundAssessor(QtWorker, slicer.util.startupEnvironment())
            self._background.onProgress = self.onProgress
            self._background.onDone = self.onDone
            self._background.onError = self.onError
        self._running = (parameters.inputVolume, parameters.segmentation)
        self.onProgress(0.0, _("Starting"))
        self._background.submit(job)
        self._setBusy(True)

    def onProgress(self, share: float, text: str) -> None:
        """The background process reports."""
        self.ui.progressBar.value = round(100 * share)
        self.ui.statusLabel.text = text

    def onDone(self, assessment) -> None:
        """The background process has a result: put it into the scene."""
        volumeNode, segmentationNode = self._running
        self._running = None
        try:
            nodes = self.logic.write(volumeNode, assessment, segmentationNode, opacity=self._opacity())
        except UserError as error:
            self.onError(str(error), "")
            return
        self._setBusy(False)
        self.ui.statusLabel.text = _("Done.")
        self._showNodes(nodes)

    def onError(self, text: str, details: str) -> None:
        """The background process, or writing its result, failed."""
        self._running = None
        self._setBusy(False)
        self.ui.statusLabel.text = text
        slicer.util.errorDisplay(text, windowTitle="LiverAI", detailedText=details)

    def _dependenciesReady(self) -> bool:
        """True where the Python packages are there or the user let them be installed."""
        from LiverAISlicer.dependencies import installDependencies

        question = _("LiverAI needs Python packages that are not installed: {names}. Install them now (up to 3 GB)?")
        return installDependencies(lambda names: slicer.util.confirmOkCancelDisplay(question.format(names=names)))

    def _isBusy(self) -> bool:
        return self._background is not None and self._background.busy

    def _setBusy(self, busy: bool) -> None:
        parameters = self._parameterNode
        ready = parameters is not None and parameters.inputVolume is not None and bool(self._models)
        self.ui.applyButton.enabled = ready and not busy
        self.ui.applyButton.toolTip = (
            _("Segment, classify and explain") if ready else _("Choose an input volume and a model")
        )
        self.ui.cancelButton.enabled = busy
        self.ui.progressBar.visible = busy

    def _listModels(self) -> None:
        """Fill the list of models that assess cases."""
        from LiverAILib.data.model import list_models
        from LiverAILib.methods import list_methods

        try:
            methods = list_methods()
            self._models = [model for model in list_models() if model.method in methods]
        except UserError as error:
            self.ui.statusLabel.text = str(error)
        self._updating = True
        for model in self._models:
            self.ui.modelComboBox.addItem(model.name)
        self._updating = False
        if not self._models:
            self.ui.modelLabel.text = _(
                "No model is installed. Put model folders into a folder that LIVERAI_MODELS names."
            )

    def _selectModel(self, name: str) -> None:
        """Show the model of this name, the first one where there is no such model."""
        from LiverAISlicer.summary import modelHtml

        if not self._models:
            return
        names = [model.name for model in self._models]
        index = names.index(name) if name in names else 0
        self._parameterNode.model = names[index]
        self.ui.modelComboBox.currentIndex = index
        model = self._models[index]
        self.ui.modelLabel.text = modelHtml(model.card, (model.folder / "model.json").resolve().as_uri(), _)
        if self.ui.targetClassComboBox.count != len(model.classes) + 1:
            self.ui.targetClassComboBox.clear()
            self.ui.targetClassComboBox.addItem(_("Predicted class"))
            for label in model.classes:
                self.ui.targetClassComboBox.addItem(label)

    def _selectTargetClass(self, name: str) -> None:
        self.ui.targetClassComboBox.currentIndex = max(self.ui.targetClassComboBox.findText(name), 0) if name else 0

    def _updateSliceRange(self) -> None:
        """A slice number that the input has; which axis it counts along is only asked once a person sets it."""
        parameters = self._parameterNode
        self.ui.sliceSpinBox.enabled = not parameters.automaticSlice
        if parameters.automaticSlice or parameters.inputVolume is None:
            return
        try:
            self.ui.sliceSpinBox.maximum = self.logic.sliceCount(parameters.inputVolume) - 1
        except UserError as error:
            self.ui.statusLabel.text = str(error)

    def _updateResult(self) -> None:
        """Show what the scene already holds for this input and model."""
        from LiverAISlicer.results import findResult, readNodes

        parameters = self._parameterNode
        if parameters.inputVolume is None:
            self._showNodes(None)
            return
        tableNode = findResult(parameters.inputVolume, parameters.model)
        if self._nodes is None or tableNode is not self._nodes.tableNode:
            self._showNodes(readNodes(tableNode) if tableNode is not None else None)

    def _showNodes(self, nodes) -> None:
        """Fill the result area."""
        from LiverAISlicer.summary import resultHtml

        from LiverAILib.data.assessment import RESEARCH_USE

        self._nodes = nodes
        wasUpdating, self._updating = self._updating, True
        self.ui.pipelineComboBox.clear()
        if nodes is None:
            self.ui.resultLabel.text = _("No result yet.")
        else:
            # "Research use only" is shown at the foot of the panel.
            self.ui.resultLabel.text = resultHtml(nodes.record, _, hidden=(RESEARCH_USE,))
            for pipeline in nodes.heatMapNodes:
                self.ui.pipelineComboBox.addItem(pipeline)
            self.ui.pipelineComboBox.currentIndex = self.ui.pipelineComboBox.findText(nodes.record["primary_outcome"])
        self.ui.pipelineComboBox.enabled = nodes is not None
        self._updating = wasUpdating

    def _opacity(self) -> float:
        return self._parameterNode.heatMapOpacity if self._parameterNode else 0.5

    def _updateOpacity(self) -> None:
        if self._nodes is not None:
            self.logic.setHeatMapOpacity(self._nodes, self._opacity())


class LiverAITest(ScriptedLoadableModuleTest):
    """Self-test in the application: everything but the networks, which `Testing/` covers."""

    def setUp(self) -> None:
        """Start from an empty scene."""
        slicer.mrmlScene.Clear()

    def test_knownAssessmentInScene(self) -> None:
        """A known assessment arrives in the scene with the input's geometry, and again without piling up nodes."""
        from LiverAISlicer.selftest import runSelfTest

        runSelfTest(slicer.mrmlScene, LiverAILogic())
