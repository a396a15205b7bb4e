"""What a model's answers are compared with: the labels of a cohort, as classes or as values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from LiverAILib.data.cohort import Cohort, CohortRow
from LiverAILib.data.label_kinds import STAGES
from LiverAILib.data.model import Model
from LiverAILib.data.outcome import cutoff_outcome
from LiverAILib.errors import UserError
from LiverAILib.evaluation.report.score_columns import STAGE, stages_of
from LiverAILib.methods import Answer, method_of

READER = "reader:"
NO_OR_CIRRHOSIS = ("no cirrhosis", "cirrhosis")
FEWEST_VALUES = 3
"""Patients without whom limits of agreement are undefined."""


class Labels(ABC):
    """The reference standard of a cohort, in the form in which a model's answers are compared with it."""

    @property
    @abstractmethod
    def task(self) -> str:
        """Kind of the labels in a predictions file: "binary", "stages" or "values"."""

    @property
    def positive(self) -> str | None:
        """Label of the positive class; None where there are not two classes."""
        return None

    @property
    @abstractmethod
    def text(self) -> str:
        """What is compared, for the report."""

    @abstractmethod
    def of_row(self, row: CohortRow) -> str:
        """The label of a case as a predictions file has it.

        Raises:
            UserError: The case has no label.
        """

    @abstractmethod
    def why_too_few(self, rows: Sequence[CohortRow]) -> str:
        """Why these cases cannot be evaluated; "" where they can."""

    @abstractmethod
    def score_cells(self, record: Mapping[str, Any], outcomes: Sequence[str]) -> dict[str, str]:
        """The cells ``score...`` of a predictions file.

        Args:
            record: Of a case (`assess_case`).
            outcomes: Outcomes of the case that are compared, the evaluated one first.
        """

    @abstractmethod
    def reader_cell(self, row: CohortRow, name: str) -> str:
        """What the reader `name` said of a case, as a predictions file has it.

        Raises:
            UserError: It cannot be understood.
        """


def labels_of(model: Model, cohort: Cohort) -> Labels:
    """What the answers of a model are compared with in a cohort.

    Raises:
        UserError: The manifest has no labels that suit the model, or does not say what they are.
    """
    answer = method_of(model).answer
    return QuantityLabels.of(answer, cohort) if answer.quantity_column else ClassLabels.of(model.classes, cohort)


@dataclass(frozen=True)
class ClassLabels(Labels):
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
    def of(cls, classes: Sequence[str], cohort: Cohort) -> ClassLabels:
        """For the classes of a model and a cohort.

        Raises:
            UserError: The manifest does not say what its labels are.
        """
        return cls(tuple(classes), cohort.check_labels())

    @property
    def task(self) -> str:
        return "stages" if self.stages else "binary"

    @property
    def positive(self) -> str | None:
        return None if self.stages else self.classes[1]

    @property
    def staging_model(self) -> bool:
        """Whether the model's classes are stages."""
        return len(self.model_classes) > 2 and all(map(stages_of, self.model_classes))

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
        if self.stages:
            merged = [name for name in self.model_classes if len(stages_of(name)) > 1]
            more = f" Stages that it does not tell apart are one class: {', '.join(merged)}." if merged else ""
            return f"Labels: fibrosis stages, against the stages of the model.{more}"
        if self.kind == STAGES:
            return f"Labels: fibrosis stages; F4 counts as {self.classes[1]}, F0 to F3 as {self.classes[0]}."
        if self.staging_model:
            return f"Labels: cirrhosis or not; of the model's stages only {self.model_classes[-1]} against the rest is tested."
        return "Labels: cirrhosis or not."

    def of_row(self, row: CohortRow) -> str:
        if row.cirrhosis is None:
            raise _no_label(row, self.kind)
        if self.stages and row.stage is not None:
            return next(name for name in self.classes if row.stage in stages_of(name))
        return self.classes[int(row.cirrhosis)]

    def why_too_few(self, rows: Sequence[CohortRow]) -> str:
        classes = {self.of_row(row) for row in rows}
        if len(classes) > 1:
            return ""
        return f"all {len(rows)} cases are {classes.pop()}: no class to tell it from" if classes else "there is no case"

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

    def score_cells(self, record: Mapping[str, Any], outcomes: Sequence[str]) -> dict[str, str]:
        cells: dict[str, float] = {}
        for pipeline in outcomes:
            compared = self.of_probabilities(record["pipelines"][pipeline])
            prefix = "score:" if pipeline == outcomes[0] else f"score:{pipeline}:"
            if self.stages:
                compared |= record["cumulative"][pipeline]
                cells |= {prefix + name: value for name, value in compared.items()}
            elif pipeline == outcomes[0]:
                cells |= {prefix + name: value for name, value in compared.items()}
            else:
                cells[f"score:{pipeline}"] = compared[self.classes[1]]
        return {name: f"{value:.8f}" for name, value in cells.items()}

    def reader_cell(self, row: CohortRow, name: str) -> str:
        """A call as 0/1 or a stage: the manifest has classes, stages with or without a letter, or 0/1."""
        cell = row.covariates[READER + name]
        if self.stages:
            found = STAGE.match(cell)
            if not found:
                raise UserError(f"case {row.case_id}, column {READER}{name}: '{cell}' is no stage. Give 0-4 or F0-F4.")
            stage = int(found.group(1))
            return str(next(stages_of(name)[0] for name in self.classes if stage in stages_of(name)))
        if cell in self.classes:
            return str(self.classes.index(cell))
        if cell in ("0", "1"):
            return cell
        raise UserError(
            f"case {row.case_id}, column {READER}{name}: '{cell}' is no call. Give 0 or 1, or {' or '.join(self.classes)}."
        )


@dataclass(frozen=True)
class QuantityLabels(Labels):
    """Reference values of the quantity that a model measures.

    Attributes:
        answer: The quantity.
    """

    answer: Answer

    @classmethod
    def of(cls, answer: Answer, cohort: Cohort) -> QuantityLabels:
        """For a quantity and a cohort.

        Raises:
            UserError: The manifest has no column of it.
        """
        cohort.check_labels(answer.labels)
        return cls(answer)

    @property
    def task(self) -> str:
        return "values"

    @property
    def text(self) -> str:
        unit = f" in {self.answer.unit}" if self.answer.unit else ""
        return f"Labels: {self.answer.title}{unit}, column {self.answer.quantity_column}."

    def of_row(self, row: CohortRow) -> str:
        if row.value is None:
            raise _no_label(row, self.answer.quantity_column)
        return repr(row.value)

    def why_too_few(self, rows: Sequence[CohortRow]) -> str:
        values = {self.of_row(row) for row in rows}
        if len(rows) < FEWEST_VALUES:
            return f"{len(rows)} cases are too few for limits of agreement ({FEWEST_VALUES} are needed)"
        return f"all {len(rows)} cases have the value {values.pop()}: nothing to correlate" if len(values) == 1 else ""

    def score_cells(self, record: Mapping[str, Any], outcomes: Sequence[str]) -> dict[str, str]:
        cells = {}
        for name in (name for name in outcomes if name in record["values"]):
            own = "" if name == outcomes[0] else f":{name}"
            cells[f"score{own}"] = f"{record['values'][name]:.8g}"
            for cutoff in self.answer.cutoffs:
                classifier = cutoff_outcome(name, cutoff)
                if classifier in outcomes:
                    positive = list(record["pipelines"][classifier].values())[-1]
                    cells[f"score{own}:>={cutoff:g}"] = f"{positive:.8g}"
        return cells

    def reader_cell(self, row: CohortRow, name: str) -> str:
        cell = row.covariates[READER + name]
        try:
            return repr(float(cell))
        except ValueError:
            raise UserError(
                f"case {row.case_id}, column {READER}{name}: '{cell}' is no number. Give the value that the reader measured."
            ) from None


def _no_label(row: CohortRow, column: str) -> UserError:
    return UserError(
        f"case {row.case_id}: no label in the manifest, so it cannot be evaluated. Fill the column {column}."
    )
