"""The training run on regions of interest: features of all patches, the nested cross-validation, the model of all patients."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from LiverAILib.data.case import Case
from LiverAILib.data.cohort import Cohort, CohortRow
from LiverAILib.data.model import LICENSE_UNKNOWN
from LiverAILib.data.shared_images import SharedImages
from LiverAILib.errors import UserError
from LiverAILib.evaluation.correlations import correlation
from LiverAILib.evaluation.delong import auc, compare_paired
from LiverAILib.methods.byra2021.heads import QUANTITY, LinearHead, classifier_name
from LiverAILib.methods.byra2021.nested import GRID, INNER_FOLDS, LinearFit, final_fit, nested_leave_one_out
from LiverAILib.methods.byra2021.region import OUTCOME, ROLE, SPEC
from LiverAILib.methods.byra2021.region.settings import RegionSettings
from LiverAILib.methods.byra2021.region.view import RegionView, tissues, unstacked
from LiverAILib.methods.byra2021.settings import CLASSES, InputSettings
from LiverAILib.methods.byra2021.sparse_fit import Kind
from LiverAILib.methods.byra2021.trainer import check_options, chosen_backbone, rounded, write_scores
from LiverAILib.methods.byra2021.training import class_weights, fat_weights, out_of_participant_residuals
from LiverAILib.networks.backbones import Backbone
from LiverAILib.training.options import TrainingOptions

BACKBONE = "tf_efficientnet_lite0"
"""In the box, so that a model that names it runs everywhere."""
OUT_OF_PARTICIPANT = "out_of_participant.csv"
INDEX = "hepatorenal_index"
"""Manifest column of the index that the model is compared with, measured elsewhere."""
BATCH = 32


@dataclass(frozen=True, eq=False)
class Patches:
    """Features of all patches of all patients.

    Attributes:
        features: float64 (n, channels).
        patients: int (n,) row of the cohort.
    """

    features: np.ndarray
    patients: np.ndarray


def train_byra2021_region(
    cohort: Cohort, output: Path, options: TrainingOptions, log: Callable[[str], None]
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Entries of the model card and the heads of the model.

    Every patient is one row, whose images are patches or have regions. Cases of the splits "train" and "validation" take part
    alike. What the cross-validation says of each left-out patient is written to `out_of_participant.csv` in the run folder.

    Raises:
        UserError: An option means nothing here, a patient has several rows, an image belongs to two patients, a region is
            missing, or there are too few patients.
    """
    check_options(options, SPEC.name)
    rows = cohort.split("train", "validation")
    patients = [row.group for row in rows]
    twice = next((name for name in patients if patients.count(name) > 1), None)
    if twice is not None:
        raise UserError(
            f"{cohort.path}: patient {twice} has several rows. Put all images of a patient into one, joined by ';'."
        )
    backbone, named = chosen_backbone(options, BACKBONE)
    inputs = InputSettings(options.image_size or backbone.image_size, backbone.mean, backbone.std)
    settings = RegionSettings(inputs, named)
    patches = _patches(rows, backbone.to(options.device), settings, log)
    fat = np.array([row.value for row in rows], dtype=float)
    fitted, outputs = cross_validate(patches, fat, seed=options.seed, log=log)
    index = _index(rows)
    _write_out_of_participant(output / OUT_OF_PARTICIPANT, rows, outputs)
    heads = {
        name: LinearHead(torch.from_numpy(one.weight).float(), torch.tensor(float(one.bias)))
        for name, one in fitted.items()
    }
    state = {key: value for name, head in heads.items() for key, value in head.tensors(f"{OUTCOME}.{name}").items()}
    residuals = out_of_participant_residuals(outputs[QUANTITY], fat)
    card = {
        "description": f"Liver fat by biopsy and the diagnosis >=5 % in a region of interest (Byra 2021): linear heads on frozen "
        f"features of {named.name}.",
        "modality": ["US"],
        "classes": list(CLASSES),
        "settings": {
            **{key: list(value) if isinstance(value, tuple) else value for key, value in asdict(inputs).items()},
            "backbone": asdict(named),
            "patch_pixels": settings.patch_pixels,
            "gray_factor": settings.gray_factor,
            "residuals": None if residuals is None else asdict(residuals),
            "grid": list(GRID),
            "inner_folds": INNER_FOLDS,
            "chosen": {name: one.chosen for name, one in fitted.items()},
            "caution": f"Trained on {len(rows)} patients of one cohort.",
        },
        "training_data": f"{len(rows)} patients of {cohort.path.name}",
        "license": LICENSE_UNKNOWN,
        "metrics": {"leave_one_participant_out": metrics(outputs, fat, index)},
    }
    return card, state


def _patches(
    rows: Sequence[CohortRow], backbone: Backbone, settings: RegionSettings, log: Callable[[str], None]
) -> Patches:
    """Features of the squares of every patient's regions."""
    shared = SharedImages()
    features, patients = [], []
    device = next(backbone.parameters()).device
    for number, row in enumerate(rows):
        case = Case.from_row(shared.watch(row), SPEC.modalities)
        views = [
            RegionView.of(image, tissue, settings)
            for image, tissue in zip(case.images[ROLE], tissues(case, settings), strict=True)
        ]
        inputs = torch.cat([unstacked(view.tensor[None]) for view in views])
        with torch.inference_mode():
            features += [backbone(part.to(device)).double().cpu().numpy() for part in inputs.split(BATCH)]
        patients += [number] * len(inputs)
        if (number + 1) % 10 == 0 or number + 1 == len(rows):
            log(f"features: {number + 1} of {len(rows)} patients")
    return Patches(np.concatenate(features), np.array(patients))


def questions(fat: np.ndarray) -> dict[str, tuple[Kind, np.ndarray, Callable[[np.ndarray], np.ndarray]]]:
    """Kind of fit, targets and weights by head."""
    found: dict[str, tuple[Kind, np.ndarray, Callable[[np.ndarray], np.ndarray]]] = {
        QUANTITY: ("lasso", fat, fat_weights)
    }
    for cutoff in SPEC.answer.cutoffs:
        found[classifier_name(cutoff)] = ("logistic", (fat >= cutoff).astype(float), class_weights)
    return found


def cross_validate(
    patches: Patches, fat: np.ndarray, *, seed: int, log: Callable[[str], None]
) -> tuple[dict[str, LinearFit], dict[str, np.ndarray]]:
    """The heads that are kept, and what was said of each patient (n,) by heads that had not seen the patient."""
    kept: dict[str, LinearFit] = {}
    outputs: dict[str, np.ndarray] = {}
    for name, (kind, targets, weights) in questions(fat).items():
        rows = (patches.features, targets[patches.patients], patches.patients)
        nested = nested_leave_one_out(*rows, kind=kind, seed=seed, weights=weights, workers=os.cpu_count() or 1)
        kept[name] = final_fit(*rows, kind=kind, seed=seed, weights=weights)
        outputs[name] = nested.outputs
        log(f"{name}: {np.count_nonzero(kept[name].weight)} features, grid value {kept[name].chosen:.3g}")
    return kept, outputs


def _index(rows: Sequence[CohortRow]) -> np.ndarray | None:
    """The manifest's hepatorenal index (n,); None where a patient has none."""
    try:
        return np.array([float(row.covariates[INDEX]) for row in rows])
    except (KeyError, ValueError):
        return None


def metrics(outputs: Mapping[str, np.ndarray], fat: np.ndarray, index: np.ndarray | None) -> dict[str, Any]:
    """AUC and correlations of the left-out patients with 95 % intervals, beside those of the hepatorenal index."""
    found: dict[str, Any] = {
        "patients": len(fat),
        **{kind: rounded(correlation(outputs[QUANTITY], fat, kind=kind)) for kind in ("spearman", "pearson")},
    }
    for cutoff in SPEC.answer.cutoffs:
        name, fatty = classifier_name(cutoff), fat >= cutoff
        found[f"auc_{name}"] = rounded(auc(fatty, outputs[name]))
        if index is not None:
            test = compare_paired(fatty, outputs[name], second=index, names=("model", "index"))
            found[f"{INDEX}_auc_{name}"] = rounded(auc(fatty, index))
            found[f"delong_auc_{name}_minus_index"] = {
                "difference": round(test.difference, 4),
                "interval": None
                if test.interval is None
                else [round(test.interval.low, 4), round(test.interval.high, 4)],
                "p": round(test.p_value, 4),
            }
    if index is not None:
        found[f"{INDEX}_spearman"] = rounded(correlation(index, fat, kind="spearman"))
    return found


def _write_out_of_participant(path: Path, rows: Sequence[CohortRow], outputs: Mapping[str, np.ndarray]) -> None:
    """One row a patient, as `liverai evaluate --predictions` reads it."""
    columns = {"score": outputs[QUANTITY]}
    for cutoff in SPEC.answer.cutoffs:
        columns[f"score:>={cutoff:g}"] = outputs[classifier_name(cutoff)]
    write_scores(path, rows, columns)
