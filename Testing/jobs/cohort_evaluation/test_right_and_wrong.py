"""The groups of Nowak 2021's figure 4, as the paper describes them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from LiverAILib.data.cohort import CohortRow
from LiverAILib.jobs.cohort_evaluation.case_results import CaseResult
from LiverAILib.jobs.cohort_evaluation.labels import ClassLabels
from LiverAILib.jobs.cohort_evaluation.right_and_wrong import right_and_wrong
from LiverAILib.jobs.cohort_evaluation.subject import Assignment

BINARY = ("no cirrhosis", "cirrhosis")


def case(label: int, segmented: int, full: int, **calls: str) -> CaseResult:
    row = CohortRow("c", "p", "test", label, covariates=calls, label_kind="cirrhosis")
    pipelines = {
        name: dict(zip(BINARY, (1 - call, call), strict=True))
        for name, call in (("segmented", segmented), ("full", full))
    }
    return CaseResult(Assignment(row, SimpleNamespace()), {"pipelines": pipelines, "primary": "segmented"}, None)


@pytest.mark.parametrize(
    ("label", "segmented", "full", "reader", "group"),
    [
        (0, 0, 0, "0", "a"),
        (1, 1, 1, "1", "b"),
        (1, 1, 1, "", "b"),
        (1, 1, 1, "0", "c"),  # both networks right, the certified radiologist wrong
        (0, 0, 0, "1", "c"),
        (1, 1, 0, "1", "d"),  # right only with prior segmentation
        (1, 1, 0, "0", "d"),
        (1, 0, 0, "1", "e"),  # both networks wrong, the certified radiologist right
        (0, 1, 1, "1", "f"),
        (0, 1, 1, "", "f"),
        (1, 0, 1, "1", "g"),
    ],
)
def test_cases_are_grouped_as_in_the_figure(label, segmented, full, reader, group):
    one = case(label, segmented, full, **{"reader:a": reader})
    assert right_and_wrong(one, ClassLabels(BINARY, "cirrhosis"))[0] == group


def test_the_reader_is_the_first_one_or_the_one_that_is_named():
    one = case(1, 1, 1, **{"reader:certified": "0", "reader:resident": "1", "reader:certified:region": "none"})
    labels = ClassLabels(BINARY, "cirrhosis")
    assert right_and_wrong(one, labels)[0] == "c"
    assert right_and_wrong(one, labels, "resident")[0] == "b"
