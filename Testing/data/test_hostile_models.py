"""Model folders that were made to do harm; weights with a wrong checksum and pickles are in `test_model`."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
import torch

from LiverAILib.data.model import load_model, read_model, save_model
from LiverAILib.errors import UserError
from Testing.models import CARD


@pytest.fixture
def folder(tmp_path) -> Path:
    save_model(tmp_path / "model", {**CARD, "weights": None}, {"a": torch.arange(6.0).reshape(2, 3)}, storage="float32")
    return tmp_path / "model"


def change(folder: Path, **weights: object) -> None:
    card = json.loads((folder / "model.json").read_text())
    card["weights"].update(weights)
    (folder / "model.json").write_text(json.dumps(card))


@pytest.mark.parametrize(
    "place", ["../secret.safetensors", "/etc/secret.safetensors", "sub/a.safetensors", "..\\a.safetensors"]
)
def test_weights_lie_in_the_model_folder(folder, place):
    change(folder, file=place)
    with pytest.raises(
        UserError, match=r"weights\.file is .* expected the name of a \.safetensors file in the model folder"
    ):
        read_model(folder)


def test_a_link_to_other_weights_is_refused_by_the_checksum(folder, tmp_path):
    save_model(tmp_path / "other", {**CARD, "weights": None}, {"a": torch.zeros(2, 3)}, storage="float32")
    (folder / "weights.safetensors").unlink()
    (folder / "weights.safetensors").symlink_to(tmp_path / "other" / "weights.safetensors")
    with pytest.raises(UserError, match="wrong checksum"):
        read_model(folder).state()


def test_a_model_that_is_saved_again_does_not_write_through_a_link(folder, tmp_path):
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    for name in ("model.json", "weights.safetensors"):
        (folder / name).unlink()
        (folder / name).symlink_to(precious)
    save_model(folder, {**CARD, "weights": None}, {"a": torch.ones(2, 3)}, storage="float32")
    assert precious.read_text() == "mine"
    assert not (folder / "model.json").is_symlink()
    assert float(read_model(folder).state()["a"].sum()) == 6


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_what_is_no_regular_file_is_refused_instead_of_read_forever(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert stat.S_ISFIFO((folder / name).stat().st_mode)
    with pytest.raises(UserError, match="regular file"):
        read_model(folder).state()


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
def test_a_card_without_end_is_refused(folder, monkeypatch):
    (folder / "model.json").unlink()
    (folder / "model.json").symlink_to("/dev/zero")
    monkeypatch.setenv("LIVERAI_MODELS", str(folder.parent))
    with pytest.raises(UserError, match="not a model card"):
        load_model("model")


def test_a_card_of_hundreds_of_megabytes_is_refused(folder, monkeypatch):
    monkeypatch.setattr("LiverAILib.data.model_card.LARGEST_CARD", 1000)
    change(folder, storage="x" * 2000)
    with pytest.raises(UserError, match="not a model card"):
        read_model(folder)


def test_tampered_weights_are_refused_at_every_byte_that_changes(folder):
    path = folder / "weights.safetensors"
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(UserError, match="wrong checksum"):
            read_model(folder).state()
