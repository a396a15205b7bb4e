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
        factory.RegisterDisplayableManager("vtkMRMLColorLegendDisplayableManager")
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


def cut_assessment(assessment: Assessment) -> Assessment:
    """The assessment as of another model, whose map is as high everywhere in a box and not computed outside."""
    heatmap = assessment.heatmap
    heat = np.zeros_like(heatmap.image.array)
    heat[6, 8:32, 10:38] = 1
    maps = (replace(heatmap, image=heatmap.image.with_array(heat)),)
    outcome = assessment.outcomes["segmented"]
    return replace(assessment, model="cut", outcomes={"segmented": replace(outcome, heatmaps=maps)})


def steepest(colored: np.ndarray, plain: np.ndarray) -> float:
    """Largest step between neighboring pixels of what was laid over an image, of 255 levels."""
    laid = np.abs(colored - plain).sum(2) / 3
    return float(max(np.abs(np.diff(laid, axis=axis)).max() for axis in (0, 1)))


def main(target: str) -> None:
    slicer.mrmlScene = scene = slicer.vtkMRMLScene()
    view = SliceView(scene)
    from LiverAISlicer.display import HeatMapLook
    from LiverAISlicer.logic import AssessmentLogic
    from LiverAISlicer.nodes import imageFromVolumeNode
    from LiverAISlicer.selftest import addKnownVolume, knownAssessment

    volume = addKnownVolume(scene)
    composite = view.logic.GetSliceCompositeNode()
    composite.SetBackgroundVolumeID(volume.GetID())
    view.fit()
    assessment = knownAssessment(imageFromVolumeNode(volume), index=6)
    logic = AssessmentLogic()
    node = logic.write(volume, assessment)
    with_legend = view.picture(target)
    logic.setLook(node, HeatMapLook(legend=False))
    fused = view.picture()
    legend = np.abs(with_legend - fused).sum(2) > 30
    node.segmentationNode.GetDisplayNode().SetVisibility(False)
    no_outline = view.picture()
    logic.setLook(node, HeatMapLook(insideLiver=True, legend=False))
    in_liver = view.picture()
    logic.setLook(node, HeatMapLook(threshold=0.8, legend=False))
    thresholded = view.picture()
    composite.SetForegroundOpacity(0.0)
    plain = view.picture()
    cut_nodes = logic.write(volume, cut_assessment(assessment), look=HeatMapLook(legend=False))
    cut_nodes.segmentationNode.GetDisplayNode().SetVisibility(False)
    cut = view.picture(str(Path(target).with_stem(Path(target).stem + "_cut")))
    signed_nodes = logic.write(volume, signed_assessment(assessment), look=HeatMapLook(legend=False))
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

    rows, columns = np.indices(plain.shape[:2])
    points = np.stack([columns, rows, np.zeros_like(rows), np.ones_like(rows)], -1).reshape(-1, 4).astype(float)
    ras = points @ slicer.util.arrayFromVTKMatrix(view.node.GetXYToRAS()).T
    # The known liver: voxels 12 to 23 along i, 10 to 29 along j.
    x, y = ((40 - ras[:, 0]) / 1.5).reshape(plain.shape[:2]), ((30 - ras[:, 1]) / 1.5).reshape(plain.shape[:2])
    liver = (x > 11) & (x < 24) & (y > 9) & (y < 30)
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
                "legend_share": float(legend.mean()),
                "legend_in_upper_right_share": float(legend[SIZE // 2 :, SIZE // 2 :].sum() / max(legend.sum(), 1)),
                "steepest": steepest(no_outline, plain),
                "cut_share": float((np.abs(cut - plain).sum(2) > 30).mean()),
                "cut_steepest": steepest(cut, plain),
                "in_liver_share": float((np.abs(in_liver - plain).sum(2) > 30).mean()),
                "heat_outside": float(np.abs(no_outline - plain).sum(2)[~liver].max()),
                "in_liver_outside": float(np.abs(in_liver - plain).sum(2)[~liver].max()),
                "thresholded_share": float((np.abs(thresholded - plain).sum(2) > 30).mean()),
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
