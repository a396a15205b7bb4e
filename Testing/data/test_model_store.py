"""Adding and removing models: whole or not at all, from a folder, a zip file and a web server."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest
import torch

from LiverAILib.cli import main
from LiverAILib.data import download as downloads
from LiverAILib.data.model import list_models, load_model, save_model
from LiverAILib.data.model_store import add_model, is_added, remove_model
from LiverAILib.errors import UserError
from Testing.data.file_server import serve
from Testing.models import CARD


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    """The user's folder, empty, and no bundled models beside the added ones that would have their names."""
    monkeypatch.setenv("LIVERAI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(downloads, "PAUSE_SECONDS", 0.0)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home" / "Models"


@pytest.fixture
def folder(tmp_path) -> Path:
    """A model folder with a license and something that does not belong to a model."""
    card = {name: value for name, value in CARD.items() if name != "weights"}
    place = tmp_path / "given" / "tiny"
    save_model(place, card, {"weight": torch.arange(6.0).view(2, 3)}, storage="float32")
    (place / "LICENSE.md").write_text("Free.")
    (place / "run.py").write_text("raise SystemExit")
    return place


def zipped(folder: Path, *, inside: str = "tiny/", extra: dict[str, bytes] | None = None) -> bytes:
    """A zip file of a model folder, with further entries."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.writestr(inside + path.name, path.read_bytes())
        for name, data in (extra or {}).items():
            archive.writestr(name, data)
    return content.getvalue()


def added(home: Path) -> list[str]:
    """Everything in the user's folder of models."""
    return sorted(path.name for path in home.iterdir() if path.name != ".downloads") if home.exists() else []


def test_a_folder_is_added_with_its_license_and_without_code(folder, home):
    model = add_model(str(folder))
    assert model.folder == home / "tiny"
    assert is_added(model)
    assert not is_added(load_model("liver-mr-ct"))
    assert sorted(path.name for path in model.folder.iterdir()) == [
        "LICENSE.md", "model.json", "source.json", "weights.safetensors",
    ]  # fmt: skip
    assert load_model("tiny").state()["weight"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert "tiny" in [one.name for one in list_models()]
    assert add_model(str(folder)).folder == model.folder  # the same one again is no error
    assert remove_model("tiny") == model.folder
    assert added(home) == []
    assert folder.exists()


def test_a_model_from_the_web_is_downloaded_once(folder, home):
    content = zipped(folder)
    sha256 = hashlib.sha256(content).hexdigest()
    with serve(content) as served:
        served.cut_after = 700
        model = add_model(served.url, sha256=sha256.upper())
        assert len(served.asked) > 1
        assert added(home) == ["tiny"]
        assert not list((home / ".downloads").iterdir())
        assert json.loads((model.folder / "source.json").read_text()) == {"source": served.url, "sha256": sha256}
        served.asked.clear()
        assert add_model(served.url, sha256=sha256).folder == model.folder
        assert served.asked == []
    load_model("tiny").state()


def test_the_command_adds_and_removes(folder, home, capsys, tmp_path):
    archive = tmp_path / "tiny.zip"
    archive.write_bytes(zipped(folder, inside=""))
    with serve(archive.read_bytes()) as served:
        sha256 = hashlib.sha256(served.content).hexdigest()
        assert main(["models", "add", served.url, "--sha256", sha256]) == 0
        assert "tiny: added" in capsys.readouterr().out
        assert main(["models"]) == 0
        assert "tiny  (segmentation, MR" in capsys.readouterr().out
        assert main(["models", "remove", "tiny"]) == 0
        assert added(home) == []
        assert main(["models", "add", served.url]) == 2
        assert "give --sha256" in capsys.readouterr().err
    assert main(["models", "add", str(archive)]) == 0
    assert added(home) == ["tiny"]
    for arguments, says in (
        (["add"], "which one?"),
        (["remove", "liver-mr-ct"], "was not added"),
        (["remove", "nothing"], "no such model. Added: tiny."),
        (["show", "tiny", "--sha256", sha256], "belongs to"),
        (["add", str(archive), "--sha256", "0" * 64], "wrong checksum"),
        (["add", str(tmp_path / "nothing.zip")], "no such file or folder"),
        (["add", str(tmp_path)], "no model.json in this folder"),
        (["add", str(folder), "--sha256", sha256], "a folder has no --sha256"),
    ):
        assert main(["models", *arguments]) == 2
        assert says in capsys.readouterr().err
    assert added(home) == ["tiny"]


LINK = zipfile.ZipInfo("tiny/LICENSE.txt")
LINK.external_attr = 0o120777 << 16


@pytest.mark.parametrize(
    "name", ["../evil.txt", "tiny/../../evil.txt", "/tmp/evil.txt", "..\\evil.txt", "C:\\evil.txt", LINK]
)
def test_a_zip_file_that_reaches_out_of_its_folder_is_refused_whole(folder, home, tmp_path, name):
    archive = tmp_path / "evil.zip"
    archive.write_bytes(zipped(folder, extra={name: b"/etc/passwd"}))
    with pytest.raises(UserError, match="would lie outside the model folder"):
        add_model(str(archive))
    assert added(home) == []
    assert not list(tmp_path.rglob("evil.txt"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda content: content[: len(content) // 2], "not a zip file that can be read"),
        (lambda content: b"<html>Not found</html>", "not a zip file that can be read"),
    ],
)
def test_what_is_no_zip_file_is_refused(folder, home, change, says):
    content = change(zipped(folder))
    with serve(content) as served, pytest.raises(UserError, match=says):
        add_model(served.url, sha256=hashlib.sha256(content).hexdigest())
    assert added(home) == []
    assert not list((home / ".downloads").iterdir())


def test_a_zip_file_of_no_model_or_several_is_refused(folder, home, tmp_path):
    archive = tmp_path / "some.zip"
    several = {f"other/{name}": (folder / name).read_bytes() for name in ("model.json", "weights.safetensors")}
    archive.write_bytes(zipped(folder, extra=several))
    with pytest.raises(UserError, match=r"2 files model\.json"):
        add_model(str(archive))
    (folder / "model.json").unlink()
    archive.write_bytes(zipped(folder))
    with pytest.raises(UserError, match=r"0 files model\.json"):
        add_model(str(archive))
    assert added(home) == []


def test_a_zip_file_that_grows_beyond_measure_is_refused(folder, home, tmp_path, monkeypatch):
    from LiverAILib.data import model_store

    monkeypatch.setattr(model_store, "MOST_BYTES", 1 << 20)
    archive = tmp_path / "bomb.zip"
    archive.write_bytes(zipped(folder, extra={"tiny/zeros.txt": bytes(2 << 20)}))
    with pytest.raises(UserError, match=r"unpacked\. It is not installed"):
        add_model(str(archive))
    assert added(home) == []


def test_damaged_weights_and_unusable_cards_are_refused(folder, home):
    card = folder / "model.json"
    weights = (folder / "weights.safetensors").read_bytes()
    (folder / "weights.safetensors").write_bytes(weights[:-1] + b"?")
    with pytest.raises(UserError, match=r"wrong checksum \(the card says"):
        add_model(str(folder))
    (folder / "weights.safetensors").write_bytes(weights)
    text = card.read_text()
    for name in ("../tiny", "a/b", ".hidden"):
        card.write_text(text.replace('"name": "tiny"', f'"name": "{name}"'))
        with pytest.raises(UserError, match="cannot be that of a folder"):
            add_model(str(folder))
    card.write_text("{}")
    with pytest.raises(UserError, match="Correct the model card"):
        add_model(str(folder))
    assert added(home) == []


def test_a_name_that_is_taken_is_refused(folder, home):
    add_model(str(folder))
    card = {**json.loads((folder / "model.json").read_text())}
    del card["weights"]
    save_model(folder, card, {"weight": torch.zeros(2, 3)}, storage="float32")
    with pytest.raises(UserError, match="a model of this name is installed already"):
        add_model(str(folder))
    assert load_model("tiny").state()["weight"].tolist() == [[0, 1, 2], [3, 4, 5]]
