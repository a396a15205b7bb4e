"""The table of the patients of an evaluation: what is counted, and the tests against scipy's."""

from pathlib import Path

import pytest
from scipy.stats import chi2_contingency, mannwhitneyu

from LiverAILib.data.cohort import Cohort, CohortRow
from LiverAILib.evaluation.estimate import format_p
from LiverAILib.jobs.cohort_evaluation.characteristics import characteristics_addition
from LiverAILib.jobs.cohort_evaluation.labels import ClassLabels

AGES = {"train": (40, 45, 50, 55, 60, 65), "test": (50, 61, 62, 63)}
SEXES = {"train": "FFFMMM", "test": "FMMM"}


def cohort(**columns):
    """Six training and four test patients, the last of whom has two cases."""
    rows = []
    for split, ages in AGES.items():
        for number, age in enumerate(ages):
            covariates = {"age_years": str(age), "sex": SEXES[split][number], "reader:a": "1", **columns}
            rows.append(
                CohortRow(
                    f"{split}{number}", f"{split}{number}", split, number % 5, covariates=covariates, label_kind="stage"
                )
            )
    rows.append(CohortRow("again", "test3", "test", 3, covariates={"age_years": "99"}, label_kind="stage"))
    return Cohort(Path("m.csv"), tuple(rows), "stage")


def table_of(own):
    addition = characteristics_addition(own, own.split("test"), ClassLabels.of(("F0", "F1", "F2", "F3", "F4"), own))
    [table] = addition.section.tables
    return table.columns, {row[0]: row[1:] for row in table.rows}


def test_tested_patients_beside_those_that_were_trained_on():
    columns, rows = table_of(cohort())
    assert columns == ("", "tested", "training", "p")
    assert rows["patients"] == ("4", "6", "")
    p = mannwhitneyu(AGES["test"], AGES["train"]).pvalue
    assert rows["age years"] == (
        "61.5 (58.25 to 62.25), n = 4", "52.5 (46.25 to 58.75), n = 6", format_p(p),
    )  # fmt: skip
    assert rows["sex: F"][:2] == ("1 (25 %)", "3 (50 %)")
    p = chi2_contingency([[1, 1, 1, 1, 0], [2, 1, 1, 1, 1]], correction=False).pvalue
    assert rows["label: F0"] == ("1 (25 %)", "2 (33 %)", format_p(p))
    assert not [name for name in rows if "reader" in name]


def test_comments_and_columns_of_one_value_are_left_out():
    _, rows = table_of(cohort(comment="as usual", scanner="A"))
    assert not [name for name in rows if name.startswith(("comment", "scanner"))]


def test_a_manifest_without_training_patients_describes_the_tested_ones():
    own = cohort()
    columns, rows = table_of(Cohort(own.path, own.split("test"), "stage"))
    assert columns == ("", "tested", "p")
    assert rows["age years"] == ("61.5 (58.25 to 62.25), n = 4", "")


@pytest.mark.parametrize("covariates", [{}, {"reader:a": "1"}])
def test_a_manifest_that_says_nothing_gets_no_table(covariates):
    rows = tuple(
        CohortRow(f"c{n}", f"p{n}", "test", 4 * n, covariates=covariates, label_kind="stage") for n in range(2)
    )
    own = Cohort(Path("m.csv"), rows, "stage")
    found = characteristics_addition(own, own.rows, ClassLabels.of(("F0", "F1", "F2", "F3", "F4"), own))
    assert found is None
