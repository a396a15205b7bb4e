"""The patients of an evaluation as papers describe them in their first table: those trained on beside those tested."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import chi2_contingency, fisher_exact, mannwhitneyu

from LiverAILib.data.cohort import Cohort, CohortRow
from LiverAILib.data.fingerprint import DESCRIPTIVE_PREFIXES
from LiverAILib.evaluation.estimate import format_p
from LiverAILib.evaluation.report.content import Addition, Section, Table
from LiverAILib.jobs.cohort_evaluation.labels import Labels

MOST_LEVELS = 8
"""Different texts of a column beyond which it holds no category but a comment."""
UNKNOWN = ""


def characteristics_addition(cohort: Cohort, tested: Sequence[CohortRow], labels: Labels) -> Addition | None:
    """Table of covariates and labels of the tested patients, beside the training patients of the same manifest.

    Numbers as median and quartiles with Mann-Whitney's U test, categories as counts with the chi-squared test, or Fisher's
    where a cell of a 2x2 table is expected to hold less than 5. None where the manifest says nothing about its patients.
    """
    own = {row.patient_id for row in tested}
    training = [row for row in cohort.split("train", "validation") if row.patient_id not in own]
    groups = {"tested": _patients(tested)} | ({"training": _patients(training)} if training else {})
    given = dict.fromkeys(name for own in groups.values() for row in own for name in row.covariates)
    names = [name for name in given if not name.startswith(DESCRIPTIVE_PREFIXES)]
    if not names:
        return None
    rows: list[tuple[str, ...]] = []
    for name in names:
        cells = [[row.covariates.get(name, UNKNOWN).strip() for row in own] for own in groups.values()]
        rows += _rows(name.replace("_", " "), cells)
    if labels.task != "values":
        known = [[labels.of_row(row) for row in own if row.label is not None] for own in groups.values()]
        rows += _categories("label", known)
    counts = ("patients", *(str(len(own)) for own in groups.values()), "")
    note = "Median (quartiles) and number of values, or count (%). p: Mann-Whitney U, chi-squared or Fisher's test."
    table = Table("characteristics", "Characteristics", ("", *groups, "p"), (counts, *rows), note)
    return Addition(
        "characteristics",
        Section("Patients", (), (table,)),
        [dict(zip(table.columns, row, strict=True)) for row in table.rows],
    )


def _patients(rows: Sequence[CohortRow]) -> list[CohortRow]:
    """The first case of every patient."""
    return list({row.patient_id: row for row in reversed(rows)}.values())[::-1]


def _rows(name: str, groups: list[list[str]]) -> list[tuple[str, ...]]:
    """The rows of a column of the manifest; none where it holds neither numbers nor categories."""
    given = [cell for cells in groups for cell in cells if cell != UNKNOWN]
    numbers = [_number(cell) for cell in given]
    if given and all(number is not None for number in numbers) and len(set(given)) > 2:
        return [_numeric(name, [[float(cell) for cell in cells if cell != UNKNOWN] for cells in groups])]
    if 1 < len(set(given)) <= MOST_LEVELS:
        return _categories(name, [[cell for cell in cells if cell != UNKNOWN] for cells in groups])
    return []


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _numeric(name: str, groups: list[list[float]]) -> tuple[str, ...]:
    cells = []
    for values in groups:
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75)) if values else (math.nan,) * 3
        cells.append(f"{middle:.4g} ({low:.4g} to {high:.4g}), n = {len(values)}" if values else "")
    comparable = len(groups) == 2 and all(groups)
    return (name, *cells, format_p(float(mannwhitneyu(*groups).pvalue)) if comparable else "")


def _categories(name: str, groups: list[list[str]]) -> list[tuple[str, ...]]:
    levels = sorted({cell for cells in groups for cell in cells})
    table = np.array([[cells.count(level) for level in levels] for cells in groups])
    p = _p_of_counts(table)
    totals = table.sum(1)
    return [
        (
            f"{name}: {level}",
            *(f"{n} ({100 * n / total:.0f} %)" if total else "" for n, total in zip(table[:, i], totals, strict=True)),
            p if i == 0 else "",
        )
        for i, level in enumerate(levels)
    ]


def _p_of_counts(table: np.ndarray) -> str:
    """p value of the association of group and level; empty where there is nothing to compare."""
    if table.shape[0] != 2 or table.shape[1] < 2 or not table.sum(1).all():
        return ""
    found = chi2_contingency(table, correction=False)
    if table.shape == (2, 2) and found.expected_freq.min() < 5:
        return format_p(float(fisher_exact(table).pvalue))
    return format_p(float(found.pvalue))
