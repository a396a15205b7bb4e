"""The segmentation model that a card names: found beside the model or among the installed ones, and noticed when it changes."""

from __future__ import annotations

import shutil

import pytest

from LiverAILib.data.model import load_model, save_model
from LiverAILib.data.named_segmentation import (
    is_changed,
    named_segmentation,
    segmentation_entries,
    with_segmentation,
)
from LiverAILib.errors import UserError
from Testing.models import untrained_nowak2021, untrained_segmentation, with_settings


@pytest.fixture(scope="module")
def segmentation(tmp_path_factory):
    return untrained_segmentation(tmp_path_factory.mktemp("study") / "masks")


def classifier(folder, segmentation):
    """An untrained classifier on disk that names the segmentation model, as its training writes it."""
    model = with_settings(untrained_nowak2021(folder), **segmentation_entries(segmentation, folder))
    return save_model(folder, {k: v for k, v in model.card.entries.items() if k != "weights"}, model.state())


def test_a_model_of_ones_own_is_named_by_its_place_beside_the_classifier(segmentation):
    study = segmentation.folder.parent
    model = classifier(study / "run" / "model", segmentation)
    assert model.card.segmentation_model == "../../masks"
    assert named_segmentation(model).checksum == segmentation.checksum
    assert not is_changed(model, segmentation)


def test_both_can_be_moved_together(segmentation, tmp_path):
    study = segmentation.folder.parent
    classifier(study / "moving" / "model", segmentation)
    shutil.copytree(study, tmp_path / "elsewhere")
    found = named_segmentation(load_model(tmp_path / "elsewhere" / "moving" / "model"))
    assert found.folder == tmp_path / "elsewhere" / "masks"


def test_an_installed_model_is_named_by_its_name(tmp_path):
    installed = load_model("liver-mr-ct")
    assert segmentation_entries(installed, tmp_path)["segmentation_model"] == "liver-mr-ct"
    assert named_segmentation(classifier(tmp_path / "model", installed)).folder == installed.folder


def test_the_models_in_the_box_name_theirs_as_before():
    model = load_model("nowak2021-simulated")
    found = named_segmentation(model)
    assert found.name == "liver-mr-ct"
    assert not is_changed(model, found)


def test_a_model_that_is_gone_is_said_with_the_fix(segmentation, tmp_path):
    model = with_settings(untrained_nowak2021(tmp_path / "model"), segmentation_model="../gone")
    with pytest.raises(UserError, match=r"names the segmentation model \.\./gone, which is not there"):
        named_segmentation(model)


def test_none_is_named_where_there_was_none(tmp_path):
    assert segmentation_entries(None, tmp_path) == {}
    assert named_segmentation(untrained_nowak2021(tmp_path / "model")) is None


def test_other_weights_are_noticed(segmentation, tmp_path):
    model = with_settings(classifier(tmp_path / "model", segmentation), segmentation_model_sha256=64 * "0")
    assert is_changed(model, segmentation)


def test_another_model_takes_its_place_without_a_change_on_disk(segmentation, tmp_path):
    model = classifier(tmp_path / "model", load_model("liver-mr-ct"))
    replaced = with_segmentation(model, segmentation)
    assert named_segmentation(replaced).folder == segmentation.folder.resolve()
    assert named_segmentation(load_model(model.folder)).name == "liver-mr-ct"
    assert replaced.checksum == model.checksum
