"""How a training run is made: everything that can be set, with what it is where nothing is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from LiverAILib.errors import UserError
from LiverAILib.methods.yin2021.view import MASKINGS
from LiverAILib.training.balance import BALANCES
from LiverAILib.training.run_settings import flag

SCHEDULES = ("short", "published", "fine-tune")
CLASS_SETS = ("cirrhosis", "stages")
SPACINGS = ("linear", "log")
METHODS_OF = {
    "classes": ("nowak2021",),
    "head": ("nowak2021",),
    "frozen_views": ("nowak2021",),
    "class_balance": ("nowak2021", "yin2021"),
    "masking": ("yin2021",),
    "segmentation_model": ("nowak2021", "yin2021"),
    "encoder_weights": ("segmentation", "nowak2021"),
}
"""Options that mean something to some methods only."""


@dataclass(frozen=True)
class TrainingOptions:
    """Settings of a training run; None is the method's own default.

    Attributes:
        schedule: "short" (all layers at once, for networks without pretrained weights; default), "published" (default with
            `encoder_weights`), or "fine-tune" (all layers, one stage, small steps; default with `initial_weights`).
        epochs: Epochs of the short or fine-tuning schedule.
        epochs_divisor: Divides the epochs of the published schedule, for a trial run.
        steps: Batches an epoch.
        batch_size: Samples a batch.
        max_lr: Peak learning rate of the fine-tuning schedule.
        image_size: Rows and columns of the samples: of nowak2021 in fine-tuning and published stages, or what the
            segmentation network sees of a slice at a time.
        patience: End a stage after so many validations without a better score.
        lr_spacing: "linear" (published) or "log" learning rates from the first to the last layer.
        freeze_batch_norm: Freeze batch-norm of frozen layers too (as published it stays trainable).
        frozen_views: Train the output layer of nowak2021's frozen stages on so many fixed views of each slice, whose features
            are computed once; needs `freeze_batch_norm`.
        class_balance: "sampling", "weights" or "none".
        classes: "cirrhosis", or "stages" (F0-F4), of nowak2021.
        head: "softmax" or "corn" (ordinal), of nowak2021.
        masking: What yin2021 sees: "none" (the whole abdomen, default) or "liver".
        segmentation_model: Its masks are used for validation as in Nowak 2021, and for training beside the given ones.
        encoder_weights: "imagenet", or a safetensors file of a torchvision state dict.
        initial_weights: Trained model (name or folder) of the same method to start from.
        seed: Seed of every random draw.
        device: "auto", "cpu", "cuda" or "mps".
        precision: "auto", "float32", "bfloat16" or "float16".
    """

    schedule: str | None = None
    epochs: int | None = None
    epochs_divisor: int | None = None
    steps: int | None = None
    batch_size: int | None = None
    max_lr: float | None = None
    image_size: int | None = None
    patience: int | None = None
    lr_spacing: str | None = None
    freeze_batch_norm: bool | None = None
    frozen_views: int | None = None
    class_balance: str | None = None
    classes: str | None = None
    head: str | None = None
    masking: str | None = None
    segmentation_model: str | None = None
    encoder_weights: str | None = None
    initial_weights: str | None = None
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"

    def settings(self, method: str) -> dict[str, Any]:
        """The options as a dictionary for a run of `method`, the schedule chosen.

        Raises:
            UserError: A value that there is not, options that contradict each other, or one that would be ignored.
        """
        self._check_values()
        by_weights = "published" if self.encoder_weights else "fine-tune" if self.initial_weights else "short"
        settings = {**asdict(self), "method": method, "schedule": self.schedule or by_weights}
        _refuse_ignored(settings)
        return settings

    def _check_values(self) -> None:
        for name, allowed in (
            ("schedule", SCHEDULES),
            ("lr_spacing", SPACINGS),
            ("class_balance", BALANCES),
            ("classes", CLASS_SETS),
            ("masking", MASKINGS),
        ):
            value = getattr(self, name)
            if value is not None and value not in allowed:
                raise UserError(f"{flag(name)} {value}: unknown. Use one of {', '.join(allowed)}.")
        for name in (
            "epochs",
            "epochs_divisor",
            "steps",
            "batch_size",
            "max_lr",
            "image_size",
            "patience",
            "frozen_views",
        ):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UserError(f"{flag(name)} {value}: has to be above 0.")
        if self.frozen_views and not self.freeze_batch_norm:
            raise UserError(
                "--frozen-views: features can be kept only where batch-norm is frozen too. Add --freeze-batch-norm."
            )


def _refuse_ignored(settings: Mapping[str, Any]) -> None:
    method, schedule = settings["method"], settings["schedule"]
    for name, methods in METHODS_OF.items():
        if settings[name] is not None and method not in methods:
            raise UserError(f"{flag(name)}: means nothing to {method}, only to {' and '.join(methods)}. Leave it out.")
    if schedule == "published" and (settings["epochs"] or settings["max_lr"]):
        name = "epochs" if settings["epochs"] else "max_lr"
        raise UserError(
            f"{flag(name)}: the published schedule has its own. Leave it out, or shorten with --epochs-divisor."
        )
    if schedule != "published" and settings["epochs_divisor"]:
        raise UserError(f"--epochs-divisor: shortens the published schedule, this run is '{schedule}'. Use --epochs.")
    if schedule == "short" and settings["max_lr"] and method != "yin2021":
        raise UserError("--max-lr: the short schedule has its own. Leave it out, or use --schedule fine-tune.")
