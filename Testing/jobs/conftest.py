"""A small folder of scans, and its results by a single process, for tests of worker processes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from LiverAILib.imaging.files import write_image
from LiverAILib.jobs.batch.run import assess_all
from LiverAILib.simulation.t2_mr import simulate_t2_mr

SIMULATED = {"size": (64, 64, 8), "spacing": (5.0, 5.0, 25.0)}


@pytest.fixture(scope="session")
def scans(tmp_path_factory) -> Path:
    """Two scans, a copy of the first that comes last, one that is cut off, and a label map."""
    folder = tmp_path_factory.mktemp("scans")
    for seed, name in enumerate("ab"):
        simulated = simulate_t2_mr(4 * (seed % 2), seed=seed, **SIMULATED)
        write_image(simulated.image, folder / f"{name}.nii.gz")
    write_image(simulated.labels, folder / "labels.nii.gz")
    shutil.copy(folder / "a.nii.gz", folder / "z.nii.gz")
    whole = (folder / "a.nii.gz").read_bytes()
    (folder / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.fixture(scope="session")
def one_worker(scans, tmp_path_factory) -> Path:
    """Results of the bundled model by a single process."""
    output = tmp_path_factory.mktemp("one") / "out"
    assess_all(scans, output, "nowak2021-simulated", device="cpu")
    return output
