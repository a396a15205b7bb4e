"""Figures that tell a good mask from a wrong one, and the warnings that they give."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from LiverAILib.data.structures import LIVER, SPLEEN
from LiverAILib.segmentation.intensity_profile import (
    IntensityProfile,
    intensity_profile,
    profile_distance,
    reference_of,
)
from LiverAILib.segmentation.mask_metrics import MaskMetrics, mask_metrics, metric_warnings

GOOD = MaskMetrics({"liver": 0.94, "spleen": 0.9}, -60.0, IntensityProfile((0.1, 0.15, 0.2, 0.3, 0.5), 1.5))
REFERENCE = {"cases": 10, "body": [[0.1, 0.16, 0.2, 0.3, 0.5]], "liver_ratio": [0.7, 1.9]}


def volume_with(liver_columns: slice) -> tuple[torch.Tensor, torch.Tensor]:
    """A body over columns 10..89 with a liver in `liver_columns`, found with probability 0.9."""
    volume = torch.zeros(4, 50, 100)
    volume[:, 5:45, 10:90] = 0.3
    volume[:, 10:30, liver_columns] = 0.6
    probabilities = torch.zeros(5, 4, 50, 100)
    probabilities[0] = 1.0
    probabilities[:2, :, 10:30, liver_columns] = torch.tensor([0.1, 0.9])[:, None, None, None]
    return volume, probabilities


def test_the_figures_of_a_planted_liver():
    volume, probabilities = volume_with(slice(20, 40))
    metrics = mask_metrics(volume, probabilities, (LIVER, SPLEEN), pixel_mm=2.0)
    assert metrics.confidence == {"liver": pytest.approx(0.9)}
    assert metrics.liver_offset_mm == pytest.approx((29.5 - 49.5) * 2)  # body's middle at column 49.5
    assert metrics.profile.liver_ratio == pytest.approx(2.0)


@pytest.mark.parametrize(("columns", "warned"), [(slice(20, 40), False), (slice(60, 80), True)])
def test_a_liver_on_the_left_is_warned_of(columns, warned):
    metrics = mask_metrics(*volume_with(columns), (LIVER,), pixel_mm=2.0)
    texts = [w.text for w in metric_warnings(metrics) if w.code == "liver_position"]
    assert bool(texts) == warned
    assert not warned or "40 mm to the patient's left" in texts[0]


def test_no_liver_has_no_figures_and_no_warning_of_its_own():
    volume, probabilities = volume_with(slice(20, 40))
    probabilities[0], probabilities[1] = 1.0, 0.0
    metrics = mask_metrics(volume, probabilities, (LIVER,), pixel_mm=2.0)
    assert (metrics.confidence, metrics.liver_offset_mm, metrics.profile.liver_ratio) == ({}, None, None)
    assert metric_warnings(metrics) == ()


def test_a_good_result_is_not_warned_of():
    assert metric_warnings(GOOD, REFERENCE, view_spread=0.03) == ()


@pytest.mark.parametrize(
    ("change", "code", "figure"),
    [
        ({"confidence": {"liver": 0.71}}, "low_confidence", "0.71"),
        ({"profile": IntensityProfile((0.4, 0.5, 0.6, 0.7, 0.8), 1.5)}, "unlike_training_data", "0.348"),
        ({"profile": IntensityProfile((0.1, 0.15, 0.2, 0.3, 0.5), 4.2)}, "liver_intensity", "4.20"),
    ],
)
def test_each_figure_out_of_its_range_is_named(change, code, figure):
    warnings = metric_warnings(replace(GOOD, **change), REFERENCE)
    assert [w.code for w in warnings] == [code]
    assert figure in warnings[0].text


def test_the_models_own_limit_of_confidence_counts():
    assert [w.code for w in metric_warnings(GOOD, low_confidence={"liver": 0.95})] == ["low_confidence"]
    assert metric_warnings(GOOD, low_confidence={"liver": 0.93}) == ()


def test_views_that_disagree_are_named():
    assert [w.code for w in metric_warnings(GOOD, view_spread=0.4)] == ["views_disagree"]


def test_a_single_training_case_gets_a_wider_limit():
    """One scan cannot show how much scans differ: at 0.15 from it a second CT is not called unlike."""
    shifted = replace(GOOD, profile=IntensityProfile((0.25, 0.31, 0.35, 0.45, 0.65), 1.5))
    assert metric_warnings(shifted, {**REFERENCE, "cases": 1}) == ()
    assert metric_warnings(shifted, REFERENCE) != ()


def test_the_distance_is_that_of_the_nearest_case_and_the_reference_its_largest():
    rng = np.random.default_rng(0)
    profiles = [intensity_profile(np.clip(rng.normal(mean, 0.1, 4000), 0.06, 1)) for mean in (0.4, 0.45, 0.6)]
    bodies = [p.body for p in profiles]
    assert profile_distance(profiles[0], bodies) == 0
    assert profile_distance(profiles[0], bodies[1:]) == pytest.approx(0.05, abs=0.01)
    reference = reference_of(profiles)
    assert reference["largest_distance"] == pytest.approx(0.15, abs=0.01)  # the third from the second
    assert reference_of(profiles[:1])["largest_distance"] is None
