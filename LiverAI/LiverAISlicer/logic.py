"""What the module does, with or without the application: assess a volume node and put the result into its scene."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from LiverAISlicer.library import useLibrary

useLibrary()

from LiverAILib.data.assessment import Assessment  # noqa: E402
from LiverAILib.data.fingerprint import same_model  # noqa: E402
from LiverAILib.data.model import load_model  # noqa: E402
from LiverAILib.data.outcome import GRAD_CAM  # noqa: E402
from LiverAILib.data.request import AssessmentRequest  # noqa: E402
from LiverAILib.errors import UserError  # noqa: E402
from LiverAISlicer import views  # noqa: E402
from LiverAISlicer.jobs import Job  # noqa: E402
from LiverAISlicer.nodes import (  # noqa: E402
    checkVolumeNode,
    gridOfVolumeNode,
    imageFromVolumeNode,
    maskFromSegmentationNode,
    otherMasksFromSegmentationNode,
    segmentFor,
)
from LiverAISlicer.results import AssessmentNodes, writeAssessment  # noqa: E402
from LiverAISlicer.transaction import SceneTransaction  # noqa: E402

Progress = Callable[[float, str], None]


class AssessmentLogic:
    """Assess volume nodes.

    Networks stay loaded, and a second call with a corrected mask repeats only what depends on it.
    """

    def __init__(self) -> None:
        self._assessors: dict[tuple[str, str], Any] = {}
        self._progress: Progress | None = None

    def assess(
        self,
        volumeNode,
        model: str,
        segmentationNode=None,
        sliceIndex: int | None = None,
        targetClass: str | None = None,
        progress: Progress | None = None,
        *,
        segmentId: str | None = None,
        heatMap: str = GRAD_CAM,
        device: str = "auto",
        covariates: Mapping[str, float | str] | None = None,
    ) -> AssessmentNodes:
        """Assess a volume and write the result beside it. Blocks; the panel uses a background process instead.

        Args:
            volumeNode: vtkMRMLScalarVolumeNode.
            model: Name of an installed model, or a model folder.
            segmentationNode: Liver mask that replaces the network's; it is not changed.
            sliceIndex: Slice number (from 0) along the volume's own axis nearest to superior; automatic where None.
            targetClass: Class that the heat map explains; the predicted one where None.
            progress: Called with a share 0..1 and a sentence.
            segmentId: Segment of `segmentationNode`; found by its code or name where None.
            heatMap: "grad-cam" as published, or "hirescam", a finer map that takes a few seconds more.
            device: "auto", "cpu", "cuda" or "mps".
            covariates: Age, laboratory values, ... for the measurements, with the unit in the name: {"age_years": 54}.

        Raises:
            UserError: The input or the model cannot be used. The scene is then as it was.
        """
        from LiverAILib.methods import method_of

        job = self.job(
            volumeNode,
            model,
            segmentationNode,
            sliceIndex,
            targetClass,
            segmentId=segmentId,
            heatMap=heatMap,
            device=device,
            covariates=covariates,
        )
        self._progress = progress
        try:
            assessor = self._assessor(model, device)
            case = job.case(method_of(assessor.model).role)
            assessment = assessor.assess(case, job.request)
        finally:
            self._progress = None
        return self.write(volumeNode, assessment, segmentationNode)

    def job(
        self,
        volumeNode,
        model: str,
        segmentationNode=None,
        sliceIndex: int | None = None,
        targetClass: str | None = None,
        *,
        segmentId: str | None = None,
        heatMap: str = GRAD_CAM,
        device: str = "auto",
        covariates: Mapping[str, float | str] | None = None,
    ) -> Job:
        """The input of an assessment, out of the scene; arguments and errors as in `assess`."""
        image = imageFromVolumeNode(volumeNode)
        mask, others = None, {}
        if segmentationNode is not None:
            segmentId = segmentId or segmentFor(segmentationNode)
            mask = maskFromSegmentationNode(segmentationNode, segmentId, volumeNode)
            others = otherMasksFromSegmentationNode(segmentationNode, volumeNode, without=segmentId)
        return Job(
            volumeNode.GetName(),
            image,
            str(model),
            mask,
            AssessmentRequest(sliceIndex, targetClass, heatMap),
            device,
            others,
            covariates or {},
        )

    def write(
        self, volumeNode, assessment: Assessment, segmentationNode=None, opacity: float = views.DEFAULT_OPACITY
    ) -> AssessmentNodes:
        """Put an assessment into the scene; see `LiverAISlicer.results.writeAssessment`."""
        return writeAssessment(volumeNode, assessment, segmentationNode, opacity)

    def sliceCount(self, volumeNode) -> int:
        """Number of slices of a volume along its own axis nearest to superior."""
        from LiverAILib.imaging.geometry import axis_order

        grid = gridOfVolumeNode(volumeNode)
        return grid.size[axis_order(grid).slice_axis]

    def setHeatMapOpacity(self, nodes: AssessmentNodes, opacity: float) -> None:
        """Opacity, 0..1, of a result's heat map where slice views show it."""
        views.setHeatMapOpacity(nodes.tableNode.GetScene(), nodes.heatMapNodes.values(), opacity)

    def show(self, nodes: AssessmentNodes, pipeline: str | None = None, opacity: float = views.DEFAULT_OPACITY) -> None:
        """Show the heat map of a pipeline (the primary one where None) over the image in the slice views."""
        heatMapNode = nodes.heatMapNode if pipeline is None else nodes.heatMapNodes.get(pipeline)
        if heatMapNode is None or heatMapNode.GetScene() is None:
            raise UserError(f"The heat map of '{pipeline}' is not in the scene any more. Press Apply again.")
        checkVolumeNode(nodes.volumeNode)
        with SceneTransaction(heatMapNode.GetScene()) as transaction:
            views.showFusion(nodes.volumeNode, heatMapNode, transaction, opacity)

    def _assessor(self, model: str, device: str):
        """The assessor of a model and device, kept for the next call while the model on disk is the same."""
        key = (str(model), device)
        loaded = load_model(model)
        if key not in self._assessors or not same_model(self._assessors[key].model, loaded):
            from LiverAILib.jobs.assess import Assessor

            self._assessors[key] = Assessor(loaded, device=device, progress=self._report)
        return self._assessors[key]

    def _report(self, fraction: float, text: str) -> None:
        if self._progress is not None:
            self._progress(fraction, text)
