"""Nowak 2021: cirrhosis on one T2-weighted slice at the level of the caudate lobe.

Nowak S, Mesropyan N, Faron A, et al. Detection of liver cirrhosis in standard T2-weighted MRI using deep transfer learning.
Eur Radiol 31 (2021). Two pipelines, each a ResNet50 (other encoders by choice): A on the segmented liver ("segmented"), B on the
whole slice ("full").
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from LiverAILib.data.assessment import Segmentation
from LiverAILib.data.case import Case
from LiverAILib.data.model import OUT_OF_DISTRIBUTION, Model, load_network
from LiverAILib.data.outcome import GRAD_CAM, Classification, DistributionDistance
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.data.structures import LIVER
from LiverAILib.evaluation.recalibration import apply_parameters
from LiverAILib.explain.gradcam import grad_cam
from LiverAILib.explain.map_family import EXPLAIN
from LiverAILib.imaging.geometry import to_canonical
from LiverAILib.methods.base import Clock, Examination, Method
from LiverAILib.methods.encoder_distance import farther, read_encoder_distance
from LiverAILib.methods.nowak2021 import SPEC
from LiverAILib.methods.nowak2021.settings import Nowak2021Settings
from LiverAILib.methods.nowak2021.slice_choice import choose_slice
from LiverAILib.methods.nowak2021.view import SliceView
from LiverAILib.methods.out_of_distribution import (
    PooledFeatures,
    out_of_distribution_warnings,
    read_feature_distribution,
)
from LiverAILib.networks.classifier import ImageClassifier

SCALE = "raw: class score per feature position, not scaled between images"
ZERO = "no evidence for the class in the chosen slice's network input; not computed elsewhere"


@dataclass(frozen=True, eq=False)
class _Explained:
    """What one network says of one input: probabilities, raw map (rows, columns), explained class, distance."""

    probabilities: dict[str, float]
    heatmap: torch.Tensor
    target: str
    distance: DistributionDistance | None


class Nowak2021(Method):
    """Cirrhosis on a T2-weighted volume or slice."""

    def __init__(self, model: Model, device: torch.device) -> None:
        super().__init__(model, device)
        self.settings = Nowak2021Settings.from_card(model.card)
        state = model.state()
        self.networks: dict[str, ImageClassifier] = {}
        for pipeline in self.settings.pipelines:
            build = partial(self.settings.encoder.build, len(model.classes), head=self.settings.head)
            network = load_network(model, build, state, prefix=f"{pipeline}.")
            self.networks[pipeline] = network.eval().requires_grad_(False).to(device)
        self.feature_distributions = {
            name: read_feature_distribution(state, f"{OUT_OF_DISTRIBUTION}.{name}.") for name in self.networks
        }
        self.encoder_distances = {
            name: read_encoder_distance(state, f"{OUT_OF_DISTRIBUTION}.{name}.", where=model.name)
            for name in self.networks
        }
        self._remembered: dict[tuple[str, str, str | None, str], _Explained] = {}

    def examine(
        self, case: Case, segmentation: Segmentation | None, *, request: AssessmentRequest, clock: Clock
    ) -> Examination:
        """Choose the slice, run both pipelines and explain them."""
        assert segmentation is not None  # the SPEC asks for one
        image = case.image(SPEC.role)
        canonical, order = to_canonical(image)
        liver = order.apply(segmentation.image.array) == LIVER.label
        chosen, position, warnings = choose_slice(image, canonical, order, liver, request.slice_index)
        clock("choose_slice")
        outcomes, views = {}, {}
        for pipeline in self.networks:
            view = SliceView.of(
                image,
                canonical,
                order,
                liver[position],
                position,
                pipeline=pipeline,
                size=self.settings.image_sizes[pipeline],
                margin=self.settings.liver_margin,
                encoder=self.settings.encoder,
            )
            outcomes[pipeline], views[pipeline] = self._run(view, request), (view,)
            clock(f"classify_and_explain_{pipeline}")
        far = out_of_distribution_warnings({name: outcome.distribution_distance for name, outcome in outcomes.items()})
        return Examination(outcomes, self.settings.primary_pipeline, views, chosen, (*warnings, *far))

    def _run(self, view: SliceView, request: AssessmentRequest) -> Classification:
        explained = self._classify(view, request)
        heatmap = view.heatmap(
            explained.heatmap,
            kind=request.heatmap,
            target=explained.target,
            outcome=view.pipeline,
            scale=SCALE,
            zero=ZERO,
        )
        return Classification(explained.probabilities, (heatmap,), explained.distance)

    def _classify(self, view: SliceView, request: AssessmentRequest) -> _Explained:
        """Probabilities, raw map and distance to the training cases; an input seen before is answered from memory."""
        pipeline = view.pipeline
        checksum = hashlib.sha256(view.prepared.numpy().tobytes()).hexdigest()
        key = (pipeline, checksum, request.target_class, request.heatmap)
        if key not in self._remembered:
            calibration = self.settings.calibration.get(pipeline, {})

            def predicted(scores: torch.Tensor) -> torch.Tensor:
                return torch.from_numpy(apply_parameters(scores.float().cpu(), calibration).argmax(1))

            given = request.target_class
            target = predicted if given is None else self.model.classes.index(given)
            network = PooledFeatures(self.networks[pipeline])
            inputs = view.tensor[None].to(self.device)
            scores, maps = grad_cam(network, inputs, target)
            values = apply_parameters(scores.float().cpu(), calibration)[0].tolist()
            name = given or self.model.classes[int(np.argmax(values))]
            if request.heatmap != GRAD_CAM:
                index = torch.tensor([self.model.classes.index(name)], device=self.device)
                maps = EXPLAIN[request.heatmap](self.networks[pipeline], inputs, index)
            distribution, encoder = self.feature_distributions[pipeline], self.encoder_distances[pipeline]
            distance = farther(
                None if distribution is None else distribution.judge(network.pooled[0]),
                None if encoder is None else encoder.judge(view.prepared[None]),
            )
            self._remembered[key] = _Explained(
                dict(zip(self.model.classes, values, strict=True)),
                maps[0].float().cpu(),
                name,
                distance,
            )
        return self._remembered[key]
