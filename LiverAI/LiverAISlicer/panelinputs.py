"""The panel's inputs: model, images, mask, regions, patient values, slice, class and device. Needs Qt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from LiverAILib.errors import UserError
from LiverAISlicer.devicelist import DeviceList
from LiverAISlicer.imageselectors import ImageSelectors
from LiverAISlicer.jobs import Job
from LiverAISlicer.logic import AssessmentLogic, GivenNodes
from LiverAISlicer.modellist import ModelList
from LiverAISlicer.modelmanager import ModelManager
from LiverAISlicer.patient import CONTRAST, patientValues
from LiverAISlicer.regionselectors import RegionSelectors
from LiverAISlicer.segmentselector import SegmentSelector

if TYPE_CHECKING:
    from LiverAILib.methods import MethodSpec


class PanelInputs:
    """Shows the parameters that are not bound to a widget by themselves, and makes a job of all of them.

    Args:
        ui: Widgets of the panel.
        logic: Makes the job.
        parameters: Gives the parameter node, or None.
        onActivated: Called with an image that the user chose.
    """

    def __init__(
        self, ui: Any, logic: AssessmentLogic, parameters: Callable[[], Any], onActivated: Callable[[Any], None]
    ) -> None:
        self._ui = ui
        self._logic = logic
        self._parameters = parameters
        self._updating = False
        self.modelList = ModelList(ui)
        self.imageSelectors = ImageSelectors(ui.imagesCollapsibleButton.layout(), onActivated)
        self.regionSelectors = RegionSelectors(ui.regionsCollapsibleButton.layout(), lambda: self.firstImage)
        self.segmentSelector = SegmentSelector(ui, parameters)
        self.deviceList = DeviceList(ui, parameters)
        for text in (_("not stated"), _("yes"), _("no")):
            ui.contrastComboBox.addItem(text)
        self.modelList.fill()
        self.modelManager = ModelManager(ui, lambda: self.modelList.model, self._modelsChanged)
        ui.modelComboBox.connect("currentIndexChanged(int)", self.onModelChanged)
        ui.targetClassComboBox.connect("currentIndexChanged(int)", self.onTargetClassChanged)
        ui.contrastComboBox.connect("currentIndexChanged(int)", self.onContrastChanged)

    @property
    def spec(self) -> MethodSpec | None:
        """The method of the chosen model; None where there is no model."""
        return self.modelList.spec

    @property
    def images(self) -> dict[str, list[Any]]:
        """The chosen images by role; empty where some are missing or there is no model."""
        spec, parameters = self.spec, self._parameters()
        if spec is None or parameters is None:
            return {}
        if spec.single_image:
            return {spec.role: [parameters.inputVolume]} if parameters.inputVolume is not None else {}
        return self.imageSelectors.images if self.imageSelectors.isComplete else {}

    @property
    def firstImage(self):
        """The first chosen image; None where there is none."""
        return next((nodes[0] for nodes in self.images.values() if nodes), None)

    def setParameterNode(self, parameterNode) -> None:
        """Keep the choices in this wrapped parameter node, or nowhere where it is None."""
        for selectors in (self.imageSelectors, self.regionSelectors):
            selectors.setParameterNode(parameterNode.parameterNode if parameterNode else None)

    def update(self) -> None:
        """Show what the parameter node holds."""
        parameters = self._parameters()
        self._updating = True
        try:
            self.modelList.select(parameters.model, parameters.targetClass)
            if self.modelList.model is not None:
                parameters.model = self.modelList.model.name
            self.imageSelectors.show(self.spec)
            self.regionSelectors.show(self.spec)
            self.segmentSelector.update(isUsed=self.spec is not None and self.spec.segmentation)
            self.deviceList.update()
            self.modelManager.update()
            self._ui.contrastComboBox.currentIndex = CONTRAST.index(parameters.contrast)
            self._updateSliceRange()
        finally:
            self._updating = False

    def choose(self, images: Mapping[str, Sequence[Any]], model: str | None = None) -> None:
        """Choose a model, where one is named, and its images by role."""
        if model is not None:
            self._parameters().model = model
        if self.spec.single_image:
            self._parameters().inputVolume = images[self.spec.role][0]
        else:
            self.imageSelectors.choose(images)

    def job(self) -> tuple[Job, GivenNodes]:
        """What the user asks for, out of the scene, and the nodes that it was made from.

        Raises:
            UserError: Something cannot be used.
        """
        from LiverAILib.data.outcome import HIRES_CAM

        parameters, spec = self._parameters(), self.spec
        given = GivenNodes(self.images)
        if spec.segmentation and parameters.segmentation is not None:
            given = GivenNodes(self.images, parameters.segmentation, parameters.liverSegment)
        job = self._logic.job(
            None,
            parameters.model,
            given.segmentationNode,
            parameters.sliceIndex if spec.slices and not parameters.automaticSlice else None,
            parameters.targetClass if parameters.targetClass in self.modelList.model.classes else None,
            images=given.images,
            segmentId=given.segmentId or None,
            heatMap=HIRES_CAM if parameters.fineHeatMap and HIRES_CAM in spec.heatmaps else None,
            device=parameters.device,
            covariates=patientValues(parameters),
            regions=self.regionSelectors.regions,
        )
        return job, given

    def close(self) -> None:
        """End what runs."""
        self.deviceList.close()
        self.modelManager.close()

    def _modelsChanged(self, added: str) -> None:
        """A model was added, which is chosen now, or removed."""
        self._updating = True
        self.modelList.fill()
        self._updating = False
        if self._parameters() is not None:
            self._parameters().model = added

    def onModelChanged(self, index: int) -> None:
        """The user chose a model."""
        if self._parameters() and not self._updating and 0 <= index < len(self.modelList.models):
            self._parameters().model = self.modelList.models[index].name

    def onTargetClassChanged(self, index: int) -> None:
        """The user chose the class that the heat map explains; the first entry leaves it to the prediction."""
        if self._parameters() and not self._updating and index >= 0:
            self._parameters().targetClass = self._ui.targetClassComboBox.itemText(index) if index > 0 else ""

    def onContrastChanged(self, index: int) -> None:
        """The user said whether the CT was made with contrast agent."""
        if self._parameters() and not self._updating and index >= 0:
            self._parameters().contrast = CONTRAST[index]

    def _updateSliceRange(self) -> None:
        """A slice number that the input has; which axis it counts along is only asked once a person sets it."""
        parameters = self._parameters()
        self._ui.sliceSpinBox.enabled = not parameters.automaticSlice
        if parameters.automaticSlice or self.firstImage is None:
            return
        try:
            self._ui.sliceSpinBox.maximum = self._logic.sliceCount(self.firstImage) - 1
        except UserError as error:
            self._ui.statusLabel.text = str(error)
