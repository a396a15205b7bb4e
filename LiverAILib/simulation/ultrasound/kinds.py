"""Ultrasound as kinds of a cohort: files and rows of the manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from LiverAILib.imaging.png_file import write_png
from LiverAILib.simulation.kind import Kind, Task
from LiverAILib.simulation.ultrasound.examination import (
    UltrasoundExamination,
    simulate_fat_views,
    simulate_fibrosis_pair,
)
from LiverAILib.simulation.ultrasound.views import FAT_VIEWS

PAIR_ROLES = ("gray_scale", "elastogram")
MASKS = ("evidence", "liver", "fan")
SERUM = ("ast_u_per_l", "alt_u_per_l", "platelets_1e9_per_l")
PAIRS = 5
"""Gray-scale images with elastograms of a patient, as in Xue 2020."""
SAMPLE_STAGE, SAMPLE_PDFF_PERCENT, SAMPLE_SEED = 4, 22.0, 2


def columns_of(truth: str, roles: tuple[str, ...], *, covariates: tuple[str, ...]) -> tuple[str, ...]:
    """Columns of the manifest; `mask:<structure>:<role>` is the mask of each image of a role."""
    images = tuple(f"image:{role}" for role in roles)
    masks = tuple(f"mask:{structure}:{role}" for structure in MASKS for role in roles)
    return ("case_id", "patient_id", "split", truth, *images, *masks, *covariates, "scanner", "sex")


def write_examination(examination: UltrasoundExamination, folder: Path) -> dict[str, str]:
    """Writes each picture and its masks (0 and 255) as PNG files, and `parameters.json`.

    Returns:
        The cells of the manifest, several files joined by ";".
    """
    folder.mkdir(parents=True)
    cells: dict[str, list[str]] = {}
    for role, pictures in examination.pictures.items():
        for number, picture in enumerate(pictures, 1):
            name = f"{role}_{number}" if len(pictures) > 1 else role
            write_png(picture.image, folder / f"{name}.png")
            cells.setdefault(f"image:{role}", []).append(f"{folder.name}/{name}.png")
            for structure in MASKS:
                mask = getattr(picture, structure)
                write_png(mask.with_array(mask.array * np.uint8(255)), folder / f"{name}_{structure}.png")
                cells.setdefault(f"mask:{structure}:{role}", []).append(f"{folder.name}/{name}_{structure}.png")
    record = examination.parameters | {"truth": examination.truth}
    (folder / "parameters.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return {column: ";".join(files) for column, files in cells.items()}


def _row(task: Task, examination: UltrasoundExamination) -> Mapping[str, object]:
    numbers = {column: f"{value:g}" for column, value in examination.truth.items()}
    sex = str(np.random.default_rng([task.seed, 3]).choice(["F", "M"]))
    cells = write_examination(examination, task.folder)
    return task.names | numbers | cells | {"scanner": examination.parameters["scanner"], "sex": sex}


def _simulate_fibrosis(task: Task) -> Mapping[str, object]:
    return _row(task, simulate_fibrosis_pair(int(task.truth), seed=task.seed, images=task.images or PAIRS))


def _simulate_fat(task: Task) -> Mapping[str, object]:
    return _row(task, simulate_fat_views(task.truth, seed=task.seed))


def _written_sample(examination: UltrasoundExamination, folder: Path) -> dict[str, list[Path]]:
    """Only the pictures."""
    return {
        role: [write_png(picture.image, folder / f"{role}_{n}.png") for n, picture in enumerate(pictures, 1)]
        for role, pictures in examination.pictures.items()
    }


def _fibrosis_sample(folder: Path) -> dict[str, list[Path]]:
    return _written_sample(simulate_fibrosis_pair(SAMPLE_STAGE, seed=SAMPLE_SEED), folder)


def _fat_sample(folder: Path) -> dict[str, list[Path]]:
    return _written_sample(simulate_fat_views(SAMPLE_PDFF_PERCENT, seed=SAMPLE_SEED), folder)


FIBROSIS = Kind(
    "gray-scale ultrasound and elastograms",
    columns_of("stage", PAIR_ROLES, covariates=("stiffness_kpa", "age_years", *SERUM)),
    "stage",
    _simulate_fibrosis,
    _fibrosis_sample,
    "five gray-scale images with elastograms, stage F4",
    has_matrix=False,
    has_images=True,
)
FAT = Kind(
    "four ultrasound views",
    columns_of("pdff_percent", tuple(FAT_VIEWS), covariates=()),
    "pdff_percent",
    _simulate_fat,
    _fat_sample,
    f"four ultrasound views, fat fraction {SAMPLE_PDFF_PERCENT:g} %",
    has_matrix=False,
)
