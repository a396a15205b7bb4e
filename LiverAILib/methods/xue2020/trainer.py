"""The training run of Xue 2020: one call trains GM, EM and both combinations."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from LiverAILib.data.cohort import Cohort
from LiverAILib.data.model import LICENSE_UNKNOWN, Model
from LiverAILib.data.shared_images import SharedImages
from LiverAILib.errors import UserError
from LiverAILib.methods.xue2020 import training
from LiverAILib.methods.xue2020.model_networks import Networks, load_networks
from LiverAILib.methods.xue2020.network import AuxiliaryModels, BinaryModels, FusionModels, split_backbone
from LiverAILib.methods.xue2020.samples import ImageSet, load_images
from LiverAILib.methods.xue2020.settings import (
    CLASSES,
    CUTS,
    ELASTOGRAM,
    GRAY_SCALE,
    GRAY_SCALE_ELASTOGRAM,
    GRAY_SCALE_STIFFNESS,
    MODALITIES,
    OUTCOMES,
    BackboneSettings,
    StiffnessSettings,
    Xue2020Settings,
    at_least,
)
from LiverAILib.methods.xue2020.stiffness import combined, fit_stiffness
from LiverAILib.methods.xue2020.training import NetworkOptions, Part
from LiverAILib.networks.backbones import BUNDLED, build_backbone
from LiverAILib.training import schedule as schedules
from LiverAILib.training.initial_weights import initial_model
from LiverAILib.training.options import TrainingOptions, flag
from LiverAILib.training.run_settings import choose_precision, fit_options

RANDOM = "random"
DEFAULT_BACKBONE = "inception_v3"
DEFAULT_EPOCHS, DEFAULT_LEARNING_RATE = 60, 1e-3
FUSION_SHARE, NARROWEST_FUSION = 4, (128, 32)
"""Hidden features of GM + EM: the first layer has a quarter of its inputs, the second a quarter of that (4096-1024-256), but
with few features not less than these."""
FUSION_EPOCHS = 5
"""Epochs of GM + EM for one of the others where its inputs are computed once: its layers begin with random weights."""
FEWEST_STIFFNESS = 10
"""Patients with a stiffness without whom GM + LSM is not fitted."""


def train_xue2020(
    cohort: Cohort, output: Path, options: TrainingOptions, log: Callable[[str], None]
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Entries of the model card and the networks' state.

    "published" fine-tunes the higher layers of a pretrained backbone with SGD, for GM, then EM, then fits what combines them.
    "short" is the paper's twin without transfer learning: the same network and rate, all layers from random weights.
    "fine-tune" goes on from a trained model.
    """
    rows, validation = cohort.split("train"), cohort.split("validation")
    if not validation:
        raise UserError(f'{cohort.path}: no case of split "validation". The state of the networks is chosen on it.')
    start = initial_model(options.initial_weights, "xue2020")
    torch.manual_seed(options.seed)
    networks = build_networks(options, start)
    if not networks.settings.backbone.frozen and start is None:
        log(
            "no layer is frozen: this is the twin without transfer learning. --encoder-weights imagenet gives the published one."
        )
    log(f"reading {len(rows)} + {len(validation)} cases")
    shared, size = SharedImages(), networks.settings.image_size
    sets = (
        load_images(rows, size, shared=shared, log=log),
        load_images(validation, size, shared=shared, log=log),
    )
    for row in cohort.split("test", ""):  # held out: only that no training patient has their images
        for role in MODALITIES:
            if role in row.images:
                shared.watch(row).read_images(role)
    how = NetworkOptions(
        stages_of(options),
        batch_size=options.batch_size or 32,
        steps=options.steps,
        fixed_views=options.frozen_views,
        precision=choose_precision(options),
        fit=replace(fit_options(options), freeze_batch_norm=True),
    )
    outcomes = [GRAY_SCALE]
    if all(bool(one.paired.any()) for one in sets):
        outcomes += [ELASTOGRAM, GRAY_SCALE_ELASTOGRAM]
    else:
        log("no elastograms in both the training and the validation cases: EM and GM + EM are left out")
    metrics = _train_networks(networks, sets, outcomes, output, how, log)
    stiffness, more = _join_stiffness(networks, sets, how, log)
    outcomes += [GRAY_SCALE_STIFFNESS] if stiffness else []
    settings = replace(
        networks.settings, outcomes=tuple(name for name in OUTCOMES if name in outcomes), stiffness=stiffness
    )
    networks = replace(networks, settings=settings)
    return xue2020_card(cohort, settings, {**metrics, **more}), networks.state()


def build_networks(options: TrainingOptions, start: Model | None) -> Networks:
    """The networks before training, with the settings of `options` or those of the model that is trained further.

    Raises:
        UserError: Backbone, weights and layer groups do not fit.
    """
    if start is not None:
        for option in ("backbone", "backbone_groups", "encoder_weights", "frozen_groups", "image_size"):
            if getattr(options, option) is not None:
                raise UserError(
                    f"{flag(option)}: the model {start.name} says it, which training starts from. Leave it out."
                )
        return load_networks(start)
    name = options.backbone or DEFAULT_BACKBONE
    if options.published and options.encoder_weights is None:
        raise UserError(
            "--schedule published: freezes the lower layers, which needs pretrained weights. Give --encoder-weights imagenet, "
            "bundled or a file, or use --schedule short, the twin without them."
        )
    backbone = build_backbone(name, weights=options.encoder_weights)
    groups = options.backbone_groups or len(backbone.layer_groups)
    frozen = options.frozen_groups if options.frozen_groups is not None else groups - 1 if options.published else 0
    if frozen and options.encoder_weights is None:
        raise UserError(
            "--frozen-groups: freezing random layers freezes noise. Give --encoder-weights, or leave it out."
        )
    if options.frozen_views and not frozen:
        raise UserError("--frozen-views: there are no frozen layers whose features could be kept. Leave it out.")
    weights = Path(options.encoder_weights).name if options.encoder_weights else RANDOM
    described = BackboneSettings(name, weights, groups, frozen)
    trunk, layers, channels = split_backbone(backbone, described)
    if weights == BUNDLED and frozen:
        described = replace(described, checksum=trunk.checksum)
    first, second = NARROWEST_FUSION
    hidden = (max(first, 2 * channels // FUSION_SHARE), max(second, 2 * channels // FUSION_SHARE**2))
    settings = Xue2020Settings(
        image_size=options.image_size or backbone.image_size, backbone=described, fusion_hidden=hidden
    )
    models = {modality: BinaryModels(layers, channels) for modality in MODALITIES}
    return Networks(settings, backbone, trunk, models, FusionModels(channels, hidden))


def stages_of(options: TrainingOptions) -> tuple[schedules.Stage, ...]:
    """The stages of the schedule of `options`: SGD at one rate, with momentum."""
    if options.published:
        return schedules.shortened(schedules.XUE2020, options.epochs_divisor or 1)
    rate = options.max_lr or DEFAULT_LEARNING_RATE
    return (schedules.Stage("SGD", options.epochs or DEFAULT_EPOCHS, rate, rate, policy=schedules.SGD),)


def _train_networks(
    networks: Networks,
    sets: tuple[ImageSet, ImageSet],
    outcomes: list[str],
    output: Path,
    how: NetworkOptions,
    log: Callable[[str], None],
) -> dict[str, float]:
    """Train GM, EM and GM + EM, those of them that are among `outcomes`; validation figures by outcome."""
    metrics: dict[str, float] = {}
    trunk, models = networks.trunk, networks.models
    for modality in MODALITIES:
        if modality not in outcomes:
            continue
        log(f"training {modality}")
        history = training.train_binary_models(
            models[modality],
            trunk,
            Part.of(sets[0], modality),
            Part.of(sets[1], modality),
            output / modality,
            options=how,
            auxiliary=auxiliary_of(networks, models[modality]),
            log=log,
        )
        metrics |= best_of(history, modality)
    if GRAY_SCALE_ELASTOGRAM in outcomes:
        log(f"training {GRAY_SCALE_ELASTOGRAM}")
        history = training.train_fusion_models(
            networks.fusion,
            trunk,
            (models[GRAY_SCALE], models[ELASTOGRAM]),
            Part.of(sets[0], None),
            Part.of(sets[1], None),
            output / GRAY_SCALE_ELASTOGRAM,
            options=replace(how, stages=_longer(how.stages)) if how.fixed_views else how,
            log=log,
        )
        metrics |= best_of(history, GRAY_SCALE_ELASTOGRAM)
    return metrics


def _longer(stages: tuple[schedules.Stage, ...]) -> tuple[schedules.Stage, ...]:
    return tuple(replace(stage, epochs=FUSION_EPOCHS * stage.epochs) for stage in stages)


def auxiliary_of(networks: Networks, models: BinaryModels) -> AuxiliaryModels | None:
    """`models` with auxiliary classifiers where the backbone has one within the layers that are trained."""
    auxiliary = getattr(networks.backbone, "auxiliary", None)
    settings = networks.settings.backbone
    # It comes behind the last group but one of Inception-V3.
    before = len(networks.backbone.layer_groups) - 1 - settings.frozen
    if auxiliary is None or not 0 <= before < settings.groups - settings.frozen:
        return None
    return AuxiliaryModels(models, auxiliary, before=before)


def best_of(history: list[dict[str, Any]], outcome: str) -> dict[str, float]:
    """The validation figures of the state that was kept."""
    best = max(history, key=lambda record: record.get("score", float("-inf")))
    found = {name: value for name, value in best.items() if name.startswith("validation_")}
    return {f"{outcome}_{name}": value for name, value in found.items()} | {
        f"{outcome}_validation_cross_entropy": -best["score"]
    }


def _join_stiffness(
    networks: Networks, sets: tuple[ImageSet, ImageSet], how: NetworkOptions, log: Callable[[str], None]
) -> tuple[dict[int, StiffnessSettings], dict[str, float]]:
    """GM + LSM for each cut-off, fitted on the training patients that have a stiffness; empty where they are too few."""
    models, trunk = networks.models[GRAY_SCALE], networks.trunk.to(how.precision.device)
    scores, known = [], []
    for one in sets:
        scores.append(training.predict(models, trunk, Part.of(one, GRAY_SCALE), how.precision).numpy())
        known.append(np.isfinite(one.stiffness_kpa.numpy()))
    labels = [one.case_labels.numpy().astype(bool) for one in sets]
    own = labels[0][known[0]]
    if known[0].sum() < FEWEST_STIFFNESS or own.all(0).any() or not own.any(0).all():
        log(
            f"fewer than {FEWEST_STIFFNESS} training cases with stiffness_kpa on both sides of every cut-off: no GM + LSM"
        )
        return {}, {}
    found, joined = {}, np.zeros((int(known[1].sum()), len(CUTS)))
    for number, cut in enumerate(CUTS):
        values = [one.stiffness_kpa.numpy()[here] for one, here in zip(sets, known, strict=True)]
        found[cut] = fit_stiffness(scores[0][known[0], number], values[0], own[:, number])
        joined[:, number] = combined(scores[1][known[1], number], values[1], found[cut])
    prefix = f"{GRAY_SCALE_STIFFNESS}_validation_auc_"
    areas = training.areas(torch.from_numpy(joined), torch.from_numpy(labels[1][known[1]]), prefix)
    return found, areas


def xue2020_card(cohort: Cohort, settings: Xue2020Settings, metrics: Mapping[str, float]) -> dict[str, Any]:
    """Entries of the card of a Xue 2020 model that its training determines."""
    backbone = settings.backbone
    pretrained = "random weights" if backbone.weights == RANDOM else f"{backbone.weights} weights, lower layers frozen"
    return {
        "description": f"Fibrosis stage on gray-scale ultrasound and elastograms (Xue 2020): {backbone.name}, {pretrained}; "
        f"binary models for {', '.join(map(at_least, CUTS))}.",
        "modality": ["US"],
        "classes": list(CLASSES),
        "settings": settings.record(),
        "training_data": f"{len(cohort.split('train'))} cases of {cohort.path.name}",
        "license": LICENSE_UNKNOWN,
        "metrics": {re.sub(r"[^a-z0-9_]+", "", key.lower().replace(">=", "from_")): metrics[key] for key in metrics},
    }
