"""Training a method on a cohort, from the manifest to a model folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from LiverAILib import __version__
from LiverAILib.assessment import RESEARCH_USE
from LiverAILib.assessment_files import check_output_folder
from LiverAILib.cohort import Cohort, read_cohort
from LiverAILib.errors import UserError
from LiverAILib.methods.nowak2021 import CLASSES, IMAGE_SIZE, LIVER_MARGIN, PIPELINES
from LiverAILib.model import Model, load_model, save_model
from LiverAILib.segmentation.predict import Segmenter
from LiverAILib.training import nowak2021, segmentation
from LiverAILib.training import schedule as schedules

LICENSE_UNKNOWN = "not stated: the license of the training data decides"


def train(
    method: str,
    cohort: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    name: str | None = None,
    schedule: str = "short",
    epochs: int | None = None,
    steps: int | None = None,
    segmentation_model: str | None = None,
    encoder_weights: str | None = None,
    seed: int = 0,
    card: Mapping[str, Any] | None = None,
    log: Callable[[str], None] = print,
) -> Model:
    """Train `method` on a cohort; the model folder is `output/model`. The same call again resumes an interrupted run.

    Args:
        method: "segmentation" or "nowak2021".
        cohort: Manifest.
        output: Run folder.
        name: Name of the model; by default that of the run folder.
        schedule: "short" (all layers at once, for networks without pretrained weights) or "published".
        epochs: Epochs of the short schedule.
        steps: Batches an epoch; by default what the method finds right.
        segmentation_model: Its masks are used for validation as in Nowak 2021, and for training beside the given ones.
        encoder_weights: "imagenet", or a safetensors file (nowak2021).
        seed: Seed of every random draw.
        card: Entries that replace those of the model card (description, training_data, license, metrics, ...).
        log: Called with one line an epoch.

    Raises:
        UserError: The manifest cannot be used, or the run folder belongs to a run with other settings.
    """
    if method not in TRAINERS:
        raise UserError(f"{method}: cannot be trained. Use one of {', '.join(TRAINERS)}.")
    cohort = read_cohort(cohort)
    output = Path(output)
    check_output_folder(output)
    if not cohort.split("train"):
        raise UserError(f'{cohort.path}: no case of split "train". Fill the column "split".')
    settings = {
        "method": method,
        "schedule": schedule,
        "epochs": epochs,
        "steps": steps,
        "segmentation_model": segmentation_model,
        "encoder_weights": encoder_weights,
        "seed": seed,
    }
    _same_run(output / "run.json", {**settings, "cohort": str(cohort.path.resolve())})
    made, state = TRAINERS[method](cohort, output, settings, log)
    complete = {
        "name": name or output.resolve().name,
        "version": __version__,
        "method": method,
        **made,
        "training": {
            **settings,
            "cases": {split: len(cohort.split(split)) for split in ("train", "validation", "test")},
        },
        "intended_use": RESEARCH_USE,
        **(card or {}),
    }
    return save_model(output / "model", complete, state)


def _same_run(path: Path, settings: dict[str, Any]) -> None:
    """Note the settings of a run, or compare them with those of the run that is resumed."""
    if path.exists():
        earlier = json.loads(path.read_text(encoding="utf-8"))
        changed = [key for key in settings if earlier.get(key) != settings[key]]
        if changed:
            raise UserError(
                f"{path.parent}: holds a run with another {', '.join(changed)}. Choose a new --output, or repeat its settings."
            )
    path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def _train_segmentation(cohort: Cohort, output: Path, settings: Mapping[str, Any], log: Callable[[str], None]):
    published = settings["schedule"] == "published"
    epochs = settings["epochs"] or 30
    stages = schedules.NOWAK2021_SEGMENTATION if published else schedules.one_stage(epochs, 1e-3)
    network, history = segmentation.train_segmentation(
        cohort,
        output,
        stages=stages,
        seed=settings["seed"],
        encoder_weights=settings["encoder_weights"],
        steps=settings["steps"] or 50,
        refine_epochs=0 if published else max(1, round(epochs / 4)),
        log=log,
    )
    return segmentation_card(cohort, history), network.state_dict()


def segmentation_card(cohort: Cohort, history: list[dict[str, Any]]) -> dict[str, Any]:
    """Entries of the card of a segmentation model that its training determines."""
    roles = {role for row in cohort.split("train") for role in row.images}
    return {
        "description": "Liver, kidneys and spleen: U-Net with ResNet34 encoder, three adjacent slices as channels.",
        "modality": [name for role, name in (("t2", "MR"), ("ct", "CT")) if role in roles],
        "classes": ["background", *segmentation.ORGANS],
        "settings": {"encoder": "resnet34", "adjacent_slices": 3},
        "training_data": f"{len(cohort.split('train'))} cases of {cohort.path.name}",
        "license": LICENSE_UNKNOWN,
        "metrics": {"last_epoch": history[-1]},
    }


def _train_nowak2021(cohort: Cohort, output: Path, settings: Mapping[str, Any], log: Callable[[str], None]):
    rows, validation = cohort.split("train"), cohort.split("validation")
    if not validation:
        raise UserError(f'{cohort.path}: no case of split "validation". The state of the network is chosen on it.')
    staged = nowak2021.is_staged(cohort.rows)
    published = settings["schedule"] == "published"
    short = schedules.progressive_sizes(settings["epochs"] or 16, size=IMAGE_SIZE)
    runs = ((IMAGE_SIZE, schedules.NOWAK2021_CLASSIFICATION),) if published else short
    # As in the paper, validation sees the segmentation network's masks; the short schedule trains on both kinds, because
    # a network without pretrained weights learns the finer border of given masks and fails on the network's.
    name = settings["segmentation_model"]
    segmenter = Segmenter(load_model(name)) if name else None
    state: dict[str, torch.Tensor] = {}
    metrics = {}
    for pipeline in PIPELINES:
        log(f"pipeline {pipeline}: reading {len(rows)} + {len(validation)} cases")
        training_slices = nowak2021.load_slices(rows, pipeline, staged=staged, neighbors=1)
        if segmenter is not None and pipeline == "segmented" and not published:
            by_network = nowak2021.load_slices(rows, pipeline, staged=staged, neighbors=1, segmenter=segmenter)
            training_slices = nowak2021.joined(training_slices, by_network)
        validation_slices = nowak2021.load_slices(validation, pipeline, staged=staged, segmenter=segmenter)
        network = None
        for size, stages in runs:
            network, history = nowak2021.train_pipeline(
                training_slices,
                validation_slices,
                output / f"{pipeline}_{size}",
                stages=stages,
                seed=settings["seed"],
                weights=settings["encoder_weights"],
                size=size,
                steps=settings["steps"],
                network=network,
                log=log,
            )
        state |= {f"{pipeline}.{key}": value for key, value in network.state_dict().items()}
        best = max(history, key=lambda record: record.get("score", float("-inf")))
        metrics[pipeline] = {
            "validation_cross_entropy": -best["score"],
            "validation_accuracy": best["validation_accuracy"],
        }
    return nowak2021_card(cohort, metrics), state


def nowak2021_card(cohort: Cohort, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Entries of the card of a Nowak 2021 model that its training determines."""
    return {
        "description": "Cirrhosis on one T2-weighted slice at the level of the caudate lobe (Nowak 2021), two ResNet50.",
        "modality": ["MR"],
        "classes": list(CLASSES),
        "settings": {
            "pipelines": list(PIPELINES),
            "primary_pipeline": PIPELINES[0],
            "image_size": IMAGE_SIZE,
            "liver_margin": LIVER_MARGIN,
        },
        "training_data": f"{len(cohort.split('train'))} cases of {cohort.path.name}",
        "license": LICENSE_UNKNOWN,
        "metrics": dict(metrics),
    }


TRAINERS = {"segmentation": _train_segmentation, "nowak2021": _train_nowak2021}
