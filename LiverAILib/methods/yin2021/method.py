"""Yin 2021: fibrosis stage F0 to F4 on portal venous CT.

Yin Y, Yakar D, Dierckx RAJO, Mouridsen KB, Kwee TC, de Haas RJ. Liver fibrosis staging by deep learning: a visual-based
explanation of diagnostic decisions of the model. Eur Radiol 31 (2021). One network on 32 consecutive slices of the upper
abdomen, explained by Grad-CAM between its third and last convolution.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F

from LiverAILib.data.assessment import CaseWarning, Segmentation
from LiverAILib.data.case import Case
from LiverAILib.data.model import OUT_OF_DISTRIBUTION, Model, load_network, network_state
from LiverAILib.data.outcome import GRAD_CAM, Classification, DistributionDistance
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.data.structures import LIVER
from LiverAILib.errors import UserError
from LiverAILib.evaluation.recalibration import apply_parameters
from LiverAILib.explain.gradcam import grad_cam
from LiverAILib.explain.map_family import EXPLAIN
from LiverAILib.methods.base import Clock, Examination, Method
from LiverAILib.methods.encoder_distance import farther, read_encoder_distance
from LiverAILib.methods.out_of_distribution import out_of_distribution_warnings, read_feature_distribution
from LiverAILib.methods.yin2021 import SPEC
from LiverAILib.methods.yin2021.network import Yin2021Network
from LiverAILib.methods.yin2021.settings import CLASSES, PIPELINE, InputSettings, NetworkSettings, Yin2021Settings
from LiverAILib.methods.yin2021.view import SliceStack, StackView, windows

CUMULATIVE = {">=F2": 2, ">=F3": 3, "F4": 4}
"""Significant fibrosis, advanced fibrosis and cirrhosis: the lowest stage of each (Yin 2021, Evaluation metrics)."""
SCALE = "raw: class score per feature position, mean of the windows, not scaled between images"
ZERO = "no evidence for the class within the network's slices; not computed beyond them"
MOSTLY_EMPTY = 0.5
JUDGED_STEP = 4


def cumulative(probabilities: Mapping[str, float]) -> dict[str, float]:
    """Probability of at least F2, at least F3, and F4, summed from those of the stages."""
    return {name: float(sum(probabilities[c] for c in CLASSES[first:])) for name, first in CUMULATIVE.items()}


def build_network(settings: NetworkSettings, classes: int = len(CLASSES)) -> Yin2021Network:
    """The network that a model card describes, with random weights."""
    return Yin2021Network(classes, **vars(settings))


@dataclass(frozen=True, eq=False)
class _Explained:
    """Probabilities by class, raw maps (slices, h, w) averaged over the windows, the explained class, distance."""

    probabilities: dict[str, float]
    maps: torch.Tensor
    target: str
    distance: DistributionDistance | None


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
        card = Yin2021Settings.from_card(model.card)
        self.settings, self.calibration = card.inputs, card.calibration
        state = model.state()
        build = partial(build_network, card.network, len(model.classes))
        self.network = load_network(model, build, network_state(state))
        self.networks = {PIPELINE: self.network}
        self.feature_distribution = read_feature_distribution(state, f"{OUT_OF_DISTRIBUTION}.{PIPELINE}.")
        self.encoder_distance = read_encoder_distance(state, f"{OUT_OF_DISTRIBUTION}.{PIPELINE}.", where=model.name)
        self.network.eval().requires_grad_(False).to(device)
        self._remembered: tuple[tuple[str, AssessmentRequest], _Explained] | None = None

    def examine(
        self, case: Case, segmentation: Segmentation | None, *, request: AssessmentRequest, clock: Clock
    ) -> Examination:
        """Average the windows' probabilities, explain in 3D.

        Raises:
            UserError: There is no liver.
        """
        assert segmentation is not None  # the SPEC asks for one
        image = case.image(SPEC.role)
        liver = segmentation.image.array == LIVER.label
        if not liver.any():
            raise UserError(
                f"{image.meta.get('path', 'image')}: no liver was found. Check that the image shows the upper abdomen, or "
                "give a liver mask."
            )
        view = StackView.of(image, liver, self.settings)
        clock("prepare")
        explained = self._explain(view.prepared, request)
        clock("classify_and_explain")
        heatmap = view.heatmap(
            explained.maps, kind=request.heatmap, target=explained.target, outcome=PIPELINE, scale=SCALE, zero=ZERO
        )
        clock("restore_map")
        outcome = Classification(explained.probabilities, (heatmap,), explained.distance)
        far = out_of_distribution_warnings({PIPELINE: explained.distance})
        warnings = (*stack_warnings(view.stack, self.settings), *far)
        return Examination({PIPELINE: outcome}, PIPELINE, {PIPELINE: (view,)}, warnings=warnings)

    def _explain(self, prepared: torch.Tensor, request: AssessmentRequest) -> _Explained:
        """All windows of one input; the last input is answered from memory."""
        key = (hashlib.sha256(prepared.numpy().tobytes()).hexdigest(), request)
        if self._remembered is None or self._remembered[0] != key:
            self._remembered = (key, self._compute(prepared, request))
        return self._remembered[1]

    def _compute(self, prepared: torch.Tensor, request: AssessmentRequest) -> _Explained:
        parts = windows(prepared, self.settings)
        features = []
        with torch.inference_mode():
            for _, window in parts:
                features.append(self.network.features(window[None].to(self.device)))
        scores = torch.cat([self.network.classify(part) for part in features]).float()
        mean = mean_probabilities(scores.cpu(), self.calibration)
        name = request.target_class or self.model.classes[int(mean.argmax())]
        target = torch.tensor([self.model.classes.index(name)], device=self.device)
        found: list[tuple[int, torch.Tensor]] = []
        for (start, window), part in zip(parts, features, strict=True):
            if request.heatmap == GRAD_CAM:
                # A copy, because what was made in inference mode takes no gradient.
                _, maps = grad_cam(_ComputedFeatures(self.network), part.clone(), target)
            else:
                maps = EXPLAIN[request.heatmap](self.network, window[None].to(self.device), target)
            maps = maps.float().cpu()
            size = (self.settings.slices, *maps.shape[2:])
            found.append((start, F.interpolate(maps[None], size=size, mode="trilinear", align_corners=False)[0, 0]))
        total, times = torch.zeros(len(prepared), *found[0][1].shape[1:]), torch.zeros(len(prepared), 1, 1)
        for start, slices in found:
            total[start : start + self.settings.slices] += slices
            times[start : start + self.settings.slices] += 1
        probabilities = dict(zip(self.model.classes, mean.tolist(), strict=True))
        distance = farther(
            None if self.feature_distribution is None else self.feature_distribution.judge(pooled_windows(features)),
            None if self.encoder_distance is None else self.encoder_distance.judge(judged_slices(prepared)),
        )
        return _Explained(probabilities, total / times, name, distance)


def mean_probabilities(scores: torch.Tensor, calibration: Mapping[str, float]) -> torch.Tensor:
    """Probabilities (classes,) of a case: the mean over its windows, each calibrated; `scores` (windows, classes)."""
    return torch.from_numpy(apply_parameters(scores.float(), calibration)).mean(0)


def judged_slices(stack: torch.Tensor) -> torch.Tensor:
    """Every fourth of the slices (n, rows, columns) that show something: those that the encoder's distance looks at."""
    shown = stack[stack.flatten(1).amax(1) > 0]
    return shown[::JUDGED_STEP] if len(shown) else stack[:1]


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
