"""Reading the predictions CSV: ``case_id, patient_id, label, score`` or ``score:<class>``, optional ``fold``,
``score:<other>``.

Every fault is named by row (the header is row 1) and column.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from LiverAILib.errors import UserError
from LiverAILib.evaluation.patients import AGGREGATES, aggregate
from LiverAILib.evaluation.report.csv_rows import MISSING, REQUIRED, Rows, load_rows, number
from LiverAILib.evaluation.report.score_columns import (
    baseline,
    cumulative_scores,
    cutoff_scores,
    further_tables,
    main_scores,
    other_scores,
    stage_of,
    stage_ranges,
)
from LiverAILib.evaluation.stages import probability_at_least
from LiverAILib.evaluation.validate import binary_labels

TASKS = ("binary", "stages", "values")


@dataclass(frozen=True)
class Predictions:
    """Checked predictions, one entry per row of the file (or per patient, after `per_patient`).

    Attributes:
        path: The file.
        sha256: Its checksum.
        task: ``"binary"``, ``"stages"`` or ``"values"``.
        case_ids: Shape (n,).
        patient_ids: Shape (n,).
        truth: Shape (n,): bool, integer stage, or float.
        scores: The method first, then the methods it is compared with; each shape (n,).
        probabilities: Shape (n, k) for stages given by ``score:<class>`` columns, otherwise None.
        stages: The k stages; empty for other tasks. A range of stages that is one class (S0-S1) is named by its lowest.
        readers: Calls of readers, each shape (n,): bool, or integer stages.
        folds: Shape (n,), or None.
        subgroups: Further columns asked for, each shape (n,) text.
        classes: Names of the negative and the positive class; empty unless binary.
        notes: What a reader of the report has to know about the file.
        images: Rows before aggregation.
        aggregate: How rows were aggregated to patients; empty if they were not.
        tables: Probabilities of further methods, each shape (n, k), for stages given by ``score:<name>:<class>`` columns;
            their expected stages are among ``scores``.
        baselines: Simple measurements that the method should beat, each shape (n,), ``nan`` where there is none.
        stage_names: Names of the stages, "F0", or of the range that is one class.
        cumulative: Scores of binary models for stages at least a cut-off (``score:>=S2``), by method and cut-off, each shape
            (n,). Diagnoses at that cut-off are theirs, not those of summed probabilities.
        cutoff_scores: Of measured values with a classifier for a cut-off (``score:>=5`` columns): by cut-off the probability
            of each method, the evaluated one first, each shape (n,).
    """

    path: Path
    sha256: str
    task: str
    case_ids: NDArray
    patient_ids: NDArray
    truth: NDArray
    scores: dict[str, NDArray]
    probabilities: NDArray | None
    stages: tuple[int, ...]
    readers: dict[str, NDArray]
    folds: NDArray | None
    subgroups: dict[str, NDArray]
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    images: int = 0
    aggregate: str = ""
    tables: dict[str, NDArray] = field(default_factory=dict)
    baselines: dict[str, NDArray] = field(default_factory=dict)
    stage_names: tuple[str, ...] = ()
    cumulative: dict[str, dict[int, NDArray]] = field(default_factory=dict)
    cutoff_scores: dict[float, dict[str, NDArray]] = field(default_factory=dict)

    def at_least(self, cut: int) -> dict[str, NDArray]:
        """By method its score for stages at least `cut`: a binary model's, else summed probabilities, else its only score."""
        found = dict(self.scores)
        tables = {} if self.probabilities is None else {next(iter(self.scores)): self.probabilities}
        for name, table in {**tables, **self.tables}.items():
            found[name] = probability_at_least(table, cut, stages=self.stages)
        return found | {name: own[cut] for name, own in self.cumulative.items() if cut in own}

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.case_ids)

    @property
    def n_patients(self) -> int:
        """Number of different patients."""
        return len(set(self.patient_ids.tolist()))

    def per_patient(self, how: str) -> Predictions:
        """One row per patient: scores aggregated, everything else equal within the patient.

        Raises:
            UserError: Labels or a reader's calls differ within a patient.
        """
        names, tables = list(self.scores), list(self.tables)
        columns = [self.scores[name] for name in names]
        binary = [(name, cut) for name, own in self.cumulative.items() for cut in own]
        columns += [self.cumulative[name][cut] for name, cut in binary]
        for table in (self.probabilities, *self.tables.values()):
            columns += [] if table is None else list(table.T)
        try:
            reduced = aggregate(self.patient_ids, self.truth, scores=np.column_stack(columns), how=how)
        except ValueError as error:
            raise UserError(f"{self.path.name}: {error}") from None
        rows = {patient: np.flatnonzero(self.patient_ids == patient) for patient in reduced.patients.tolist()}
        first = np.array([own[0] for own in rows.values()])
        for name, calls in self.readers.items():
            for patient, own in rows.items():
                if len(set(calls[own].tolist())) > 1:
                    raise UserError(
                        f"{self.path.name}: column 'score:{name}': the calls differ between images of patient "
                        f"{patient!r}; "
                        "give the reader's one call for the patient in all its rows"
                    )
        groups = {
            name: np.array(
                [values[own[0]] if len(set(values[own].tolist())) == 1 else "(mixed)" for own in rows.values()]
            )
            for name, values in self.subgroups.items()
        }
        blocks = []
        for start in range(len(names) + len(binary), reduced.scores.shape[1], max(1, len(self.stages))):
            block = reduced.scores[:, start : start + len(self.stages)]
            blocks.append(block / block.sum(axis=1, keepdims=True))  # medians and maxima no longer add up to 1
        return replace(
            self,
            case_ids=reduced.patients,
            patient_ids=reduced.patients,
            truth=reduced.labels,
            scores={name: reduced.scores[:, i] for i, name in enumerate(names)},
            probabilities=None if self.probabilities is None else blocks[0],
            tables=dict(zip(tables, blocks[len(blocks) - len(tables) :], strict=True)),
            cumulative={
                name: {cut: reduced.scores[:, len(names) + binary.index((name, cut))] for cut in own}
                for name, own in self.cumulative.items()
            },
            baselines={
                name: np.array([_known(values[own], how) for own in rows.values()])
                for name, values in self.baselines.items()
            },
            cutoff_scores={
                cutoff: {
                    name: np.array([AGGREGATES[how](values[own]) for own in rows.values()])
                    for name, values in given.items()
                }
                for cutoff, given in self.cutoff_scores.items()
            },
            readers={name: calls[first] for name, calls in self.readers.items()},
            folds=None if self.folds is None else self.folds[first],
            subgroups=groups,
            images=self.n,
            aggregate=how,
        )


def read_predictions(
    path: Path | str,
    *,
    positive: str | None = None,
    method_name: str = "method",
    task: str = "auto",
    subgroups: tuple[str, ...] = (),
    baselines: tuple[str, ...] = (),
) -> Predictions:
    """Read and check a predictions CSV.

    A ``score:<name>`` column is a class when there is no ``score`` column and the name is a label (or a stage 0-4, or a range of
    stages such as S0-S1); otherwise it is another method, or a reader when it holds calls only (0 and 1, or stages). Of stages
    ``score:>=S2`` and ``score:<name>:>=S2`` are the scores of binary models, beside the probabilities.

    Args:
        path: The CSV, UTF-8, commas.
        positive: Label of the positive class; needed where the two labels are not 0 and 1.
        method_name: Name of the evaluated method in the report.
        task: ``"auto"``, ``"binary"``, ``"stages"`` (0-4, F0-F4, S0-S4) or ``"values"`` (such as PDFF in percent).
        subgroups: Further columns to report by.
        baselines: Names of ``score:<name>`` columns that hold simple measurements (spleen volume, APRI): compared with
            the method in a table of their own; a cell may be empty where there is no value.

    Raises:
        UserError: Names the file, row, column, rule and fix.
    """
    path = Path(path)
    rows, digest = load_rows(path)
    _check_ids(rows)
    labels = rows.column("label")
    for i, label in enumerate(labels):
        if label.lower() in MISSING:
            rows.fault(i, "label", "is empty; remove cases without a reference standard")
    rows.stop()
    task = _task(rows, labels, task, positive)
    truth, classes, stages = _truth(rows, labels, task, positive)
    main, table, names = main_scores(rows, task, labels, classes, stages)
    cumulative, names = cumulative_scores(rows, names, method_name) if task == "stages" else ({}, names)
    measured = {name: baseline(rows, name) for name in baselines}
    tables, names = further_tables(rows, [name for name in names if name not in measured], stages)
    folds = np.array(rows.column("fold")) if "fold" in rows.columns else None
    if folds is not None:
        _check_folds(rows, folds)
    by_cutoff: dict[float, dict[str, NDArray]] = {}
    if task == "values":
        by_cutoff, names = cutoff_scores(rows, names, method_name)
    others, readers = other_scores(rows, names, task, stages, method_name)
    others |= {name: own @ np.array(stages, dtype=float) for name, own in tables.items()}
    groups = _subgroups(rows, subgroups)
    rows.stop()
    known = {*REQUIRED, "score", "fold", *subgroups}
    unused = [name for name in rows.columns if name not in known and not name.startswith("score:")]
    notes = (f"Columns not used: {', '.join(unused)}.",) if unused else ()
    return Predictions(
        path,
        digest,
        task,
        np.array(rows.column("case_id")),
        np.array(rows.column("patient_id")),
        truth,
        {method_name: main, **others},
        table,
        stages,
        readers,
        folds,
        groups,
        classes,
        notes,
        len(labels),
        tables=tables,
        baselines=measured,
        stage_names=tuple(stage_ranges(rows).values()) if task == "stages" else (),
        cumulative={name: own for name, own in cumulative.items() if name in (method_name, *others)},
        cutoff_scores=by_cutoff,
    )


def _known(values: NDArray[np.float64], how: str) -> float:
    """A patient's measurement from the images that have one."""
    known = values[np.isfinite(values)]
    return float(AGGREGATES[how](known)) if known.size else np.nan


def _subgroups(rows: Rows, names: tuple[str, ...]) -> dict[str, NDArray]:
    groups = {}
    for name in names:
        if name in rows.columns:
            groups[name] = np.array(rows.column(name))
        else:
            rows.faults.append(f"has no column {name!r} to report by; its columns are {', '.join(rows.columns)}")
    return groups


def _check_ids(rows: Rows) -> None:
    seen: dict[str, int] = {}
    for i, case in enumerate(rows.column("case_id")):
        if not case:
            rows.fault(i, "case_id", "is empty; every row needs its own identifier")
        elif case in seen:
            rows.fault(
                i,
                "case_id",
                f"{case!r} is already in row {rows.numbers[seen[case]]}; every row needs its own identifier",
            )
        seen.setdefault(case, i)
    for i, patient in enumerate(rows.column("patient_id")):
        if not patient:
            rows.fault(i, "patient_id", "is empty; repeat the case_id where each case is another patient")


def _check_folds(rows: Rows, folds: NDArray) -> None:
    seen: dict[str, tuple[str, int]] = {}
    for i, (patient, fold) in enumerate(zip(rows.column("patient_id"), folds.tolist(), strict=True)):
        if not fold:
            rows.fault(i, "fold", "is empty; give every row its fold, or leave the column out")
        elif seen.setdefault(patient, (fold, i))[0] != fold:
            other, row = seen[patient]
            where = f"in fold {fold} here, in fold {other} in row {rows.numbers[row]}"
            text = f"patient {patient!r} is {where}; group folds by patient"
            rows.fault(i, "fold", text)


def _task(rows: Rows, labels: list[str], task: str, positive: str | None) -> str:
    if task != "auto":
        if task not in TASKS:
            raise UserError(f"task {task!r} is unknown; use auto, {', '.join(TASKS)}")
        return task
    different = set(labels)
    of_stage = [
        name for name in rows.columns if name.startswith("score:") and stage_of(name.removeprefix("score:")) is not None
    ]
    if len(of_stage) > 2 and positive is None and all(stage_of(label) is not None for label in different):
        return "stages"  # also where a small cohort holds only two of the stages
    if len(different) <= 2 or positive is not None:
        return "binary"
    if all(stage_of(label) is not None for label in different):
        return "stages"
    if all(number(label) is not None for label in different):
        return "values"
    i = next(i for i, label in enumerate(labels) if number(label) is None and stage_of(label) is None)
    raise UserError(
        f"{rows.path.name}: row {rows.numbers[i]}, column 'label': {labels[i]!r} is one of {len(different)} labels that "
        "are neither two classes, stages 0-4 nor numbers; correct it, or name the positive class (--positive)"
    )


def _truth(
    rows: Rows, labels: list[str], task: str, positive: str | None
) -> tuple[NDArray, tuple[str, ...], tuple[int, ...]]:
    if task == "binary":
        try:
            if positive is not None and len(set(labels)) > 2 and positive in labels:
                return np.array(labels) == positive, (f"not {positive}", positive), ()
            truth = binary_labels(labels, positive=positive)
        except ValueError as error:
            raise UserError(f"{rows.path.name}: column 'label': {error} (--positive)") from None
        array = np.array(labels)
        return (
            truth,
            tuple(array[np.argmax(truth == side)] if np.any(truth == side) else "" for side in (False, True)),
            (),
        )
    for i, label in enumerate(labels):
        if task == "stages" and stage_of(label) is None:
            rows.fault(i, "label", f"{label!r} is not a stage; use 0-4, F0-F4 or S0-S4")
        if task == "values" and number(label) is None:
            rows.fault(i, "label", f"{label!r} is not a number; use a decimal point")
    rows.stop()
    if task == "stages":
        stages = tuple(stage_ranges(rows))
        found = np.array([stage_of(label) for label in labels])
        return np.array(stages)[np.searchsorted(stages, found, side="right") - 1], (), stages
    return np.array([number(label) for label in labels]), (), ()
