"""The training run of Yin 2021."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from LiverAILib.data.cohort import Cohort
from LiverAILib.data.model import LICENSE_UNKNOWN
from LiverAILib.data.named_segmentation import segmentation_entries
from LiverAILib.errors import UserError
from LiverAILib.methods.encoder_distance import case_sources
from LiverAILib.methods.yin2021 import training
from LiverAILib.methods.yin2021.method import build_network
from LiverAILib.methods.yin2021.out_of_distribution import stack_distribution
from LiverAILib.methods.yin2021.recipe import Yin2021Recipe, recipe_of
from LiverAILib.methods.yin2021.settings import CLASSES, PIPELINE
from LiverAILib.segmentation.training_masks import load_segmenter
from LiverAILib.training.initial_weights import initial_model, start_from
from LiverAILib.training.options import TrainingOptions
from LiverAILib.training.recipe import announce
from LiverAILib.training.run_settings import choose_precision, fit_options


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
    start = initial_model(options.initial_weights, "yin2021")
    recipe = recipe_of(options, start)
    departed = announce(recipe, Yin2021Recipe(), options, log=log)
    segmenter = load_segmenter(cohort, options, log=log)
    log(f"reading {len(rows)} + {len(validation)} cases")
    livers = recipe.evidence_penalty > 0
    training_stacks = training.load_stacks(rows, recipe.inputs, segmenter=segmenter, livers=livers)
    validation_stacks = training.load_stacks(validation, recipe.inputs, segmenter=segmenter)
    torch.manual_seed(options.seed)
    network = build_network(recipe.network)
    if start is not None:
        start_from(network, start)
    how = training.NetworkOptions(
        recipe.inputs,
        window=recipe.window,
        batch_size=recipe.batch_size,
        steps=recipe.steps,
        balance=recipe.class_balance,
        augmentation=recipe.augmentation,
        evidence_penalty=recipe.evidence_penalty,
        precision=choose_precision(options),
        fit=fit_options(options, validate_every=recipe.validate_every),
    )
    history = training.train_network(
        network,
        training_stacks,
        validation_stacks,
        output / "network",
        stages=recipe.stages,
        options=how,
        log=log,
    )
    network = network.cpu()
    best = max(history, key=lambda record: record.get("score", float("-inf")))
    tensors = stack_distribution(
        network, training_stacks, validation_stacks, recipe.inputs, sources=case_sources(cohort)
    )
    masks = segmentation_entries(segmenter.model if segmenter else None, output / "model")
    card = yin2021_card(cohort, recipe, best, masks=masks)
    return card | departed, {**network.state_dict(), **tensors}


def yin2021_card(
    cohort: Cohort, recipe: Yin2021Recipe, best: Mapping[str, Any], *, masks: Mapping[str, Any]
) -> dict[str, Any]:
    """Entries of the card of a Yin 2021 model that its training determines."""
    metrics = {name: value for name, value in best.items() if name.startswith("validation_")}
    return {
        "description": "Fibrosis stage F0 to F4 on portal venous CT (Yin 2021): four convolutions on 32 consecutive slices.",
        "modality": ["CT"],
        "classes": list(CLASSES),
        "settings": {
            "pipelines": [PIPELINE],
            "primary_pipeline": PIPELINE,
            **vars(recipe.inputs),
            **vars(recipe.network),
            **({"evidence_penalty": recipe.evidence_penalty} if recipe.evidence_penalty else {}),
            **masks,
        },
        "training_data": f"{len(cohort.split('train'))} cases of {cohort.path.name}",
        "license": LICENSE_UNKNOWN,
        "metrics": {"validation_cross_entropy": -best["score"], **metrics},
    }
