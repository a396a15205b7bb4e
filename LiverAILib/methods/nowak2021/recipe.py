"""How both pipelines of Nowak 2021 are trained: the published recipe, and what the other schedules make of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from LiverAILib.data.model import Model
from LiverAILib.errors import UserError
from LiverAILib.methods.nowak2021.settings import (
    FULL,
    FULL_IMAGE_SIZE,
    IMAGE_SIZE,
    PIPELINES,
    SEGMENTED,
    Nowak2021Settings,
)
from LiverAILib.methods.nowak2021.slices import GEOMETRY, INTENSITY
from LiverAILib.networks.classifier import RESNET50
from LiverAILib.training import schedule as schedules
from LiverAILib.training.augmentation import Geometry, Intensity
from LiverAILib.training.options import TrainingOptions
from LiverAILib.training.recipe import PRETRAINED, RANDOM, TRAINED_MODEL

GIVEN, NETWORK = "given", "network"
BATCH_SIZES = {SEGMENTED: 32, FULL: 8}


@dataclass(frozen=True)
class Nowak2021Recipe:
    """How both pipelines are trained. The defaults are the published recipe.

    What the paper leaves to its supplements, which are not public, is a default of ours: image and batch sizes (the paper says
    that segmented images have smaller matrices and larger batches: half the width, and as many pixels a batch), augmentation,
    and a single linear layer as the head.

    Attributes:
        starts_from: What the trunk starts from: "pretrained encoder" (ImageNet), "trained model" or "random weights".
        runs: Share of the image size and stages of each run (Table 2).
        image_sizes: Rows and columns of the input, by pipeline.
        batch_sizes: Slices a batch, by pipeline.
        steps: Batches an epoch; None shows every slice once.
        class_balance: One of `options.BALANCES`; the paper reports none, and names the imbalance among its limitations.
        neighbors: Slices on either side of the level of the caudate lobe that are trained on too.
        training_masks: Whose masks cut out the liver of the slices trained on, "given" and "network".
        validation_masks: Whose masks cut out the liver of the slices validated on.
        classes: "cirrhosis", or "stages".
        head: One of `HEADS`.
        calibrate: Recalibrate the probabilities on the validation cases.
        geometry: Random changes of the slices' geometry; nothing is mirrored.
        intensity: Random changes of their intensities.
        validate_every: Epochs from one validation to the next.
        patience: See `FitOptions`.
        lr_spacing: See `FitOptions`.
        freeze_batch_norm: See `FitOptions`.
        frozen_views: See `PipelineOptions`.
        backbone: The convolutional layers of both pipelines.
        backbone_groups: How many of its layer groups are used; None for all.
        evidence_penalty: See `PipelineOptions`.
    """

    starts_from: str = PRETRAINED
    runs: schedules.Runs = ((Fraction(1), schedules.NOWAK2021_CLASSIFICATION),)
    image_sizes: Mapping[str, int] = field(default_factory=lambda: {SEGMENTED: IMAGE_SIZE, FULL: FULL_IMAGE_SIZE})
    batch_sizes: Mapping[str, int] = field(default_factory=lambda: dict(BATCH_SIZES))
    steps: int | None = None
    class_balance: str = "none"
    neighbors: int = 0
    training_masks: tuple[str, ...] = (GIVEN,)
    validation_masks: str = NETWORK
    classes: str = "cirrhosis"
    head: str = "softmax"
    calibrate: bool = False
    geometry: Geometry = GEOMETRY
    intensity: Intensity = INTENSITY
    validate_every: int = 1
    patience: int | None = None
    lr_spacing: str = "linear"
    freeze_batch_norm: bool = False
    frozen_views: int | None = None
    backbone: str = RESNET50
    backbone_groups: int | None = None
    evidence_penalty: float = 0.0

    def sized_runs(self, pipeline: str) -> tuple[tuple[int, tuple[schedules.Stage, ...]], ...]:
        """Image size in pixels and stages of each run of a pipeline."""
        return tuple((int(self.image_sizes[pipeline] * share), stages) for share, stages in self.runs)


def recipe_of(options: TrainingOptions, start: Model | None = None) -> Nowak2021Recipe:
    """The recipe that the schedule names, changed where `options` say something.

    Args:
        options: Resolved ones.
        start: The model that is trained further.

    Raises:
        UserError: The masks of a segmentation network are asked for, and none is given.
    """
    encoder = Nowak2021Settings.from_card(start.card).encoder if start else None
    recipe = Nowak2021Recipe(runs=_stages(options)) if options.published else _with_additions(options, start)
    recipe = replace(
        recipe,
        starts_from=TRAINED_MODEL if start else PRETRAINED if options.encoder_weights else RANDOM,
        image_sizes=_by_pipeline(recipe.image_sizes, options.image_size, options.full_image_size),
        batch_sizes=_by_pipeline(recipe.batch_sizes, options.batch_size, options.full_batch_size),
        steps=options.steps,
        class_balance=options.class_balance or recipe.class_balance,
        validation_masks=options.validation_masks or recipe.validation_masks,
        classes=options.classes or recipe.classes,
        head=options.head or recipe.head,
        calibrate=recipe.calibrate if options.calibrate is None else options.calibrate,
        patience=options.patience,
        lr_spacing=options.lr_spacing or recipe.lr_spacing,
        freeze_batch_norm=bool(options.freeze_batch_norm),
        frozen_views=options.frozen_views,
        backbone=options.backbone or (encoder.name if encoder else recipe.backbone),
        backbone_groups=options.backbone_groups or (encoder.groups or None if encoder else None),
        evidence_penalty=options.evidence_penalty or 0.0,
    )
    if recipe.validation_masks == NETWORK and options.segmentation_model is None:
        asked = "--validation-masks network" if options.validation_masks else f"--schedule {options.schedule}"
        raise UserError(
            f"{asked}: validates on the masks of your own segmentation network. Train one (liverai train segmentation) and give "
            "--segmentation-model, or take the manifest's masks with --validation-masks given."
        )
    return recipe


def _with_additions(options: TrainingOptions, start: Model | None) -> Nowak2021Recipe:
    """The recipes of our own schedules: class-equal sampling, neighbors, both kinds of masks, calibrated probabilities."""
    epochs = options.epochs or 16
    segmented = options.segmentation_model is not None
    added = Nowak2021Recipe(
        runs=_stages(options),
        class_balance="sampling",
        neighbors=1,
        # A network without pretrained weights learns the finer border of given masks and fails on the network's.
        training_masks=(GIVEN, NETWORK) if segmented else (GIVEN,),
        validation_masks=NETWORK if segmented else GIVEN,
        calibrate=True,
    )
    if options.extended:
        return added
    sizes = dict.fromkeys(PIPELINES, IMAGE_SIZE)
    if options.fine_tune and start is not None:
        sizes |= Nowak2021Settings.from_card(start.card).image_sizes
    runs = schedules.progressive_sizes(epochs, max_lr=options.max_lr or 1e-3)
    if options.fine_tune:
        runs = ((Fraction(1), schedules.fine_tuning(epochs, max_lr=options.max_lr)),)
    return replace(added, image_sizes=sizes, batch_sizes=dict.fromkeys(PIPELINES, 32), runs=runs)


def _stages(options: TrainingOptions) -> schedules.Runs:
    """The published stages, shortened where that is asked for."""
    return ((Fraction(1), schedules.shortened(schedules.NOWAK2021_CLASSIFICATION, options.epochs_divisor or 1)),)


def _by_pipeline(default: Mapping[str, int], common: int | None, full: int | None) -> dict[str, int]:
    """The numbers of both pipelines: the default ones, `common` in their place, `full` for the full image."""
    return {
        SEGMENTED: common or default[SEGMENTED],
        FULL: full or common or default[FULL],
    }
