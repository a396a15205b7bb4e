"""What the trainers of all methods derive from the options of a run in the same way."""

from __future__ import annotations

import torch

from LiverAILib.errors import UserError
from LiverAILib.training.fit import FitOptions
from LiverAILib.training.options import TrainingOptions
from LiverAILib.training.precision import Precision


def fit_options(options: TrainingOptions, *, validate_every: int = 1) -> FitOptions:
    """How the stages are run; a model that is trained further competes with the states that follow it."""
    return FitOptions(
        seed=options.seed,
        validate_every=validate_every,
        patience=options.patience,
        lr_spacing=options.lr_spacing or "linear",
        freeze_batch_norm=bool(options.freeze_batch_norm),
        start_counts=options.initial_weights is not None,
    )


def choose_precision(options: TrainingOptions) -> Precision:
    """Device and format of the run."""
    return Precision.choose(torch.device(options.device), options.precision)


def require_pretrained(options: TrainingOptions) -> None:
    """Refuse the stages of the paper for random weights: they begin by freezing them.

    Raises:
        UserError: Says what to give instead.
    """
    if options.staged and not (options.encoder_weights or options.initial_weights):
        raise UserError(
            f"--schedule {options.schedule}: its first stage freezes the encoder, which needs pretrained weights. Give "
            "--encoder-weights imagenet or a file, or use --schedule short."
        )
