"""How the network of Yin 2021 is trained: the published recipe, and what the other schedules make of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from LiverAILib.data.model import Model
from LiverAILib.methods.yin2021.settings import InputSettings, NetworkSettings, Yin2021Settings
from LiverAILib.methods.yin2021.training import LIGHT, Augmentation
from LiverAILib.training import schedule as schedules
from LiverAILib.training.options import TrainingOptions
from LiverAILib.training.recipe import RANDOM, TRAINED_MODEL

SHORT_NETWORK = NetworkSettings(channels=(8, 16, 32, 64), normalization="batch")
SHORT_IMAGE_SIZE, SHORT_WINDOW, SHORT_EPOCHS, SHORT_MAX_LR = 128, 8, 42, 5e-3


@dataclass(frozen=True)
class Yin2021Recipe:
    """How the network is trained. The defaults are the published recipe.

    The paper gives window, number of slices, layers and kernel; its training is in an appendix that is not public. Optimizer,
    rate, epochs, batch size and class weights are defaults of ours; the paper names the imbalance of the stages as a limitation.

    Attributes:
        starts_from: "random weights", or "trained model".
        inputs: How the input is prepared.
        network: The network.
        stages: Optimizer, learning rate and epochs.
        window: Slices that a window has in training; None for as many as at inference.
        batch_size: Windows a batch.
        steps: Batches an epoch; None shows every case once.
        class_balance: One of `options.BALANCES`.
        augmentation: Random changes; None for none.
        validate_every: Epochs from one validation to the next.
        patience: See `FitOptions`.
        evidence_penalty: See `NetworkOptions`.
    """

    starts_from: str = RANDOM
    inputs: InputSettings = field(default_factory=InputSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    stages: tuple[schedules.Stage, ...] = schedules.YIN2021
    window: int | None = None
    batch_size: int = 8
    steps: int | None = None
    class_balance: str = "weights"
    augmentation: Augmentation | None = None
    validate_every: int = 1
    patience: int | None = None
    evidence_penalty: float = 0.0


def recipe_of(options: TrainingOptions, start: Model | None = None) -> Yin2021Recipe:
    """The recipe that the schedule names, changed where `options` say something.

    Args:
        options: Resolved ones.
        start: The model that is trained further: its network and input stay.
    """
    recipe = Yin2021Recipe(stages=_stages(options))
    if not options.published:
        recipe = replace(
            recipe,
            inputs=InputSettings(image_size=SHORT_IMAGE_SIZE),
            network=SHORT_NETWORK,
            window=SHORT_WINDOW,
            batch_size=16,
            augmentation=LIGHT,
            validate_every=3,
        )
    if start is not None:
        earlier = Yin2021Settings.from_card(start.card)
        recipe = replace(recipe, starts_from=TRAINED_MODEL, inputs=earlier.inputs, network=earlier.network)
    size, masking = options.image_size or recipe.inputs.image_size, options.masking or recipe.inputs.masking
    return replace(
        recipe,
        inputs=replace(recipe.inputs, image_size=size, masking=masking),
        batch_size=options.batch_size or recipe.batch_size,
        steps=options.steps,
        class_balance=options.class_balance or recipe.class_balance,
        patience=options.patience,
        evidence_penalty=options.evidence_penalty or 0.0,
    )


def _stages(options: TrainingOptions) -> tuple[schedules.Stage, ...]:
    """The stages of the schedule of `options`."""
    if options.published:
        return schedules.shortened(schedules.YIN2021, options.epochs_divisor or 1)
    if options.fine_tune:
        return schedules.fine_tuning(options.epochs or 10, max_lr=options.max_lr)
    return schedules.one_stage(options.epochs or SHORT_EPOCHS, options.max_lr or SHORT_MAX_LR)
