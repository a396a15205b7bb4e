"""`liverai simulate --from`: a cohort of real healthy scans with planted fibrosis."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from LiverAILib.data.case_names import file_names
from LiverAILib.data.cohort import GROUP, CohortRow, read_cohort
from LiverAILib.errors import UserError
from LiverAILib.simulation.cohort import Progress, assign_splits, case_seed, in_order, write_cohort
from LiverAILib.simulation.fibrosis import STAGES
from LiverAILib.simulation.kind import assign_stages
from LiverAILib.simulation.liver_shape import CAUDATE, LEFT, RIGHT
from LiverAILib.simulation.planted import SourceScan, plant_fibrosis, untouched
from LiverAILib.simulation.planted.anatomy import Anatomy, estimate_anatomy
from LiverAILib.simulation.planted.plant import LABELS
from LiverAILib.simulation.planted.scan import ORGANS
from LiverAILib.simulation.volume_kinds import columns_of, write_case

MODALITY = {"t2": "MR", "ct": "CT"}
ROLE_OF_KIND = {"mr": "t2", "ct": "ct"}
SOURCE, PLANTED = "source", "planted"
"""Columns: the case_id of the scan in its own manifest, and "untouched" or "planted"."""
COPIED = ("scanner", "age_years", "sex")


@dataclass(frozen=True)
class PlantTask:
    """One case of the cohort, not yet made.

    Attributes:
        folder: New folder for its files.
        case_id: Its name.
        split: "train", "validation", "test" or "".
        manifest, source, role: Where the healthy scan is found.
        stage: Stage to plant; None for the untouched scan.
        seed: Of the case.
    """

    folder: Path
    case_id: str
    split: str
    manifest: Path
    source: str
    role: str
    stage: int | None
    seed: int


def plant_cohort(
    sources: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    cases: int,
    seed: int,
    kind: str | None = None,
    stages: Sequence[int] = STAGES,
    prevalences: Sequence[float] | None = None,
    split: str | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Plants fibrosis in the healthy scans of a manifest, laid out as `simulate_cohort` does.

    The cases are divided evenly between the scans. The first of each is the untouched scan (where stage 0 is wanted), the
    others are variants whose stages follow `prevalences`. A variant depends on `seed`, the case_id of its scan, its number and
    its stage alone.

    Args:
        sources: Manifest with image:t2 or image:ct and mask:liver; other organs (mask:spleen, ...) are used where they are
            there. Scans without a label are taken for healthy.
        output: Folder to make; may exist if it is empty.
        cases: How many in all, untouched scans among them.
        seed: Whole number, 0 or larger.
        kind: "mr" or "ct"; None takes what the manifest holds.
        stages: Stages to plant; 0 deforms the scan as healthy persons differ.
        prevalences: Share of each of `stages` among the variants, equal when None.
        split: Split of every case; None keeps the splits of `sources`, or divides their patients 70/15/15 where it has none.
        workers: Processes side by side; the files do not depend on it.
        progress: Called after each case with a share 0..1 and a sentence.

    Returns:
        Path of the new manifest. Its patients are those of `sources`.

    Raises:
        UserError: The manifest or a case cannot be used, or the output cannot be written.
    """
    manifest = Path(sources)
    role, rows = _healthy_scans(manifest, kind)
    plan = list(_plan(rows, cases, seed, stages, prevalences))
    split_of = _splits(rows, split, seed)
    names = file_names(row.case_id for row in rows)
    _source.cache_clear()  # files may have changed since an earlier call

    def rows_in(folder: Path) -> Iterator[Mapping[str, object]]:
        tasks = []
        for row, number, stage, own_seed in plan:
            name = f"{names[row.case_id]}-planted{seed}-{number:03d}"
            place = split_of[row.patient_id]
            tasks.append(PlantTask(folder / name, name, place, manifest, row.case_id, role, stage, own_seed))
        return in_order(_plant_case, tasks, workers)

    def report(done: int, row: Mapping[str, object]) -> None:
        if progress:
            progress(done / cases, f"{row['case_id']}, stage {row['stage']}, {row[PLANTED]}")

    columns = [*columns_of(role), SOURCE, PLANTED]
    if any(row.group_id for row in rows):
        columns.insert(2, GROUP)
    return write_cohort(Path(output), columns, rows_in, report=report)


def _healthy_scans(manifest: Path, kind: str | None) -> tuple[str, tuple[CohortRow, ...]]:
    """Role of the images and the rows of the manifest, checked."""
    cohort = read_cohort(manifest, labels=None)
    if kind is not None and kind not in ROLE_OF_KIND:
        raise UserError(f"Disease cannot be planted in images of kind {kind}: use mr (nowak2021) or ct (yin2021).")
    held = [role for role in MODALITY if any(role in row.images for row in cohort)]
    wanted = held if kind is None else [ROLE_OF_KIND[kind]]
    if len(wanted) != 1:
        have = " and ".join(f"image:{role}" for role in held) or "neither image:t2 nor image:ct"
        raise UserError(f"{manifest}: it has {have}. Give a manifest with one of them, or --modality mr or ct.")
    role = wanted[0]
    rows = tuple(row for row in cohort if role in row.images)
    if not rows:
        raise UserError(f"{manifest}: no case has image:{role}. Give another manifest or --modality.")
    for row in rows:
        if row.label:
            raise UserError(
                f"{manifest}: case {row.case_id} is not healthy (label {row.label}). Remove it: disease is planted in healthy "
                "scans only."
            )
        if "liver" not in row.masks:
            raise UserError(f"{manifest}: case {row.case_id} has no liver mask. Fill the column mask:liver.")
        if len(row.images[role]) != 1:
            raise UserError(f"{manifest}: case {row.case_id} has several images. Give one in the column image:{role}.")
    return role, rows


def _plan(
    rows: Sequence[CohortRow], cases: int, seed: int, stages: Sequence[int], prevalences: Sequence[float] | None
) -> Iterator[tuple[CohortRow, int, int | None, int]]:
    """Row, number, stage (None: untouched) and seed of every case, scan by scan."""
    shares = [1.0] * len(stages) if prevalences is None else list(prevalences)
    assign_stages(cases, seed=seed, stages=stages, prevalences=prevalences)  # checks all of them
    first = any(stage == 0 and share > 0 for stage, share in zip(stages, shares, strict=True))
    for place, row in enumerate(rows):
        count = cases // len(rows) + (place < cases % len(rows))
        if not count:
            return
        own = case_seed(seed, zlib.crc32(row.case_id.encode()))
        planned: list[int | None] = [None] if first else []
        if count > len(planned):
            planned += assign_stages(count - len(planned), seed=own, stages=stages, prevalences=prevalences)
        for number, stage in enumerate(planned):
            yield row, number, stage, case_seed(own, number)


def _splits(rows: Sequence[CohortRow], split: str | None, seed: int) -> dict[str, str]:
    """Split of every patient."""
    if split is not None:
        return {row.patient_id: split for row in rows}
    if any(row.split for row in rows):
        return {row.patient_id: row.split for row in rows}
    groups = list(dict.fromkeys(row.group for row in rows))
    drawn = dict(zip(groups, assign_splits([0] * len(groups), seed=seed), strict=True))
    return {row.patient_id: drawn[row.group] for row in rows}


@lru_cache(maxsize=1)
def _source(manifest: Path, case_id: str, role: str) -> tuple[CohortRow, SourceScan, Anatomy]:
    """The scan of a case and its anatomy; the cases of one scan follow one another."""
    (row,) = (row for row in read_cohort(manifest) if row.case_id == case_id)
    try:
        image = row.read_image(role, MODALITY[role], color=False)
        masks = {organ: row.read_mask(organ, image) for organ in ORGANS if organ in row.masks}
        scan = SourceScan(f"case {case_id}", image, masks)
        return row, scan, estimate_anatomy(scan)
    except UserError as error:
        text = str(error)
        raise UserError(text if text.startswith(f"case {case_id}") else f"case {case_id}: {text}") from None


def _plant_case(task: PlantTask) -> dict[str, object]:
    """Makes a case, writes its files and gives its row."""
    row, scan, anatomy = _source(task.manifest, task.source, task.role)
    if task.stage is None:
        case = untouched(scan, anatomy, seed=task.seed)
    else:
        case = plant_fibrosis(scan, anatomy, task.stage, seed=task.seed)
    case.parameters[SOURCE] = task.source
    case.parameters[PLANTED] = "untouched" if task.stage is None else "planted"
    files = write_case(case, task.folder)
    found: dict[str, object] = {
        "case_id": task.case_id,
        "patient_id": row.patient_id,
        "split": task.split,
        "stage": case.stage,
        f"image:{task.role}": files[task.role],
        "mask:evidence": files["evidence"],
        "caudate_level": case.caudate_level,
        SOURCE: task.source,
        PLANTED: case.parameters[PLANTED],
    }
    if row.group_id:
        found[GROUP] = row.group_id
    found |= {f"mask:{organ}": f"{files['labels']}#{label}" for organ, label in LABELS.items() if organ in row.masks}
    for lobe, label in (("right_lobe", RIGHT), ("left_lobe", LEFT), ("caudate", CAUDATE)):
        found[f"mask:{lobe}"] = f"{files['lobes']}#{label}"
    return found | {name: row.covariates[name] for name in COPIED if name in row.covariates}
