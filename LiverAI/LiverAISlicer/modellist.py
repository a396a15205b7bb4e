"""The panel's list of models: what the chosen one is, and which of the panel's inputs it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from LiverAILib.data.outcome import HIRES_CAM
from LiverAILib.errors import UserError
from LiverAISlicer.summary import modelHtml

if TYPE_CHECKING:
    from LiverAILib.data.model import Model
    from LiverAILib.methods import MethodSpec


class ModelList:
    """The installed models that assess cases, in the panel.

    Attributes:
        models: In the order of the list.
        model: The chosen one, None where there is none.
        spec: Its method.
    """

    def __init__(self, ui: Any) -> None:
        self._ui = ui
        self.models: list[Model] = []
        self.model: Model | None = None
        self.spec: MethodSpec | None = None

    def fill(self) -> None:
        """List the models that are installed now; without any, the panel says where to put them."""
        from LiverAILib.data.model import list_models
        from LiverAILib.methods import list_methods

        try:
            methods = list_methods()
            self.models = [model for model in list_models() if model.method in methods]
        except UserError as error:
            self._ui.statusLabel.text = str(error)
        self._ui.modelComboBox.clear()
        for model in self.models:
            self._ui.modelComboBox.addItem(model.name)
        if not self.models:
            self._ui.modelLabel.text = _(
                "No model is installed. Add one in the section Models, or name folders of models in LIVERAI_MODELS."
            )

    def select(self, name: str, targetClass: str) -> None:
        """Show the model of this name, a default where there is no such model, and the inputs that it takes."""
        from LiverAILib.methods import method_of

        if not self.models:
            self.model = self.spec = None
            return
        names = [model.name for model in self.models]
        index = names.index(name) if name in names else self._defaultIndex()
        self.model = self.models[index]
        self.spec = method_of(self.model)
        self._ui.modelComboBox.currentIndex = index
        card = self.model.card
        self._ui.modelLabel.text = modelHtml(card, (self.model.folder / "model.json").resolve().as_uri(), _)
        self._showInputs(self.spec)
        self._showClasses(targetClass)

    def _defaultIndex(self) -> int:
        """The first of the user's own models, else the first that takes one volume."""
        from LiverAILib.methods import method_of
        from LiverAILib.resources import resources_folder

        if self.models[0].folder.parent != resources_folder() / "Models":
            return 0
        return next((index for index, model in enumerate(self.models) if method_of(model).single_image), 0)

    def _showInputs(self, spec: MethodSpec) -> None:
        ui = self._ui
        shown = {
            (ui.inputLabel, ui.inputSelector): spec.single_image,
            (ui.imagesCollapsibleButton,): not spec.single_image,
            (ui.regionsCollapsibleButton,): bool(spec.regions),
            (ui.segmentationTitle, ui.segmentationSelector): spec.segmentation,
            (ui.sliceTitle, ui.automaticSliceCheckBox, ui.sliceSpinBox): spec.slices,
            (ui.targetClassTitle, ui.targetClassComboBox): spec.answer.kind == "classes",
            (ui.fineHeatMapCheckBox,): HIRES_CAM in spec.heatmaps[1:],
        }
        for widgets, visible in shown.items():
            for widget in widgets:
                widget.visible = visible

    def _showClasses(self, targetClass: str) -> None:
        """The classes that a heat map can explain; the first entry leaves it to the prediction."""
        entries = [_("Predicted class"), *self.model.classes]
        box = self._ui.targetClassComboBox
        if [box.itemText(index) for index in range(box.count)] != entries:
            box.clear()
            for entry in entries:
                box.addItem(entry)
        box.currentIndex = entries.index(targetClass) if targetClass in self.model.classes else 0
