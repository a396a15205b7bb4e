"""The check for what gives planting away, on features with a known answer."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from scipy import ndimage

from LiverAILib.data.cohort import CohortRow
from Testing.conftest import ROOT


@pytest.fixture(scope="module")
def truth():
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location("planted_truth", ROOT / "benchmarks" / "planted_truth.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cases(shift: float) -> list[tuple[CohortRow, dict[str, np.ndarray]]]:
    """Ten patients with an untouched scan, three F0 whose features are shifted, and one F4; every patient looks different."""
    rng = np.random.default_rng(0)
    made = []
    for patient in range(10):
        own = rng.normal(0, 1, 20)
        for number, (kind, stage) in enumerate([("untouched", 0), *[("planted", 0)] * 3, ("planted", 4)]):
            features = own + rng.normal(0, 0.3, 20)
            features[0] += shift * (kind == "planted") + 4 * (stage == 4)
            row = CohortRow(
                f"{patient}-{number}", f"{patient}", label=stage, label_kind="stage", covariates={"planted": kind}
            )
            made.append((row, {"features": features}))
    return made


def aucs(text: str) -> list[float]:
    return [float(line.split("AUC ")[1].split()[0]) for line in text.splitlines()]


def test_planting_that_shows_is_found_and_planting_that_does_not_is_not(truth, capsys):
    truth.report(cases(4.0))
    shows, ill = aucs(capsys.readouterr().out)
    truth.report(cases(0.0))
    hidden, _ = aucs(capsys.readouterr().out)
    assert shows > 0.9
    assert ill > 0.9
    assert 0.3 < hidden < 0.7


def test_statistics_of_sharpness_see_a_slight_blur(truth):
    rng = np.random.default_rng(1)
    picture = np.clip(0.4 + 0.05 * rng.normal(size=(90, 90)), 0, 1)
    liver = np.zeros((90, 90), bool)
    liver[20:70, 15:60] = True
    sharp, blurred = (truth.sharpness(p, liver) for p in (picture, ndimage.gaussian_filter(picture, 0.6)))
    assert (blurred[:4] < sharp[:4]).all()
