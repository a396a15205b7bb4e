"""Warnings to read before the numbers: persons with several patients in the statistics."""

from __future__ import annotations

from LiverAILib.data.cohort import Cohort, CohortRow
from LiverAILib.jobs.cohort_evaluation.case_results import CaseResult
from LiverAILib.jobs.cohort_evaluation.cases_section import cohort_warnings
from LiverAILib.jobs.cohort_evaluation.cohort_settings import CohortSettings
from LiverAILib.jobs.cohort_evaluation.subject import Assignment, Subject
from Testing.models import untrained_nowak2021


def test_two_livers_of_one_person_are_said(tmp_path):
    model = untrained_nowak2021(tmp_path / "model")
    rows = [
        CohortRow(f"c{n}", f"p{n}", "test", n % 2, label_kind="cirrhosis", group_id="g" * (n < 2)) for n in range(4)
    ]
    cohort = Cohort(tmp_path / "m.csv", tuple(rows), "cirrhosis")

    def warnings(rows, fold=""):
        who = Subject("run", {fold: model}, {row.case_id: fold for row in rows} if fold else {}, {})
        results = [
            CaseResult(
                Assignment(row, model, fold), {"case_id": row.case_id, "pipelines": {"a": {}}, "primary": "a"}, None
            )
            for row in rows
        ]
        return [text for text in cohort_warnings(who, cohort, results, CohortSettings()) if "group_id" in text]

    assert warnings(rows[1:]) == []
    (text,) = warnings(rows, "1")
    assert text.startswith("1 persons (group_id) are counted as several patients")
    assert text.endswith("Folds keep them together.")
    assert warnings(rows)[0].endswith("Folds that the report draws do not know of it.")
