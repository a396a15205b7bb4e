"""The results of an evaluation as a predictions file, as `liverai evaluate --predictions` reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from LiverAILib.atomic_write import atomic_csv
from LiverAILib.data.cohort import Cohort, CohortRow
from LiverAILib.data.label_kinds import STAGES
from LiverAILib.errors import UserError
from LiverAILib.evaluation.report.score_columns import STAGE
from LiverAILib.jobs.cohort_evaluation.case_results import CaseResult
from LiverAILib.morphometry import BASELINES

SUBGROUPS = ("scanner", "site", "sex", "age_group")
AGE_BANDS = ((50, "below 50"), (65, "50 to 64"), (200, "65 and above"))
READER = "reader:"
NO_OR_CIRRHOSIS = ("no cirrhosis", "cirrhosis")


@dataclass(frozen=True)
class Labels:
    """The classes in which a model's answers and a cohort's labels are compared.

    A model of stages on stages: the stages. In all other cases cirrhosis or not: of stages, on either side, that is F4 against
    the rest.

    Attributes:
        model_classes: Classes of the model.
        kind: What the cohort's labels are, one of `LABEL_KINDS`.
    """

    model_classes: tuple[str, ...]
    kind: str

    @classmethod
    def of(cls, classes: Sequence[str], cohort: Cohort) -> Labels:
        """For the classes of a model and a cohort.

        Raises:
            UserError: The manifest does not say what its labels are.
        """
        return cls(tuple(classes), cohort.check_labels())

    @property
    def staging_model(self) -> bool:
        """Whether the model's classes are stages."""
        return len(self.model_classes) > 2 and all(STAGE.match(name) for name in self.model_classes)

    @property
    def stages(self) -> bool:
        """Whether stages are compared, and not cirrhosis."""
        return self.staging_model and self.kind == STAGES

    @property
    def classes(self) -> tuple[str, ...]:
        """The compared classes, negative first."""
        return NO_OR_CIRRHOSIS if self.staging_model and not self.stages else self.model_classes

    @property
    def text(self) -> str:
        """What is compared, for the report."""
        if self.stages:
            return "Labels: fibrosis stages, against the stages of the model."
        if self.kind == STAGES:
            return f"Labels: fibrosis stages; F4 counts as {self.classes[1]}, F0 to F3 as {self.classes[0]}."
        if self.staging_model:
            return f"Labels: cirrhosis or not; of the model's stages only {self.model_classes[-1]} against the rest is tested."
        return "Labels: cirrhosis or not."

    def of_row(self, row: CohortRow) -> str:
        """The true class of a case: its stage, or cirrhosis or not.

        Raises:
            UserError: The case has no label.
        """
        if row.cirrhosis is None:
            raise UserError(
                f"case {row.case_id}: no label in the manifest, so it cannot be evaluated. Fill the column {self.kind}."
            )
        if self.stages and row.stage is not None:
            return self.classes[row.stage]
        return self.classes[int(row.cirrhosis)]

    def of_probabilities(self, probabilities: Mapping[str, float]) -> dict[str, float]:
        """Probability of each compared class from those of the model's classes."""
        if self.classes == self.model_classes:
            return {name: probabilities[name] for name in self.model_classes}
        positive = probabilities[self.model_classes[-1]]
        return dict(zip(self.classes, (1 - positive, positive), strict=True))

    def called(self, probabilities: Mapping[str, float]) -> str:
        """The most probable of the compared classes."""
        compared = self.of_probabilities(probabilities)
        return max(compared, key=compared.__getitem__)


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
    names = sorted({name.removeprefix(READER) for row in rows for name in row.covariates if name.startswith(READER)})
    whole = [name for name in names if all(row.covariates.get(READER + name, "") for row in rows)]
    return whole, [name for name in names if name not in whole]


def baselines_of(results: Sequence[CaseResult]) -> list[str]:
    """Measurements that at least one case has, in their order."""
    return [name for name in BASELINES if any(name in one.record["baselines"] for one in results)]


def write_predictions(path: Path, results: Sequence[CaseResult], labels: Labels) -> None:
    """Write the file, whole or not at all.

    Columns: case_id, patient_id, label, fold (cross-validation), ``score:<class>`` of the primary pipeline, of another
    pipeline ``score:<pipeline>`` (two classes) or ``score:<pipeline>:<class>``, ``score:<reader>``,
    ``score:<measurement>`` (empty where not measured), subgroups.

    Args:
        path: The CSV.
        results: Cases without an error.
        labels: Classes of the model and labels of the cohort.

    Raises:
        UserError: It cannot be written.
    """
    tests = [one.test for one in results]
    readers, _ = readers_of([test.row for test in tests])
    groups = subgroups_of([test.row for test in tests])
    baselines = baselines_of(results)
    rows = []
    for one in results:
        row, record = one.test.row, one.record
        cells: dict[str, object] = {"case_id": row.case_id, "patient_id": row.patient_id, "label": labels.of_row(row)}
        if one.test.fold:
            cells["fold"] = one.test.fold
        for name, value in labels.of_probabilities(record["pipelines"][record["primary"]]).items():
            cells[f"score:{name}"] = f"{value:.8f}"
        for pipeline, probabilities in record["pipelines"].items():
            if pipeline != record["primary"]:
                cells |= _scores(pipeline, labels.of_probabilities(probabilities), labels)
        cells |= {f"score:{name}": _reader_call(row, name, labels) for name in readers}
        cells |= {f"score:{name}": record["baselines"].get(name, "") for name in baselines}
        cells |= {name: _subgroup(row, name) for name in groups}
        rows.append(cells)
    columns = list(dict.fromkeys(column for cells in rows for column in cells))
    atomic_csv(path, columns, ([cells.get(column, "") for column in columns] for cells in rows))


def _scores(pipeline: str, probabilities: Mapping[str, float], labels: Labels) -> dict[str, str]:
    if labels.stages:
        return {f"score:{pipeline}:{name}": f"{value:.8f}" for name, value in probabilities.items()}
    return {f"score:{pipeline}": f"{probabilities[labels.classes[1]]:.8f}"}


def _reader_call(row: CohortRow, name: str, labels: Labels) -> str:
    """A reader's call as 0/1 or a stage: the manifest has classes, stages with or without a letter, or 0/1."""
    cell = row.covariates[READER + name]
    if labels.stages:
        found = STAGE.match(cell)
        if not found:
            raise UserError(f"case {row.case_id}, column {READER}{name}: '{cell}' is no stage. Give 0-4 or F0-F4.")
        return found.group(1)
    if cell in labels.classes:
        return str(labels.classes.index(cell))
    if cell in ("0", "1"):
        return cell
    raise UserError(
        f"case {row.case_id}, column {READER}{name}: '{cell}' is no call. Give 0 or 1, or {' or '.join(labels.classes)}."
    )


def _subgroup(row: CohortRow, name: str) -> str:
    return age_group(row) if name == "age_group" else row.covariates.get(name, "")
