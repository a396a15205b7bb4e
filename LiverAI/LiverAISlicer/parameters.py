"""What the panel remembers in the scene."""

from __future__ import annotations

from typing import Annotated

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

HIDDEN_MARGIN = 100000


@parameterNodeWrapper
class LiverAIParameterNode:
    """What the panel remembers in the scene; for models that take several images also references `Input.<role>.<n>`."""

    inputVolume: vtkMRMLScalarVolumeNode
    segmentation: vtkMRMLSegmentationNode
    liverSegment: str = ""
    model: str = ""
    device: str = "auto"
    targetClass: str = ""
    fineHeatMap: bool = False
    automaticSlice: bool = True
    sliceIndex: Annotated[int, WithinRange(0, HIDDEN_MARGIN)] = 0
    heatMapOpacity: Annotated[float, WithinRange(0.0, 1.0)] = 0.5
    heatMapThreshold: Annotated[float, WithinRange(0.0, 1.0)] = 0.2
    heatMapInsideLiver: bool = False
    heatMapLegend: bool = True
    ageYears: Annotated[float, WithinRange(0.0, 120.0)] = 0.0
    heightCm: Annotated[float, WithinRange(0.0, 250.0)] = 0.0
    weightKg: Annotated[float, WithinRange(0.0, 400.0)] = 0.0
    astUPerL: Annotated[float, WithinRange(0.0, 20000.0)] = 0.0
    astUlnUPerL: Annotated[float, WithinRange(0.0, 100.0)] = 0.0
    altUPerL: Annotated[float, WithinRange(0.0, 20000.0)] = 0.0
    platelets1e9PerL: Annotated[float, WithinRange(0.0, 2000.0)] = 0.0
    contrast: str = ""
