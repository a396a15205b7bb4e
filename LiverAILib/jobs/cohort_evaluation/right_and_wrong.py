"""Who was right: the groups of Nowak 2021's figure 4."""

from __future__ import annotations

from LiverAILib.jobs.cohort_evaluation.case_results import CaseResult
from LiverAILib.jobs.cohort_evaluation.labels import ClassLabels
from LiverAILib.jobs.cohort_evaluation.readers import call_columns

GROUPS = (
    "a  no cirrhosis, correct",
    "b  cirrhosis, correct",
    "c  networks correct, reader wrong",
    "d  correct only with prior segmentation",
    "e  networks wrong, reader correct",
    "f  networks wrong, and the reader or no reader",
    "g  correct only without segmentation",
)
"""Groups of maps of two classes: a to e are those of the figure, f and g hold the cases that it does not show."""


def right_and_wrong(one: CaseResult, labels: ClassLabels, reader: str = "") -> str:
    """The group of a case; for stages the true stage and whether it was met.

    Args:
        one: The case.
        labels: Classes of the model and labels of the cohort.
        reader: The reader to compare with ("the certified radiologist"); "" for the first one of the manifest.
    """
    record, truth = one.record, labels.of_row(one.test.row)
    called = {name: labels.called(probabilities) for name, probabilities in record["pipelines"].items()}
    primary = called.pop(record["primary"]) == truth
    if labels.stages:
        return f"{truth}, {'correct' if primary else 'wrong'}"
    others = [name == truth for name in called.values()]
    reader_right = _reader_right(one, labels, reader)
    if primary and not all(others):
        return GROUPS[3]
    if not primary and any(others):
        return GROUPS[6]
    if not primary:
        return GROUPS[4 if reader_right else 5]
    if reader_right is False:
        return GROUPS[2]
    return GROUPS[labels.classes.index(truth)]


def _reader_right(one: CaseResult, labels: ClassLabels, reader: str) -> bool | None:
    """Whether the reader called the case right; None where there is no call."""
    calls = call_columns(one.test.row)
    name = reader or next(iter(calls), "")
    if not calls.get(name):
        return None
    truth = labels.of_row(one.test.row)
    return labels.reader_cell(one.test.row, name) == str(labels.classes.index(truth))
