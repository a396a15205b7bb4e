"""Recalibration, prediction sets and simple measurements in a whole evaluation, against the room's own functions."""

import json

import numpy as np
import pytest

from LiverAILib.cli import build_parser
from LiverAILib.errors import UserError
from LiverAILib.evaluation.command import run
from LiverAILib.evaluation.conformal import prediction_sets
from LiverAILib.evaluation.delong import auc, compare_paired
from LiverAILib.evaluation.held_out import Labeled
from LiverAILib.evaluation.recalibration import fit_intercept_slope, fit_temperature
from LiverAILib.evaluation.report.evaluate import evaluate
from LiverAILib.evaluation.report.options import Options
from LiverAILib.evaluation.report.predictions import read_predictions
from LiverAILib.evaluation.thresholds import Rule
from Testing.evaluation.report.conftest import sigmoid, write_csv

FAST = {"replicates": 100, "rule": Rule("fixed", 0.5)}
HEADER = ["case_id", "patient_id", "label", "score", "score:full", "score:spleen_volume", "score:apri"]


def rows_of(seed, n, prefix):
    """Half of the patients positive; the method is 2 too high on the logit scale; a weak and a strong measurement."""
    generator = np.random.default_rng(seed)
    truth = np.arange(n) % 2
    logit = 1.6 * truth - 0.8 + generator.normal(size=n)
    strong = truth + 0.01 * generator.normal(size=n)
    return [
        (
            f"{prefix}{i}", f"{prefix}{i}", truth[i], f"{sigmoid(logit[i] + 2):.6f}", f"{sigmoid(logit[i]):.6f}",
            "" if i % 5 == 0 else f"{100 + 20 * truth[i] + 40 * generator.normal():.1f}", f"{strong[i]:.4f}",
        )
        for i in range(n)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """An evaluation of 80 patients with 60 others to fit on, and both files as read."""
    folder = tmp_path_factory.mktemp("sections")
    reading = {"baselines": ("spleen_volume", "apri"), "method_name": "segmented"}
    test = read_predictions(write_csv(folder / "test.csv", HEADER, rows_of(1, 80, "t")), **reading)
    other = read_predictions(write_csv(folder / "validation.csv", HEADER, rows_of(2, 60, "v")), **reading)
    options = Options(method_name="segmented", recalibrate=True, conformal=0.85, **FAST)
    return evaluate(test, options, calibration_cases=other), test, other


def table(scores):
    return np.column_stack([1 - scores, scores])


def test_recalibration_is_fitted_on_the_other_patients(found):
    evaluation, _, other = found
    record = evaluation.record["recalibration"]["segmented"]
    logits = np.log(table(other.scores["segmented"]))
    fitted = record["fitted"]["temperature"]["parameters"]
    assert fitted == [{"temperature": pytest.approx(fit_temperature(logits, other.truth.astype(int)), rel=1e-4)}]
    intercept, slope = fit_intercept_slope(logits, other.truth.astype(int))
    assert record["for_the_card"]["intercept"] == pytest.approx(intercept, abs=1e-3)
    assert record["for_the_card"]["slope"] == pytest.approx(slope, abs=1e-3)
    assert record["for_the_card"]["cases"] == "calibration cases"


def test_the_report_shows_that_the_intercept_mends_the_shift(found):
    record = found[0].record["recalibration"]["segmented"]
    shift = {name: abs(own[""]["intercept"]["value"]) for name, own in record["calibration"].items()}
    assert shift["as it is"] > 1
    assert shift["intercept and slope"] < 0.5 * shift["temperature"] < shift["as it is"]
    assert record["log_loss"]["intercept and slope"] < record["log_loss"]["as it is"]
    names = {picture.name for section in found[0].sections for picture in section.pictures}
    assert {"recalibration_0_reliability", "recalibration_1_reliability", "conformal_coverage"} <= names


def test_prediction_sets_are_those_of_the_function(found):
    evaluation, test, other = found
    record = evaluation.record["conformal"]["methods"]["segmented"]["LAC, class-conditional"]
    direct = prediction_sets(
        Labeled(table(test.scores["segmented"]), test.truth.astype(int), test.patient_ids),
        calibration=Labeled(table(other.scores["segmented"]), other.truth.astype(int), other.patient_ids),
        level=0.85,
        class_conditional=True,
    )
    covered = direct.sets[np.arange(80), test.truth.astype(int)].sum()
    assert record["metrics"]["coverage"]["numerator"] == covered
    assert record["metrics"]["mean set size"]["value"] == pytest.approx(direct.sets.sum(1).mean())
    assert record["n_calibration"] == [60]


def test_measurements_are_compared_on_the_cases_that_have_them(found):
    evaluation, test, _ = found
    apri, spleen = evaluation.record["baselines"]["diagnosis"]
    assert (apri["name"], apri["n"], spleen["n"]) == ("apri", 80, 64)
    own = np.isfinite(test.baselines["spleen_volume"])
    expected = auc(test.truth[own], test.baselines["spleen_volume"][own])
    assert spleen["auc"]["value"] == pytest.approx(expected.value)
    paired = compare_paired(test.truth[own], test.scores["segmented"][own], second=test.baselines["spleen_volume"][own])
    assert spleen["test"]["p_value"] == pytest.approx(paired.p_value)
    assert spleen["better"] == "segmented"
    assert apri["better"] == "apri"
    section = next(one for one in evaluation.sections if one.title == "Against simple measurements")
    assert "beats 1 of 2 measurements" in section.text[-1]
    assert "the measurement is better than segmented" in section.text[-1]


def test_measurements_are_no_method_of_the_other_tables(found):
    assert found[0].record["data"]["scores"] == ["segmented", "full"]
    assert found[0].record["data"]["baselines"] == ["spleen_volume", "apri"]


def test_a_patient_planted_among_the_calibration_cases_is_refused(tmp_path):
    reading = {"baselines": ("spleen_volume",), "method_name": "segmented"}
    test = read_predictions(write_csv(tmp_path / "test.csv", HEADER, rows_of(1, 20, "t")), **reading)
    rows = rows_of(2, 20, "v")
    rows[7] = (rows[7][0], "t3", *rows[7][2:])
    other = read_predictions(write_csv(tmp_path / "validation.csv", HEADER, rows), **reading)
    for asked in ({"recalibrate": True}, {"conformal": 0.9}):
        with pytest.raises(UserError, match=r"test\.csv: leakage: patient 't3'"):
            evaluate(test, Options(method_name="segmented", **asked, **FAST), calibration_cases=other)


def test_stages_of_two_methods_have_both_tables(tmp_path):
    generator = np.random.default_rng(3)
    stage = np.arange(50) % 5
    made = {name: generator.dirichlet(np.ones(5), 50) * 0.5 + 0.5 * np.eye(5)[stage] for name in ("own", "full")}
    header = [
        "case_id",
        "patient_id",
        "label",
        *(f"score:F{s}" for s in range(5)),
        *(f"score:full:F{s}" for s in range(5)),
    ]
    rows = [
        (
            f"c{i}",
            f"p{i}",
            f"F{stage[i]}",
            *(f"{x:.8f}" for x in made["own"][i]),
            *(f"{x:.8f}" for x in made["full"][i]),
        )
        for i in range(50)
    ]
    predictions = read_predictions(write_csv(tmp_path / "p.csv", header, rows))
    assert list(predictions.tables) == ["full"]
    np.testing.assert_allclose(predictions.tables["full"], made["full"], atol=1e-6)
    record = evaluate(predictions, Options(conformal=0.8, recalibrate=True, **FAST)).record
    expected = auc(stage >= 3, made["full"][:, 3:].sum(1)).value
    assert record["results"]["cuts"]["f3"]["metrics"]["full"]["auc"]["value"] == pytest.approx(expected)
    assert "quadratic_weighted_kappa" in record["results"]["stages"]["metrics"]["full"]
    assert set(record["conformal"]["methods"]) == {"method", "full"}
    assert set(record["recalibration"]["method"]["calibration"]["temperature"]) == {">=F2", ">=F3", "F4"}


def test_an_empty_cell_is_a_fault_where_the_column_is_no_measurement(tmp_path):
    path = write_csv(tmp_path / "p.csv", HEADER, rows_of(1, 10, "t"))
    with pytest.raises(UserError, match="column 'score:spleen_volume': is empty"):
        read_predictions(path)
    with pytest.raises(UserError, match="has no column 'score:fib4'"):
        read_predictions(path, baselines=("fib4",))


def test_the_command_takes_all_of_it(tmp_path, capsys):
    write_csv(tmp_path / "test.csv", HEADER, rows_of(1, 40, "t"))
    write_csv(tmp_path / "validation.csv", HEADER, rows_of(2, 30, "v"))
    args = build_parser().parse_args(
        ["evaluate", "--predictions", str(tmp_path / "test.csv"), "--output", str(tmp_path / "report"), "--recalibrate",
         "--conformal", "0.9", "--calibration-predictions", str(tmp_path / "validation.csv"), "--baseline", "spleen_volume",
         "--baseline", "apri", "--bootstrap", "100"]
    )  # fmt: skip
    assert run(args) == 0
    record = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert {"recalibration", "conformal", "baselines"} <= set(record)
    assert record["run"]["conformal"] == 0.9
    page = (tmp_path / "report" / "report.html").read_text()
    assert "Prediction sets with 90 % coverage" in page
    assert "report.html" in capsys.readouterr().out
