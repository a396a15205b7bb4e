"""Xue 2020: fibrosis on gray-scale ultrasound and elastograms.

Xue LY, Jiang ZY, Fu TT, et al. Transfer learning radiomics based on multimodal ultrasound imaging for staging liver fibrosis. Eur
Radiol 30 (2020). Binary models for >=S2, >=S3 and S4 on the largest square of the elastogram's color box: gray-scale images
(GM), elastograms (EM), both (GM + EM), and gray-scale images with the measured stiffness (GM + LSM). A patient's score is
the mean over the images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from LiverAILib.data.assessment import CaseWarning, Segmentation
from LiverAILib.data.case import Case
from LiverAILib.data.model import Model
from LiverAILib.data.outcome import GRAD_CAM, Classification, HeatMap
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.explain.gradcam import grad_cam
from LiverAILib.explain.map_family import EXPLAIN
from LiverAILib.methods.base import Clock, Examination, Method
from LiverAILib.methods.xue2020.model_networks import load_networks
from LiverAILib.methods.xue2020.network import EarlyModel, ScoredModel, cut_names, probabilities
from LiverAILib.methods.xue2020.settings import (
    CUTS,
    ELASTOGRAM,
    EXPLAINED,
    GRAY_SCALE,
    GRAY_SCALE_ELASTOGRAM,
    GRAY_SCALE_STIFFNESS,
    IMAGES,
    OUTCOMES,
    at_least,
)
from LiverAILib.methods.xue2020.stages import stage_probabilities
from LiverAILib.methods.xue2020.stiffness import combined
from LiverAILib.methods.xue2020.view import CaseViews, SquareView, views_of
from LiverAILib.morphometry.covariates import number

ZERO = "no evidence for it within the square; not computed outside of it"


@dataclass(frozen=True, eq=False)
class _Modality:
    """What was computed of the images of one modality.

    Attributes:
        views: The squares, n.
        maps: The trunk's maps (n, channels, h, w).
        pooled: Pooled features (n, cut-offs, channels).
    """

    views: tuple[SquareView, ...]
    maps: torch.Tensor
    pooled: torch.Tensor


class Xue2020(Method):
    """Fibrosis stage on ultrasound."""

    def __init__(self, model: Model, device: torch.device) -> None:
        super().__init__(model, device)
        own = load_networks(model)
        self.settings, self.trunk, self.models, self.fusion = own.settings, own.trunk, own.models, own.fusion
        for one in (self.trunk, *self.models.values(), self.fusion):
            one.eval().requires_grad_(False).to(device)

    def examine(
        self, case: Case, segmentation: Segmentation | None, *, request: AssessmentRequest, clock: Clock
    ) -> Examination:
        """Answer the three questions for each combination of what the case has, explain the images.

        Raises:
            UserError: An image cannot be used.
        """
        views = views_of(case.images, size=self.settings.image_size, case_id=case.case_id)
        clock("prepare")
        seen = {GRAY_SCALE: self._compute(GRAY_SCALE, views.gray_scale)}
        if views.elastograms and ELASTOGRAM in self.settings.outcomes:
            seen[ELASTOGRAM] = self._compute(ELASTOGRAM, views.elastograms)
        scores = self._scores(seen, number(case.covariates, "stiffness_kpa"))
        clock("classify")
        outcomes, shown = {}, {}
        for name in (one for one in OUTCOMES if one in scores):
            at_least_cuts = dict(zip(cut_names(), scores[name].tolist(), strict=True))
            stages = stage_probabilities(scores[name].tolist())
            target = request.target_class or max(stages, key=lambda stage: stages[stage])
            maps = self._heatmaps(name, seen, target, request.heatmap)
            outcomes[name] = Classification(stages, maps, cumulative=at_least_cuts)
            shown[name] = tuple(view for modality in _explained(name) for view in seen[modality].views)
        clock("explain")
        primary = next(iter(outcomes))
        return Examination(outcomes, primary, shown, warnings=(*views.warnings, *_few_images(views)))

    @torch.no_grad()
    def _compute(self, modality: str, views: tuple[SquareView, ...]) -> _Modality:
        maps = self.trunk(torch.stack([view.tensor for view in views]).to(self.device))
        return _Modality(views, maps, self.models[modality].pooled(maps))

    @torch.no_grad()
    def _scores(self, seen: Mapping[str, _Modality], stiffness_kpa: float | None) -> dict[str, np.ndarray]:
        """Score (cut-offs,) for each cut-off by outcome: the mean over the images."""
        found = {
            modality: probabilities(self.models[modality].scores(one.pooled)).mean(0).double().cpu().numpy()
            for modality, one in seen.items()
        }
        if GRAY_SCALE_ELASTOGRAM in self.settings.outcomes and ELASTOGRAM in seen:
            both = torch.cat([seen[GRAY_SCALE].pooled, seen[ELASTOGRAM].pooled], 2)
            found[GRAY_SCALE_ELASTOGRAM] = probabilities(self.fusion(both)).mean(0).double().cpu().numpy()
        if GRAY_SCALE_STIFFNESS in self.settings.outcomes and stiffness_kpa is not None:
            value = np.array([stiffness_kpa])
            pairs = zip(CUTS, found[GRAY_SCALE], strict=True)
            joined = [combined(np.array([own]), value, self.settings.stiffness[cut])[0] for cut, own in pairs]
            found[GRAY_SCALE_STIFFNESS] = np.array(joined)
        return found

    def _heatmaps(self, outcome: str, seen: Mapping[str, _Modality], target: str, kind: str) -> tuple[HeatMap, ...]:
        """The heat maps of an outcome, gray-scale images first; those of GM + LSM would be GM's."""
        cut, positive = EXPLAINED[target]
        scale = f"raw: score of the binary model for {at_least(cut)} per feature position, not scaled between images"
        found = []
        for modality in _explained(outcome):
            score = partial(self._fused, cut, modality, seen) if outcome == GRAY_SCALE_ELASTOGRAM else None
            model, own = self.models[modality].of(cut), seen[modality]
            targets = torch.full((len(own.views),), positive, device=self.device)
            if kind == GRAD_CAM:
                _, maps = grad_cam(ScoredModel(model, score), own.maps, targets)
            else:
                images = torch.stack([view.tensor for view in own.views]).to(self.device)
                maps = EXPLAIN[kind](EarlyModel(self.trunk, model, score), images, targets)
            found += [
                view.heatmap(map_, kind=kind, target=target, outcome=outcome, scale=scale, zero=ZERO)
                for view, map_ in zip(own.views, maps.float().cpu(), strict=True)
            ]
        return tuple(found)

    def _fused(self, cut: int, modality: str, seen: Mapping[str, _Modality], pooled: torch.Tensor) -> torch.Tensor:
        """Scores (batch, 2) of GM + EM for pooled features of one modality, those of the other one as they are."""
        place = CUTS.index(cut)
        parts = [
            pooled if name == modality else seen[name].pooled[:, place] for name in _explained(GRAY_SCALE_ELASTOGRAM)
        ]
        return self.fusion.of(cut)(torch.cat(parts, 1))


def _explained(outcome: str) -> tuple[str, ...]:
    """The modalities whose images an outcome's heat maps show."""
    if outcome == GRAY_SCALE_ELASTOGRAM:
        return (GRAY_SCALE, ELASTOGRAM)
    return () if outcome == GRAY_SCALE_STIFFNESS else (outcome,)


def _few_images(views: CaseViews) -> tuple[CaseWarning, ...]:
    """A warning where a patient has fewer images than in the paper."""
    count = len(views.gray_scale)
    if count >= IMAGES:
        return ()
    text = f"The score rests on {count} image{'s' * (count > 1)}; the published one is the mean of {IMAGES}."
    return (CaseWarning("few_images", text),)
