"""What the module does, with or without the application: assess a volume node and put the result into its scene."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from LiverAISlicer.library import useLibrary

useLibrary()

from LiverAILib.data.assessment import Assessment  # noqa: E402
from LiverAILib.data.case import Case  # noqa: E402
from LiverAILib.data.fingerprint import same_model  # noqa: E402
from LiverAILib.data.model import load_model  # noqa: E402
from LiverAILib.data.request import AssessmentRequest  # noqa: E402
from LiverAILib.data.structures import LIVER  # noqa: E402
from LiverAILib.errors import UserError  # noqa: E402
from LiverAILib.imaging.image import Image  # noqa: E402
from LiverAILib.methods import ImageRole, MethodSpec, method_of  # noqa: E402
from LiverAISlicer import views  # noqa: E402
from LiverAISlicer.display import DEFAULT_LOOK, HeatMapLook  # noqa: E402
from LiverAISlicer.jobs import Job  # noqa: E402
from LiverAISlicer.nodes import (  # noqa: E402
    checkVolumeNode,
    gridOfVolumeNode,
    imageFromVolumeNode,
    maskFromSegmentationNode,
    otherMasksFromSegmentationNode,
    segmentFor,
)
from LiverAISlicer.regions import regionFromROINode  # noqa: E402
from LiverAISlicer.resultnodes import SLICE, AssessmentNodes  # noqa: E402
from LiverAISlicer.results import writeAssessment, writeSteps  # noqa: E402
from LiverAISlicer.shownmaps import applyLook, shownNode, updateShown  # noqa: E402
from LiverAISlicer.transaction import SceneTransaction  # noqa: E402
from LiverAISlicer.waiting import sharedAssessor  # noqa: E402

Progress = Callable[[float, str], None]
ImageNodes = Mapping[str, Sequence[Any]]
"""Role to the volume nodes of that role."""


@dataclass(frozen=True)
class GivenNodes:
    """What the user chose in the scene for an assessment.

    Attributes:
        images: Role to the volume nodes.
        segmentationNode: With the liver mask; None where the network segments.
        segmentId: The liver in it; "" where its code or name says it.
    """

    images: ImageNodes
    segmentationNode: Any = None
    segmentId: str = ""


class AssessmentLogic:
    """Assess volume nodes.

    The networks run in a child process that stays alive: they stay loaded, and a second call with a corrected mask repeats only
    what depends on it.
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
        images: ImageNodes | None = None,
        segmentId: str | None = None,
        heatMap: str | None = None,
        device: str = "auto",
        covariates: Mapping[str, float | str] | None = None,
        regions: Mapping[str, Any] | None = None,
        inProcess: bool = False,
    ) -> AssessmentNodes:
        """Assess a volume, or the images of a case, and write the result beside them.

        Blocks until it is done; the panel does not.

        Args:
            volumeNode: vtkMRMLScalarVolumeNode, the image of the model's first role; None where `images` names all images.
            model: Name of an installed model, or a model folder.
            segmentationNode: Liver mask that replaces the network's; it is not changed.
            sliceIndex: Slice number (from 0) along the volume's own axis nearest to superior; automatic where None.
            targetClass: Class that the heat map explains; the predicted one where None.
            progress: Called with a share 0..1 and a sentence.
            images: Images of further roles, or of all: {"view": [node, node], "reference": [node]}; a color image is a
                vtkMRMLVectorVolumeNode.
            segmentId: Segment of `segmentationNode`; found by its code or name where None.
            heatMap: "grad-cam" as published, or "hirescam", a finer map that takes a few seconds more; the published kind of
                the model's method where None.
            device: "auto", "cpu", "cuda" or "mps".
            covariates: Age, laboratory values, ... for the measurements, with the unit in the name: {"age_years": 54}.
            regions: Name to the vtkMRMLMarkupsROINode of a model that looks at a region: {"liver": node, "kidney": node}.
            inProcess: Run the networks in this process instead of a child process. Inside the application their libraries can
                clash with those of a software OpenGL.

        Raises:
            UserError: The input or the model cannot be used. The scene is then as it was.
        """
        images = imagesByRole(method_of(load_model(model)), volumeNode, images)
        job = self.job(
            None,
            model,
            segmentationNode,
            sliceIndex,
            targetClass,
            images=images,
            segmentId=segmentId,
            heatMap=heatMap,
            device=device,
            covariates=covariates,
            regions=regions,
        )
        assessment = self._assessInProcess(job, progress) if inProcess else sharedAssessor().assess(job, progress)
        return self.write(None, assessment, segmentationNode, images=images, segmentId=segmentId)

    def job(
        self,
        volumeNode,
        model: str,
        segmentationNode=None,
        sliceIndex: int | None = None,
        targetClass: str | None = None,
        *,
        images: ImageNodes | None = None,
        segmentId: str | None = None,
        heatMap: str | None = None,
        device: str = "auto",
        covariates: Mapping[str, float | str] | None = None,
        regions: Mapping[str, Any] | None = None,
    ) -> Job:
        """The input of an assessment, out of the scene; arguments and errors as in `assess`."""
        spec = method_of(load_model(model))
        nodes = imagesByRole(spec, volumeNode, images)
        volumeNode = next(iter(nodes.values()))[0]
        given = {
            role.name: tuple(_imageOfRole(node, role, spec) for node in nodes[role.name])
            for role in spec.images
            if role.name in nodes
        }
        masks = {}
        if segmentationNode is not None:
            segmentId = segmentId or segmentFor(segmentationNode)
            masks = {LIVER.name: maskFromSegmentationNode(segmentationNode, segmentId, volumeNode)}
            masks |= otherMasksFromSegmentationNode(segmentationNode, volumeNode, without=segmentId)
        drawn = {
            name: tuple(regionFromROINode(node, one) for one in nodes[spec.role])
            for name, node in (regions or {}).items()
        }
        return Job(
            Case(given, volumeNode.GetName(), masks, covariates or {}, drawn),
            str(model),
            AssessmentRequest(sliceIndex, targetClass, heatMap or spec.heatmaps[0]),
            device,
        )

    def write(
        self,
        volumeNode,
        assessment: Assessment,
        segmentationNode=None,
        look: HeatMapLook = DEFAULT_LOOK,
        *,
        images: ImageNodes | None = None,
        segmentId: str | None = None,
    ) -> AssessmentNodes:
        """Put an assessment into the scene; see `LiverAISlicer.results.writeAssessment`."""
        return writeAssessment(volumeNode, assessment, segmentationNode, look, images=images, segmentId=segmentId)

    def writeSteps(
        self, assessment: Assessment, given: GivenNodes, look: HeatMapLook
    ) -> Generator[None, None, AssessmentNodes]:
        """`write` in steps, between which a window can live; see `LiverAISlicer.results.writeSteps`."""
        return writeSteps(
            None, assessment, given.segmentationNode, look, images=given.images, segmentId=given.segmentId or None
        )

    def sliceCount(self, volumeNode) -> int:
        """Number of slices of a volume along its own axis nearest to superior."""
        from LiverAILib.imaging.geometry import axis_order

        grid = gridOfVolumeNode(volumeNode)
        return grid.size[axis_order(grid).slice_axis]

    def setLook(self, nodes: AssessmentNodes, look: HeatMapLook) -> None:
        """How slice views show the heat maps of a result, from now on."""
        scene, heatMaps = nodes.tableNode.GetScene(), list(nodes.heatMaps.values())
        with SceneTransaction(scene) as transaction:
            for node in heatMaps:
                applyLook(node, nodes.segmentationNode, look, transaction)
        views.setForegroundOpacity(scene, [shownNode(node) for node in heatMaps], look.opacity)

    def show(
        self,
        nodes: AssessmentNodes,
        pipeline: str | None = None,
        opacity: float = DEFAULT_LOOK.opacity,
        *,
        role: str | None = None,
        number: int = 0,
    ) -> None:
        """Show a heat map over its image in the slice views, which move to it where they showed another image.

        Args:
            nodes: The result.
            pipeline: Which outcome the map explains; the primary one where None.
            opacity: 0..1.
            role: Role of the image; the first image that the outcome's maps explain where None.
            number: Which of the images of that role.

        Raises:
            UserError: The map or its image is not in the scene any more.
        """
        heatMapNode, volumeNode = self._heatMap(nodes, pipeline, role, number)
        chosen = heatMapNode.GetAttribute(SLICE)
        with SceneTransaction(heatMapNode.GetScene()) as transaction:
            if shownNode(heatMapNode) is heatMapNode:  # a result of an earlier version
                updateShown(heatMapNode, nodes.segmentationNode, DEFAULT_LOOK, transaction)
            wasShown = views.isShown(volumeNode)
            views.showFusion(volumeNode, shownNode(heatMapNode), transaction, opacity)
            if chosen and not wasShown:
                views.jumpToSlice(volumeNode, *json.loads(chosen), transaction)

    def showImage(self, volumeNode) -> None:
        """Show a volume without heat map in the slice views, all of it where they showed another one."""
        if volumeNode.GetScene() is not None:
            with SceneTransaction(volumeNode.GetScene()) as transaction:
                views.showFusion(volumeNode, None, transaction, DEFAULT_LOOK.opacity)

    def goToSlice(self, nodes: AssessmentNodes, pipeline: str | None = None, role: str | None = None, number: int = 0):
        """Move the slice views to the slice that a heat map explains; arguments and errors as in `show`."""
        heatMapNode, volumeNode = self._heatMap(nodes, pipeline, role, number)
        chosen = heatMapNode.GetAttribute(SLICE)
        if chosen:
            with SceneTransaction(heatMapNode.GetScene()) as transaction:
                views.jumpToSlice(volumeNode, *json.loads(chosen), transaction)

    def show3D(self, nodes: AssessmentNodes, visible: bool = True) -> None:
        """Show the segments' surfaces in 3D views, which are made when they are first asked for."""
        node = nodes.segmentationNode
        if node is not None and node.GetDisplayNode() is not None:
            if visible:
                node.CreateClosedSurfaceRepresentation()
            node.GetDisplayNode().SetVisibility3D(visible)

    def _heatMap(self, nodes: AssessmentNodes, pipeline: str | None, role: str | None, number: int) -> tuple[Any, Any]:
        """A heat map and its image; arguments and errors as in `show`."""
        outcome = nodes.record["primary_outcome"] if pipeline is None else pipeline
        keys = [key for key in nodes.heatMaps if key[0] == outcome and role in (None, key[1])]
        key = next((key for key in keys if role is None or key[2] == number), None)
        heatMapNode = nodes.heatMaps.get(key)
        if heatMapNode is None or heatMapNode.GetScene() is None:
            raise UserError(f"The heat map of '{outcome}' is not in the scene any more. Press Apply again.")
        volumeNode = nodes.explainedNode(key)
        checkVolumeNode(volumeNode, color=True)
        return heatMapNode, volumeNode

    def _assessInProcess(self, job: Job, progress: Progress | None) -> Assessment:
        self._progress = progress
        try:
            return self._assessor(job.model, job.device).assess(job.case, job.request)
        finally:
            self._progress = None

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


def imagesByRole(spec: MethodSpec, volumeNode, images: ImageNodes | None) -> dict[str, list[Any]]:
    """The nodes by role, in the order of the method's roles; arguments as in `AssessmentLogic.assess`.

    Raises:
        UserError: The method has no such role, or a node is given twice.
    """
    given = {role: list(nodes) for role, nodes in (images or {}).items() if nodes}
    if volumeNode is not None or not given:
        if spec.role in given:
            raise UserError(f"The image '{spec.role}' is given twice. Leave out volumeNode, or the role in images.")
        given[spec.role] = [volumeNode]
    known = [role.name for role in spec.images]
    unknown = next((role for role in given if role not in known), None)
    if unknown is not None:
        raise UserError(f"'{unknown}': the method {spec.name} has no such image. Give {', '.join(known)}.")
    nodes = [node for role in given.values() for node in role]
    twice = next((node for number, node in enumerate(nodes) if node is not None and node in nodes[:number]), None)
    if twice is not None:
        raise UserError(f"{twice.GetName()}: chosen for two images. Choose another node for one of them.")
    return {role: given[role] for role in known if role in given}


def _imageOfRole(volumeNode, role: ImageRole, spec: MethodSpec) -> Image:
    """The image of a node; where the scene does not say its modality, the one that the method presumes."""
    image = imageFromVolumeNode(volumeNode, color=role.color)
    return replace(image, modality=image.modality or spec.default_modalities.get(role.name))
