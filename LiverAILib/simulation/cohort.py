"""Cohorts of simulated cases on disk, with the manifest that the rest of the library reads."""

from __future__ import annotations

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from LiverAILib.errors import UserError
from LiverAILib.imaging.files import write_image
from LiverAILib.simulation.ct import simulate_ct
from LiverAILib.simulation.fibrosis import STAGES
from LiverAILib.simulation.patient import LEFT_KIDNEY, LIVER, RIGHT_KIDNEY, SPLEEN, SimulatedCase
from LiverAILib.simulation.t2_mr import simulate_t2_mr

SPLITS = (("train", 0.70), ("validation", 0.15), ("test", 0.15))
MANIFEST = "manifest.csv"
MODALITIES = ("mr", "ct")
ROLES = {"mr": "t2", "ct": "ct"}
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
    "mask:evidence",
    "caudate_level",
    "scanner",
    "age_years",
    "sex",
)
Progress = Callable[[float, str], None]
Scan = tuple[str, "int | None"]
"""Modality and matrix."""


def simulate_cohort(
    output: str | os.PathLike[str],
    *,
    cases: int,
    seed: int,
    modality: str = "mr",
    matrix: int | None = None,
    stages: Sequence[int] = STAGES,
    prevalences: Sequence[float] | None = None,
    split: str | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Simulates a cohort into a new folder: images, masks, parameters and `manifest.csv`.

    Case n depends on `seed`, n and its stage alone, so a larger cohort begins with the same patients. The folder
    appears when everything is written, or not at all.

    Args:
        output: Folder to make; may exist if it is empty.
        cases: How many, at least 1.
        seed: Whole number, 0 or larger; both modalities of a seed show the same patients.
        modality: "mr" (T2-weighted, role t2) or "ct" (portal venous, role ct).
        matrix: Pixels along rows and columns of the slices, the field of view as ever; None takes what the modality usually
            has here (256 for MR, 184 to 267 for CT, half of a scanner's to save time).
        stages: Stages to simulate.
        prevalences: Share of each of `stages`, equal when None; they need not sum to 1.
        split: Split of every case ("" leaves the column empty); None splits 70/15/15 by stage.
        workers: Processes that simulate side by side; the files do not depend on it.
        progress: Called after each case with a share 0..1 and a sentence.

    Returns:
        Path of the manifest.

    Raises:
        UserError: The folder holds something or cannot be written, or a number cannot be used.
    """
    output = Path(output)
    if modality not in MODALITIES:
        raise UserError(f"Modality {modality!r} cannot be simulated: use one of {', '.join(MODALITIES)}.")
    if matrix is not None and not 48 <= matrix <= 1024:
        raise UserError(f"A matrix of {matrix} pixels cannot be simulated: use 48 to 1024.")
    plan = assign_stages(cases, seed=seed, stages=stages, prevalences=prevalences)
    split_of = assign_splits(plan, seed=seed) if split is None else [split] * cases
    try:
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise UserError(f"{output} exists and is not an empty folder: choose another output folder.")
        output.parent.mkdir(parents=True, exist_ok=True)
        working = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
    except OSError as error:
        raise UserError(f"Cannot write {output}: {error.strerror}. Choose another output folder.") from error
    try:
        rows = []
        for row in _all_cases(working, plan, split_of, seed, (modality, matrix), workers):
            rows.append(row)
            if progress:
                progress(len(rows) / cases, f"{row['case_id']}, stage F{row['stage']}")
        with (working / MANIFEST).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns_of(modality), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        working.chmod(0o755)
        os.replace(working, output)
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"Cannot write the cohort to {output}: {error}. Free space or choose another folder."
        ) from error
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return output / MANIFEST


def columns_of(modality: str) -> tuple[str, ...]:
    """Columns of the manifest; the image comes before the masks."""
    return (*COLUMNS[:4], f"image:{ROLES[modality]}", *COLUMNS[4:])


def assign_stages(
    cases: int, *, seed: int, stages: Sequence[int] = STAGES, prevalences: Sequence[float] | None = None
) -> list[int]:
    """Stage of every case: a low-discrepancy sequence, so that any beginning of it has about the wanted shares."""
    shares = np.ones(len(stages)) if prevalences is None else np.asarray(prevalences, float)
    if cases < 1 or seed < 0:
        raise UserError(f"Cannot simulate {cases} cases with seed {seed}: give 1 case or more and a seed of 0 or more.")
    if not len(stages) or not set(stages) <= set(STAGES):
        raise UserError(f"Stages {list(stages)} are not fibrosis stages: give whole numbers from 0 to 4.")
    if len(shares) != len(stages) or not np.isfinite(shares).all() or (shares < 0).any() or shares.sum() <= 0:
        raise UserError(
            f"Prevalences {shares.tolist()} do not fit stages {list(stages)}: give one share of 0 or more each."
        )
    start = np.random.default_rng([seed, 1]).random()
    golden = (np.sqrt(5) - 1) / 2
    edges = np.cumsum(shares / shares.sum())
    places = np.minimum(
        np.searchsorted(edges, (start + golden * np.arange(cases)) % 1.0, side="right"), len(stages) - 1
    )
    return [int(stages[place]) for place in places]


def assign_splits(plan: Sequence[int], *, seed: int) -> list[str]:
    """Train, validation or test for every case, 70/15/15, keeping the shares of the stages."""
    rng = np.random.default_rng([seed, 2])
    # Cases in the order of their stage, shuffled within it: every stretch of 20 is divided 14/3/3.
    order = sorted(rng.permutation(len(plan)), key=lambda n: plan[n])
    edges = np.cumsum([share for _, share in SPLITS])
    golden = (np.sqrt(5) - 1) / 2
    out = [""] * len(plan)
    for rank, case in enumerate(order):
        place = min(int(np.searchsorted(edges, (0.5 + golden * rank) % 1.0, side="right")), len(SPLITS) - 1)
        out[case] = SPLITS[place][0]
    return out


def case_seed(seed: int, number: int) -> int:
    """Seed of case `number` of a cohort."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint32)[0])


def write_case(case: SimulatedCase, folder: Path) -> dict[str, str]:
    """Writes `t2.nii.gz` or `ct.nii.gz`, `labels`, `lobes`, `evidence`, one mask a sign, and `parameters.json`."""
    folder.mkdir(parents=True)
    role = ROLES["ct" if case.image.modality == "CT" else "mr"]
    files = {role: case.image, "labels": case.labels, "lobes": case.lobes, "evidence": case.evidence}
    files |= {f"evidence_{name}": mask for name, mask in case.components.items()}
    for name, image in files.items():
        write_image(image, folder / f"{name}.nii.gz")
    record = case.parameters | {"caudate_level": case.caudate_level}
    (folder / "parameters.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return {name: f"{folder.name}/{name}.nii.gz" for name in files}


def _all_cases(
    working: Path, plan: Sequence[int], split_of: Sequence[str], seed: int, scan: Scan, workers: int
) -> Iterator[dict[str, str | int]]:
    """The rows of the manifest in order, simulated one by one or in `workers` processes."""
    each = ([working] * len(plan), range(len(plan)), plan, split_of, [seed] * len(plan), [scan] * len(plan))
    if workers <= 1:
        yield from map(_one_case, *each)
        return
    # Fresh processes: a fork of one that has already run torch's threads can hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_one_case, *each)


def _one_case(working: Path, number: int, stage: int, split: str, seed: int, scan: Scan) -> dict[str, str | int]:
    own = case_seed(seed, number)
    rng = np.random.default_rng([own, 3])
    modality, matrix = scan
    simulate, size, spacing = _acquisition(modality, rng)
    if matrix is not None:
        spacing = (spacing[0] * size[0] / matrix, spacing[1] * size[1] / matrix, spacing[2])
        size = (matrix, matrix, size[2])
    # Mean age rises slightly with the stage, as in Nowak 2021 (49 years without liver disease, 60 with cirrhosis).
    age = int(np.clip(rng.normal(49 + 2.5 * stage, 14), 18, 90))
    sex = str(rng.choice(["F", "M"]))
    case = simulate(stage, seed=own, size=size, spacing=spacing)
    case_id = f"sim{seed}-{number:04d}"  # one name a patient, also where several cohorts are pooled
    files = write_case(case, working / case_id)
    labels = files["labels"]
    return {
        "case_id": case_id,
        "patient_id": case_id,
        "split": split,
        "stage": stage,
        f"image:{ROLES[modality]}": files[ROLES[modality]],
        "mask:liver": f"{labels}#{LIVER}",
        "mask:right_kidney": f"{labels}#{RIGHT_KIDNEY}",
        "mask:left_kidney": f"{labels}#{LEFT_KIDNEY}",
        "mask:spleen": f"{labels}#{SPLEEN}",
        "mask:right_lobe": f"{files['lobes']}#1",
        "mask:left_lobe": f"{files['lobes']}#2",
        "mask:caudate": f"{files['lobes']}#3",
        "mask:evidence": files["evidence"],
        "caudate_level": case.caudate_level,
        "scanner": case.parameters["scanner"],
        "age_years": age,
        "sex": sex,
    }


def _acquisition(
    modality: str, rng: np.random.Generator
) -> tuple[Callable[..., SimulatedCase], tuple[int, int, int], tuple[float, float, float]]:
    """Which function simulates, and size and spacing along (i, j, k) of one examination."""
    if modality == "mr":
        size = (256, 256, int(rng.integers(31, 44)))
        pixel = float(rng.choice([1.2, 1.25, 1.25, 1.3, 1.37]))
        return simulate_t2_mr, size, (pixel, pixel, float(rng.choice([6.5, 7.0, 7.7, 7.7, 8.0])))
    # Half of the usual matrix of 512 to keep cohorts quick to make; the field of view is fitted to the patient.
    pixel = float(rng.uniform(1.5, 1.9))
    slice_mm = float(rng.choice([3.0, 4.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0]))
    pixels, length_mm = round(float(rng.uniform(350, 400)) / pixel), float(rng.uniform(225, 255))
    return simulate_ct, (pixels, pixels, round(length_mm / slice_mm)), (pixel, pixel, slice_mm)
