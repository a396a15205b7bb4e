"""Model folders: storage, checksum, and what is never loaded."""

from __future__ import annotations

import json
import pickle

import pytest
import torch

from LiverAILib.data.model import WEIGHTS, load_model, save_model
from LiverAILib.errors import UserError

CARD = {
    "name": "tiny",
    "method": "segmentation",
    "description": "A tiny model.",
    "modality": ["MR"],
    "classes": ["background", "liver"],
    "settings": {},
    "training_data": "none",
    "license": "Apache-2.0",
}


@pytest.fixture
def state():
    torch.manual_seed(0)
    return {
        "conv.weight": torch.randn(8, 4, 3, 3),
        "conv.bias": torch.randn(8),
        "bn.num_batches_tracked": torch.tensor(7),
    }


@pytest.mark.parametrize(("storage", "tolerance"), [("float32", 0.0), ("float16", 1e-3), ("int8", 1 / 254)])
def test_weights_come_back_within_the_precision_of_their_storage(tmp_path, state, storage, tolerance):
    back = save_model(tmp_path / "m", CARD, state, storage=storage).state()
    largest = state["conv.weight"].flatten(1).abs().amax(1).view(-1, 1, 1, 1)
    assert ((back["conv.weight"] - state["conv.weight"]).abs() <= tolerance * largest + 1e-7).all()
    assert torch.equal(back["conv.bias"], state["conv.bias"])
    assert torch.equal(back["bn.num_batches_tracked"], state["bn.num_batches_tracked"])


def test_eight_bit_storage_takes_a_quarter(tmp_path):
    state = {"layer.weight": torch.randn(256, 256)}
    sizes = {s: save_model(tmp_path / s, CARD, state, storage=s).card["weights"]["bytes"] for s in ("float32", "int8")}
    assert sizes["int8"] < 0.27 * sizes["float32"]


def test_changed_weights_are_refused(tmp_path, state):
    model = save_model(tmp_path / "m", CARD, state)
    path = model.folder / WEIGHTS
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="wrong checksum"):
        model.state()


def test_a_pickle_in_place_of_safetensors_is_never_run(tmp_path, state):
    witness = tmp_path / "ran"
    model = save_model(tmp_path / "m", CARD, state)

    class Evil:
        def __reduce__(self):
            return open, (str(witness), "w")

    for content in (pickle.dumps(Evil()), None):
        if content is None:
            torch.save(Evil(), model.folder / WEIGHTS)
        else:
            (model.folder / WEIGHTS).write_bytes(content)
        with pytest.raises(UserError, match="pickle"):
            model.state()
    assert not witness.exists()


def test_a_file_that_is_no_safetensors_but_has_the_right_checksum_is_refused(tmp_path, state):
    import hashlib

    model = save_model(tmp_path / "m", CARD, state)
    (model.folder / WEIGHTS).write_bytes(b"nonsense")
    card = json.loads((model.folder / "model.json").read_text())
    card["weights"]["sha256"] = hashlib.sha256(b"nonsense").hexdigest()
    (model.folder / "model.json").write_text(json.dumps(card))
    with pytest.raises(UserError, match="not a safetensors file"):
        load_model(model.folder).state()


def test_an_unknown_model_is_answered_with_the_installed_ones(tmp_path, state, monkeypatch):
    save_model(tmp_path / "models" / "tiny", CARD, state)
    monkeypatch.setenv("LIVERAI_MODELS", str(tmp_path / "models"))
    assert load_model("tiny").classes == ("background", "liver")
    with pytest.raises(UserError, match="tiny"):
        load_model("huge")


def test_an_incomplete_card_is_refused(tmp_path, state):
    model = save_model(tmp_path / "m", {**CARD}, state)
    card = json.loads((model.folder / "model.json").read_text())
    del card["license"]
    (model.folder / "model.json").write_text(json.dumps(card))
    with pytest.raises(UserError, match="lacks license"):
        load_model(model.folder)
