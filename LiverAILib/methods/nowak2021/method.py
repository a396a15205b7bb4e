"""Nowak 2021: cirrhosis on one T2-weighted slice at the level of the caudate lobe.

Nowak S, Mesropyan N, Faron A, et al. Detection of liver cirrhosis in standard T2-weighted MRI using deep transfer learning.
Eur Radiol 31 (2021). Two pipelines, each a ResNet50: A on the segmented liver ("segmented"), B on the whole slice ("full").
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from LiverAILib.data.assessment import (
    GRAD_CAM,
    HEATMAP_TITLES,
    CaseWarning,
    ChosenSlice,
    Classification,
    HeatMap,
    InputFamiliarity,
    Segmentation,
)
from LiverAILib.data.model import FAMILIARITY, Model
from LiverAILib.data.structures import LIVER
from LiverAILib.errors import UserError
from LiverAILib.evaluation.recalibration import apply_parameters
from LiverAILib.explain.gradcam import grad_cam
from LiverAILib.explain.map_family import EXPLAIN
from LiverAILib.imaging.geometry import AxisOrder, to_canonical
from LiverAILib.imaging.image import Image
from LiverAILib.imaging.intensity import clip_percentiles
from LiverAILib.methods.base import Clock, Examination, Method, ToExplain
from LiverAILib.methods.familiarity import PooledFeatures, familiarity_warnings, read_familiarity
from LiverAILib.methods.nowak2021.caudate_level import caudate_level
from LiverAILib.networks.classifier import ResNet50Classifier
from LiverAILib.networks.pretrained import IMAGENET_MEAN, IMAGENET_STD

CLASSES = ("no cirrhosis", "cirrhosis")
PIPELINES = ("segmented", "full")
IMAGE_SIZE = 224
LIVER_MARGIN = 0.1
STAGES = ("F0", "F1", "F2", "F3", "F4")
"""Classes of a model that goes beyond the paper: fibrosis stages."""


@dataclass(frozen=True)
class SliceBox:
    """A square (in mm) region of a slice in pixels; it may reach beyond the slice, which is padded with zeros there."""

    top: int
    left: int
    rows: int
    columns: int

    @classmethod
    def around(cls, mask: np.ndarray, pixel_mm: tuple[float, float], *, margin: float) -> SliceBox:
        """The square around the nonzero part of `mask` (rows, columns) with `margin` as a share of its longer side."""
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
        side_mm = max(height * pixel_mm[0], width * pixel_mm[1]) * (1 + 2 * margin)
        box_rows, box_columns = round(side_mm / pixel_mm[0]), round(side_mm / pixel_mm[1])
        top = rows[0] + (height - box_rows) // 2
        left = columns[0] + (width - box_columns) // 2
        return cls(int(top), int(left), int(box_rows), int(box_columns))

    def cut(self, section: np.ndarray) -> np.ndarray:
        """The region of `section` (rows, columns), zeros beyond it."""
        out = np.zeros((self.rows, self.columns), section.dtype)
        inside, source = self._overlap(section.shape)
        out[inside] = section[source]
        return out

    def paste(self, region: np.ndarray, section: np.ndarray) -> None:
        """Write `region` into `section` where both overlap: the inverse of `cut`."""
        inside, source = self._overlap(section.shape)
        section[source] = region[inside]

    def _overlap(self, shape: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        inside, source = [], []
        for start, count, limit in ((self.top, self.rows, shape[0]), (self.left, self.columns, shape[1])):
            first, last = max(start, 0), max(min(start + count, limit), max(start, 0))
            source.append(slice(first, last))
            inside.append(slice(first - start, last - start))
        return (inside[0], inside[1]), (source[0], source[1])


def prepare_slice(
    section: np.ndarray, liver: np.ndarray, pixel_mm: tuple[float, float], *, pipeline: str, size: int = IMAGE_SIZE
) -> tuple[torch.Tensor, SliceBox]:
    """The network input of one slice, before ImageNet normalization.

    Defaults where the paper is silent (its Supplement S3 is not public): clip to the 1st and 99th percentile, for the
    segmented pipeline inside the liver only; square region, the liver's box plus 10 % a side; bilinear to 224x224.

    Args:
        section: Intensities (rows, columns), rows anterior to posterior, columns right to left of the patient.
        liver: Boolean mask, same shape.
        pixel_mm: Row and column spacing in mm.
        pipeline: "segmented" or "full".
        size: Rows and columns of the input.

    Returns:
        float32 (size, size) in 0..1, and the region of the slice that it shows.
    """
    if pipeline == "segmented":
        box = SliceBox.around(liver, pixel_mm, margin=LIVER_MARGIN)
        scaled = clip_percentiles(section, mask=liver) * liver
    else:
        box = SliceBox.around(np.ones(section.shape, bool), pixel_mm, margin=0.0)
        scaled = clip_percentiles(section)
    region = torch.from_numpy(box.cut(scaled))[None, None]
    resized = F.interpolate(region, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    return resized[0, 0], box


def network_input(slices: torch.Tensor) -> torch.Tensor:
    """Slices (batch, rows, columns) in 0..1 as three equal channels, normalized with the mean and deviation of ImageNet."""
    mean = torch.tensor(IMAGENET_MEAN, device=slices.device)[None, :, None, None]
    std = torch.tensor(IMAGENET_STD, device=slices.device)[None, :, None, None]
    return (slices[:, None].expand(-1, 3, -1, -1) - mean) / std


@dataclass(frozen=True, eq=False)
class _Explained:
    """What one network says of one input: probabilities, raw map (rows, columns), explained class, familiarity."""

    probabilities: dict[str, float]
    heatmap: torch.Tensor
    target: str
    familiarity: InputFamiliarity | None


class Nowak2021(Method):
    """Cirrhosis on a T2-weighted volume or slice."""

    def __init__(self, model: Model, device: torch.device) -> None:
        super().__init__(model, device)
        state = model.state()
        self.networks = {}
        for pipeline in model.settings["pipelines"]:
            network = ResNet50Classifier(len(model.classes), head=model.settings.get("head", "softmax"))
            prefix = pipeline + "."
            network.load_state_dict({k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)})
            self.networks[pipeline] = network.eval().requires_grad_(False).to(device)
        self.familiarity = {name: read_familiarity(state, f"{FAMILIARITY}.{name}.") for name in self.networks}
        self._remembered: dict[tuple[str, str, ToExplain], _Explained] = {}

    def examine(
        self,
        image: Image,
        segmentation: Segmentation,
        *,
        slice_index: int | None,
        explain: ToExplain,
        clock: Clock,
    ) -> Examination:
        """Choose the slice, run both pipelines and explain them."""
        canonical, order = to_canonical(image)
        liver = order.apply(segmentation.image.array) == LIVER.label
        chosen, position, warnings = choose_slice(image, canonical, order, liver, slice_index)
        clock("choose_slice")
        pipelines = {}
        for pipeline in self.networks:
            pipelines[pipeline] = self._run(pipeline, canonical, image, order, liver[position], position, explain)
            clock(f"classify_and_explain_{pipeline}")
        unfamiliar = familiarity_warnings({name: result.familiarity for name, result in pipelines.items()})
        return Examination(pipelines, self.model.settings["primary_pipeline"], chosen, (*warnings, *unfamiliar))

    def _run(
        self,
        pipeline: str,
        canonical: Image,
        image: Image,
        order: AxisOrder,
        liver: np.ndarray,
        position: int,
        explain: ToExplain,
    ) -> Classification:
        section = np.nan_to_num(canonical.array[position].astype(np.float32))
        pixel_mm = (canonical.spacing[1], canonical.spacing[0])
        size = self.model.settings["image_size"]
        prepared, box = prepare_slice(section, liver, pixel_mm, pipeline=pipeline, size=size)
        explained = self._classify(pipeline, prepared, explain)
        enlarged = F.interpolate(
            explained.heatmap[None, None], size=(box.rows, box.columns), mode="bilinear", align_corners=False
        )
        volume = np.zeros(canonical.array.shape, np.float32)
        box.paste(enlarged[0, 0].numpy(), volume[position])
        restored = np.ascontiguousarray(order.undo(volume))
        heatmap = HeatMap(
            image.with_array(restored, modality=None),
            method=HEATMAP_TITLES[explain.heatmap],
            target=explained.target,
            pipeline=pipeline,
            scale="raw: score of the class a feature position, not scaled between images",
            zero="no evidence for the class in the chosen slice's network input; not computed elsewhere",
        )
        return Classification(explained.probabilities, heatmap, explained.familiarity)

    def _classify(self, pipeline: str, prepared: torch.Tensor, explain: ToExplain) -> _Explained:
        """Probabilities, raw map and familiarity; an input seen before is answered from memory."""
        key = (pipeline, hashlib.sha256(prepared.numpy().tobytes()).hexdigest(), explain)
        if key not in self._remembered:
            calibration = self.model.settings.get("calibration", {}).get(pipeline, {})

            def predicted(scores: torch.Tensor) -> torch.Tensor:
                return torch.from_numpy(apply_parameters(scores.float().cpu(), calibration).argmax(1))

            target = predicted if explain.target_class is None else self.model.classes.index(explain.target_class)
            network = PooledFeatures(self.networks[pipeline])
            inputs = network_input(prepared[None]).to(self.device)
            scores, maps = grad_cam(network, inputs, target)
            values = apply_parameters(scores.float().cpu(), calibration)[0].tolist()
            name = explain.target_class or self.model.classes[int(np.argmax(values))]
            if explain.heatmap != GRAD_CAM:
                index = torch.tensor([self.model.classes.index(name)], device=self.device)
                maps = EXPLAIN[explain.heatmap](self.networks[pipeline], inputs, index)
            familiarity = self.familiarity[pipeline]
            self._remembered[key] = _Explained(
                dict(zip(self.model.classes, values, strict=True)),
                maps[0].float().cpu(),
                name,
                None if familiarity is None else familiarity.judge(network.pooled[0]),
            )
        return self._remembered[key]


def choose_slice(
    image: Image, canonical: Image, order: AxisOrder, liver: np.ndarray, slice_index: int | None
) -> tuple[ChosenSlice, int, tuple[CaseWarning, ...]]:
    """The slice at the level of the caudate lobe, or the one asked for.

    Args:
        image: The input.
        canonical: The input in canonical axis order, as `order` says.
        order: Axis order of the input.
        liver: Boolean mask in canonical order.
        slice_index: Slice number along the input's own slice axis, or None to choose.

    Returns:
        The slice in the input's numbering, its canonical number, and warnings.

    Raises:
        UserError: There is no liver to choose by, or none in the slice asked for, or no such slice.
    """
    slices = canonical.array.shape[0]
    name = image.meta.get("path", "image")
    warnings: list[CaseWarning] = []
    if slice_index is not None:
        if not 0 <= slice_index < slices:
            raise UserError(f"{name}: slice {slice_index} does not exist. Use 0 to {slices - 1}.")
        position, source = order.canonical_slice(slice_index, image), "given"
    elif not liver.any():
        raise UserError(
            f"{name}: no liver was found. Check that the image shows the upper abdomen, or give a liver mask."
        )
    elif slices == 1:
        position, source = 0, "the only slice"
        warnings.append(
            CaseWarning(
                "single_slice", "The image is a single slice: that it lies at the level of the caudate lobe is assumed."
            )
        )
    else:
        position, source = caudate_level(liver), "level of the caudate lobe, from the liver mask"
    if not liver[position].any():
        raise UserError(
            f"{name}: slice {order.canonical_slice(position, image)} shows no liver. Choose another slice or mask."
        )
    columns, rows, _ = canonical.size
    center = canonical.index_to_lps @ [(columns - 1) / 2, (rows - 1) / 2, position, 1.0]
    x, y, z = (float(v) for v in center[:3])
    index = order.canonical_slice(position, image)
    return ChosenSlice(index, order.slice_axis, (x, y, z), source), position, tuple(warnings)
