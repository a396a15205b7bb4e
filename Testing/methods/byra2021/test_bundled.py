"""The model in the box on simulated participants whose seeds it has not seen."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib import assess
from LiverAILib.data.case import Case
from LiverAILib.data.model import load_model
from LiverAILib.methods.byra2021 import VIEWS
from LiverAILib.simulation.ultrasound import simulate_fat_views

NAME = "byra2021-simulated"
LOW, HIGH = 2.0, 28.0


def case_of(fat: float, seed: int) -> tuple[Case, dict[str, np.ndarray]]:
    """A simulated participant, and where the signs of fat are (k, j, i) by view."""
    found = simulate_fat_views(fat, seed=seed)
    images = {view: found.pictures[view][0].image for view in VIEWS}
    return Case(images, f"{fat:g} %"), {view: found.pictures[view][0].evidence.array > 0 for view in VIEWS}


@pytest.fixture(scope="module")
def assessed():
    """Assessments of a participant at a low and a high fat fraction, and the latter's evidence."""
    low, _ = case_of(LOW, seed=910_001)
    high, evidence = case_of(HIGH, seed=910_001)
    return assess(low, NAME, device="cpu"), assess(high, NAME, device="cpu"), evidence


def test_it_is_small_simulated_and_says_how_it_was_tested():
    model = load_model(NAME)
    assert model.simulated
    assert sum(file.stat().st_size for file in model.folder.iterdir()) < 200_000
    assert model.settings["backbone"]["weights"] == "bundled"
    held_out = model.card.entries["metrics"]["held_out_simulated_cohort"]
    assert held_out["multiview"]["participants"] >= 150
    assert held_out["multiview"]["spearman"][0] >= 0.8


def test_fat_is_found_and_warned_of_as_simulated(assessed):
    low, high, _ = assessed
    assert high.outcome.value > low.outcome.value + 8
    for view in VIEWS:
        assert high.outcomes[view].value > low.outcomes[view].value
    assert high.outcomes["multiview >= 10"].predicted == ">= 10 %"
    assert low.outcomes["multiview >= 10"].predicted == "< 10 %"
    assert any("simulated" in note for note in high.notes)
    assert "burned_in_text" in {warning.code for warning in high.warnings}
