"""A small simulated cohort of patients without fibrosis and with cirrhosis, and a model trained on it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from LiverAILib.cli import main
from LiverAILib.simulation.cohort import simulate_cohort

SPLITS = ("train",) * 7 + ("validation",) * 2 + ("test",) * 3
TRAINING = (
    "--backbone", "tf_efficientnet_lite0", "--encoder-weights", "bundled", "--backbone-groups", "6", "--frozen-groups", "5",
    "--frozen-views", "2", "--freeze-batch-norm", "--image-size", "96", "--schedule", "short", "--epochs", "6",
    "--max-lr", "0.02", "--batch-size", "8", "--device", "cpu", "--precision", "float32",
)  # fmt: skip


@pytest.fixture(scope="session")
def cohort(tmp_path_factory) -> Path:
    """The manifest: 24 patients, one image pair each, half of them S0, half S4, in every split."""
    folder = tmp_path_factory.mktemp("xue2020") / "cohort"
    manifest = simulate_cohort(folder, cases=24, seed=3, kind="fibrosis_ultrasound", images=1, stages=(0, 4))
    with manifest.open(newline="") as stream:
        rows = sorted(csv.DictReader(stream), key=lambda row: row["stage"])
    for number, row in enumerate(rows):
        row["split"] = SPLITS[number % len(SPLITS)]
    with manifest.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return manifest


@pytest.fixture(scope="session")
def run(cohort) -> Path:
    """The run folder of a model that was trained on it."""
    output = cohort.parent.parent / "run"
    assert main(["train", "xue2020", "--cohort", str(cohort), "--output", str(output), *TRAINING, "--quiet"]) == 0
    return output
