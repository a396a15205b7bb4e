"""The manifest of the data that the bundled segmentation model was trained on."""

from __future__ import annotations

import pytest

from LiverAILib.cohort import read_cohort
from LiverAILib.simulation.cohort import simulate_cohort
from LiverAILib.training.public_data import HELD_OUT_CT, HELD_OUT_MR, SIMULATED_SHARE, write_manifest
from LiverAILib.training.segmentation_data import sampling_weight


def test_held_out_subjects_are_not_trained_on(data_folder, tmp_path):
    cohort = read_cohort(write_manifest(data_folder, tmp_path))
    held_out = {f"chaos_mr_{subject}" for subject in HELD_OUT_MR} | set(HELD_OUT_CT)
    assert {row.case_id for row in cohort.split("test")} == held_out
    assert len(cohort.split("train")) == 17 - len(held_out)


def test_simulated_cases_make_up_their_share_of_the_draws(data_folder, tmp_path):
    simulated = simulate_cohort(tmp_path / "simulated", cases=3, seed=5, modality="ct", matrix=64)
    cohort = read_cohort(write_manifest(data_folder, tmp_path / "all", simulated=[simulated], hold_out=False))
    assert not cohort.split("test")
    weights = {row.case_id: sampling_weight(row) for row in cohort if "ct" in row.images}
    drawn = sum(weight for case, weight in weights.items() if case.startswith("sim5"))
    assert drawn / sum(weights.values()) == pytest.approx(SIMULATED_SHARE, rel=1e-3)
    assert set(cohort.rows[-1].masks) == {"liver", "right_kidney", "left_kidney", "spleen"}
