"""The training run of Nowak 2021: both pipelines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from LiverAILib.data.cohort import Cohort
from LiverAILib.data.model import LICENSE_UNKNOWN, load_model
from LiverAILib.errors import UserError
from LiverAILib.evaluation.recalibration import fit_parameters
from LiverAILib.methods.nowak2021 import training
from LiverAILib.methods.nowak2021.out_of_distribution import slice_distribution
from LiverAILib.methods.nowak2021.settings import CLASSES, IMAGE_SIZE, LIVER_MARGIN, PIPELINES, STAGES
from LiverAILib.networks.classifier import ResNet50Classifier
from LiverAILib.networks.heads import HEADS
from LiverAILib.segmentation.predict import Segmenter
from LiverAILib.training import schedule as schedules
from LiverAILib.training.initial_weights import initial_model, start_from
from LiverAILib.training.options import TrainingOptions
from LiverAILib.training.run_settings import choose_precision, fit_options, require_pretrained

FEWEST_TO_CALIBRATE = 20
"""Validation cases below which the probabilities are left as they are."""

Runs = Sequence[tuple[int, Sequence[schedules.Stage]]]
"""Image size and stages of each run that a schedule consists of."""


def train_nowak2021(
    cohort: Cohort, output: Path, options: TrainingOptions, log: Callable[[str], None]
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Entries of the model card and the networks' state."""
    require_pretrained(options)
    if not cohort.split("validation"):
        raise UserError(f'{cohort.path}: no case of split "validation". The state of the network is chosen on it.')
    classes = STAGES if options.classes == "stages" else CLASSES
    runs = classifier_runs(options)
    name = options.segmentation_model
    segmenter = Segmenter(load_model(name), device=torch.device(options.device)) if name else None
    state: dict[str, torch.Tensor] = {}
    metrics, calibration = {}, {}
    log(f"reading {len(cohort.split('train'))} + {len(cohort.split('validation'))} cases")
    slices = pipeline_slices(cohort, classes, segmenter, options)
    for pipeline in PIPELINES:
        log(f"pipeline {pipeline}")
        train, validation = slices[pipeline]
        network = new_classifier(options, classes, pipeline)
        history = []
        for number, (size, stages) in enumerate(runs):
            how = pipeline_options(options, size)
            if number:
                how = replace(how, fit=replace(how.fit, start_counts=False))
            folder = output / f"{pipeline}_{size}"
            history = training.train_pipeline(
                train, validation, folder, network=network, stages=stages, options=how, log=log
            )
        network = network.cpu()
        scores = training.predict(network, validation, size=runs[-1][0])
        calibration[pipeline] = validation_calibration(scores, validation.labels)
        state |= {f"{pipeline}.{key}": value for key, value in network.state_dict().items()}
        state |= slice_distribution(network, train, validation, pipeline, size=runs[-1][0])
        best = max(history, key=lambda record: record.get("score", float("-inf")))
        metrics[pipeline] = {
            "validation_cross_entropy": -best["score"],
            "validation_accuracy": best["validation_accuracy"],
        }
    found = {"image_size": runs[-1][0], "calibration": calibration, "head": options.head or HEADS[0]}
    return nowak2021_card(cohort, classes, found, metrics, options), state


def pipeline_slices(
    cohort: Cohort, classes: Sequence[str], segmenter: Segmenter | None, options: TrainingOptions
) -> dict[str, tuple[training.SliceSet, training.SliceSet]]:
    """Training and validation slices of each pipeline.

    As in the paper, validation sees the segmentation network's masks; but for the published schedule training sees both
    kinds, because a network without pretrained weights learns the finer border of given masks and fails on the network's.
    """
    by_masks = [training.Preparation(pipeline) for pipeline in PIPELINES]
    by_network = training.Preparation("segmented", segmenter)
    more = [by_network] if segmenter is not None and not options.published else []
    given = training.load_slices(cohort.split("train"), [*by_masks, *more], neighbors=1, classes=classes)
    sets = dict(zip(PIPELINES, given, strict=False))
    if more:
        sets["segmented"] = training.joined(sets["segmented"], given[-1])
    if any(len(slices.labels.unique()) < 2 for slices in sets.values()):
        raise UserError(f"{cohort.path}: the training cases are all of one class. Training needs at least two.")
    as_inference = [by_network if pipeline == "segmented" else training.Preparation(pipeline) for pipeline in PIPELINES]
    validation = training.load_slices(cohort.split("validation"), as_inference, classes=classes)
    return {pipeline: (sets[pipeline], own) for pipeline, own in zip(PIPELINES, validation, strict=True)}


def new_classifier(options: TrainingOptions, classes: Sequence[str], pipeline: str) -> ResNet50Classifier:
    """The network of a pipeline at the start of the run."""
    torch.manual_seed(options.seed)
    network = ResNet50Classifier(len(classes), weights=options.encoder_weights, head=options.head or HEADS[0])
    start = initial_model(options.initial_weights, "nowak2021")
    if start is not None:
        start_from(network, start, prefix=f"{pipeline}.")
    return network


def classifier_runs(options: TrainingOptions) -> Runs:
    """Image size and stages of each run that the schedule of `options` consists of."""
    size, epochs = options.image_size or IMAGE_SIZE, options.epochs or 16
    if options.published:
        return ((size, schedules.shortened(schedules.NOWAK2021_CLASSIFICATION, options.epochs_divisor or 1)),)
    if options.fine_tune:
        return ((size, schedules.fine_tuning(epochs, max_lr=options.max_lr)),)
    return schedules.progressive_sizes(epochs, size=size, max_lr=options.max_lr or 1e-3)


def pipeline_options(options: TrainingOptions, size: int) -> training.PipelineOptions:
    """How a pipeline is trained at an image size."""
    return training.PipelineOptions(
        size=size,
        batch_size=options.batch_size or 32,
        steps=options.steps,
        balance=options.class_balance or "sampling",
        frozen_views=options.frozen_views,
        precision=choose_precision(options),
        fit=fit_options(options),
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
    layers = {"published": "the six published stages", "fine-tune": "trained further, all layers"}
    schedule = layers.get(str(options.schedule), "one stage with all layers, no pretrained weights")
    return {
        "description": f"{what} on one T2-weighted slice at the level of the caudate lobe (Nowak 2021), two ResNet50; "
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
