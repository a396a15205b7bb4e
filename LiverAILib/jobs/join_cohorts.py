"""Several cohorts in one manifest: simulated cases and real ones, or the patients of several hospitals."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from LiverAILib.atomic_write import atomic_csv
from LiverAILib.data.cohort import Cohort
from LiverAILib.data.manifest_table import moved, read_table
from LiverAILib.errors import UserError
from LiverAILib.jobs.split_cohort import check_new_manifest, read_any_cohort


def join_cohorts(
    manifests: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    labels: str | None = None,
    overwrite: bool = False,
) -> Cohort:
    """Write a manifest of all cases of several ones, in their order, with all of their columns.

    Splits and folds stay as they are; a column that one of the manifests lacks is empty for its cases. Paths are rewritten.

    Args:
        manifests: At least two.
        output: CSV file to write, whole or not at all.
        labels: What the column "label" holds, "stage" or "cirrhosis".
        overwrite: Replace an `output` that exists.

    Returns:
        The new cohort.

    Raises:
        UserError: A manifest cannot be used, a patient or case is in two of them, or the output cannot be written.
    """
    output = Path(output)
    cohorts = [read_any_cohort(Path(path), labels) for path in manifests]
    sources = [file for cohort in cohorts for file in (cohort.path, *cohort.files())]
    check_new_manifest(output, sources, overwrite=overwrite)
    _check_apart(cohorts)
    columns: list[str] = []
    rows = []
    for cohort in cohorts:
        own, table = read_table(cohort.path)
        columns += [name for name in own if name not in columns]
        rows += [moved(row, cohort.path.parent, output.parent) for row in table]
    atomic_csv(output, columns, ([row.get(name, "") for name in columns] for row in rows), read_back=True)
    return read_any_cohort(output, labels)


def _check_apart(cohorts: Sequence[Cohort]) -> None:
    """Refuse cases and patients that are in two cohorts: they would be counted, or trained on and tested on, twice."""
    for what, of in (("case", "case_id"), ("patient", "group")):
        seen: dict[str, Path] = {}
        for cohort in cohorts:
            names = {getattr(row, of) for row in cohort}
            both = sorted(names & seen.keys())
            if both:
                raise UserError(
                    f"{cohort.path}: {what} {both[0]} is in {seen[both[0]]} too. Remove it from one of "
                    "them, or rename it if it is another one."
                )
            seen |= dict.fromkeys(names, cohort.path)
