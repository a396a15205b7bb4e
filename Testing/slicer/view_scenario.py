"""Renders the axial slice view of a result with Slicer's own displayable managers and measures it. See test_view.py."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "LiverAI"), str(HERE.parent.parent)]

import numpy as np  # noqa: E402
import slicer  # noqa: E402
import slicer.util  # noqa: E402
import vtk  # noqa: E402
from vtk.util.numpy_support import vtk_to_numpy  # noqa: E402

from LiverAILib.data.assessment import Assessment  # noqa: E402

SIZE = 400


class SliceView:
    """The application's slice view without its widget: slice logic, image, and the displayable managers, off screen."""

    def __init__(self, scene) -> None:
        self.application = slicer.vtkSlicerApplicationLogic()
        self.application.SetMRMLScene(scene)
        self.application.GetColorLogic().SetMRMLScene(scene)
        self.application.GetColorLogic().AddDefaultColorNodes()
        self.application.SetSliceLogics(vtk.vtkCollection())
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
        self.renderer, self.window = vtk.vtkRenderer(), vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetSize(SIZE, SIZE)
        self.window.AddRenderer(self.renderer)
        self.interactor = vtk.vtkRenderWindowInteractor()
        self.interactor.SetRenderWindow(self.window)
        self.renderer.GetActiveCamera().ParallelProjectionOn()
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        factory.SetMRMLApplicationLogic(self.application)
        factory.RegisterDisplayableManager("vtkMRMLSegmentationsDisplayableManager2D")
        self.managers = slicer.vtkMRMLDisplayableManagerGroup()
        self.managers.SetRenderer(self.renderer)
        self.managers.Initialize(factory, self.renderer)
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLApplicationLogic(self.application)
        self.application.GetSliceLogics().AddItem(self.logic)
        self.logic.SetMRMLScene(scene)
        self.node = self.logic.AddSliceNode("Red")
        self.managers.SetMRMLDisplayableNode(self.node)
        self.mapper = vtk.vtkImageMapper()
        self.mapper.SetColorWindow(255)
        self.mapper.SetColorLevel(127.5)
        self.actor = vtk.vtkActor2D()
        self.actor.SetMapper(self.mapper)
        self.actor.GetProperty().SetDisplayLocationToBackground()
        self.renderer.AddViewProp(self.actor)
        self.node.SetOrientation("Axial")

    def fit(self) -> None:
        self.logic.ResizeSliceNode(SIZE, SIZE)
        self.logic.FitSliceToBackground()

    def picture(self, file: str | None = None) -> np.ndarray:
        """The view as (rows from below, columns, RGB), and as a PNG file."""
        self.mapper.SetInputConnection(self.logic.GetImageDataConnection())
        self.window.Render()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(self.window)
        grab.ReadFrontBufferOff()
        grab.Update()
        if file:
            writer = vtk.vtkPNGWriter()
            writer.SetFileName(file)
            writer.SetInputConnection(grab.GetOutputPort())
            writer.Write()
        image = grab.GetOutput()
        return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(*image.GetDimensions()[1::-1], 3).astype(float)


def signed_assessment(assessment: Assessment) -> Assessment:
    """The assessment as of another model, whose map has a positive spot where it was hot and a negative one beside it."""
    heatmap = assessment.heatmap
    heat = heatmap.image.array - np.roll(heatmap.image.array, 18, axis=2)
    outcome = assessment.outcomes["segmented"]
    maps = (replace(heatmap, image=heatmap.image.with_array(heat), signed=True),)
    return replace(assessment, model="signed", outcomes={"segmented": replace(outcome, heatmaps=maps)})


def main(target: str) -> None:
    slicer.mrmlScene = scene = slicer.vtkMRMLScene()
    view = SliceView(scene)
    from LiverAISlicer.logic import AssessmentLogic
    from LiverAISlicer.nodes import imageFromVolumeNode
    from LiverAISlicer.selftest import addKnownVolume, knownAssessment

    volume = addKnownVolume(scene)
    composite = view.logic.GetSliceCompositeNode()
    composite.SetBackgroundVolumeID(volume.GetID())
    view.fit()
    assessment = knownAssessment(imageFromVolumeNode(volume), index=6)
    node = AssessmentLogic().write(volume, assessment)
    fused = view.picture(target)
    node.segmentationNode.GetDisplayNode().SetVisibility(False)
    no_outline = view.picture()
    composite.SetForegroundOpacity(0.0)
    plain = view.picture()
    signed_nodes = AssessmentLogic().write(volume, signed_assessment(assessment))
    signed_nodes.segmentationNode.GetDisplayNode().SetVisibility(False)
    signed = view.picture(str(Path(target).with_stem(Path(target).stem + "_signed")))

    outline = np.abs(fused - no_outline).sum(2) > 30
    heat = np.abs(no_outline - plain).sum(2) > 30
    colored = no_outline.max(2) - no_outline.min(2) > 30

    def world(inside: np.ndarray) -> list[float]:
        """Center of a part of the picture, RAS mm."""
        rows, columns = np.nonzero(inside)
        ras = vtk.vtkMatrix4x4()
        ras.DeepCopy(view.node.GetXYToRAS())
        return list(ras.MultiplyPoint([columns.mean(), rows.mean(), 0, 1])[:3])

    red, blue = signed[..., 0] - signed[..., 2] > 30, signed[..., 2] - signed[..., 0] > 30
    print(
        "MEASURED "
        + json.dumps(
            {
                "plain_is_gray": float((plain.max(2) - plain.min(2)).max()),
                "plain_contrast": float(plain.std()),
                "outline_share": float(outline.mean()),
                "heat_share": float(heat.mean()),
                "heat_is_colored": float(colored[heat].mean()),
                "unchanged_share": float((np.abs(no_outline - plain).sum(2) < 2).mean()),
                "spot_ras": world(heat),
                "offset": view.node.GetSliceOffset(),
                "red_share": float(red.mean()),
                "blue_share": float(blue.mean()),
                "red_ras": world(red),
                "blue_ras": world(blue),
                "signed_unchanged_share": float((np.abs(signed - plain).sum(2) < 2).mean()),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1])
