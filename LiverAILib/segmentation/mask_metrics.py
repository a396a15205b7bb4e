"""Mask quality metrics (confidence, position, intensities) and the warnings that rest on them.

The limits were set on 4 held-out T2 MR and 2 CT with good masks and on simulated cases (see `docs/segmentation.md`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch

from LiverAILib.data.assessment import CaseWarning
from LiverAILib.data.structures import LIVER, Structure
from LiverAILib.segmentation.disputes import Dispute
from LiverAILib.segmentation.grid import most_probable
from LiverAILib.segmentation.intensity_profile import BODY, IntensityProfile, intensity_profile, profile_distance

LOW_CONFIDENCE = 0.80
"""Mean probability of an organ within its mask below which the mask is doubted, where the model's card sets no other limit."""

MIDLINE_MM = -15.0
"""The liver's center lies to the right: this far (negative: right) from the middle of the body at least."""

UNLIKE_TRAINING = 0.10
"""Distance of the intensity quantiles to the nearest training case (0..1) from which a scan is unlike them."""

UNLIKE_FEW = 0.20
"""The same where there are fewer than `FEW` training cases, which cannot show how much scans differ among themselves."""

FEW = 5

LIVER_RATIO_MARGIN = 1.75
"""Factor by which the liver's median over the body's may lie outside the range of the training cases."""

VIEW_SPREAD = 0.10
"""1 - Dice of a view's liver with that of the mean of the views."""


@dataclass(frozen=True)
class MaskMetrics:
    """Quality metrics of the masks of one result.

    Attributes:
        confidence: Mean probability of every organ within its mask, 0..1; absent organs are left out.
        liver_offset_mm: Center of the liver from the middle of the body, positive to the patient's left; None without liver.
        profile: Intensities of body and liver as the network saw them.
        context_agreement: Dice of the masks of the slice network and of the context network, by organ, before they are combined;
            empty for a model without context network.
        context_disputes: What of the final mask the context network contradicts, by organ; empty like the former.
    """

    confidence: Mapping[str, float]
    liver_offset_mm: float | None
    profile: IntensityProfile
    context_agreement: Mapping[str, float] = field(default_factory=dict)
    context_disputes: Mapping[str, Dispute] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """The metrics, JSON-able."""
        return asdict(self)


def mask_metrics(
    volume: torch.Tensor,
    probabilities: torch.Tensor,
    structures: Sequence[Structure],
    *,
    pixel_mm: float,
) -> MaskMetrics:
    """Figures of a result on the network's grid.

    Args:
        volume: Scaled intensities (slices, rows, columns), rows to posterior, columns to the patient's left.
        probabilities: Class probabilities (classes, slices, rows, columns), post-processed.
        structures: What the classes after the background are.
        pixel_mm: Distance of the columns.
    """
    predicted = most_probable(probabilities)
    confidence = {}
    for structure in structures:
        inside = predicted == structure.label
        if inside.any():
            confidence[structure.name] = round(float(probabilities[structure.label][inside].float().mean()), 4)
    liver = (predicted == LIVER.label).numpy()
    scaled = volume.numpy()
    return MaskMetrics(
        confidence,
        _offset_from_midline(scaled, liver, pixel_mm),
        intensity_profile(scaled, liver),
    )


def _offset_from_midline(volume: np.ndarray, liver: np.ndarray, pixel_mm: float) -> float | None:
    """Mean column of the liver minus the middle between the left and right edge of the body, over the liver's slices, mm."""
    sections = liver.any(axis=(1, 2))
    if not sections.any():
        return None
    columns = np.flatnonzero((volume[sections] > BODY).mean(axis=(0, 1)) > 0.02)
    middle = (columns[0] + columns[-1]) / 2 if columns.size else (volume.shape[2] - 1) / 2
    weights = liver.sum(axis=(0, 1)).astype(float)
    center = float((weights * np.arange(volume.shape[2])).sum() / weights.sum())
    return round((center - middle) * pixel_mm, 1)


def metric_warnings(
    metrics: MaskMetrics,
    reference: Mapping[str, Any] | None = None,
    *,
    view_spread: float | None = None,
    low_confidence: Mapping[str, float] | None = None,
) -> tuple[CaseWarning, ...]:
    """Warnings where a metric is out of its range; none about organs that were not found.

    Args:
        metrics: Of one result.
        reference: Intensities of the training cases from the model's card (`reference_of`).
        view_spread: How much the averaged views differ.
        low_confidence: Limit of an organ's confidence where it is not `LOW_CONFIDENCE` (how sure a network is, is its own).
    """
    found = []
    for organ, value in metrics.confidence.items():
        limit = (low_confidence or {}).get(organ, LOW_CONFIDENCE)
        if value < limit:
            text = (
                f"The network is unsure of the {organ.replace('_', ' ')}: mean probability within the mask {value:.3f}, below "
                f"{limit:.3f}. Check the mask."
            )
            found.append(CaseWarning("low_confidence", text))
    if metrics.liver_offset_mm is not None and metrics.liver_offset_mm > MIDLINE_MM:
        side = "left" if metrics.liver_offset_mm > 0 else "right"
        text = (
            f"The liver mask's center lies {abs(metrics.liver_offset_mm):.0f} mm to the patient's {side} of the body's middle; "
            f"a liver lies at least {-MIDLINE_MM:.0f} mm to the right. Check the mask, and the sides in the file's header."
        )
        found.append(CaseWarning("liver_position", text))
    if view_spread is not None and view_spread > VIEW_SPREAD:
        text = (
            f"Views of the same scan disagree about the liver: Dice with their mean as low as {1 - view_spread:.2f}, below "
            f"{1 - VIEW_SPREAD:.2f}. Check the mask."
        )
        found.append(CaseWarning("views_disagree", text))
    return (*found, *_intensity_warnings(metrics.profile, reference)) if reference else tuple(found)


def _intensity_warnings(profile: IntensityProfile, reference: Mapping[str, Any]) -> list[CaseWarning]:
    found = []
    distance = profile_distance(profile, reference["body"])
    limit = UNLIKE_TRAINING if reference["cases"] >= FEW else UNLIKE_FEW
    if distance > limit:
        text = (
            f"The intensities are unlike the model's training data: their quantiles differ by {distance:.3f} of the scale from "
            f"the nearest of {reference['cases']} training case(s), limit {limit:.3f}. Another sequence or contrast "
            "phase? Check the mask."
        )
        found.append(CaseWarning("unlike_training_data", text))
    if profile.liver_ratio is not None and reference.get("liver_ratio"):
        low, high = reference["liver_ratio"][0] / LIVER_RATIO_MARGIN, reference["liver_ratio"][1] * LIVER_RATIO_MARGIN
        if not low <= profile.liver_ratio <= high:
            text = (
                f"What was taken for the liver has {profile.liver_ratio:.2f} times the median intensity of the body; in training "
                f"it was {reference['liver_ratio'][0]:.2f} to {reference['liver_ratio'][1]:.2f}. Check the mask."
            )
            found.append(CaseWarning("liver_intensity", text))
    return found
