"""The Yin 2021 model in the box on new simulated CT, whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.data.assessment import SIMULATED
from LiverAILib.data.case import Case
from LiverAILib.explain.region_scores import region_score
from LiverAILib.jobs.assess import Assessor
from LiverAILib.methods.yin2021.method import cumulative
from LiverAILib.methods.yin2021.view import StackView
from LiverAILib.simulation import simulate_ct

SCAN = {"size": (144, 144, 48), "spacing": (2.6, 2.6, 5.0)}


@pytest.fixture(scope="module")
def assessor():
    return Assessor("yin2021-simulated", device="cpu")


def assessed(assessor, stage, seed):
    case = simulate_ct(stage, seed=seed, **SCAN)
    liver = case.labels.with_array((case.labels.array == 1).astype(np.uint8))
    return case, liver, assessor.assess(Case({"ct": case.image}, masks={"liver": liver}), target_class="F4")


@pytest.mark.parametrize("seed", [987_650, 987_651])
def test_cirrhosis_is_told_from_no_fibrosis_in_the_same_patient(assessor, seed):
    _, _, healthy = assessed(assessor, 0, seed)
    _, _, diseased = assessed(assessor, 4, seed)
    assert cumulative(diseased.probabilities)["F4"] > cumulative(healthy.probabilities)["F4"] + 0.3
    assert SIMULATED in diseased.notes


def test_the_map_of_cirrhosis_lies_on_planted_evidence_more_than_chance(assessor):
    case, liver, result = assessed(assessor, 4, 987_652)
    seen = StackView.of(case.image, liver.array > 0, assessor.method.settings).seen()
    score = region_score(result.heatmap.image.array, case.evidence.array > 0, seen)
    assert score.ratio > 2.5


def test_the_card_says_what_was_reached(assessor):
    held_out = assessor.model.card.entries["metrics"]["held_out"]
    assert held_out["n"] >= 200
    for name in (">=F2", ">=F3", "F4"):
        assert held_out["planted_masks"][name]["auc"].startswith("0.")
    assert assessor.model.simulated
    assert assessor.model.card.weights.bytes < 1e6
