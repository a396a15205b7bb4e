"""The manifests of the data that the bundled segmentation model was trained on."""

from __future__ import annotations

from collections import Counter

import pytest

from LiverAILib.data.cohort import read_cohort
from LiverAILib.segmentation.training.public_data import SIMULATED_SHARE, write_manifests
from LiverAILib.segmentation.training.samples import sampling_weight
from LiverAILib.simulation.cohort import simulate_cohort


def test_held_out_cases_and_sources_are_not_trained_on(data_folder, tmp_path):
    cohort, more = map(read_cohort, write_manifests(data_folder, tmp_path, held_out=["lits_*", "chaos_mr_3"]))
    held_out = {row.case_id for row in cohort.split("test")}
    assert held_out == {"chaos_mr_3", *(f"lits_{number:02}" for number in range(11))}
    sources = Counter(row.covariates["source"] for row in cohort)
    assert sources == {"chaos_mr": 14, "chaos_ct": 1, "ircadb": 19, "lits": 11}
    assert len(cohort.split("train")) == 45 - 12
    assert [row.case_id for row in more] == ["totalsegmentator_example"]


def test_simulated_cases_make_up_their_share_of_the_draws(data_folder, tmp_path):
    simulated = simulate_cohort(tmp_path / "simulated", cases=3, seed=5, kind="ct", matrix=64)
    paths = write_manifests(data_folder, tmp_path / "all", simulated=[simulated], held_out=())
    rows = [row for path in paths for row in read_cohort(path)]
    assert {row.split for row in rows} == {"train"}
    weights = {row.case_id: sampling_weight(row) for row in rows if "ct" in row.images}
    drawn = sum(weight for case, weight in weights.items() if case.startswith("sim5"))
    assert drawn / sum(weights.values()) == pytest.approx(SIMULATED_SHARE, rel=1e-3)
    assert set(rows[-1].masks) == {"liver", "right_kidney", "left_kidney", "spleen"}
