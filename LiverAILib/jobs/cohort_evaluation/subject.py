"""What is evaluated: a model, or the models of a cross-validation, and which case each of them may be tested on."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from LiverAILib.data.cohort import Cohort, CohortRow
from LiverAILib.data.model import CARD, Model, load_model
from LiverAILib.data.named_segmentation import with_segmentation
from LiverAILib.data.seen_cases import Seen
from LiverAILib.errors import UserError

FOLDS = "folds.csv"


@dataclass(frozen=True)
class Assignment:
    """A case and the model that is tested on it; ``fold`` is "" for a single model."""

    row: CohortRow
    model: Model
    fold: str = ""


@dataclass(frozen=True)
class Subject:
    """A model, or the models of a cross-validation by fold.

    Attributes:
        name: As the report calls it.
        models: Model of each fold; the only one under "".
        fold_of: Fold that holds each case out, by case_id; empty for a single model.
        patient_of: Patient of each case of `fold_of`, as the run knew it.
    """

    name: str
    models: Mapping[str, Model]
    fold_of: Mapping[str, str]
    patient_of: Mapping[str, str]

    @property
    def cross_validated(self) -> bool:
        """Whether every case has a model of its own fold."""
        return bool(self.fold_of)

    @property
    def first(self) -> Model:
        """The model, or that of the first fold: method, classes and settings are the same in all."""
        return next(iter(self.models.values()))

    def with_segmentation(self, segmentation: Model) -> Subject:
        """The same, with the masks of another segmentation model."""
        return replace(self, models={fold: with_segmentation(one, segmentation) for fold, one in self.models.items()})

    def tests(self, cohort: Cohort, split: str, *, other_patients: bool = False) -> list[Assignment]:
        """The cases to test, each with a model that has not seen its patient.

        A single model is tested on the cases of `split`; the models of a cross-validation each on the fold that was held
        out from them.

        Args:
            cohort: The manifest.
            split: Split of the cases, for a single model; "" takes all cases. The model may have been chosen on those of
                "validation", but not trained on them.
            other_patients: The user says that equal identifiers name other people than those that trained the model.

        Raises:
            UserError: There is no such case, or a model has seen a patient that it would be tested on.
        """
        if self.cross_validated:
            return self._held_out(cohort)
        rows = cohort.split(split) if split else cohort.rows
        if not rows:
            raise UserError(
                f'{cohort.path}: no case of split "{split}". Fill the column "split", or choose another --split.'
            )
        splits = ("train",) if split == "validation" else ("train", "validation")
        if not other_patients:
            Seen.of(self.first.card).refuse_patients(rows, self.first.name, splits=splits)
        return [Assignment(row, self.first) for row in rows]

    def calibration(
        self, cohort: Cohort, tested: Iterable[Assignment], *, other_patients: bool = False
    ) -> list[Assignment]:
        """The cases of split "validation" for a single model: what temperatures and quantiles may be fitted on.

        Patients that the model was trained on are refused; those that its state was chosen on are not, for that is what
        they are kept for.

        Raises:
            UserError: A patient is tested as well, or was trained on.
        """
        if self.cross_validated:
            return []
        rows = cohort.split("validation")
        both = sorted({row.group for row in rows} & {test.row.group for test in tested})
        if both:
            raise UserError(
                f"{cohort.path}: patient {both[0]} is among both the validation and the tested cases; a patient that "
                "temperatures and prediction sets are fitted on is not tested with them. Correct the column split."
            )
        if not other_patients:
            Seen.of(self.first.card).refuse_patients(rows, self.first.name, splits=("train",))
        return [Assignment(row, self.first) for row in rows]

    def _held_out(self, cohort: Cohort) -> list[Assignment]:
        known = {row.case_id: row for row in cohort.rows}
        missing = [case for case in self.fold_of if case not in known]
        if missing:
            raise UserError(
                f"{cohort.path}: has no case {missing[0]}{f' and {len(missing) - 1} more' if len(missing) > 1 else ''} of the "
                "run's folds. Give the manifest that the run was trained with."
            )
        tests = []
        for case, fold in self.fold_of.items():
            row = known[case]
            if row.patient_id != self.patient_of[case]:
                raise UserError(
                    f"{cohort.path}: case {case} is of patient {row.patient_id} here, of {self.patient_of[case]} in the "
                    "run's folds. Give the manifest that the run was trained with."
                )
            tests.append(Assignment(row, self.models[fold], fold))
        for fold, model in self.models.items():
            own = [test.row for test in tests if test.fold == fold]
            Seen.of(model.card).refuse_patients(own, model.name, splits=("train", "validation"))
        return tests


def read_subject(name: str | os.PathLike[str]) -> Subject:
    """The model of this name or folder, or the models of a run folder.

    Raises:
        UserError: There is no such model, or the run is not complete.
    """
    folder = Path(name)
    if (folder / FOLDS).is_file():
        return _cross_validated(folder)
    if (folder / "model" / CARD).is_file() and not (folder / CARD).is_file():
        folder = folder / "model"
        name = folder
    model = load_model(name)
    return Subject(model.name, {"": model}, {}, {})


def _cross_validated(folder: Path) -> Subject:
    path = folder / FOLDS
    with path.open(newline="", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    columns = ("case_id", "patient_id", "fold")
    if not rows or any(not (row.get(column) or "").strip() for row in rows for column in columns):
        raise UserError(f"{path}: needs a row per case with {', '.join(columns)}, none empty. Train the run again.")
    fold_of: dict[str, str] = {}
    patient_of: dict[str, str] = {}
    fold_of_patient: dict[str, str] = {}
    for line, row in enumerate(rows, 2):
        case, patient, fold = (row[column].strip() for column in columns)
        if case in fold_of:
            raise UserError(f"{path}: line {line}: duplicate case_id {case}. Train the run again.")
        if fold_of_patient.setdefault(patient, fold) != fold:
            raise UserError(
                f"{path}: line {line}: patient {patient} is in folds {fold_of_patient[patient]} and {fold}; a patient "
                "belongs to one fold. Train the run again."
            )
        fold_of[case], patient_of[case] = fold, patient
    models = {}
    for fold in sorted(set(fold_of.values()), key=lambda text: (len(text), text)):
        place = folder / f"fold_{fold}" / "model"
        if not (place / CARD).is_file():
            raise UserError(
                f"{place}: fold {fold} has no model yet. Let the training run finish: the same command resumes it."
            )
        models[fold] = load_model(place)
    return Subject(folder.resolve().name, models, fold_of, patient_of)
