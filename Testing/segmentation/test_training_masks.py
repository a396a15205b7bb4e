"""What is said of the segmentation network whose masks a method is trained or validated with."""

from __future__ import annotations

import pytest

from LiverAILib.data.cohort import read_cohort
from LiverAILib.data.model import Model
from LiverAILib.data.model_card import SEEN, ModelCard
from LiverAILib.data.seen_cases import patient_checksum
from LiverAILib.errors import UserError
from LiverAILib.segmentation.training_masks import load_segmenter
from LiverAILib.training.options import TrainingOptions
from Testing.models import untrained_nowak2021, untrained_segmentation


@pytest.fixture(scope="module")
def segmentation(tmp_path_factory):
    return untrained_segmentation(tmp_path_factory.mktemp("models") / "masks")


def said(cohort, model, monkeypatch, *, trained_on=None, schedule="published"):
    """What is logged of a model that was trained on these patients; the cohort trains on p0 to p3, validates on p4 and p5."""
    if trained_on is not None:
        seen = {"train": {"patients": [patient_checksum(name) for name in trained_on]}}
        card = ModelCard.of({**model.card.entries, SEEN: seen}, model.card.path)
        model = Model(model.folder, card)
    monkeypatch.setattr("LiverAILib.segmentation.training_masks.load_model", lambda name: model)
    options = TrainingOptions(schedule=schedule, segmentation_model="masks", device="cpu")
    lines = []
    assert load_segmenter(read_cohort(cohort), options, log=lines.append).model is model
    return lines


def test_nothing_is_said_of_a_network_that_was_trained_on_the_same_cases(cohort, segmentation, monkeypatch):
    assert said(cohort, segmentation, monkeypatch, trained_on=["p0", "p1", "p2", "p3"]) == []


def test_one_that_has_learned_from_validation_patients_is_a_warning(cohort, segmentation, monkeypatch):
    (line,) = said(cohort, segmentation, monkeypatch, trained_on=["p0", "p5", "p4"])
    assert line.startswith("warning: masks was trained on patient p4 of split validation (2 in all)")


@pytest.mark.parametrize(("schedule", "lines"), [("published", 1), ("short", 0)])
def test_one_of_other_patients_is_not_ones_own(cohort, segmentation, monkeypatch, schedule, lines):
    found = said(cohort, segmentation, monkeypatch, trained_on=["q0"], schedule=schedule)
    assert len(found) == lines
    assert all("masks was not trained on the training cases of this cohort" in line for line in found)


def test_a_card_that_does_not_say_is_a_warning(cohort, segmentation, monkeypatch):
    (line,) = said(cohort, segmentation, monkeypatch)
    assert "does not list its training patients" in line


def test_without_a_model_there_is_none_and_a_classifier_is_refused(cohort, tmp_path):
    assert load_segmenter(read_cohort(cohort), TrainingOptions(device="cpu"), log=print) is None
    folder = str(untrained_nowak2021(tmp_path / "classifier").folder)
    with pytest.raises(UserError, match="not a segmentation model"):
        load_segmenter(read_cohort(cohort), TrainingOptions(segmentation_model=folder, device="cpu"), log=print)
