"""The training run of Nowak 2021: both pipelines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from LiverAILib.data.cohort import Cohort
from LiverAILib.data.model import LICENSE_UNKNOWN, Model
from LiverAILib.data.named_segmentation import segmentation_entries
from LiverAILib.errors import UserError
from LiverAILib.evaluation.recalibration import fit_parameters
from LiverAILib.methods.encoder_distance import case_sources
from LiverAILib.methods.nowak2021 import training
from LiverAILib.methods.nowak2021.out_of_distribution import slice_distribution
from LiverAILib.methods.nowak2021.recipe import NETWORK, Nowak2021Recipe, recipe_of
from LiverAILib.methods.nowak2021.settings import CLASSES, LIVER_MARGIN, PIPELINES, SEGMENTED, STAGES, EncoderSettings
from LiverAILib.networks.backbones import build_backbone
from LiverAILib.networks.classifier import RESNET50, ImageClassifier
from LiverAILib.segmentation.predict import Segmenter
from LiverAILib.segmentation.training_masks import load_segmenter
from LiverAILib.training.initial_weights import initial_model, start_from
from LiverAILib.training.options import TrainingOptions
from LiverAILib.training.recipe import RANDOM, announce
from LiverAILib.training.run_settings import choose_precision, fit_options, require_pretrained

FEWEST_TO_CALIBRATE = 20
"""Validation cases below which the probabilities are left as they are."""


def train_nowak2021(
    cohort: Cohort, output: Path, options: TrainingOptions, log: Callable[[str], None]
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Entries of the model card and the networks' state."""
    require_pretrained(options)
    if not cohort.split("validation"):
        raise UserError(f'{cohort.path}: no case of split "validation". The state of the network is chosen on it.')
    start = initial_model(options.initial_weights, "nowak2021")
    recipe = recipe_of(options, start)
    departed = announce(recipe, Nowak2021Recipe(), options, log=log)
    classes = STAGES if recipe.classes == "stages" else CLASSES
    segmenter = load_segmenter(cohort, options, log=log)
    state: dict[str, torch.Tensor] = {}
    metrics, calibration = {}, {}
    log(f"reading {len(cohort.split('train'))} + {len(cohort.split('validation'))} cases")
    slices = pipeline_slices(cohort, classes, segmenter, recipe, log=log)
    encoder = encoder_of(recipe)
    for pipeline in PIPELINES:
        log(f"pipeline {pipeline}")
        train, validation = slices[pipeline]
        network = new_classifier(options, recipe, pipeline, start=start)
        history = []
        for number, (size, stages) in enumerate(recipe.sized_runs(pipeline)):
            how = pipeline_options(options, recipe, pipeline, size)
            if number:
                how = replace(how, fit=replace(how.fit, start_counts=False))
            folder = output / f"{pipeline}_{size}"
            history = training.train_pipeline(
                train, validation, folder, network=network, stages=stages, options=how, log=log
            )
        network, size = network.cpu(), recipe.image_sizes[pipeline]
        if recipe.calibrate:
            scores = training.predict(network, validation, size=size, encoder=encoder)
            calibration[pipeline] = validation_calibration(scores, validation.labels)
        state |= {f"{pipeline}.{key}": value for key, value in network.state_dict().items()}
        sources = case_sources(cohort)
        state |= slice_distribution(network, train, validation, pipeline, size=size, encoder=encoder, sources=sources)
        best = max(history, key=lambda record: record.get("score", float("-inf")))
        metrics[pipeline] = {
            "validation_cross_entropy": best.get("validation_cross_entropy", -best["score"]),
            "validation_accuracy": best["validation_accuracy"],
        }
    found = {
        "image_size": dict(recipe.image_sizes),
        "calibration": calibration,
        "head": recipe.head,
        **encoder_entries(encoder, options, start),
        **({"evidence_penalty": recipe.evidence_penalty} if recipe.evidence_penalty else {}),
        **segmentation_entries(segmenter.model if segmenter else None, output / "model"),
    }
    return nowak2021_card(cohort, classes, found, metrics, options) | departed, state


def pipeline_slices(
    cohort: Cohort,
    classes: Sequence[str],
    segmenter: Segmenter | None,
    recipe: Nowak2021Recipe,
    *,
    log: Callable[[str], None] = lambda line: None,
) -> dict[str, tuple[training.SliceSet, training.SliceSet]]:
    """Training and validation slices of each pipeline, their liver cut out by the masks that `recipe` names.

    Raises:
        UserError: The training cases are all of one class, or no slice shows a liver.
    """
    sizes, livers = recipe.image_sizes, recipe.evidence_penalty > 0
    by_masks = [training.Preparation(pipeline, size=sizes[pipeline], livers=livers) for pipeline in PIPELINES]
    by_network = replace(by_masks[0], segmenter=segmenter)
    more = [by_network] if NETWORK in recipe.training_masks else []
    given = training.load_slices(
        cohort.split("train"), [*by_masks, *more], neighbors=recipe.neighbors, classes=classes, log=log
    )
    sets = dict(zip(PIPELINES, given, strict=False))
    if more:
        sets[SEGMENTED] = training.joined(sets[SEGMENTED], given[-1])
    if any(len(slices.labels.unique()) < 2 for slices in sets.values()):
        raise UserError(f"{cohort.path}: the training cases are all of one class. Training needs at least two.")
    as_inference = [by_network, by_masks[1]] if recipe.validation_masks == NETWORK else by_masks
    validation = training.load_slices(cohort.split("validation"), as_inference, classes=classes, log=log)
    return {pipeline: (sets[pipeline], own) for pipeline, own in zip(PIPELINES, validation, strict=True)}


def new_classifier(
    options: TrainingOptions, recipe: Nowak2021Recipe, pipeline: str, *, start: Model | None = None
) -> ImageClassifier:
    """The network of a pipeline at the start of the run."""
    torch.manual_seed(options.seed)
    classes = STAGES if recipe.classes == "stages" else CLASSES
    weights = None if start else options.encoder_weights
    network = encoder_of(recipe).build(len(classes), weights=weights, head=recipe.head)
    if start is not None:
        start_from(network, start, prefix=f"{pipeline}.")
    return network


def encoder_of(recipe: Nowak2021Recipe) -> EncoderSettings:
    """The encoder of a recipe with the normalization that it expects."""
    if recipe.backbone == RESNET50:
        return EncoderSettings(groups=recipe.backbone_groups or 0)
    backbone = build_backbone(recipe.backbone)
    return EncoderSettings(recipe.backbone, recipe.backbone_groups or 0, backbone.mean, backbone.std)


def encoder_entries(encoder: EncoderSettings, options: TrainingOptions, start: Model | None) -> dict[str, Any]:
    """What a card says of an encoder that is not the published one."""
    if encoder == EncoderSettings():
        return {}
    begin = start.card.method_settings.content.get("encoder", {}).get("initial_weights") if start else None
    given = Path(options.encoder_weights).name if options.encoder_weights else RANDOM
    entries = {"name": encoder.name, "groups": encoder.groups, "mean": list(encoder.mean), "std": list(encoder.std)}
    return {"encoder": {**entries, "initial_weights": begin or given}}


def pipeline_options(
    options: TrainingOptions, recipe: Nowak2021Recipe, pipeline: str, size: int
) -> training.PipelineOptions:
    """How a pipeline is trained at an image size."""
    return training.PipelineOptions(
        size=size,
        batch_size=recipe.batch_sizes[pipeline],
        steps=recipe.steps,
        balance=recipe.class_balance,
        geometry=recipe.geometry,
        intensity=recipe.intensity,
        frozen_views=recipe.frozen_views,
        encoder=encoder_of(recipe),
        evidence_penalty=recipe.evidence_penalty,
        precision=choose_precision(options),
        fit=fit_options(options, validate_every=recipe.validate_every),
    )


def validation_calibration(scores: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """Parameters that recalibrate the probabilities (see `recalibration`), fitted on validation scores (n, classes).

    None where there are too few cases, or where all are right: then nothing limits how sure the probabilities could get.
    """
    if len(labels) < FEWEST_TO_CALIBRATE or bool((scores.argmax(1) == labels).all()):
        return {}
    return fit_parameters(scores.numpy(), labels.numpy())


def nowak2021_card(
    cohort: Cohort,
    classes: Sequence[str],
    found: Mapping[str, Any],
    metrics: Mapping[str, Any],
    options: TrainingOptions,
) -> dict[str, Any]:
    """Entries of the card of a Nowak 2021 model that its training determines."""
    what = "Cirrhosis" if classes == CLASSES else "Fibrosis stage F0-F4"
    name = found.get("encoder", {}).get("name", RESNET50)
    encoder = "ResNet50" if name == RESNET50 else name
    layers = {
        "published": "the six published stages",
        "extended": "the six published stages with additions",
        "fine-tune": "trained further, all layers",
    }
    begin = "pretrained encoder" if options.encoder_weights or options.initial_weights else "no pretrained weights"
    schedule = layers.get(str(options.schedule), f"one stage with all layers, {begin}")
    return {
        "description": f"{what} on one T2-weighted slice at the level of the caudate lobe (Nowak 2021), two {encoder}; "
        f"{schedule}.",
        "modality": ["MR"],
        "classes": list(classes),
        "settings": {
            "pipelines": list(PIPELINES),
            "primary_pipeline": PIPELINES[0],
            "liver_margin": LIVER_MARGIN,
            **found,
        },
        "training_data": f"{len(cohort.split('train'))} cases of {cohort.path.name}",
        "license": LICENSE_UNKNOWN,
        "metrics": dict(metrics),
    }
