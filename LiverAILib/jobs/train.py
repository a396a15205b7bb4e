"""Training a method on a cohort, from the manifest to a model folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from LiverAILib import __version__
from LiverAILib.atomic_write import atomic_text
from LiverAILib.data.assessment import RESEARCH_USE
from LiverAILib.data.cohort import SPLITS, Cohort, CohortRow, read_cohort
from LiverAILib.data.model import Model, read_model, save_model
from LiverAILib.data.model_card import SEEN
from LiverAILib.data.seen_cases import ImageHashes, joined, seen_cases
from LiverAILib.errors import UserError
from LiverAILib.jobs.refused_run import nothing_left_where_refused
from LiverAILib.methods import Answer, list_methods, method_named
from LiverAILib.networks.device import choose_device
from LiverAILib.output_paths import check_keeps_inputs, check_output_folder
from LiverAILib.segmentation.training import options as segmentation_options
from LiverAILib.segmentation.training.trainer import train_segmentation
from LiverAILib.training import distributed
from LiverAILib.training.folds import split_by_folds
from LiverAILib.training.initial_weights import initial_model, provenance
from LiverAILib.training.options import TrainingOptions
from LiverAILib.training.precision import Precision
from LiverAILib.training.stage_summary import TRAINING_STAGES, read_stages

Trainer = Callable[
    [Cohort, Path, TrainingOptions, Callable[[str], None]], tuple[dict[str, Any], dict[str, torch.Tensor]]
]
"""Function of cohort, run folder, options and log that gives entries of the model card and the network's state."""

SEGMENTATION = "segmentation"


def trainable() -> list[str]:
    """What can be trained: the segmentation network and the methods that say how."""
    return [SEGMENTATION, *(name for name, spec in list_methods().items() if spec.trainer)]


def understood_options() -> dict[str, frozenset[str]]:
    """The method-specific training options that each of `trainable` understands."""
    specs = list_methods()
    return {
        name: segmentation_options.TRAINING_OPTIONS if name == SEGMENTATION else specs[name].training_options
        for name in trainable()
    }


def _answer(method: str) -> Answer | None:
    """What a method answers and is trained on; None for the segmentation network, which needs no labels."""
    return None if method == SEGMENTATION else method_named(method).answer


def _trainer(method: str) -> Trainer:
    return train_segmentation if method == SEGMENTATION else method_named(method).load_trainer()


def train(
    method: str,
    cohort: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    name: str | None = None,
    folds: int | None = None,
    validation: bool = True,
    also_train: str | os.PathLike[str] | None = None,
    labels: str | None = None,
    card: Mapping[str, Any] | None = None,
    log: Callable[[str], None] = print,
    **options: Any,
) -> Model | list[Model]:
    """Train `method` on a cohort; the model folder is `output/model`. The same call again resumes an interrupted run.

    Started by `torchrun`, the processes share every batch.

    Args:
        method: One of `trainable()`.
        cohort: Manifest.
        output: Run folder.
        name: Name of the model; by default that of the run folder.
        folds: Cross-validation: a model for each of so many folds of patients, in `output/fold_<n>/model`, with the folds
            in `output/folds.csv`.
        validation: Whether each fold keeps a part of the other patients to choose the state by; without it they all train,
            and the last state is kept (segmentation only).
        also_train: Manifest of cases that are trained on beside the cohort, in every fold, and never tested: simulated ones,
            or some whose masks are no reference.
        labels: What the column "label" of the manifests holds, "stage" or "cirrhosis" (see `read_cohort`).
        card: Entries that replace those of the model card (description, training_data, license, metrics, ...).
        log: Called with one line per epoch.
        **options: See `TrainingOptions`.

    Returns:
        The model, or those of the folds.

    Raises:
        UserError: The manifest cannot be used, or the run folder belongs to a run with other settings.
    """
    if method not in trainable():
        raise UserError(f"{method}: cannot be trained. Use one of {', '.join(trainable())}.")
    chosen = TrainingOptions(**options).resolved(method, understood_options())
    start = initial_model(chosen.initial_weights, method)
    if not validation and folds is None:
        raise UserError(
            "--no-validation: means something with --folds only. Without them the manifest's splits decide."
        )
    used = ("train", "validation") if folds is None else ("train", "validation", "")
    read, more = _read_cohorts(method, cohort, also_train, labels=labels, used=used)
    hashes = ImageHashes()
    output = Path(output)
    with distributed.process_group(choose_device(chosen.device)) as device, nothing_left_where_refused(output):
        log = log if distributed.is_main_process() else (lambda line: None)
        chosen = replace(chosen, precision=Precision.choose(device, chosen.precision).name)
        if distributed.is_main_process():
            inputs = [*read.files(), *(file for row in more for file in row.files()), also_train]
            _check_run_folder(output, [*inputs, chosen.encoder_weights, start.folder if start else None])
            asked = {"folds": folds, "validation": validation, "cohort": str(read.path.resolve())}
            asked["also_train"] = None if also_train is None else str(Path(also_train).resolve())
            asked |= {} if labels is None else {"labels": labels}
            _same_run(output / "run.json", {**chosen.record(method), **asked})
        distributed.barrier()
        chosen = replace(chosen, device=str(device))
        name = name or output.resolve().name
        if folds is None:
            entries = {"name": name, **(card or {})}
            return _train_one(method, _joined(read, more), output, chosen, start, hashes, card=entries, log=log)
        models = []
        parts = split_by_folds(read, folds, output / "folds.csv", seed=chosen.seed, validation=validation)
        for number, part in parts:
            log(f"fold {number} of {folds}")
            entries = {"name": f"{name}-fold-{number}", **(card or {})}
            run, part = output / f"fold_{number}", _joined(part, more)
            models.append(_train_one(method, part, run, chosen, start, hashes, card=entries, fold=number, log=log))
        return models


def _check_run_folder(output: Path, inputs: Sequence[str | os.PathLike[str] | None]) -> None:
    """Whether a run can be written to `output` without replacing one of its `inputs`."""
    check_output_folder(output)
    written = [output / name for name in ("run.json", "folds.csv", "model")] + list(output.glob("fold_*"))
    check_keeps_inputs(written, inputs)


def _read_cohorts(
    method: str,
    cohort: str | os.PathLike[str],
    also_train: str | os.PathLike[str] | None,
    *,
    labels: str | None,
    used: Sequence[str],
) -> tuple[Cohort, tuple[CohortRow, ...]]:
    """The cohort, and the cases of the manifest `also_train` as training cases, with the labels that the method needs.

    Raises:
        UserError: A manifest cannot be used, has other labels, or a case of the splits `used` has none; or a patient is in both
            manifests.
    """
    answer = _answer(method)
    quantity = "" if answer is None else answer.quantity_column
    read = read_cohort(cohort, labels=labels, quantity=quantity)
    more = None if also_train is None else read_cohort(also_train, labels=labels, quantity=quantity)
    if answer is not None:
        for one, splits in ((read, used), (more, SPLITS)):
            if one is not None:
                one.check_labels(answer.labels)
                one.check_labeled(*splits)
    return read, () if more is None else _extra_cases(read, more)


def _extra_cases(cohort: Cohort, more: Cohort) -> tuple[CohortRow, ...]:
    """The cases of a second manifest as training cases.

    Raises:
        UserError: It shares a patient with the cohort.
    """
    both = sorted({row.group for row in more} & {row.group for row in cohort})
    if both:
        raise UserError(
            f"{more.path}: patient {both[0]} is in {cohort.path} too, and may be tested there. Remove the patient from one."
        )
    return tuple(replace(row, split="train") for row in more)


def _joined(cohort: Cohort, more: tuple[CohortRow, ...]) -> Cohort:
    return replace(cohort, rows=cohort.rows + more)


def _train_one(
    method: str,
    cohort: Cohort,
    output: Path,
    options: TrainingOptions,
    start: Model | None,
    hashes: ImageHashes,
    *,
    card: Mapping[str, Any],
    fold: int | None = None,
    log: Callable[[str], None],
) -> Model:
    """Train on the cohort's splits and write the model folder."""
    train_rows, validation = cohort.split("train"), cohort.split("validation")
    if not train_rows:
        raise UserError(f'{cohort.path}: no case of split "train". Fill the column "split".')
    output.mkdir(parents=True, exist_ok=True)
    made, state = _trainer(method)(hashes.watch(cohort), output, options, log)
    if distributed.is_main_process():
        seen = seen_cases(train_rows, validation, hashes=hashes)
        if start is not None:
            seen = joined(start.card.seen or {}, seen)
        complete = {
            "version": __version__,
            "method": method,
            **made,
            "training": {
                **options.record(method),
                **({} if fold is None else {"fold": fold}),
                "initial_weights": provenance(start),
                "processes": distributed.world_size(),
                "torch": torch.__version__,
                "cases": {split: len(cohort.split(split)) for split in ("train", "validation", "test")},
            },
            TRAINING_STAGES: read_stages(output),
            SEEN: seen,
            "intended_use": RESEARCH_USE,
            **card,
        }
        save_model(output / "model", complete, state)
        log(f"model: {output / 'model'}")
    distributed.barrier()
    return read_model(output / "model")


def _same_run(path: Path, settings: dict[str, Any]) -> None:
    """Note the settings of a run, or compare them with those of the run that is resumed."""
    if path.exists():
        earlier = json.loads(path.read_text(encoding="utf-8"))
        # Settings that an older version did not know are not compared.
        changed = [key for key in settings if key in earlier and earlier[key] != settings[key]]
        if changed:
            raise UserError(
                f"{path.parent}: holds a run with another {', '.join(changed)}. Choose a new --output, or repeat its settings."
            )
    atomic_text(path, json.dumps(settings, indent=2) + "\n")
