"""The options of a training run and their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from LiverAILib.errors import UserError
from LiverAILib.networks.heads import HEADS

EXTENDED = "extended"
SCHEDULES = ("short", "published", EXTENDED, "fine-tune")
CLASS_SETS = ("cirrhosis", "stages")
SPACINGS = ("linear", "log")
BALANCES = ("sampling", "weights", "none")
"""Draw every class equally often; draw every case equally often and weight the loss; or do nothing."""
MASKINGS = ("none", "liver")
MASK_SOURCES = ("network", "given")
"""The segmentation network's masks, or the manifest's."""
METHOD_SPECIFIC = frozenset(
    (
        EXTENDED,
        "classes",
        "head",
        "frozen_views",
        "class_balance",
        "masking",
        "segmentation_model",
        "encoder_weights",
        "backbone",
        "backbone_groups",
        "frozen_groups",
        "composite",
        "context_epochs",
        "evidence_penalty",
        "validation_masks",
        "calibrate",
        "full_image_size",
        "full_batch_size",
    )
)
"""Options that only those methods understand that declare them (`MethodSpec.training_options`); the extended schedule is one."""


@dataclass(frozen=True)
class TrainingOptions:
    """Settings of a training run; None is the method's own default.

    Attributes:
        schedule: "short" (all layers at once, for networks without pretrained weights; default), "published" (the paper's
            recipe and nothing else; default with `encoder_weights`), "extended" (the paper's stages with our additions), or
            "fine-tune" (all layers, one stage, small steps; default with `initial_weights`).
        epochs: Epochs of the short or fine-tuning schedule.
        epochs_divisor: Divides the epochs of the published or extended schedule, for a trial run.
        steps: Batches an epoch.
        batch_size: Samples a batch.
        max_lr: Peak learning rate of the short or fine-tuning schedule.
        image_size: Rows and columns of the samples; of methods that begin with small images those of the last run.
        full_image_size: The same of the pipeline on the full image; by default `image_size` where that is given.
        full_batch_size: Samples a batch of that pipeline; by default `batch_size` where that is given.
        patience: End a stage after so many validations without a better score.
        lr_spacing: "linear" (published) or "log" learning rates from the first to the last layer.
        freeze_batch_norm: Freeze batch-norm of frozen layers too (as published it stays trainable).
        frozen_views: Train the output layer in frozen stages on so many fixed views of each slice, whose features are computed
            once; needs `freeze_batch_norm`.
        class_balance: "sampling", "weights" or "none".
        classes: "cirrhosis", or "stages" (F0-F4).
        head: "softmax", "corn" (ordinal), or "fastai" (fastai's two layers with dropout).
        masking: What the network sees: "none" (the whole abdomen, default) or "liver".
        segmentation_model: Name or folder of a segmentation model. The card names it, so that `assess` and `evaluate` use it.
        validation_masks: "network" (the segmentation model's, as in Nowak 2021) or "given" (the manifest's).
        calibrate: Recalibrate the probabilities on the validation cases.
        encoder_weights: "imagenet", or a safetensors file of a torchvision state dict; "bundled" for a backbone in the box.
        backbone: Network of torchvision or timm that gives the features, or is trained further (see `networks.backbones`).
        backbone_groups: How many of its layer groups are used; what follows them is cut off.
        frozen_groups: How many of those, from the first one, are not trained.
        context_epochs: Epochs of a second network of a segmentation model, which sees the whole abdomen at low resolution.
        composite: Also train a model of the features of all images together.
        evidence_penalty: Weight of the share of the evidence outside of the liver in the loss, an addition of ours (see
            `training.evidence_penalty`).
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
    full_image_size: int | None = None
    full_batch_size: int | None = None
    patience: int | None = None
    lr_spacing: str | None = None
    freeze_batch_norm: bool | None = None
    frozen_views: int | None = None
    class_balance: str | None = None
    classes: str | None = None
    head: str | None = None
    masking: str | None = None
    segmentation_model: str | None = None
    validation_masks: str | None = None
    calibrate: bool | None = None
    encoder_weights: str | None = None
    backbone: str | None = None
    backbone_groups: int | None = None
    frozen_groups: int | None = None
    context_epochs: int | None = None
    composite: bool | None = None
    evidence_penalty: float | None = None
    initial_weights: str | None = None
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"

    def resolved(self, method: str, understood: Mapping[str, frozenset[str]]) -> TrainingOptions:
        """The options of a run of `method`, checked, the schedule chosen.

        Args:
            method: What is trained.
            understood: Options of `METHOD_SPECIFIC` that each method understands.

        Raises:
            UserError: An unknown value, options that contradict each other, or one that would be ignored.
        """
        self._check_values()
        for name in sorted(METHOD_SPECIFIC - understood[method]):
            if getattr(self, name) is not None:
                others = " and ".join(other for other, names in understood.items() if name in names)
                raise UserError(f"{flag(name)}: is no option of {method}, only of {others}. Leave it out.")
        by_weights = "published" if self.encoder_weights else "fine-tune" if self.initial_weights else "short"
        resolved = replace(self, schedule=self.schedule or by_weights)
        resolved._check_schedule()
        return resolved

    def record(self, method: str) -> dict[str, Any]:
        """The options as they are written into a model card and into the file of a run."""
        return {**asdict(self), "method": method}

    @property
    def published(self) -> bool:
        """Whether the run follows the paper's schedule."""
        return self.schedule == "published"

    @property
    def extended(self) -> bool | None:
        """True where the run follows the paper's stages with our additions; None where that is not asked for."""
        return True if self.schedule == EXTENDED else None

    @property
    def staged(self) -> bool:
        """Whether the run has the paper's stages."""
        return self.published or self.schedule == EXTENDED

    @property
    def fine_tune(self) -> bool:
        """Whether a trained model is trained further."""
        return self.schedule == "fine-tune"

    def _check_values(self) -> None:
        for name, allowed in (
            ("schedule", SCHEDULES),
            ("lr_spacing", SPACINGS),
            ("class_balance", BALANCES),
            ("classes", CLASS_SETS),
            ("head", HEADS),
            ("masking", MASKINGS),
            ("validation_masks", MASK_SOURCES),
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
            "full_image_size",
            "full_batch_size",
            "patience",
            "frozen_views",
            "backbone_groups",
            "context_epochs",
            "evidence_penalty",
        ):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UserError(f"{flag(name)} {value}: has to be above 0.")
        if self.frozen_views and not self.freeze_batch_norm:
            raise UserError(
                "--frozen-views: features can be kept only where batch-norm is frozen too. Add --freeze-batch-norm."
            )

    def _check_schedule(self) -> None:
        if self.staged and (self.epochs or self.max_lr):
            name = "epochs" if self.epochs else "max_lr"
            raise UserError(
                f"{flag(name)}: is fixed by the {self.schedule} schedule. Leave it out, or shorten with --epochs-divisor."
            )
        if not self.staged and self.epochs_divisor:
            raise UserError(
                f"--epochs-divisor: shortens the published schedule, this run is '{self.schedule}'. Use --epochs."
            )


def flag(name: str) -> str:
    """The command line's name of an option."""
    return "--schedule extended" if name == EXTENDED else "--" + name.replace("_", "-")
