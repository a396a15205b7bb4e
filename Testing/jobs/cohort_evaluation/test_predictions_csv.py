"""From manifest labels and case results to the columns of a predictions file."""

import csv
from pathlib import Path
from types import SimpleNamespace

import pytest

from LiverAILib.data.cohort import Cohort, CohortRow
from LiverAILib.errors import UserError
from LiverAILib.evaluation.report.predictions import read_predictions
from LiverAILib.jobs.cohort_evaluation.case_results import CaseResult
from LiverAILib.jobs.cohort_evaluation.labels import ClassLabels
from LiverAILib.jobs.cohort_evaluation.predictions_csv import (
    age_group,
    compared_outcomes,
    readers_of,
    subgroups_of,
    write_predictions,
)
from LiverAILib.jobs.cohort_evaluation.subject import Assignment

BINARY = ("no cirrhosis", "cirrhosis")
STAGES = ("F0", "F1", "F2", "F3", "F4")


def row(number, label, kind="cirrhosis", **covariates):
    return CohortRow(f"c{number}", f"p{number}", "test", label, covariates=covariates, label_kind=kind)


def cohort(*labels, kind="stage"):
    return Cohort(Path("m.csv"), tuple(row(n, label, kind) for n, label in enumerate(labels)), kind)


def result(case, pipelines, *, fold="", baselines=None):
    """A case as `assess_case` keeps it."""
    predicted = {name: max(own, key=own.get) for name, own in pipelines.items()}
    record = {
        "pipelines": pipelines,
        "cumulative": {name: {} for name in pipelines},
        "predicted": predicted,
        "primary": "segmented",
        "baselines": baselines or {},
    }
    return CaseResult(Assignment(case, SimpleNamespace(), fold), record, None)


@pytest.mark.parametrize(
    ("classes", "kind", "labels", "expected"),
    [
        (BINARY, "stage", (0, 3, 4), ["no cirrhosis", "no cirrhosis", "cirrhosis"]),
        (BINARY, "stage", (0, 1, 1), ["no cirrhosis"] * 3),
        (BINARY, "cirrhosis", (0, 1, 1), ["no cirrhosis", "cirrhosis", "cirrhosis"]),
        (STAGES, "stage", (0, 1, 4), ["F0", "F1", "F4"]),
        (STAGES, "cirrhosis", (0, 1, 1), ["no cirrhosis", "cirrhosis", "cirrhosis"]),
    ],
)
def test_cirrhosis_is_f4_where_there_are_stages_and_1_where_there_are_none(classes, kind, labels, expected):
    own = cohort(*labels, kind=kind)
    found = ClassLabels.of(classes, own)
    assert [found.of_row(one) for one in own] == expected


def test_a_staging_model_on_yes_and_no_is_tested_on_f4_against_the_rest(tmp_path):
    tables = {"segmented": [0.1, 0.1, 0.1, 0.3, 0.4], "full": [0.1, 0.1, 0.1, 0.1, 0.6]}
    pipelines = {name: dict(zip(STAGES, own, strict=True)) for name, own in tables.items()}
    own = cohort(0, 1, kind="cirrhosis")
    labels = ClassLabels.of(STAGES, own)
    assert not labels.stages
    assert "only F4 against the rest" in labels.text
    assert labels.called(pipelines["segmented"]) == "no cirrhosis"  # though F4 is the most probable stage
    write_predictions(tmp_path / "p.csv", [result(one, pipelines) for one in own], labels)
    found = read_predictions(tmp_path / "p.csv", method_name="segmented", positive="cirrhosis", task="binary")
    assert found.truth.tolist() == [0, 1]
    assert found.scores["segmented"].tolist() == pytest.approx([0.4, 0.4])
    with (tmp_path / "p.csv").open(newline="") as stream:
        assert [one["score:full"] for one in csv.DictReader(stream)] == ["0.60000000"] * 2


def test_what_is_compared_is_said():
    assert (
        ClassLabels(BINARY, "stage").text
        == "Labels: fibrosis stages; F4 counts as cirrhosis, F0 to F3 as no cirrhosis."
    )
    assert ClassLabels(BINARY, "cirrhosis").text == "Labels: cirrhosis or not."
    assert ClassLabels(STAGES, "stage").stages


def test_two_pipelines_of_stages_come_back_from_the_file_as_written(tmp_path):
    tables = {"segmented": [0.5, 0.2, 0.1, 0.1, 0.1], "full": [0.1, 0.1, 0.1, 0.2, 0.5]}
    pipelines = {name: dict(zip(STAGES, own, strict=True)) for name, own in tables.items()}
    own = cohort(*range(5), 0)
    results = [result(one, pipelines, fold=str(n % 2)) for n, one in enumerate(own)]
    write_predictions(tmp_path / "p.csv", results, ClassLabels.of(STAGES, own))
    found = read_predictions(tmp_path / "p.csv", method_name="segmented")
    assert found.truth.tolist() == [0, 1, 2, 3, 4, 0]
    assert found.probabilities[0].tolist() == tables["segmented"]
    assert found.tables["full"][0].tolist() == tables["full"]
    assert found.folds.tolist() == list("010101")


def test_readers_call_in_numbers_or_words_and_measurements_may_lack(tmp_path):
    own = Cohort(
        Path("m.csv"),
        (
            row(0, 0, **{"reader:a": "0", "age_years": "49.9", "sex": "F"}),
            row(1, 1, **{"reader:a": "cirrhosis", "sex": "M"}),
        ),
        "cirrhosis",
    )
    pipelines = {"segmented": dict(zip(BINARY, (0.3, 0.7), strict=True))}
    results = [result(own.rows[0], pipelines), result(own.rows[1], pipelines, baselines={"apri": 1.5})]
    write_predictions(tmp_path / "p.csv", results, ClassLabels.of(BINARY, own))
    with (tmp_path / "p.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [one["score:a"] for one in rows] == ["0", "1"]
    assert [one["score:apri"] for one in rows] == ["", "1.5"]
    assert [one["age_group"] for one in rows] == ["below 50", ""]
    assert subgroups_of(own.rows) == ["sex", "age_group"]


def test_a_reader_without_all_calls_is_named_and_left_out():
    rows = (row(0, 0, **{"reader:a": "0", "reader:b": "1"}), row(1, 1, **{"reader:a": "1"}))
    assert readers_of(rows) == (["a"], ["b"])


def test_what_is_no_call_or_no_label_is_refused(tmp_path):
    own = Cohort(Path("m.csv"), (row(0, 0, **{"reader:a": "maybe"}),), "cirrhosis")
    one = result(own.rows[0], {"segmented": dict(zip(BINARY, (0.3, 0.7), strict=True))})
    with pytest.raises(UserError, match="case c0, column reader:a: 'maybe' is no call"):
        write_predictions(tmp_path / "p.csv", [one], ClassLabels.of(BINARY, own))
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="case c0: no label"):
        ClassLabels(BINARY, "stage").of_row(row(0, None))


def test_age_bands():
    assert [age_group(row(0, 0, age_years=age)) for age in ("18", "50", "64", "65", "")] == [
        "below 50", "50 to 64", "50 to 64", "65 and above", "",
    ]  # fmt: skip


def test_outcomes_that_some_case_lacks_are_never_mixed_with_others(tmp_path):
    """GM + EM is the first case's answer, GM the second's, which has no elastogram: both are compared by GM."""
    classes = ("S0-S1", "S2", "S3", "S4")
    scores = dict(zip(classes, (0.4, 0.3, 0.2, 0.1), strict=True))

    def case(number, primary, *names):
        record = {
            "pipelines": dict.fromkeys(names, scores),
            "cumulative": {name: {">=S2": 0.55, ">=S3": 0.3, ">=S4": 0.1 + 0.1 * number} for name in names},
            "primary": primary,
            "baselines": {},
        }
        return CaseResult(Assignment(row(number, 4 * number, "stage"), SimpleNamespace()), record, None)

    results = [case(0, "both", "both", "gray", "color"), case(1, "gray", "gray")]
    assert compared_outcomes(results) == (["gray"], ["both", "color"])
    assert compared_outcomes(results[:1]) == (["both", "gray", "color"], [])
    own = cohort(0, 4)
    write_predictions(tmp_path / "predictions.csv", results, ClassLabels.of(classes, own))
    read = read_predictions(tmp_path / "predictions.csv", method_name="gray")
    assert list(read.scores) == ["gray"]
    assert read.at_least(4)["gray"].tolist() == [0.1, 0.2]
    assert read.at_least(2)["gray"].tolist() == [0.55, 0.55]


def test_a_class_may_hold_several_stages():
    labels = ClassLabels.of(("S0-S1", "S2", "S3", "S4"), cohort(0, 4))
    assert labels.stages
    assert [labels.of_row(row(n, n, "stage")) for n in range(5)] == ["S0-S1", "S0-S1", "S2", "S3", "S4"]
    assert "not tell apart are one class: S0-S1" in labels.text
    assert [labels.reader_cell(row(n, n, "stage", **{"reader:a": f"F{n}"}), "a") for n in range(3)] == ["0", "0", "2"]
