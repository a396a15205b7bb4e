"""The training run of Yin 2021."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from LiverAILib.data.cohort import Cohort
from LiverAILib.data.model import LICENSE_UNKNOWN, load_model
from LiverAILib.errors import UserError
from LiverAILib.methods.familiarity_training import stack_familiarity_state
from LiverAILib.methods.yin2021 import training
from LiverAILib.methods.yin2021.method import CLASSES, NETWORK_SETTINGS, PIPELINE, build_network
from LiverAILib.methods.yin2021.view import InputSettings
from LiverAILib.segmentation.predict import Segmenter
from LiverAILib.training import schedule as schedules
from LiverAILib.training.initial_weights import initial_model, start_from
from LiverAILib.training.run_settings import choose_precision, fit_options

PUBLISHED_NETWORK = {
    "kernel": [1, 5, 5],
    "channels": [16, 32, 64, 128],
    "pooling": [2, 2, 2],
    "hidden": 128,
    "normalization": "none",
    "explained_convolution": 3,
}
SHORT_NETWORK = {**PUBLISHED_NETWORK, "channels": [8, 16, 32, 64], "normalization": "batch"}
SHORT_IMAGE_SIZE, SHORT_WINDOW, SHORT_EPOCHS, SHORT_MAX_LR = 128, 8, 42, 5e-3


def train_yin2021(
    cohort: Cohort, output: Path, settings: Mapping[str, Any], log: Callable[[str], None]
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Entries of the model card and the network's state; for the settings see `TrainingOptions`.

    "published" is the network and the input that the paper describes. "short" adds batch normalization, halves the image
    size and the channels, augments lightly, runs the one-cycle policy and trains on windows of 8 slices, of which four
    times as many fit into the same time, so that two processor cores are enough; it validates every third epoch.
    "fine-tune" does the same from a trained model.
    """
    rows, validation = cohort.split("train"), cohort.split("validation")
    if not validation:
        raise UserError(f'{cohort.path}: no case of split "validation". The state of the network is chosen on it.')
    published = settings["schedule"] == "published"
    start = initial_model(settings["initial_weights"], "yin2021")
    card_settings = _card_settings(settings, None if start is None else start.settings)
    inputs = InputSettings.of(card_settings)
    name = settings["segmentation_model"]
    segmenter = Segmenter(load_model(name), device=torch.device(settings["device"])) if name else None
    log(f"reading {len(rows)} + {len(validation)} cases")
    training_stacks = training.load_stacks(rows, inputs, segmenter=segmenter)
    validation_stacks = training.load_stacks(validation, inputs, segmenter=segmenter)
    torch.manual_seed(settings["seed"])
    network = build_network(card_settings)
    if start is not None:
        start_from(network, start)
    options = training.NetworkOptions(
        inputs,
        window=None if published else SHORT_WINDOW,
        batch_size=settings["batch_size"] or (8 if published else 16),
        steps=settings["steps"],
        balance=settings["class_balance"] or "weights",
        augmentation=None if published else training.LIGHT,
        precision=choose_precision(settings),
        fit=fit_options(settings, validate_every=1 if published else 3),
    )
    history = training.train_network(
        network,
        training_stacks,
        validation_stacks,
        output / "network",
        stages=stages_of(settings),
        options=options,
        log=log,
    )
    network = network.cpu()
    best = max(history, key=lambda record: record.get("score", float("-inf")))
    familiar = stack_familiarity_state(network, training_stacks, validation_stacks, inputs)
    return yin2021_card(cohort, card_settings, best), {**network.state_dict(), **familiar}


def _card_settings(settings: Mapping[str, Any], earlier: Mapping[str, Any] | None) -> dict[str, Any]:
    """Settings of the card: those of the model that is gone on from, else of the schedule."""
    published = settings["schedule"] == "published"
    if earlier is not None:
        names = (*InputSettings.__dataclass_fields__, *NETWORK_SETTINGS)
        inputs, network = InputSettings.of(earlier), {name: earlier[name] for name in names if name in earlier}
    else:
        inputs = InputSettings() if published else InputSettings(image_size=SHORT_IMAGE_SIZE)
        network = PUBLISHED_NETWORK if published else SHORT_NETWORK
    found = {**vars(inputs), **network}
    for name in ("image_size", "masking"):
        if settings[name]:
            found[name] = settings[name]
    return found


def stages_of(settings: Mapping[str, Any]) -> tuple[schedules.Stage, ...]:
    """The stages of the schedule of `settings`."""
    if settings["schedule"] == "published":
        return schedules.shortened(schedules.YIN2021, settings["epochs_divisor"] or 1)
    if settings["schedule"] == "fine-tune":
        return schedules.fine_tuning(settings["epochs"] or 10, max_lr=settings["max_lr"])
    return schedules.one_stage(settings["epochs"] or SHORT_EPOCHS, settings["max_lr"] or SHORT_MAX_LR)


def yin2021_card(cohort: Cohort, settings: Mapping[str, Any], best: Mapping[str, Any]) -> dict[str, Any]:
    """Entries of the card of a Yin 2021 model that its training determines."""
    metrics = {name: value for name, value in best.items() if name.startswith("validation_")}
    return {
        "description": "Fibrosis stage F0 to F4 on portal venous CT (Yin 2021): four convolutions on 32 consecutive slices.",
        "modality": ["CT"],
        "classes": list(CLASSES),
        "settings": {"pipelines": [PIPELINE], "primary_pipeline": PIPELINE, **settings},
        "training_data": f"{len(cohort.split('train'))} cases of {cohort.path.name}",
        "license": LICENSE_UNKNOWN,
        "metrics": {"validation_cross_entropy": -best["score"], **metrics},
    }
