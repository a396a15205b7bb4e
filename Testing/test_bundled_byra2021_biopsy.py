"""`byra2021-biopsy` on the published squares and images: what its card says, and both ways to the same input."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from LiverAILib.data.case import Case
from LiverAILib.data.model import load_model
from LiverAILib.data.outcome import cutoff_outcome
from LiverAILib.data.regions import Region
from LiverAILib.imaging.files import read_image
from LiverAILib.imaging.image import with_modality
from LiverAILib.jobs.assess import Assessor
from LiverAILib.methods.byra2021.region import OUTCOME, ROLE

MODEL = "byra2021-biopsy"
DIAGNOSIS = cutoff_outcome(OUTCOME, 5)
LEAN, FATTY = (2, 3), (17, 18, 25)
"""File numbers of patients of the training data with at most 2 % and at least 40 % fat."""


@pytest.fixture(scope="module")
def rows(data_folder) -> dict[str, dict[str, str]]:
    with (data_folder / "us_byra" / "roi28" / "labels.csv").open(newline="") as stream:
        return {row["file"]: row for row in csv.DictReader(stream)}


@pytest.fixture(scope="module")
def assessor() -> Assessor:
    return Assessor(MODEL, device="cpu")


def patch(data_folder: Path, file: str):
    return with_modality(read_image(data_folder / "us_byra" / "roi28" / file), "US")


def whole_image(data_folder: Path, patient: int):
    (file,) = (data_folder / "us_byra" / "full").glob(f"ID_{patient}_*.jpeg")
    return with_modality(read_image(file), "US")


def regions_of(row: dict[str, str]) -> dict[str, Region]:
    return {name: Region(int(row[f"x_{name}"]), int(row[f"y_{name}"]), 28, 28) for name in ("liver", "kidney")}


def test_the_card_says_whose_data_it_is_and_that_the_index_is_better():
    model = load_model(MODEL)
    assert not model.simulated
    assert model.card.weights.bytes < 100_000
    entries = model.card.entries
    assert "44 patients" in entries["settings"]["caution"]
    assert "CC BY 4.0" in entries["license"]
    found = entries["metrics"]["leave_one_participant_out"]
    assert found["patients"] == 44
    assert 0.8 < found["auc_from_5"][0] < found["hepatorenal_index_auc_from_5"][0]
    assert found["hepatorenal_index_auc_from_5"][0] == pytest.approx(0.968, abs=0.001)
    for name in ("auc_from_5", "spearman", "hepatorenal_index_auc_from_5"):
        value, low, high = found[name]
        assert low < value < high


def test_published_squares_are_the_image_s_times_the_index(data_folder, rows):
    """What `gray_factor` in the card stands for."""
    factor = load_model(MODEL).settings["gray_factor"]
    for patient in range(1, 11):
        row = rows[f"ROI_{patient - 1:02d}_0.png"]
        published = patch(data_folder, row["file"]).array[0].astype(float)
        square = regions_of(row)["liver"].cut(whole_image(data_folder, patient).array[0]).astype(float)
        ratio = published.mean() / square.mean() / float(row["hepatorenal_index"])
        assert ratio == pytest.approx(factor, abs=0.003)
        assert np.corrcoef(published.ravel(), square.ravel())[0, 1] > 0.95


def test_patients_with_and_without_fat_are_told_apart(data_folder, rows, assessor):
    """Patients that it was trained on, which tests no more than that files and model belong together."""
    probability = {}
    for number in (*LEAN, *FATTY):
        images = tuple(patch(data_folder, f"ROI_{number:02d}_{k}.png") for k in range(2))
        found = assessor.assess(Case({ROLE: images}))
        probability[number] = list(found.outcomes[DIAGNOSIS].probabilities.values())[1]
    assert max(probability[number] for number in LEAN) < 0.5 < min(probability[number] for number in FATTY)


@pytest.mark.parametrize("patient", [3, 5])
def test_a_region_on_the_whole_image_is_the_published_square(data_folder, rows, assessor, patient):
    row = rows[f"ROI_{patient - 1:02d}_0.png"]
    drawn = assessor.assess(Case({ROLE: whole_image(data_folder, patient)}, regions=regions_of(row)))
    square = assessor.assess(Case({ROLE: patch(data_folder, row["file"])}))
    fat = [one.outcomes[OUTCOME].value for one in (drawn, square)]
    assert fat[0] == pytest.approx(fat[1], abs=5)
    assert drawn.measurements[0].value == pytest.approx(float(row["hepatorenal_index"]), abs=0.005)
