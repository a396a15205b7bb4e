"""Byra 2021's method on a region of interest: pooled features of squares of tissue, linear heads, signed maps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from LiverAILib.data.assessment import CaseWarning, Segmentation
from LiverAILib.data.case import Case
from LiverAILib.data.model import Model
from LiverAILib.data.outcome import SIGNED_CAM, Classification, HeatMap, Outcome, Quantity, cutoff_outcome
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.imaging.ultrasound.picture import gray_picture
from LiverAILib.methods.base import Clock, Examination, Method
from LiverAILib.methods.byra2021.features import load_backbone
from LiverAILib.methods.byra2021.heads import QUANTITY, LinearHead, classifier_name, head_names, read_heads
from LiverAILib.methods.byra2021.region import OUTCOME, ROLE, SPEC
from LiverAILib.methods.byra2021.region.settings import RegionSettings
from LiverAILib.methods.byra2021.region.view import RegionView, Tissue, tissues, unstacked
from LiverAILib.networks.backbones import Backbone

BATCH = 16
SCALE = "log odds: the mean over the feature positions of a square and the head's bias make its score, not scaled between images"
ZERO = "no evidence either way; not computed beyond the squares of the region that the model looked at"
BLACK_SHARE = 0.2
"""More black pixels than this share are no liver tissue: a choice of ours."""


class SquaresClassifier(torch.nn.Module):
    """Backbone and one head as a network: squares one below the other (batch, 3, squares * size, size) to log odds (batch, 1)."""

    def __init__(self, backbone: Backbone, head: LinearHead) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs = self.head.output(self.backbone(unstacked(inputs)))
        return outputs.reshape(len(inputs), -1).mean(dim=1, keepdim=True)


class Byra2021Region(Method):
    """Liver fat in a region of interest of one or several B-mode images of a patient."""

    def __init__(self, model: Model, device: torch.device) -> None:
        super().__init__(model, device)
        self.settings = RegionSettings.from_card(model.card)
        where = str(model.folder)
        self.backbone = load_backbone(self.settings.backbone, where=where).to(device)
        names = head_names(self.settings.cutoffs)
        self.heads = read_heads(model.state(), OUTCOME, names, self.settings.backbone.channels, where=where)
        self.networks = {
            cutoff_outcome(OUTCOME, cutoff): SquaresClassifier(
                self.backbone, on_device(self.heads[classifier_name(cutoff)], device)
            ).eval()
            for cutoff in self.settings.cutoffs
        }

    def examine(
        self, case: Case, segmentation: Segmentation | None, *, request: AssessmentRequest, clock: Clock
    ) -> Examination:
        """Measure and diagnose every square of the regions, average, and explain the diagnosis on every image.

        Raises:
            UserError: A region is missing or does not fit its image.
        """
        found = tissues(case, self.settings)
        views = tuple(
            RegionView.of(image, tissue, self.settings, number=number)
            for number, (image, tissue) in enumerate(zip(case.images[ROLE], found, strict=True))
        )
        clock("prepare")
        features = [self._features(view) for view in views]
        clock("compute_features")
        pooled = torch.cat([maps.mean((2, 3)) for maps in features])
        outcomes: dict[str, Outcome] = {OUTCOME: self._quantity(pooled)}
        for cutoff in self.settings.cutoffs:
            head = self.heads[classifier_name(cutoff)]
            probability = float(torch.sigmoid(head.output(pooled)).mean())
            above, below = f">= {cutoff:g} {SPEC.answer.unit}", f"< {cutoff:g} {SPEC.answer.unit}"
            maps = tuple(
                self._explain(view, head.maps(part).flatten(0, 1), above, cutoff)
                for view, part in zip(views, features, strict=True)
            )
            outcomes[cutoff_outcome(OUTCOME, cutoff)] = Classification(
                {below: 1 - probability, above: probability}, maps
            )
        clock("measure_and_explain")
        by_outcome: Mapping[str, tuple[RegionView, ...]] = {
            cutoff_outcome(OUTCOME, cutoff): views for cutoff in self.settings.cutoffs
        }
        return Examination(outcomes, OUTCOME, by_outcome, warnings=self._warnings(views, found))

    def _features(self, view: RegionView) -> torch.Tensor:
        """Feature maps (squares, channels, h, w) of a view."""
        with torch.inference_mode():
            parts = unstacked(view.tensor[None]).split(BATCH)
            return torch.cat([self.backbone.features(part.to(self.device)).float().cpu() for part in parts])

    def _quantity(self, pooled: torch.Tensor) -> Quantity:
        value = float(self.heads[QUANTITY].output(pooled).mean())
        residuals, unit = self.settings.residuals, SPEC.answer.unit
        if residuals is None:
            return Quantity(SPEC.answer.title, value, unit)
        bounds = [min(max(value + sign * residuals.error, 0.0), 100.0) for sign in (-1, 1)]
        errors = f"from the errors in {residuals.participants} left-out patients"
        meaning = f"{100 * residuals.level:.0f} % prediction interval {errors}"
        return Quantity(SPEC.answer.title, value, unit, (bounds[0], bounds[1]), meaning)

    def _explain(self, view: RegionView, map_: torch.Tensor, target: str, cutoff: float) -> HeatMap:
        return view.heatmap(
            map_,
            kind=SIGNED_CAM,
            target=target,
            outcome=cutoff_outcome(OUTCOME, cutoff),
            scale=SCALE,
            zero=ZERO,
            signed=True,
        )

    def _warnings(self, views: tuple[RegionView, ...], seen: tuple[Tissue, ...]) -> tuple[CaseWarning, ...]:
        found = [CaseWarning("limited_training_data", self.settings.caution)] if self.settings.caution else []
        if not all(tissue.calibrated for tissue in seen):
            text = (
                "No region in the kidney was drawn, so the liver is taken to be as bright as the renal cortex: fat is "
                "underestimated in a bright liver. Draw a region in the renal cortex at the same depth."
            )
            found.append(CaseWarning("no_kidney_region", text))
        black = max(float(np.mean(view.region.cut(gray_picture(view.image)) == 0)) for view in views)
        if black > BLACK_SHARE:
            text = f"{100 * black:.0f} % of the region in the liver is black. Draw it in tissue, away from vessels and shadows."
            found.append(CaseWarning("region_black", text))
        return tuple(found)


def on_device(head: LinearHead, device: torch.device) -> LinearHead:
    """A head whose tensors lie where the backbone is."""
    return LinearHead(head.weight.to(device), head.bias.to(device))
