"""Yin 2021: fibrosis stage F0 to F4 on portal venous CT.

Yin Y, Yakar D, Dierckx RAJO, Mouridsen KB, Kwee TC, de Haas RJ. Liver fibrosis staging by deep learning: a visual-based
explanation of diagnostic decisions of the model. Eur Radiol 31 (2021). One network on 32 consecutive slices of the upper
abdomen, explained by Grad-CAM between its third and last convolution.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from LiverAILib.data.assessment import (
    GRAD_CAM,
    HEATMAP_TITLES,
    CaseWarning,
    Classification,
    HeatMap,
    InputFamiliarity,
    Segmentation,
)
from LiverAILib.data.model import FAMILIARITY, Model, network_state
from LiverAILib.data.structures import LIVER
from LiverAILib.errors import UserError
from LiverAILib.evaluation.recalibration import apply_parameters
from LiverAILib.explain.gradcam import grad_cam
from LiverAILib.explain.map_family import EXPLAIN
from LiverAILib.imaging.geometry import to_canonical
from LiverAILib.imaging.image import Image
from LiverAILib.methods.base import Clock, Examination, Method, ToExplain
from LiverAILib.methods.familiarity import familiarity_warnings, read_familiarity
from LiverAILib.methods.yin2021.input import InputSettings, SliceStack, prepare_stack, window_starts
from LiverAILib.methods.yin2021.network import Yin2021Network

CLASSES = ("F0", "F1", "F2", "F3", "F4")
PIPELINE = "abdomen"
CUMULATIVE = {">=F2": 2, ">=F3": 3, "F4": 4}
"""Significant fibrosis, advanced fibrosis and cirrhosis: the lowest stage of each (Yin 2021, Evaluation metrics)."""
MOSTLY_EMPTY = 0.5
NETWORK_SETTINGS = ("kernel", "channels", "pooling", "hidden", "normalization", "explained_convolution")


def cumulative(probabilities: Mapping[str, float]) -> dict[str, float]:
    """Probability of at least F2, at least F3, and F4, summed from those of the stages."""
    return {name: float(sum(probabilities[c] for c in CLASSES[first:])) for name, first in CUMULATIVE.items()}


def build_network(settings: Mapping[str, Any], classes: int = len(CLASSES)) -> Yin2021Network:
    """The network that the settings of a model card describe, with random weights."""
    return Yin2021Network(classes, **{name: settings[name] for name in NETWORK_SETTINGS if name in settings})


@dataclass(frozen=True, eq=False)
class _Explained:
    """Probabilities by class, raw maps (slices, h, w) averaged over the windows, the explained class, familiarity."""

    probabilities: dict[str, float]
    maps: torch.Tensor
    target: str
    familiarity: InputFamiliarity | None


class _ComputedFeatures:
    """The second part of a network, for features that are there already."""

    def __init__(self, network: Yin2021Network) -> None:
        self.classify = network.classify

    def features(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs


class Yin2021(Method):
    """Fibrosis stage on a portal venous CT volume."""

    def __init__(self, model: Model, device: torch.device) -> None:
        super().__init__(model, device)
        self.settings = InputSettings.of(model.settings)
        self.network = build_network(model.settings, len(model.classes))
        state = model.state()
        self.network.load_state_dict(network_state(state))
        self.familiarity = read_familiarity(state, f"{FAMILIARITY}.{PIPELINE}.")
        self.network.eval().requires_grad_(False).to(device)
        self._remembered: tuple[tuple[str, ToExplain], _Explained] | None = None

    def examine(
        self,
        image: Image,
        segmentation: Segmentation,
        *,
        slice_index: int | None,
        explain: ToExplain,
        clock: Clock,
    ) -> Examination:
        """Average the windows' probabilities, explain in 3D.

        Raises:
            UserError: There is no liver, or a slice was asked for.
        """
        name = image.meta.get("path", "image")
        if slice_index is not None:
            raise UserError(
                f"{name}: slice {slice_index} was asked for, but the model '{self.model.name}' looks at the whole liver. "
                "Leave the slice out."
            )
        canonical, order = to_canonical(image)
        liver = order.apply(segmentation.image.array) == LIVER.label
        if not liver.any():
            raise UserError(
                f"{name}: no liver was found. Check that the image shows the upper abdomen, or give a liver mask."
            )
        prepared, stack = prepare_stack(canonical, liver, self.settings)
        clock("prepare")
        explained = self._explain(prepared, explain)
        clock("classify_and_explain")
        heatmap = HeatMap(
            image.with_array(np.ascontiguousarray(order.undo(stack.enlarge(explained.maps))), modality=None),
            method=HEATMAP_TITLES[explain.heatmap],
            target=explained.target,
            pipeline=PIPELINE,
            scale="raw: score of the class a feature position, mean of the windows, not scaled between images",
            zero="no evidence for the class within the network's slices; not computed beyond them",
        )
        clock("restore_map")
        result = Classification(explained.probabilities, heatmap, explained.familiarity)
        warnings = (*stack_warnings(stack, self.settings), *familiarity_warnings({PIPELINE: explained.familiarity}))
        return Examination({PIPELINE: result}, PIPELINE, None, warnings)

    def seen(self, image: Image, segmentation: Segmentation) -> np.ndarray:
        """Where the network's slices lie: boolean, geometry of `image`, air around the patient included."""
        canonical, order = to_canonical(image)
        liver = order.apply(segmentation.image.array) == LIVER.label
        stack = SliceStack.around(liver, canonical.spacing, self.settings)
        return np.ascontiguousarray(order.undo(stack.enlarge(torch.ones(stack.count, 1, 1)) > 0))

    def _explain(self, prepared: torch.Tensor, explain: ToExplain) -> _Explained:
        """All windows of one input; the last input is answered from memory."""
        key = (hashlib.sha256(prepared.numpy().tobytes()).hexdigest(), explain)
        if self._remembered is None or self._remembered[0] != key:
            self._remembered = (key, self._compute(prepared, explain))
        return self._remembered[1]

    def _compute(self, prepared: torch.Tensor, explain: ToExplain) -> _Explained:
        starts = window_starts(len(prepared), self.settings)
        calibration = self.model.settings.get("calibration", {}).get(PIPELINE, {})
        features = []
        with torch.inference_mode():
            for start in starts:
                window = prepared[None, None, start : start + self.settings.slices].to(self.device)
                features.append(self.network.features(window))
        scores = torch.cat([self.network.classify(part) for part in features]).float()
        mean = torch.from_numpy(apply_parameters(scores.cpu(), calibration)).mean(0)
        name = explain.target_class or self.model.classes[int(mean.argmax())]
        target = torch.tensor([self.model.classes.index(name)], device=self.device)
        total, times = None, torch.zeros(len(prepared), 1, 1)
        for start, part in zip(starts, features, strict=True):
            if explain.heatmap == GRAD_CAM:
                # A copy, because what was made in inference mode takes no gradient.
                _, maps = grad_cam(_ComputedFeatures(self.network), part.clone(), target)
            else:
                window = prepared[None, None, start : start + self.settings.slices].to(self.device)
                maps = EXPLAIN[explain.heatmap](self.network, window, target)
            maps = maps.float().cpu()
            size = (self.settings.slices, *maps.shape[2:])
            slices = F.interpolate(maps[None], size=size, mode="trilinear", align_corners=False)[0, 0]
            if total is None:
                total = torch.zeros(len(prepared), *maps.shape[2:])
            total[start : start + self.settings.slices] += slices
            times[start : start + self.settings.slices] += 1
        probabilities = dict(zip(self.model.classes, mean.tolist(), strict=True))
        familiarity = None if self.familiarity is None else self.familiarity.judge(pooled_windows(features))
        return _Explained(probabilities, total / times, name, familiarity)


def pooled_windows(features: Sequence[torch.Tensor]) -> np.ndarray:
    """Mean (channels,) of the feature maps (1, channels, *spatial) of a case's windows over all positions and windows."""
    return torch.cat(list(features)).float().flatten(2).mean(2).mean(0).cpu().numpy()


def stack_warnings(stack: SliceStack, settings: InputSettings) -> tuple[CaseWarning, ...]:
    """A warning where the image reaches over less than half of the slices that the network looks at."""
    length = stack.count * stack.step
    there = (min(stack.shape[0], stack.first + length) - max(0.0, stack.first)) / length
    if there >= 1 - MOSTLY_EMPTY:
        return ()
    return (
        CaseWarning(
            "few_slices",
            f"The image fills {100 * there:.0f} % of the {stack.count} slices of {settings.slice_mm:g} mm that the network "
            "looks at; the rest is empty. Use a CT that shows the whole liver.",
        ),
    )
