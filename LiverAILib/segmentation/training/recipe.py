"""How the segmentation network is trained: the published recipe of Nowak 2021, and what the other schedules make of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from LiverAILib.data.model import Model
from LiverAILib.data.structures import LIVER, STRUCTURES
from LiverAILib.errors import UserError
from LiverAILib.networks.backbones import bundled_backbones
from LiverAILib.networks.context_unet import CHANNELS
from LiverAILib.networks.unet import ADJACENT_SLICES, SINGLE_SLICE, TIMM, encoder_names
from LiverAILib.segmentation.settings import CONTEXT_WEIGHT, ContextSettings, SegmentationSettings
from LiverAILib.segmentation.training.samples import WIDE_GEOMETRY, WIDE_INTENSITY
from LiverAILib.training import schedule as schedules
from LiverAILib.training.augmentation import Geometry, Intensity
from LiverAILib.training.options import TrainingOptions
from LiverAILib.training.recipe import PRETRAINED, RANDOM, TRAINED_MODEL

ORGANS = tuple(STRUCTURES)
ENCODER = "resnet34"
SAMPLE_SIZE = (192, 224)
ONE_SLICE_A_PATIENT, RANDOM_SLICES = "one slice a patient", "random slices"
GEOMETRY = Geometry(rotation_degrees=10, zoom=(0.9, 1.1))
INTENSITY = Intensity(contrast=0.1, brightness=0.1)


@dataclass(frozen=True)
class SegmentationRecipe:
    """How the segmentation network is trained. The defaults are the published recipe.

    What the paper leaves to its supplements, which are not public, is a default of ours: matrix (256 x 256 pixels of 1.5 mm),
    batch size, light augmentation, and cross entropy with Dice as the loss.

    Attributes:
        starts_from: What the encoder starts from: "pretrained encoder" (ImageNet), "trained model" or "random weights".
        encoder: Name of the encoder.
        stages: The stages (Table 2).
        organs: What is segmented beside the background.
        adjacent_slices: Slices in the network's channels: 1, or 3 with the neighbors.
        samples: "one slice a patient", at the level of the caudate lobe, or "random slices" of the volumes.
        image_size: Rows and columns of a sample.
        batch_size: Samples a batch.
        steps: Batches an epoch; None shows every sample once.
        geometry: Random changes of the samples' geometry.
        intensity: Random changes of their intensities.
        synthetic_share: Share of the MR samples that get a synthetic contrast.
        ct_share: Share of CT in a batch where there are MR too.
        context_epochs: Epochs of the context network, which sees the whole abdomen at low resolution; 0 for none.
        context_lr: Its peak learning rate.
        context: Its channels, and its share in the result; None for a model without it.
        refine_epochs: Epochs that follow nearer to real scans (see `fitting.train_segmentation`).
        validate_every: Epochs from one validation to the next.
        patience: See `FitOptions`.
        lr_spacing: See `FitOptions`.
        freeze_batch_norm: See `FitOptions`.
    """

    starts_from: str = PRETRAINED
    encoder: str = ENCODER
    stages: tuple[schedules.Stage, ...] = schedules.NOWAK2021_SEGMENTATION
    organs: tuple[str, ...] = (LIVER.name,)
    adjacent_slices: int = SINGLE_SLICE
    samples: str = ONE_SLICE_A_PATIENT
    image_size: tuple[int, int] = (256, 256)
    batch_size: int = 8
    steps: int | None = None
    geometry: Geometry = GEOMETRY
    intensity: Intensity = INTENSITY
    synthetic_share: float = 0.0
    ct_share: float = 0.45
    context_epochs: int = 0
    context_lr: float = 2e-3
    context: ContextSettings | None = None
    refine_epochs: int = 0
    validate_every: int = 1
    patience: int | None = None
    lr_spacing: str = "linear"
    freeze_batch_norm: bool = False


def recipe_of(options: TrainingOptions, start: Model | None = None) -> SegmentationRecipe:
    """The recipe that the schedule names, changed where `options` say something.

    Args:
        options: Resolved ones.
        start: The model that is trained further: its organs and its input stay.
    """
    recipe = SegmentationRecipe(stages=_stages(options))
    if not options.published:
        epochs = options.epochs or 30
        recipe = replace(
            recipe,
            organs=ORGANS,
            adjacent_slices=ADJACENT_SLICES,
            samples=RANDOM_SLICES,
            image_size=SAMPLE_SIZE,
            batch_size=16,
            steps=50,
            geometry=WIDE_GEOMETRY,
            intensity=WIDE_INTENSITY,
            synthetic_share=0.5,
            refine_epochs=0 if options.extended else max(1, round(epochs / 2)),
            validate_every=5,
        )
    if start is not None:
        if options.backbone:
            raise UserError(f"--backbone {options.backbone}: the model trained further has an encoder. Leave it out.")
        earlier = SegmentationSettings.from_card(start.card)
        organs = tuple(structure.name for structure in earlier.structures)
        recipe = replace(
            recipe,
            organs=organs,
            adjacent_slices=earlier.adjacent_slices,
            encoder=earlier.encoder,
            context=earlier.context,
            context_lr=5e-4,
        )
    size = options.image_size
    return replace(
        recipe,
        encoder=encoder_of(options.backbone) if options.backbone else recipe.encoder,
        starts_from=TRAINED_MODEL if start else PRETRAINED if options.encoder_weights else RANDOM,
        image_size=(size, size) if size else recipe.image_size,
        batch_size=options.batch_size or recipe.batch_size,
        steps=options.steps or recipe.steps,
        context_epochs=options.context_epochs or 0,
        context=recipe.context or (ContextSettings(CHANNELS, CONTEXT_WEIGHT) if options.context_epochs else None),
        patience=options.patience,
        lr_spacing=options.lr_spacing or recipe.lr_spacing,
        freeze_batch_norm=bool(options.freeze_batch_norm),
    )


def encoder_of(backbone: str) -> str:
    """The name that segmentation-models-pytorch has for a network of torchvision (resnet34, ...) or a bundled one of timm.

    Raises:
        UserError: It has no such encoder.
    """
    for name in (backbone, TIMM + backbone):
        if name in encoder_names():
            return name
    raise UserError(
        f"--backbone {backbone}: segmentation-models-pytorch has no such encoder. Use resnet34, for example, or "
        f"{bundled_backbones()[0]}."
    )


def _stages(options: TrainingOptions) -> tuple[schedules.Stage, ...]:
    """The stages of the schedule of `options`."""
    if options.staged:
        return schedules.shortened(schedules.NOWAK2021_SEGMENTATION, options.epochs_divisor or 1)
    if options.fine_tune:
        return schedules.fine_tuning(options.epochs or 30, max_lr=options.max_lr)
    return schedules.one_stage(options.epochs or 30, options.max_lr or 1e-3)
