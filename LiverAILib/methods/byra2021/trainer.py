"""The training run of Byra 2021: features once, the nested cross-validation, and the model of all participants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from LiverAILib.atomic_write import atomic_csv
from LiverAILib.data.cohort import Cohort, CohortRow
from LiverAILib.data.model import LICENSE_UNKNOWN
from LiverAILib.data.shared_images import SharedImages, pixel_checksum
from LiverAILib.errors import UserError
from LiverAILib.evaluation.correlations import correlation
from LiverAILib.evaluation.delong import auc
from LiverAILib.evaluation.estimate import Estimate
from LiverAILib.methods.byra2021 import COMPOSITE, MULTIVIEW, SPEC, VIEWS
from LiverAILib.methods.byra2021.features import FeatureStore
from LiverAILib.methods.byra2021.heads import QUANTITY, classifier_name
from LiverAILib.methods.byra2021.nested import GRID, INNER_FOLDS
from LiverAILib.methods.byra2021.settings import CLASSES, BackboneSettings, InputSettings
from LiverAILib.methods.byra2021.training import (
    PATIENCE,
    Fitted,
    ViewData,
    cross_validate,
    out_of_participant_residuals,
)
from LiverAILib.methods.byra2021.view import SHIFTS, ultrasound_warnings
from LiverAILib.networks.backbones import BUNDLED, Backbone, backbone_checksum, build_backbone, bundled_backbones
from LiverAILib.training.options import TrainingOptions, flag

BACKBONE = "resnet50"
"""The published one."""
FEATURES, OUT_OF_PARTICIPANT = "features", "out_of_participant.csv"
WITHOUT_MEANING = (
    "epochs", "epochs_divisor", "steps", "batch_size", "max_lr", "patience", "lr_spacing", "freeze_batch_norm", "initial_weights",
)  # fmt: skip
"""Options of networks that are trained by gradient descent, which this method does not do."""


def train_byra2021(
    cohort: Cohort, output: Path, options: TrainingOptions, log: Callable[[str], None]
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Entries of the model card and the heads of the model.

    Cases of the splits "train" and "validation" take part alike: the cross-validation makes its own folds of participants.
    What it says of each left-out participant is written to `out_of_participant.csv` in the run folder, in the form that
    `liverai evaluate --predictions` reads.

    Raises:
        UserError: An option means nothing here, weights are missing, a participant has several cases, an image belongs to two
            participants, or there are too few participants.
    """
    check_options(options)
    rows = cohort.split("train", "validation")
    _check_rows(cohort, rows)
    backbone, named = chosen_backbone(options)
    inputs = InputSettings(options.image_size or backbone.image_size, backbone.mean, backbone.std)
    store = FeatureStore(
        backbone, inputs, output / FEATURES, device=torch.device(options.device), checksum=named.sha256
    )
    views = _features(rows, store, log)
    fat = np.array([row.value for row in rows], dtype=float)
    found = cross_validate(
        views,
        fat,
        cutoffs=SPEC.answer.cutoffs,
        with_composite=bool(options.composite),
        seed=options.seed,
        log=log,
    )
    _write_out_of_participant(output / OUT_OF_PARTICIPANT, rows, found)
    log(f"out-of-participant predictions: {output / OUT_OF_PARTICIPANT}")
    state = {
        key: value
        for owner, heads in found.heads.items()
        for name, head in heads.items()
        for key, value in head.tensors(f"{owner}.{name}").items()
    }
    return _card(cohort, rows, views, found, fat, inputs, named), state


def check_options(options: TrainingOptions, method: str = SPEC.name) -> None:
    """Raise a `UserError` where an option means nothing to heads that are fitted exactly."""
    for name in WITHOUT_MEANING:
        if getattr(options, name) is not None:
            raise UserError(
                f"{flag(name)}: means nothing to {method}, whose backbone is frozen and whose heads are fitted exactly. Leave it "
                "out."
            )


def _check_rows(cohort: Cohort, rows: Sequence[CohortRow]) -> None:
    patients = [row.patient_id for row in rows]
    twice = next((name for name in patients if patients.count(name) > 1), None)
    if twice is not None:
        raise UserError(
            f"{cohort.path}: patient {twice} has several cases; byra2021 leaves one participant out at a time and trains on one "
            "case of each. Keep one."
        )


def chosen_backbone(options: TrainingOptions, default: str = BACKBONE) -> tuple[Backbone, BackboneSettings]:
    """The frozen backbone, and how the card names it."""
    name = options.backbone or default
    weights = options.encoder_weights or (BUNDLED if name in bundled_backbones() else None)
    if weights is None:
        raise UserError(
            f"--encoder-weights: byra2021 needs a pretrained backbone. Give imagenet (fetches the weights of {name}) or a "
            f"safetensors file, or take --backbone {' or '.join(bundled_backbones())}, which comes with LiverAI."
        )
    if Path(weights).is_file():
        weights = str(Path(weights).resolve())
    backbone = build_backbone(name, weights=weights).eval().requires_grad_(False)
    return backbone, BackboneSettings(name, weights, backbone_checksum(backbone), backbone.channels)


def _features(rows: Sequence[CohortRow], store: FeatureStore, log: Callable[[str], None]) -> dict[str, ViewData]:
    """Features of every view, after it was checked that no picture is there twice."""
    shared = SharedImages()
    there = [(number, row, view) for number, row in enumerate(rows) for view in VIEWS if view in row.images]
    log(f"reading {len(there)} images of {len(rows)} participants")
    for row in rows:
        _check_pictures(shared.watch(row))
    warned: Counter[str] = Counter()
    found: dict[str, tuple[list[int], list[np.ndarray]]] = {view: ([], []) for view in VIEWS}
    for done, (number, row, view) in enumerate(there, 1):
        image = row.read_image(view, "US")
        warned.update(warning.code for warning in ultrasound_warnings(image, view))
        found[view][0].append(number)
        found[view][1].append(store.of(image))
        if done % 100 == 0 or done == len(there):
            log(f"features: {done} of {len(there)} images ({store.computed} computed, the others kept from before)")
    for code, count in warned.items():
        log(f"warning {code}: {count} images")
    return {
        view: ViewData(np.array(numbers), np.stack(features)) for view, (numbers, features) in found.items() if numbers
    }


def _check_pictures(row: CohortRow) -> None:
    """Read the pictures of a participant before any is used.

    Raises:
        UserError: One is that of another participant, which `row` watches for, or is there as two views.
    """
    seen: dict[str, str] = {}
    for view in VIEWS:
        if view in row.images:
            other = seen.setdefault(pixel_checksum(row.read_image(view, "US").array), view)
            if other != view:
                raise UserError(
                    f"case {row.case_id}: image:{other} and image:{view} are the same picture, as it is or mirrored. Correct the "
                    "manifest."
                )


def _write_out_of_participant(path: Path, rows: Sequence[CohortRow], found: Fitted) -> None:
    """One row a participant; a view that not every participant has is left out, as no column may have gaps."""
    columns: dict[str, np.ndarray] = {}
    for owner in (MULTIVIEW, *(name for name in found.outputs if name != MULTIVIEW)):
        own = found.outputs[owner]
        if not np.isfinite(own[QUANTITY]).all():
            continue
        column = "score" if owner == MULTIVIEW else f"score:{owner}"
        columns[column] = own[QUANTITY]
        for cutoff in SPEC.answer.cutoffs:
            columns[f"{column}:>={cutoff:g}"] = own[classifier_name(cutoff)]
    write_scores(path, rows, columns)


def write_scores(path: Path, rows: Sequence[CohortRow], columns: Mapping[str, np.ndarray]) -> None:
    """A predictions file as `liverai evaluate --predictions` reads it: score columns (participants,) in the order of `rows`."""
    table = (
        (row.case_id, row.patient_id, repr(row.value), *(f"{values[i]:.8g}" for values in columns.values()))
        for i, row in enumerate(rows)
    )
    atomic_csv(path, ("case_id", "patient_id", "label", *columns), table, read_back=True)


def _card(
    cohort: Cohort,
    rows: Sequence[CohortRow],
    views: Mapping[str, ViewData],
    found: Fitted,
    fat: np.ndarray,
    inputs: InputSettings,
    backbone: BackboneSettings,
) -> dict[str, Any]:
    whole = np.all([np.isfinite(found.outputs[view][QUANTITY]) for view in views], axis=0)
    residuals = out_of_participant_residuals(found.outputs[MULTIVIEW][QUANTITY][whole], fat[whole])
    return {
        "description": f"Liver fat fraction (PDFF) and the diagnoses >=5 % and >=10 % on ultrasound views (Byra 2021): linear "
        f"heads on frozen features of {backbone.name}.",
        "modality": ["US"],
        "classes": list(CLASSES),
        "settings": {
            **{key: list(value) if isinstance(value, tuple) else value for key, value in asdict(inputs).items()},
            "backbone": asdict(backbone),
            "views": list(views),
            "composite": COMPOSITE in found.heads,
            "residuals": None if residuals is None else asdict(residuals),
            "shifts": list(SHIFTS),
            "grid": list(GRID),
            "inner_folds": INNER_FOLDS,
            "patience": PATIENCE,
            "chosen": found.chosen,
        },
        "training_data": f"{len(rows)} participants of {cohort.path.name}",
        "license": LICENSE_UNKNOWN,
        "metrics": {"leave_one_participant_out": _metrics(found, fat)},
    }


def _metrics(found: Fitted, fat: np.ndarray) -> dict[str, Any]:
    """Correlations and AUCs of the left-out participants by view, each with its 95 % interval."""
    metrics: dict[str, Any] = {}
    for owner, outputs in found.outputs.items():
        there = np.isfinite(outputs[QUANTITY])
        own = {
            kind: rounded(correlation(outputs[QUANTITY][there], fat[there], kind=kind))
            for kind in ("spearman", "pearson")
        }
        for cutoff in SPEC.answer.cutoffs:
            name = classifier_name(cutoff)
            own[f"auc_{name}"] = rounded(auc(fat[there] >= cutoff, outputs[name][there]))
        metrics[owner] = {"participants": int(there.sum()), **own}
    return metrics


def rounded(estimate: Estimate) -> list[float] | None:
    """Value and bounds, rounded; None where it is undefined."""
    interval = estimate.interval
    values = [estimate.value] + ([] if interval is None else [interval.low, interval.high])
    return [round(float(value), 4) for value in values] if np.isfinite(values).all() else None
