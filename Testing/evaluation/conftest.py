"""Data the statistics are checked against."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def asah():
    """pROC's aSAH data: outcome and three markers of 113 patients."""
    folder = Path(os.environ.get("LIVERAI_DATA", ROOT / "../shared/data"))
    path = folder / "statistics" / "aSAH.csv"
    if not path.is_file():
        pytest.skip(f"pROC's aSAH data (GPL, not in the repository) not found: {path}; set LIVERAI_DATA to its folder")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    markers = {name: np.array([float(row[name]) for row in rows]) for name in ("wfns", "s100b", "ndka")}
    return {"outcome": np.array([row["outcome"] for row in rows]), **markers}


@pytest.fixture
def rng():
    return np.random.default_rng(20240601)


@pytest.fixture
def binary(rng):
    """60 patients, 25 positive, two scores of different quality in 0..1."""
    truth = np.arange(60) < 25
    good = 1 / (1 + np.exp(-(rng.normal(size=60) + 2.5 * truth - 1)))
    poor = 1 / (1 + np.exp(-(rng.normal(size=60) + 1.0 * truth - 0.5)))
    return truth, good, poor
