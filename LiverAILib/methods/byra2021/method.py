"""Byra 2021: liver fat fraction on four ultrasound views.

Byra M, Han A, Boehringer AS, et al. Liver fat assessment in multiview sonography using transfer learning with convolutional
neural networks. J Ultrasound Med (2021). Pooled features of a frozen backbone, linear heads for each view, the mean of the views,
explained by signed class activation maps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from LiverAILib.data.assessment import CaseWarning, Segmentation
from LiverAILib.data.case import Case
from LiverAILib.data.model import Model
from LiverAILib.data.outcome import SIGNED_CAM, Classification, HeatMap, Outcome, Quantity, cutoff_outcome
from LiverAILib.data.request import AssessmentRequest
from LiverAILib.data.shared_images import pixel_checksum
from LiverAILib.errors import UserError
from LiverAILib.methods.base import Clock, Examination, Method
from LiverAILib.methods.byra2021 import COMPOSITE, MULTIVIEW, SPEC, VIEWS
from LiverAILib.methods.byra2021.features import load_backbone
from LiverAILib.methods.byra2021.heads import (
    QUANTITY,
    LinearHead,
    ViewClassifier,
    classifier_name,
    head_names,
    read_heads,
)
from LiverAILib.methods.byra2021.settings import Byra2021Settings
from LiverAILib.methods.byra2021.view import UltrasoundView, ultrasound_warnings

EXPLAINED_CUTOFF = 5.0
"""The diagnosis that the maps explain (Byra 2021, figure 5)."""
SCALE = "log odds: their mean over the feature positions and the head's bias make the score, not scaled between images"
ZERO = "no evidence either way; not computed beyond the crop"


@dataclass(frozen=True, eq=False)
class _Seen:
    """A view with its feature maps (1, channels, h, w) and pooled features (1, channels)."""

    view: UltrasoundView
    features: torch.Tensor
    pooled: torch.Tensor


class Byra2021(Method):
    """Liver fat fraction on up to four ultrasound views."""

    def __init__(self, model: Model, device: torch.device) -> None:
        super().__init__(model, device)
        self.settings = Byra2021Settings.from_card(model.card)
        where, state = str(model.folder), model.state()
        self.backbone = load_backbone(self.settings.backbone, where=where).to(device)
        channels, names = self.settings.backbone.channels, head_names(self.settings.cutoffs)
        self.heads = {view: read_heads(state, view, names, channels, where=where) for view in self.settings.views}
        if self.settings.composite:
            together = channels * len(self.settings.views)
            self.heads[COMPOSITE] = read_heads(state, COMPOSITE, names, together, where=where)
        self.networks = {
            cutoff_outcome(view, EXPLAINED_CUTOFF): ViewClassifier(
                self.backbone, self._on_device(self.heads[view][classifier_name(EXPLAINED_CUTOFF)])
            ).eval()
            for view in self.settings.views
        }

    def examine(
        self, case: Case, segmentation: Segmentation | None, *, request: AssessmentRequest, clock: Clock
    ) -> Examination:
        """Measure and diagnose on every view that is there, average, and explain the diagnosis of each view.

        Raises:
            UserError: None of the model's views is there, or one is no gray-scale ultrasound picture.
        """
        given = [role for role in self.settings.views if role in case.images]
        if not given:
            raise UserError(
                f"case {case.case_id}: none of the views that the model '{self.model.name}' knows "
                f"({', '.join(self.settings.views)}) is there. Give at least one of them."
            )
        found = [warning for role in given for warning in ultrasound_warnings(case.image(role), role)]
        views = [UltrasoundView.of(case.image(role), role, self.settings.inputs) for role in given]
        clock("prepare")
        seen = [self._look(view) for view in views]
        clock("compute_features")
        outcomes = self._outcomes(seen)
        clock("measure_and_explain")
        by_outcome = {cutoff_outcome(one.view.role, EXPLAINED_CUTOFF): (one.view,) for one in seen}
        warnings = (*view_warnings(case, self.settings.views), *same_picture_warnings(views), *found)
        return Examination(outcomes, MULTIVIEW, by_outcome, warnings=warnings)

    def _look(self, view: UltrasoundView) -> _Seen:
        with torch.inference_mode():
            features = self.backbone.features(view.tensor[None].to(self.device)).float().cpu()
        return _Seen(view, features, features.mean((2, 3)))

    def _outcomes(self, seen: Sequence[_Seen]) -> dict[str, Outcome]:
        """The mean of the views first, then each view, then the model of all features together."""
        of_view = {
            one.view.role: {name: _answer(name, head, one.pooled) for name, head in self.heads[one.view.role].items()}
            for one in seen
        }
        mean = {
            name: sum(own[name] for own in of_view.values()) / len(of_view) for name in next(iter(of_view.values()))
        }
        outcomes = self._outcomes_of(MULTIVIEW, "mean of the views" if len(seen) > 1 else "one view", mean, ())
        for one in seen:
            role = one.view.role
            outcomes |= self._outcomes_of(role, role.replace("_", " "), of_view[role], (self._explain(one),))
        if COMPOSITE in self.heads and len(seen) == len(self.settings.views):
            together = torch.cat([one.pooled for one in seen], dim=1)
            own = {name: _answer(name, head, together) for name, head in self.heads[COMPOSITE].items()}
            outcomes |= self._outcomes_of(COMPOSITE, "features of all views", own, ())
        if len(seen) == len(self.settings.views) and self.settings.residuals is not None:
            outcomes[MULTIVIEW] = self._with_interval(outcomes[MULTIVIEW])
        return outcomes

    def _outcomes_of(
        self, owner: str, title: str, answers: Mapping[str, float], maps: tuple[HeatMap, ...]
    ) -> dict[str, Outcome]:
        """The fat fraction and the diagnoses of one view or of several."""
        unit = SPEC.answer.unit
        found: dict[str, Outcome] = {
            owner: Quantity(f"{SPEC.answer.title}, {title}", answers[QUANTITY], unit),
        }
        for cutoff in self.settings.cutoffs:
            probability = answers[classifier_name(cutoff)]
            found[cutoff_outcome(owner, cutoff)] = Classification(
                {f"< {cutoff:g} {unit}": 1 - probability, class_from(cutoff): probability},
                maps if cutoff == EXPLAINED_CUTOFF else (),
            )
        return found

    def _explain(self, one: _Seen) -> HeatMap:
        """The signed map of a view."""
        role = one.view.role
        map_ = self.heads[role][classifier_name(EXPLAINED_CUTOFF)].maps(one.features)[0]
        return one.view.heatmap(
            map_,
            kind=SIGNED_CAM,
            target=class_from(EXPLAINED_CUTOFF),
            outcome=cutoff_outcome(role, EXPLAINED_CUTOFF),
            scale=SCALE,
            zero=ZERO,
            signed=True,
        )

    def _with_interval(self, outcome: Outcome) -> Outcome:
        """The mean of all views with the interval that out-of-participant errors give."""
        residuals = self.settings.residuals
        assert isinstance(outcome, Quantity) and residuals is not None  # noqa: PT018
        low = max(outcome.value - residuals.error, 0.0)
        high = max(outcome.value + residuals.error, 0.0)
        errors = f"from the errors in {residuals.participants} left-out participants"
        meaning = f"{100 * residuals.level:g} % prediction interval, {errors}"
        return Quantity(outcome.name, outcome.value, outcome.unit, (low, high), meaning, outcome.heatmaps)

    def _on_device(self, head: LinearHead) -> LinearHead:
        return LinearHead(head.weight.to(self.device), head.bias.to(self.device))


def class_from(cutoff: float) -> str:
    """The positive class of a diagnosis: ">= 5 %"."""
    return f">= {cutoff:g} {SPEC.answer.unit}"


def _answer(name: str, head: LinearHead, pooled: torch.Tensor) -> float:
    """The fat fraction in percent, or the probability of a diagnosis."""
    output = head.output(pooled)[0]
    return float(output if name == QUANTITY else torch.sigmoid(output))


def view_warnings(case: Case, known: Sequence[str]) -> tuple[CaseWarning, ...]:
    """Which views the mean is made of, where some are missing or the model does not know them."""
    missing = [view for view in known if view not in case.images]
    unknown = [view for view in VIEWS if view in case.images and view not in known]
    found = []
    if missing:
        used = [view for view in known if view in case.images]
        found.append(
            CaseWarning(
                "views_missing",
                f"Missing: {_listed(missing)}. The result is that of {_listed(used)}; the model was tested with all its views, "
                "and its prediction interval does not hold here.",
            )
        )
    if unknown:
        found.append(
            CaseWarning("views_not_used", f"Not used: {_listed(unknown)}. The model was not trained on such views.")
        )
    return tuple(found)


def same_picture_warnings(views: Sequence[UltrasoundView]) -> tuple[CaseWarning, ...]:
    """A warning where one picture was given as two views."""
    first: dict[str, str] = {}
    for view in views:
        other = first.setdefault(pixel_checksum(view.image.array), view.role)
        if other != view.role:
            text = f"{_listed([other, view.role])} are the same picture. Check which view it is."
            return (CaseWarning("same_picture_twice", text),)
    return ()


def _listed(views: Sequence[str]) -> str:
    return " and ".join(view.replace("_", " ") for view in views)
