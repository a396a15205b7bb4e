"""The segmentation network's training run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from LiverAILib.data.cohort import Cohort
from LiverAILib.data.model import LICENSE_UNKNOWN, Model
from LiverAILib.networks.context_unet import ContextUnet
from LiverAILib.networks.unet import SINGLE_SLICE, build_unet, pretrained_normalization
from LiverAILib.segmentation.settings import CONTEXT, SegmentationSettings
from LiverAILib.segmentation.training import fitting
from LiverAILib.segmentation.training.recipe import SegmentationRecipe, recipe_of
from LiverAILib.training.initial_weights import initial_model, start_from
from LiverAILib.training.options import TrainingOptions
from LiverAILib.training.recipe import announce
from LiverAILib.training.run_settings import choose_precision, fit_options, require_pretrained


def train_segmentation(
    cohort: Cohort, output: Path, options: TrainingOptions, log: Callable[[str], None]
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Entries of the model card and the network's state."""
    require_pretrained(options)
    torch.manual_seed(options.seed)
    start = initial_model(options.initial_weights, "segmentation")
    recipe = recipe_of(options, start)
    departed = announce(recipe, SegmentationRecipe(), options, log=log)
    normalization = pretrained_normalization(recipe.encoder) if options.encoder_weights else None
    if start is not None:
        normalization = SegmentationSettings.from_card(start.card).normalization
    network = build_unet(
        len(recipe.organs) + 1,
        encoder=recipe.encoder,
        encoder_weights=options.encoder_weights,
        normalization=normalization,
    )
    if start is not None:
        start_from(network, start, without=CONTEXT)
    history = fitting.train_segmentation(
        cohort,
        output,
        network=network,
        recipe=recipe,
        options=fit_options(options, validate_every=recipe.validate_every),
        precision=choose_precision(options),
        log=log,
    )
    state = dict(network.cpu().state_dict())
    context = _context_state(cohort, output, recipe, options, start, log)
    return segmentation_card(cohort, history, recipe, normalization) | departed, state | context


def _context_state(
    cohort: Cohort,
    output: Path,
    recipe: SegmentationRecipe,
    options: TrainingOptions,
    start: Model | None,
    log: Callable[[str], None],
) -> dict[str, torch.Tensor]:
    """Tensors of the context network, trained for the recipe's epochs; of a model trained further, at least those it has."""
    if recipe.context is None:
        return {}
    context = ContextUnet(len(recipe.organs) + 1, recipe.context.channels)
    if start is not None and SegmentationSettings.from_card(start.card).context is not None:
        start_from(context, start, prefix=CONTEXT)
    if recipe.context_epochs:
        log("context network")
        fitting.train_context(
            cohort,
            output / "context",
            network=context,
            recipe=recipe,
            options=fit_options(options),
            precision=choose_precision(options),
            log=log,
        )
    return {CONTEXT + name: tensor for name, tensor in context.cpu().state_dict().items()}


def segmentation_card(
    cohort: Cohort, history: list[dict[str, Any]], recipe: SegmentationRecipe, normalization: str | None
) -> dict[str, Any]:
    """Entries of the card of a segmentation model that its training determines."""
    roles = {role for row in cohort.split("train") for role in row.images}
    settings: dict[str, Any] = {"encoder": recipe.encoder, "adjacent_slices": recipe.adjacent_slices}
    if recipe.context is not None:
        settings["context"] = {"channels": list(recipe.context.channels), "weight": recipe.context.weight}
    shown = "single slices" if recipe.adjacent_slices == SINGLE_SLICE else "three adjacent slices as channels"
    if recipe.context is not None:
        shown += "; a 3D U-Net on the whole abdomen at low resolution"
    organs = ", ".join(name.replace("_", " ") for name in recipe.organs).capitalize()
    return {
        "description": f"{organs}: U-Net with {recipe.encoder} encoder, {shown}.",
        "modality": [name for role, name in (("t2", "MR"), ("ct", "CT")) if role in roles],
        "classes": ["background", *recipe.organs],
        "settings": {**settings, "normalization": normalization} if normalization else settings,
        "training_data": f"{len(cohort.split('train'))} cases of {cohort.path.name}",
        "license": LICENSE_UNKNOWN,
        "metrics": {"last_epoch": history[-1]},
    }
