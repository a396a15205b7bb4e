"""The models that the user added: from a folder, a zip file or an address of the web, once for all installations of LiverAI."""

from __future__ import annotations

import json
import re
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from LiverAILib.atomic_write import PREFIX
from LiverAILib.data.download import Progress, check_sha256, download, hash_file
from LiverAILib.data.model import Model, list_models, read_model
from LiverAILib.data.model_card import CARD
from LiverAILib.errors import UserError
from LiverAILib.resources import user_models_folder

SOURCE = "source.json"
"""File of an added model: where it came from, and the SHA-256 of the zip file."""
MOST_BYTES = 4 << 30
"""What a zip file may unpack to."""


def add_model(source: str, *, sha256: str | None = None, progress: Progress = lambda share, text: None) -> Model:
    """Add a model to the user's folder; whole, or not at all.

    Args:
        source: Address of a zip file with a model folder (needs `sha256`; a download that was cut off goes on), a zip file, or a
            model folder.
        sha256: SHA-256 of the zip file.
        progress: Called with a share 0..1 and a sentence.

    Returns:
        The added model. One that was added from the same zip file before is returned without any download.

    Raises:
        UserError: The source cannot be had or is no model, the checksum is wrong, or another model has this name.
    """
    checksum = None if sha256 is None else check_sha256(sha256)
    if "://" in source:
        if checksum is None:
            raise UserError(
                f"{source}: give --sha256 with the checksum that the page states: no other file is installed."
            )
        return _added_from(checksum) or _add_from_web(source, checksum, progress)
    path = Path(source)
    if path.is_dir():
        if checksum is not None:
            raise UserError(
                f"{path}: a folder has no --sha256. Leave it out: the card has the checksum of the weights."
            )
        return _add_folder(path, {"source": str(path.resolve())})
    if not path.is_file():
        raise UserError(
            f"{path}: no such file or folder. Give a model folder, a zip file or an address that begins with https://."
        )
    found = hash_file(path)
    if checksum not in (None, found):
        raise UserError(
            f"{path}: wrong checksum (--sha256 {checksum[:12]}..., the file {found[:12]}...). Get the file again."
        )
    return _added_from(found) or _add_zip(path, {"source": str(path.resolve()), "sha256": found})


def remove_model(name: str) -> Path:
    """Delete a model that was added; returns the folder that is gone.

    Raises:
        UserError: There is no such model among the added ones.
    """
    added = {model.name: model for model in _added()}
    if name in added:
        shutil.rmtree(added[name].folder)
        return added[name].folder
    others = {model.name: model for model in list_models()}
    if name in others:
        raise UserError(f"{name}: was not added by `liverai models add` and stays; it lies in {others[name].folder}.")
    raise UserError(f"{name}: no such model. Added: {', '.join(added) or 'none'}.")


def is_added(model: Model) -> bool:
    """Whether a model lies in the user's folder, so that `remove_model` deletes it."""
    return model.folder.parent == user_models_folder()


def _added() -> list[Model]:
    found = []
    for card in sorted(user_models_folder().glob(f"*/{CARD}")):
        try:
            found.append(read_model(card.parent))
        except UserError:
            continue  # `list_models` says so
    return found


def _added_from(sha256: str) -> Model | None:
    """The model that was added from the zip file with this checksum; None where there is none."""
    for model in _added():
        try:
            if json.loads((model.folder / SOURCE).read_text(encoding="utf-8")).get("sha256") == sha256:
                return model
        except (OSError, ValueError, AttributeError):
            continue
    return None


def _add_from_web(url: str, sha256: str, progress: Progress) -> Model:
    archive = user_models_folder() / ".downloads" / f"{sha256}.zip"
    download(url, archive, sha256, progress=progress)
    try:
        return _add_zip(archive, {"source": url, "sha256": sha256})
    finally:
        archive.unlink(missing_ok=True)


def _add_zip(archive: Path, origin: dict[str, str]) -> Model:
    with tempfile.TemporaryDirectory(dir=_made(user_models_folder()), prefix=PREFIX) as temporary:
        unpacked = Path(temporary) / "unpacked"  # deep enough not to be listed as a model
        try:
            with zipfile.ZipFile(archive) as opened:
                _unpack(opened, unpacked, origin["source"])
        except (
            zipfile.BadZipFile,
            NotImplementedError,
            RuntimeError,
        ) as error:  # damaged, unknown compression, password
            raise UserError(
                f"{origin['source']}: not a zip file that can be read ({error}). Get the file again."
            ) from None
        except OSError as error:
            raise UserError(f"{temporary}: cannot be written ({error.strerror}). Free disk space.") from None
        cards = sorted(unpacked.rglob(CARD))
        if len(cards) != 1:
            raise UserError(
                f"{origin['source']}: {len(cards)} files {CARD} in the zip file. Give the zip file of one model folder."
            )
        return _add_folder(cards[0].parent, origin)


def _unpack(archive: zipfile.ZipFile, folder: Path, source: str) -> None:
    """Unpack files whose places lie within `folder`; anything else refuses the whole zip file."""
    entries = archive.infolist()
    for entry in entries:
        place = PurePosixPath(entry.filename.replace("\\", "/"))
        is_link = stat.S_ISLNK(entry.external_attr >> 16)
        if place.is_absolute() or ".." in place.parts or ":" in entry.filename or is_link:
            raise UserError(
                f"{source}: the entry '{entry.filename}' would lie outside the model folder. It is not installed."
            )
    if sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise UserError(f"{source}: more than {MOST_BYTES >> 30} GiB unpacked. It is not installed.")
    archive.extractall(folder)


def _add_folder(folder: Path, origin: dict[str, str]) -> Model:
    """Check a model folder and put a copy of it among the user's models."""
    if not (folder / CARD).is_file():
        raise UserError(f"{folder}: no {CARD} in this folder. Give a model folder.")
    model = read_model(folder)
    _check_weights(model)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", model.name):
        raise UserError(
            f"{folder / CARD}: the name '{model.name}' cannot be that of a folder. Use letters, digits, . _ -"
        )
    existing = next((one for one in list_models() if one.name == model.name), None)
    if existing is not None:
        if existing.checksum == model.checksum and is_added(existing):
            return existing
        raise UserError(
            f"{model.name}: a model of this name is installed already ({existing.folder}). Remove it, or rename one."
        )
    place = user_models_folder() / model.name
    with tempfile.TemporaryDirectory(dir=_made(user_models_folder()), prefix=PREFIX) as temporary:
        copy = Path(temporary) / model.name
        try:
            copy.mkdir()
            for file in _files_of(model):
                shutil.copyfile(file, copy / file.name)
            (copy / SOURCE).write_text(json.dumps(origin, indent=2) + "\n", encoding="utf-8")
            copy.rename(place)
        except OSError as error:
            raise UserError(f"{place}: cannot be written ({error.strerror}). Free disk space.") from None
    return read_model(place)


def _files_of(model: Model) -> list[Path]:
    """Card, weights and texts such as the license; nothing else of the folder is taken along."""
    texts = [
        path
        for path in sorted(model.folder.iterdir())
        if path.is_file() and (path.suffix.lower() in (".md", ".txt") or path.stem.upper() == "LICENSE")
    ]
    return [model.folder / CARD, model.folder / model.card.weights.file, *texts]


def _check_weights(model: Model) -> None:
    path = model.folder / model.card.weights.file
    if not path.is_file():
        raise UserError(f"{path}: the weights are missing. Give a whole model folder.")
    found = hash_file(path)
    if found != model.checksum:
        raise UserError(
            f"{path}: wrong checksum (the card says {model.checksum[:12]}..., the file has {found[:12]}...). Get the model again."
        )


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be created ({error.strerror}). Name another folder in LIVERAI_HOME."
        ) from None
    return folder
