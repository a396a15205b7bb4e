"""Model folders: storage, checksum, and what is never loaded."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import pytest
import torch

from LiverAILib.data.model import WEIGHTS, list_models, load_model, save_model
from LiverAILib.errors import UserError
from Testing.models import CARD


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
    sizes = {s: save_model(tmp_path / s, CARD, state, storage=s).card.weights.bytes for s in ("float32", "int8")}
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
    with pytest.raises(UserError, match=r"model\.json: license is missing"):
        load_model(model.folder)


def test_a_malformed_folder_is_left_out_of_the_list_with_a_warning(tmp_path, state, monkeypatch, caplog):
    save_model(tmp_path / "models" / "tiny", CARD, state)
    (tmp_path / "models" / "broken").mkdir()
    (tmp_path / "models" / "broken" / "model.json").write_text("{")
    monkeypatch.setenv("LIVERAI_MODELS", str(tmp_path / "models"))
    names = [model.name for model in list_models()]
    assert "tiny" in names
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "broken" in caplog.text
    assert [model.name for model in list_models()] == names
    assert len(caplog.records) == 1  # not again for every image
    with pytest.raises(UserError, match="broken"):
        load_model("broken")


def test_a_model_is_replaced_as_a_whole_or_not_at_all(tmp_path, state, monkeypatch):
    """Killed at any of the renamings, the folder holds the old model or the new one."""
    new = {name: value + 1 for name, value in state.items()}
    rename, survived = Path.replace, []
    for last in range(3):
        folder = tmp_path / str(last)
        save_model(folder, CARD, state, storage="float32")
        count = iter(range(10))

        def killed(self, target, count=count, last=last):
            if next(count) == last:
                raise KeyboardInterrupt
            return rename(self, target)

        monkeypatch.setattr(Path, "replace", killed)
        try:
            save_model(folder, {**CARD, "description": "new"}, new, storage="float32")
        except KeyboardInterrupt:
            pass
        finally:
            monkeypatch.setattr(Path, "replace", rename)
        model = load_model(folder)
        expected = new if model.card.description == "new" else state
        assert torch.equal(model.state()["conv.bias"], expected["conv.bias"])
        survived.append(model.card.description == "new")
    assert survived == [False, False, True]
    assert len(list((tmp_path / "2").iterdir())) == 2  # the old weights are gone


def test_a_card_that_would_be_refused_is_not_written(tmp_path, state):
    model = save_model(tmp_path / "m", CARD, state)
    before = {path.name: path.read_bytes() for path in model.folder.iterdir()}
    for wrong, message in (({"license": 3}, "license is 3"), ({"metrics": {"score": float("nan")}}, "NaN")):
        with pytest.raises(UserError, match=message):
            save_model(model.folder, {**CARD, **wrong}, {**state, "conv.bias": torch.ones(8)})
    assert {path.name: path.read_bytes() for path in model.folder.iterdir()} == before


def test_an_8_bit_tensor_without_its_scale_is_refused(tmp_path, state):
    from safetensors.torch import save

    model = save_model(tmp_path / "m", CARD, state)
    content = save({"conv.weight": torch.ones(2, 2, dtype=torch.int8)})
    (model.folder / WEIGHTS).write_bytes(content)
    card = json.loads((model.folder / "model.json").read_text())
    card["weights"]["sha256"] = hashlib.sha256(content).hexdigest()
    (model.folder / "model.json").write_text(json.dumps(card))
    with pytest.raises(UserError, match=r"8-bit tensor conv\.weight without its scale"):
        load_model(model.folder).state()
