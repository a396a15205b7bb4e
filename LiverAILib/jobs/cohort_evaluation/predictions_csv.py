"""The results of an evaluation as a predictions file, as `liverai evaluate --predictions` reads it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from LiverAILib.atomic_write import atomic_csv
from LiverAILib.data.cohort import CohortRow
from LiverAILib.jobs.cohort_evaluation.case_results import CaseResult
from LiverAILib.jobs.cohort_evaluation.labels import READER, Labels
from LiverAILib.jobs.cohort_evaluation.readers import call_columns
from LiverAILib.morphometry import BASELINES

SUBGROUPS = ("scanner", "site", "source", "year", "sex", "age_group")
AGE_BANDS = ((50, "below 50"), (65, "50 to 64"), (200, "65 and above"))


def age_group(row: CohortRow) -> str:
    """Age band of a case; empty where the age is not known."""
    try:
        age = float(row.covariates.get("age_years", ""))
    except ValueError:
        return ""
    return next((name for limit, name in AGE_BANDS if age < limit), "")


def subgroups_of(rows: Sequence[CohortRow]) -> list[str]:
    """The columns of `SUBGROUPS` that hold more than one value."""
    values = {name: {_subgroup(row, name) for row in rows} for name in SUBGROUPS}
    return [name for name, own in values.items() if len(own) > 1]


def readers_of(rows: Sequence[CohortRow]) -> tuple[list[str], list[str]]:
    """Names of readers with a call for every case, and of those that lack some."""
    names = sorted({name for row in rows for name in call_columns(row)})
    whole = [name for name in names if all(row.covariates.get(READER + name, "") for row in rows)]
    return whole, [name for name in names if name not in whole]


def baselines_of(results: Sequence[CaseResult]) -> list[str]:
    """Measurements that at least one case has, in their order."""
    return [name for name in BASELINES if any(name in one.record["baselines"] for one in results)]


def compared_outcomes(results: Sequence[CaseResult]) -> tuple[list[str], list[str]]:
    """The outcomes that every case has, in the order of the method with the one to evaluate first, and those that some lack.

    Which outcomes a case has may depend on the images and covariates that it has; scores of different outcomes are never mixed.
    """
    every = list(dict.fromkeys(name for one in results for name in one.record["pipelines"]))
    primary = [one.record["primary"] for one in results]
    order = sorted(every, key=lambda name: (name not in primary, every.index(name)))
    common = [name for name in order if all(name in one.record["pipelines"] for one in results)]
    return common, [name for name in every if name not in common]


def write_predictions(path: Path, results: Sequence[CaseResult], labels: Labels) -> None:
    """Write the file, whole or not at all.

    Columns: case_id, patient_id, label, fold (cross-validation), ``score:<class>`` of the primary outcome (``score`` of a
    quantity), of another outcome ``score:<outcome>`` (two classes, or a quantity) or ``score:<outcome>:<class>``, of binary
    models between stages ``score:>=S2`` and of classifiers of a quantity ``score:>=5`` beside them, ``score:<reader>``,
    ``score:<measurement>`` (empty where not measured), subgroups. Outcomes that some case lacks are left out.

    Args:
        path: The CSV.
        results: Cases without an error.
        labels: What is compared with what.

    Raises:
        UserError: A reader's call cannot be understood, or the file cannot be written.
    """
    tests = [one.test for one in results]
    readers, _ = readers_of([test.row for test in tests])
    groups = subgroups_of([test.row for test in tests])
    baselines = baselines_of(results)
    outcomes, _ = compared_outcomes(results)
    rows = []
    for one in results:
        row, record = one.test.row, one.record
        cells: dict[str, object] = {"case_id": row.case_id, "patient_id": row.patient_id, "label": labels.of_row(row)}
        if one.test.fold:
            cells["fold"] = one.test.fold
        cells |= labels.score_cells(record, outcomes)
        cells |= {f"score:{name}": labels.reader_cell(row, name) for name in readers}
        cells |= {f"score:{name}": record["baselines"].get(name, "") for name in baselines}
        cells |= {name: _subgroup(row, name) for name in groups}
        rows.append(cells)
    columns = list(dict.fromkeys(column for cells in rows for column in cells))
    atomic_csv(path, columns, ([cells.get(column, "") for column in columns] for cells in rows), read_back=True)


def _subgroup(row: CohortRow, name: str) -> str:
    return age_group(row) if name == "age_group" else row.covariates.get(name, "")
