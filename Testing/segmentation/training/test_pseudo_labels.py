"""Masks that a model fills in where references lack them."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from LiverAILib.data.cohort import read_cohort
from LiverAILib.data.model import load_model
from LiverAILib.data.structures import STRUCTURES
from LiverAILib.imaging.image import Image
from LiverAILib.segmentation.predict import Segmenter
from LiverAILib.segmentation.training.pseudo_labels import trusted, write_pseudo_labels
from LiverAILib.simulation.cohort import simulate_cohort

SPLEEN = STRUCTURES["spleen"]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Two simulated CT with a reference of the liver alone; the second is tested on."""
    folder = tmp_path_factory.mktemp("pseudo")
    manifest = simulate_cohort(folder / "cases", cases=2, seed=7, kind="ct", matrix=128, split="train")
    rows = list(read_cohort(manifest))
    lines = ["case_id,patient_id,split,image:ct,mask:liver"]
    for row, split in zip(rows, ("train", "test"), strict=True):
        image, liver = (os.path.relpath(path, manifest.parent) for path in (row.images["ct"][0], row.masks["liver"]))
        lines.append(f"{row.case_id},{row.patient_id},{split},{image},{liver}")
    given = manifest.parent / "liver_only.csv"
    given.write_text("\n".join(lines) + "\n")
    return rows, given


def test_masks_are_added_where_the_reference_has_none_and_the_case_is_trained_on(cohort, tmp_path):
    rows, given = cohort
    path = write_pseudo_labels(given, load_model("liver-mr-ct"), tmp_path / "filled", log=lambda line: None)
    trained, tested = read_cohort(path)
    assert set(tested.masks) == {"liver"}
    image = trained.read_image("ct", "CT")
    assert "spleen" in trained.masks
    truth, found = rows[0].read_mask("spleen", image), trained.read_mask("spleen", image)
    assert 2 * (truth & found).sum() / (truth.sum() + found.sum()) > 0.8
    assert (trained.read_mask("liver", image) == rows[0].read_mask("liver", image)).all()
    assert not (found & trained.read_mask("liver", image)).any()


def test_an_unsure_or_impossible_mask_does_not_pass(cohort):
    rows, _ = cohort
    image = rows[0].read_image("ct", "CT")
    result = Segmenter(load_model("liver-mr-ct"), device="cpu").examine(image)
    cubic_cm = Image(np.zeros((10, 10, 10), np.int16), (10.0, 10.0, 10.0))

    def passes(confidence: float, milliliters: int) -> bool:
        mask = np.arange(1000).reshape(10, 10, 10) < milliliters
        sure = replace(result, metrics=replace(result.metrics, confidence={"spleen": confidence}))
        return trusted(sure, SPLEEN, mask, cubic_cm)

    assert passes(0.95, 200)
    assert not passes(0.75, 200)
    assert not passes(0.95, 40)
    assert not passes(0.95, 0)
