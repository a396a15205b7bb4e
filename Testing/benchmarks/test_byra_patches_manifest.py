"""The manifest of published patches: one row a patient, readable by the method."""

from __future__ import annotations

import subprocess
import sys

from LiverAILib.data.cohort import read_cohort
from LiverAILib.methods.byra2021.region import ROLE, SPEC
from Testing.conftest import ROOT


def test_every_patient_is_one_row_with_ten_patches(data_folder, tmp_path):
    path = tmp_path / "patches.csv"
    script = ROOT / "benchmarks" / "byra_patches_manifest.py"
    said = subprocess.run(
        [sys.executable, str(script), str(data_folder / "us_byra" / "roi28"), str(path)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert said.startswith("44 patients")
    cohort = read_cohort(path, quantity=SPEC.answer.quantity_column)
    assert {len(row.images[ROLE]) for row in cohort} == {10}
    assert sum(row.value >= 5 for row in cohort) == 29
    index = {row.patient_id: float(row.covariates["hepatorenal_index"]) for row in cohort}
    assert 0.8 < min(index.values()) < max(index.values()) < 2
