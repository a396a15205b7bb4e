"""The Xue 2020 model in the box on new simulated ultrasound, whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.data.assessment import SIMULATED
from LiverAILib.data.case import Case
from LiverAILib.jobs.assess import Assessor
from LiverAILib.simulation.ultrasound import simulate_fibrosis_pair


@pytest.fixture(scope="module")
def assessor():
    return Assessor("xue2020-simulated", device="cpu")


def assessed(assessor, stage, seed):
    """A simulated patient, with two of the five image pairs to save time, and what the model says."""
    examination = simulate_fibrosis_pair(stage, seed=seed, images=2)
    images = {role: tuple(one.image for one in own) for role, own in examination.pictures.items()}
    covariates = {"stiffness_kpa": examination.truth["stiffness_kpa"]}
    return assessor.assess(Case(images, covariates=covariates), target_class="S4")


@pytest.mark.parametrize("seed", [987_650, 987_651])
def test_cirrhosis_is_told_from_no_fibrosis_by_every_outcome(assessor, seed):
    healthy, diseased = (assessed(assessor, stage, seed) for stage in (0, 4))
    assert list(diseased.outcomes) == ["gray_scale_elastogram", "gray_scale_stiffness", "gray_scale", "elastogram"]
    for name, outcome in diseased.outcomes.items():
        assert outcome.cumulative[">=S4"] > healthy.outcomes[name].cumulative[">=S4"] + 0.1
    assert SIMULATED in diseased.notes
    for heatmap in diseased.outcome.heatmaps:
        assert np.isfinite(heatmap.image.array).all()
        assert heatmap.image.array.max() > 0


def test_the_card_says_what_was_reached(assessor):
    held_out = assessor.model.card.entries["metrics"]["held_out"]
    assert held_out["n"] >= 200
    for outcome in ("GM", "EM", "GM + LSM", "GM + EM"):
        assert set(held_out["auc"][outcome]) == {">=S2", ">=S3", ">=S4"}
    assert assessor.model.simulated
    assert assessor.model.card.weights.bytes <= 6_000_000
