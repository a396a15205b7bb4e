"""Cohorts of simulated cases on disk, with the manifest that the rest of the library reads."""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np

from LiverAILib.errors import UserError
from LiverAILib.simulation import volume_kinds
from LiverAILib.simulation.fibrosis import STAGES
from LiverAILib.simulation.kind import Kind, Task, assign_fat_fractions, assign_stages
from LiverAILib.simulation.ultrasound import kinds as ultrasound_kinds

SPLITS = (("train", 0.70), ("validation", 0.15), ("test", 0.15))
MANIFEST = "manifest.csv"
KINDS: Mapping[str, Kind] = {
    "mr": volume_kinds.MR,
    "ct": volume_kinds.CT,
    "fibrosis_ultrasound": ultrasound_kinds.FIBROSIS,
    "fat_ultrasound": ultrasound_kinds.FAT,
}
"""What can be simulated, by name."""
Progress = Callable[[float, str], None]
AnyTask = TypeVar("AnyTask")


def simulate_cohort(
    output: str | os.PathLike[str],
    *,
    cases: int,
    seed: int,
    kind: str = "mr",
    matrix: int | None = None,
    images: int | None = None,
    stages: Sequence[int] = STAGES,
    prevalences: Sequence[float] | None = None,
    split: str | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Simulates a cohort into a new folder: images, masks, parameters and `manifest.csv`.

    Case n depends on `seed`, n and its truth alone, so a larger cohort begins with the same patients. The folder
    appears when everything is written, or not at all.

    Args:
        output: Folder to make; may exist if it is empty.
        cases: How many, at least 1.
        seed: Whole number, 0 or larger; MR and CT of a seed show the same patients.
        kind: One of `KINDS`.
        matrix: Pixels along rows and columns of the slices of MR and CT, the field of view as ever; None takes what the
            modality usually has here (256 for MR, 184 to 267 for CT, half of a scanner's to save time).
        images: Images of each role of a patient where a method takes several; None takes as many as its paper has.
        stages: Stages to simulate.
        prevalences: Share of each of `stages`, equal when None; they need not sum to 1. Fat fractions are distributed as in
            Byra 2021 and take neither stages nor prevalences.
        split: Split of every case ("" leaves the column empty); None splits 70/15/15 by stage or fat fraction.
        workers: Processes that simulate side by side; the files do not depend on it.
        progress: Called after each case with a share 0..1 and a sentence.

    Returns:
        Path of the manifest.

    Raises:
        UserError: The folder holds something or cannot be written, or a number cannot be used.
    """
    output = Path(output)
    made = _checked_kind(kind, matrix, images, None if tuple(stages) == STAGES else stages, prevalences)
    plan = _planned(made, cases, seed, stages, prevalences)
    split_of = assign_splits(plan, seed=seed) if split is None else [split] * cases

    def rows_in(folder: Path) -> Iterator[Mapping[str, object]]:
        return in_order(made.simulate, _tasks(folder, plan, split_of, seed, matrix, images), workers)

    def report(done: int, row: Mapping[str, object]) -> None:
        if progress:
            progress(done / cases, f"{row['case_id']}, {made.truth} {row[made.truth]}")

    return write_cohort(output, made.columns, rows_in, report=report)


def write_cohort(
    output: Path,
    columns: Sequence[str],
    rows_in: Callable[[Path], Iterable[Mapping[str, object]]],
    *,
    report: Callable[[int, Mapping[str, object]], None],
) -> Path:
    """Writes the cases of a cohort and its manifest into a new folder, whole or not at all.

    Args:
        output: Folder to make; may exist if it is empty.
        columns: Of the manifest.
        rows_in: Writes every case into a folder of its own below the folder that it is called with, and gives the rows in order.
        report: Called after each case with the number of cases done and the row.

    Returns:
        Path of the manifest.

    Raises:
        UserError: The folder holds something or cannot be written.
    """
    working = _working_folder(output)
    try:
        rows = []
        for row in rows_in(working):
            rows.append(row)
            report(len(rows), row)
        with (working / MANIFEST).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
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


def assign_splits(plan: Sequence[float], *, seed: int) -> list[str]:
    """Train, validation or test for every case, 70/15/15, keeping the shares of the stages (or the fat fractions)."""
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


def _working_folder(output: Path) -> Path:
    """A folder beside `output` that takes its place when it is complete."""
    try:
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise UserError(f"{output} exists and is not an empty folder: choose another output folder.")
        output.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
    except OSError as error:
        raise UserError(f"Cannot write {output}: {error.strerror}. Choose another output folder.") from error


def _checked_kind(
    kind: str,
    matrix: int | None,
    images: int | None,
    stages: Sequence[int] | None,
    prevalences: Sequence[float] | None,
) -> Kind:
    if kind not in KINDS:
        raise UserError(f"Cases of kind {kind!r} cannot be simulated: use one of {', '.join(KINDS)}.")
    made = KINDS[kind]
    if matrix is not None and not made.has_matrix:
        raise UserError(f"A matrix cannot be simulated for {made.title}: leave it out.")
    if matrix is not None and not 48 <= matrix <= 1024:
        raise UserError(f"A matrix of {matrix} pixels cannot be simulated: use 48 to 1024.")
    if images is not None and not made.has_images:
        raise UserError(f"A number of images cannot be simulated for {made.title}: leave it out.")
    if images is not None and images < 1:
        raise UserError(f"{images} images cannot be simulated: give 1 or more.")
    if (stages, prevalences) != (None, None) and made.truth != "stage":
        raise UserError(
            f"Stages and their prevalences cannot be simulated for {made.title}, which have none: leave them out."
        )
    return made


def _planned(
    made: Kind, cases: int, seed: int, stages: Sequence[int], prevalences: Sequence[float] | None
) -> Sequence[float]:
    """Truth of every case."""
    if made.truth == "stage":
        return assign_stages(cases, seed=seed, stages=stages, prevalences=prevalences)
    return assign_fat_fractions(cases, seed=seed)


def _tasks(
    working: Path,
    plan: Sequence[float],
    split_of: Sequence[str],
    seed: int,
    matrix: int | None,
    images: int | None,
) -> Iterator[Task]:
    for number, (truth, split) in enumerate(zip(plan, split_of, strict=True)):
        case_id = f"sim{seed}-{number:04d}"  # one name a patient, also where several cohorts are pooled
        yield Task(working / case_id, case_id, split, truth, case_seed(seed, number), matrix, images)


def in_order(
    make: Callable[[AnyTask], Mapping[str, object]], tasks: Iterable[AnyTask], workers: int
) -> Iterator[Mapping[str, object]]:
    """The rows of the manifest in order, made one by one or in `workers` processes; `make` is a function of a module."""
    if workers <= 1:
        yield from map(make, tasks)
        return
    # Fresh processes: a fork of one that has already run torch's threads can hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(make, tasks)
