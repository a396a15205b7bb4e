"""MR and CT as kinds of a cohort: acquisition, files and rows of the manifest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from LiverAILib.imaging.files import write_image
from LiverAILib.simulation.ct import simulate_ct
from LiverAILib.simulation.kind import Kind, Task
from LiverAILib.simulation.patient import LEFT_KIDNEY, LIVER, RIGHT_KIDNEY, SPLEEN, SimulatedCase
from LiverAILib.simulation.regions import REGIONS
from LiverAILib.simulation.t2_mr import simulate_t2_mr

ROLES = {"MR": "t2", "CT": "ct"}
COLUMNS = (
    "case_id",
    "patient_id",
    "split",
    "stage",
    "mask:liver",
    "mask:right_kidney",
    "mask:left_kidney",
    "mask:spleen",
    "mask:right_lobe",
    "mask:left_lobe",
    "mask:caudate",
    *(f"mask:{name}" for name in REGIONS),
    "mask:evidence",
    "caudate_level",
    "scanner",
    "age_years",
    "sex",
)
SAMPLE_STAGE, SAMPLE_SEED = 4, 2


def columns_of(role: str) -> tuple[str, ...]:
    """Columns of the manifest; the image comes before the masks."""
    return (*COLUMNS[:4], f"image:{role}", *COLUMNS[4:])


def write_case(case: SimulatedCase, folder: Path) -> dict[str, str]:
    """Writes `t2.nii.gz` or `ct.nii.gz`, `labels`, `lobes`, `regions`, `evidence`, one mask a sign, and `parameters.json`."""
    folder.mkdir(parents=True)
    role = ROLES[str(case.image.modality)]
    files = {role: case.image, "labels": case.labels, "lobes": case.lobes}
    if case.regions is not None:
        files["regions"] = case.regions
    files["evidence"] = case.evidence
    files |= {f"evidence_{name}": mask for name, mask in case.components.items()}
    for name, image in files.items():
        write_image(image, folder / f"{name}.nii.gz")
    record = case.parameters | {"caudate_level": case.caudate_level}
    (folder / "parameters.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return {name: f"{folder.name}/{name}.nii.gz" for name in files}


def _simulate_mr(task: Task) -> dict[str, object]:
    rng = np.random.default_rng([task.seed, 3])
    size = (256, 256, int(rng.integers(31, 44)))
    pixel = float(rng.choice([1.2, 1.25, 1.25, 1.3, 1.37]))
    spacing = (pixel, pixel, float(rng.choice([6.5, 7.0, 7.7, 7.7, 8.0])))
    return _simulate(task, simulate_t2_mr, size, spacing, rng)


def _simulate_ct(task: Task) -> dict[str, object]:
    rng = np.random.default_rng([task.seed, 3])
    # Half of the usual matrix of 512 to keep cohorts quick to make; the field of view is fitted to the patient.
    pixel = float(rng.uniform(1.5, 1.9))
    slice_mm = float(rng.choice([3.0, 4.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0]))
    pixels, length_mm = round(float(rng.uniform(350, 400)) / pixel), float(rng.uniform(225, 255))
    return _simulate(task, simulate_ct, (pixels, pixels, round(length_mm / slice_mm)), (pixel, pixel, slice_mm), rng)


def _simulate(
    task: Task,
    simulate: Callable[..., SimulatedCase],
    size: tuple[int, int, int],
    spacing: tuple[float, float, float],
    rng: np.random.Generator,
) -> dict[str, object]:
    if task.matrix is not None:
        spacing = (spacing[0] * size[0] / task.matrix, spacing[1] * size[1] / task.matrix, spacing[2])
        size = (task.matrix, task.matrix, size[2])
    stage = int(task.truth)
    # Mean age rises slightly with the stage, as in Nowak 2021 (49 years without liver disease, 60 with cirrhosis).
    age = int(np.clip(rng.normal(49 + 2.5 * stage, 14), 18, 90))
    sex = str(rng.choice(["F", "M"]))
    case = simulate(stage, seed=task.seed, size=size, spacing=spacing)
    files = write_case(case, task.folder)
    labels, role = files["labels"], ROLES[str(case.image.modality)]
    return task.names | {
        "stage": stage,
        f"image:{role}": files[role],
        "mask:liver": f"{labels}#{LIVER}",
        "mask:right_kidney": f"{labels}#{RIGHT_KIDNEY}",
        "mask:left_kidney": f"{labels}#{LEFT_KIDNEY}",
        "mask:spleen": f"{labels}#{SPLEEN}",
        "mask:right_lobe": f"{files['lobes']}#1",
        "mask:left_lobe": f"{files['lobes']}#2",
        "mask:caudate": f"{files['lobes']}#3",
        **{f"mask:{name}": f"{files['regions']}#{label}" for name, label in REGIONS.items()},
        "mask:evidence": files["evidence"],
        "caudate_level": case.caudate_level,
        "scanner": case.parameters["scanner"],
        "age_years": age,
        "sex": sex,
    }


def _mr_sample(folder: Path) -> dict[str, list[Path]]:
    return {"t2": [write_image(simulate_t2_mr(SAMPLE_STAGE, seed=SAMPLE_SEED).image, folder / "simulated_f4.nii.gz")]}


def _ct_sample(folder: Path) -> dict[str, list[Path]]:
    return {"ct": [write_image(simulate_ct(SAMPLE_STAGE, seed=SAMPLE_SEED).image, folder / "simulated_f4_ct.nii.gz")]}


MR = Kind("T2-weighted MR", columns_of("t2"), "stage", _simulate_mr, _mr_sample, "T2-weighted MR, stage F4")
CT = Kind("portal venous CT", columns_of("ct"), "stage", _simulate_ct, _ct_sample, "portal venous CT, stage F4")
