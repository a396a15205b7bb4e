"""The model card: what is read, and every fault named by file and entry."""

from __future__ import annotations

import json

import pytest

from LiverAILib.data.model_card import read_card
from LiverAILib.errors import UserError
from Testing.models import CARD


def write(folder, **changed):
    """The file of `CARD` with changed entries; None takes one out."""
    entries = {key: value for key, value in {**CARD, **changed}.items() if value is not None}
    path = folder / "model.json"
    path.write_text(json.dumps(entries))
    return path


def test_a_card_of_a_method_that_is_not_known_can_be_read(tmp_path):
    card = read_card(write(tmp_path, method="nowak2031", settings={"anything": [1]}, funding="none"))
    assert (card.method, card.classes, card.modality) == ("nowak2031", ("background", "liver"), ("MR",))
    assert card.entries["funding"] == "none"
    assert not card.simulated
    assert card.seen is None


def test_what_earlier_versions_left_out_has_its_default(tmp_path):
    weights = read_card(write(tmp_path, weights={"sha256": 64 * "a"})).weights
    assert (weights.file, weights.bytes, weights.storage) == ("weights.safetensors", None, "int8")


@pytest.mark.parametrize(
    "key", ["name", "method", "modality", "classes", "settings", "training_data", "license", "weights"]
)
def test_a_missing_entry_is_named_with_the_file_and_the_fix(tmp_path, key):
    with pytest.raises(UserError, match=rf"model\.json: {key} is missing; .*install the model again") as error:
        read_card(write(tmp_path, **{key: None}))
    assert str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": 3}, r"name is 3; expected a text"),
        ({"name": " "}, r'name is " "'),
        ({"modality": "MR"}, r'modality is "MR"; expected a list'),
        ({"modality": []}, r"modality is \[\]"),
        ({"classes": ["a", 1]}, r"classes contains 1"),
        ({"classes": ["a", "a"]}, r"classes contains a duplicate"),
        ({"settings": []}, r"settings is \[\]; expected an object"),
        ({"simulated": "yes"}, r'simulated is "yes"; expected true or false'),
        ({"metrics": [1]}, r"metrics is \[1\]"),
        ({"training": "long"}, r'training is "long"'),
        ({"training_data": 7}, r"training_data is 7"),
        ({"settings": {"segmentation_model": 1}}, r"settings\.segmentation_model is 1"),
        (
            {"settings": {"calibration": {"full": {"slope": 1}}}},
            r"settings\.calibration\.full has slope; expected temp",
        ),
        (
            {"settings": {"calibration": {"full": {"temperature": 0}}}},
            r"full\.temperature is 0; expected a number above 0",
        ),
        ({"settings": {"calibration": {"full": {"intercept": "x", "slope": 1}}}}, r"full\.intercept is \"x\""),
        ({"seen": {"train": {"patients": "p1"}}}, r"seen\.train\.patients is no list of checksums"),
        ({"seen": [1]}, r"seen is \[1\]"),
        ({"weights": {"sha256": "1234"}}, r"weights\.sha256 is \"1234\"; expected 64 hex"),
        (
            {"weights": {"sha256": 64 * "0", "file": "../other.safetensors"}},
            r"weights\.file is .*expected the name of a",
        ),
        ({"weights": {"sha256": 64 * "0", "file": "C:evil.safetensors"}}, r"weights\.file is"),
        ({"weights": {"sha256": 64 * "0", "file": "weights.pt"}}, r"weights\.file is"),
        ({"weights": {"sha256": 64 * "0", "bytes": -1}}, r"weights\.bytes is -1"),
        ({"weights": {"sha256": 64 * "0", "bytes": True}}, r"weights\.bytes is true"),
        ({"weights": {"sha256": 64 * "0", "storage": "int4"}}, r'weights\.storage is "int4"; expected one of int8'),
    ],
)
def test_a_wrong_entry_is_refused(tmp_path, entry, message):
    with pytest.raises(UserError, match=message):
        read_card(write(tmp_path, **entry))


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b"3", b'{"metrics": {"auc": NaN}}', b'{"metrics": {"auc": 1e999}}', 100000 * b"["],
)
def test_what_is_no_json_object_is_refused(tmp_path, content):
    path = tmp_path / "model.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"model\.json: (not a readable model card|the model card is no JSON object)"):
        read_card(path)


def test_a_card_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        read_card(tmp_path / "model.json")
