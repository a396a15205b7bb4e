"""What the trainers of the methods make of the settings of a run in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from LiverAILib.errors import UserError
from LiverAILib.training.fit import FitOptions
from LiverAILib.training.precision import Precision


def fit_options(settings: Mapping[str, Any], *, validate_every: int = 1) -> FitOptions:
    """How the stages are run; a model that is trained further competes with the states that follow it."""
    return FitOptions(
        seed=settings["seed"],
        validate_every=validate_every,
        patience=settings["patience"],
        lr_spacing=settings["lr_spacing"] or "linear",
        freeze_batch_norm=bool(settings["freeze_batch_norm"]),
        start_counts=settings["initial_weights"] is not None,
    )


def choose_precision(settings: Mapping[str, Any]) -> Precision:
    """Device and format of the run."""
    return Precision.choose(torch.device(settings["device"]), settings["precision"])


def flag(name: str) -> str:
    """The command line's name of an option."""
    return "--" + name.replace("_", "-")


def require_pretrained(settings: Mapping[str, Any]) -> None:
    """Refuse the published schedule for random weights: it begins by freezing them.

    Raises:
        UserError: Says what to give instead.
    """
    if settings["schedule"] == "published" and not (settings["encoder_weights"] or settings["initial_weights"]):
        raise UserError(
            "--schedule published: its first stage freezes the encoder, which needs pretrained weights. Give "
            "--encoder-weights imagenet or a file, or use --schedule short."
        )
