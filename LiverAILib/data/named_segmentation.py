"""The segmentation model that the card of another model names: written by its training, used by `assess` and `evaluate`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from LiverAILib.data.model import CARD, Model, list_models, load_model, read_model
from LiverAILib.data.model_card import ModelCard
from LiverAILib.errors import UserError

NAME, CHECKSUM, REPLACED = "segmentation_model", "segmentation_model_sha256", "segmentation_model_replaced"
"""Entries of a card's settings: name or folder, checksum of the weights, and whether an evaluation put another in its place."""


def segmentation_entries(segmentation: Model | None, folder: Path) -> dict[str, Any]:
    """What the settings of the model in `folder` say of the segmentation model whose masks it was trained or validated with.

    An installed model is named. Another one is given by its folder, relative to `folder`, so that both can be moved together.
    """
    if segmentation is None:
        return {}
    return {NAME: _reference(segmentation, folder), CHECKSUM: segmentation.checksum}


def named_segmentation(model: Model) -> Model | None:
    """The segmentation model that the card of `model` names; None where it names none.

    Raises:
        UserError: It is not there.
    """
    name = model.card.segmentation_model
    if not name:
        return None
    beside = model.folder / name
    if (beside / CARD).is_file():
        return read_model(Path(os.path.normpath(beside.absolute())))
    try:
        return load_model(name)
    except UserError:
        raise UserError(
            f"{model.folder / CARD}: names the segmentation model {name}, which is not there. Put it back, install a model "
            "of that name, or give liver masks (evaluate: --segmentation-model takes another)."
        ) from None


def is_changed(model: Model, segmentation: Model) -> bool:
    """Whether `segmentation`, which the card of `model` names, has other weights than at the training."""
    known = model.settings.get(CHECKSUM)
    return known is not None and known != segmentation.checksum


def with_segmentation(model: Model, segmentation: Model) -> Model:
    """The model, its card naming `segmentation` instead; nothing is written."""
    settings = {**model.settings, NAME: _reference(segmentation, None), CHECKSUM: segmentation.checksum, REPLACED: True}
    return replace(model, card=ModelCard.of({**model.card.entries, "settings": settings}, model.card.path))


def _reference(segmentation: Model, folder: Path | None) -> str:
    """Name of an installed model, else its folder, relative to `folder` where that is possible."""
    place = segmentation.folder.resolve()
    if any(one.name == segmentation.name and one.folder.resolve() == place for one in list_models()):
        return segmentation.name
    if folder is None:
        return str(place)
    try:
        return Path(os.path.relpath(place, folder.resolve())).as_posix()
    except ValueError:  # another drive
        return str(place)
