"""The models in the box: their cards, and that they do what their cards say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from LiverAILib.assessor import Assessor
from LiverAILib.case import Case
from LiverAILib.cohort import read_cohort
from LiverAILib.model import list_models, load_model
from LiverAILib.resources import resources_folder
from LiverAILib.segmentation.agreement import mask_agreement
from LiverAILib.segmentation.predict import Segmenter, default_model
from LiverAILib.simulation.t2_mr import simulate_t2_mr
from LiverAILib.training.public_data import HELD_OUT_MR, write_manifest


def bundled():
    """The models below Resources, whatever LIVERAI_MODELS says."""
    return [model for model in list_models() if resources_folder() in model.folder.parents]


def test_the_box_holds_a_segmentation_model_and_a_classifier():
    assert {model.name for model in bundled()} >= {"liver-mr-ct", "nowak2021-simulated"}


@pytest.mark.parametrize("model", bundled(), ids=lambda model: model.name)
def test_every_card_says_data_license_metrics_and_limits(model):
    for key in ("training_data", "license", "metrics", "limits", "intended_use", "training"):
        assert model.card[key], key
    assert (model.folder / "LICENSE.md").is_file()
    assert model.name == model.folder.name
    model.state()


def test_classifiers_trained_on_simulated_cases_say_so():
    assert load_model("nowak2021-simulated").simulated
    assert "simulated" in load_model("nowak2021-simulated").card["description"].lower()


def test_together_they_leave_room_in_a_slicer_extension():
    size = sum(file.stat().st_size for model in bundled() for file in Path(model.folder).iterdir())
    assert size < 80e6
    assert load_model("liver-mr-ct").card["weights"]["bytes"] <= 26e6


def test_held_out_livers_are_segmented_as_the_card_says(data_folder, tmp_path):
    model = load_model("liver-mr-ct")
    stated = model.card["metrics"]["held_out"]["liver"]
    segmenter = Segmenter(model, device="cpu")
    rows = [row for row in read_cohort(write_manifest(data_folder, tmp_path)).split("test") if "t2" in row.images]
    assert len(rows) == len(HELD_OUT_MR) == 4
    found = {}
    for row in rows:
        image = row.read_image("t2")
        assert default_model(image) == "liver-mr-ct"
        mask = segmenter.segment(image)[0].image.array == 1
        found[row.case_id] = mask_agreement(mask, row.read_mask("liver", image), spacing=image.spacing).dice
    assert np.mean(list(found.values())) >= 0.90
    for case, dice in found.items():
        # A processor without bfloat16 computes in float32: the same to the third digit.
        assert dice == pytest.approx(stated[case]["dice"], abs=0.005)


@pytest.fixture(scope="module")
def assessor():
    return Assessor("nowak2021-simulated", device="cpu")


@pytest.mark.parametrize(("stage", "expected"), [(0, "no cirrhosis"), (4, "cirrhosis")])
def test_new_simulated_cases_are_told_apart(assessor, stage, expected):
    case = simulate_t2_mr(stage, seed=987_650 + stage)
    result = assessor.assess(Case({"t2": case.image}))
    assert result.predicted == expected
    assert (case.lobes.array[result.chosen_slice.index] == 3).any()  # the slice shows the caudate lobe
    mask = result.segmentation.image.array == 1
    assert mask_agreement(mask, case.labels.array == 1, spacing=case.image.spacing).dice > 0.8
    assert any("simulated" in note for note in result.notes)
