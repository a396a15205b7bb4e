"""The training run of Yin 2021."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from LiverAILib.data.cohort import Cohort
from LiverAILib.data.model import LICENSE_UNKNOWN, Model, load_model
from LiverAILib.errors import UserError
from LiverAILib.methods.yin2021 import training
from LiverAILib.methods.yin2021.method import build_network
from LiverAILib.methods.yin2021.out_of_distribution import stack_distribution
from LiverAILib.methods.yin2021.settings import CLASSES, PIPELINE, InputSettings, NetworkSettings, Yin2021Settings
from LiverAILib.segmentation.predict import Segmenter
from LiverAILib.training import schedule as schedules
from LiverAILib.training.initial_weights import initial_model, start_from
from LiverAILib.training.options import TrainingOptions
from LiverAILib.training.run_settings import choose_precision, fit_options

SHORT_NETWORK = NetworkSettings(channels=(8, 16, 32, 64), normalization="batch")
SHORT_IMAGE_SIZE, SHORT_WINDOW, SHORT_EPOCHS, SHORT_MAX_LR = 128, 8, 42, 5e-3


def train_yin2021(
    cohort: Cohort, output: Path, options: TrainingOptions, log: Callable[[str], None]
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Entries of the model card and the network's state.

    "published" is the network and the input that the paper describes. "short" adds batch normalization, halves the image
    size and the channels, augments lightly, runs the one-cycle policy and trains on windows of 8 slices, of which four
    times as many fit into the same time, so that two processor cores are enough; it validates every third epoch.
    "fine-tune" does the same from a trained model.
    """
    rows, validation = cohort.split("train"), cohort.split("validation")
    if not validation:
        raise UserError(f'{cohort.path}: no case of split "validation". The state of the network is chosen on it.')
    published = options.published
    start = initial_model(options.initial_weights, "yin2021")
    inputs, network_settings = input_and_network(options, start)
    name = options.segmentation_model
    segmenter = Segmenter(load_model(name), device=torch.device(options.device)) if name else None
    log(f"reading {len(rows)} + {len(validation)} cases")
    training_stacks = training.load_stacks(rows, inputs, segmenter=segmenter)
    validation_stacks = training.load_stacks(validation, inputs, segmenter=segmenter)
    torch.manual_seed(options.seed)
    network = build_network(network_settings)
    if start is not None:
        start_from(network, start)
    how = training.NetworkOptions(
        inputs,
        window=None if published else SHORT_WINDOW,
        batch_size=options.batch_size or (8 if published else 16),
        steps=options.steps,
        balance=options.class_balance or "weights",
        augmentation=None if published else training.LIGHT,
        precision=choose_precision(options),
        fit=fit_options(options, validate_every=1 if published else 3),
    )
    history = training.train_network(
        network,
        training_stacks,
        validation_stacks,
        output / "network",
        stages=stages_of(options),
        options=how,
        log=log,
    )
    network = network.cpu()
    best = max(history, key=lambda record: record.get("score", float("-inf")))
    tensors = stack_distribution(network, training_stacks, validation_stacks, inputs)
    return yin2021_card(cohort, inputs, network_settings, best), {**network.state_dict(), **tensors}


def input_and_network(options: TrainingOptions, start: Model | None) -> tuple[InputSettings, NetworkSettings]:
    """Those of the model that is trained further, else of the schedule; what `options` say comes first."""
    if start is not None:
        earlier = Yin2021Settings.from_card(start.card)
        inputs, network = earlier.inputs, earlier.network
    else:
        inputs = InputSettings() if options.published else InputSettings(image_size=SHORT_IMAGE_SIZE)
        network = NetworkSettings() if options.published else SHORT_NETWORK
    size, masking = options.image_size or inputs.image_size, options.masking or inputs.masking
    return replace(inputs, image_size=size, masking=masking), network


def stages_of(options: TrainingOptions) -> tuple[schedules.Stage, ...]:
    """The stages of the schedule of `options`."""
    if options.published:
        return schedules.shortened(schedules.YIN2021, options.epochs_divisor or 1)
    if options.fine_tune:
        return schedules.fine_tuning(options.epochs or 10, max_lr=options.max_lr)
    return schedules.one_stage(options.epochs or SHORT_EPOCHS, options.max_lr or SHORT_MAX_LR)


def yin2021_card(
    cohort: Cohort, inputs: InputSettings, network: NetworkSettings, best: Mapping[str, Any]
) -> dict[str, Any]:
    """Entries of the card of a Yin 2021 model that its training determines."""
    metrics = {name: value for name, value in best.items() if name.startswith("validation_")}
    return {
        "description": "Fibrosis stage F0 to F4 on portal venous CT (Yin 2021): four convolutions on 32 consecutive slices.",
        "modality": ["CT"],
        "classes": list(CLASSES),
        "settings": {"pipelines": [PIPELINE], "primary_pipeline": PIPELINE, **vars(inputs), **vars(network)},
        "training_data": f"{len(cohort.split('train'))} cases of {cohort.path.name}",
        "license": LICENSE_UNKNOWN,
        "metrics": {"validation_cross_entropy": -best["score"], **metrics},
    }
