"""Tables 1 and 2 and figure 3 of Nowak 2021, from the paper's counts."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.evaluation.report.evaluate import evaluate
from LiverAILib.evaluation.report.options import Options
from LiverAILib.evaluation.report.predictions import read_predictions
from LiverAILib.evaluation.thresholds import Rule
from LiverAILib.methods import list_papers
from LiverAILib.methods.nowak2021.paper_section import table1_half
from LiverAILib.methods.nowak2021.stage_table import stage_table
from LiverAILib.training.schedule import NOWAK2021_CLASSIFICATION
from LiverAILib.training.stage_summary import stage_summary
from Testing.evaluation.report.conftest import write_csv

POSITIVE, NEGATIVE = 80, 24
TRUTH = np.arange(POSITIVE + NEGATIVE) < POSITIVE
VALIDATION = {"segmented": (79, 24), "full": (78, 23), "certified": (76, 24), "resident": (68, 24)}
TEST = {"segmented": (80, 20), "full": (80, 19), "certified": (71, 23), "resident": (73, 22)}
"""Right calls of 80 patients with cirrhosis and 24 without, from the paper's rates (PROTOCOLS.md)."""
PRINTED = {  # vACC, tACC, vBACC, tBACC, vSens, tSens, vSpec, tSpec
    "segmented": ("0.99", "0.96", "0.99", "0.92", "0.99", "1.00", "1.00", "0.83"),
    "full": ("0.97", "0.95", "0.97", "0.90", "0.97", "1.00", "0.96", "0.79"),
    "certified": ("0.96", "0.90", "0.97", "0.92", "0.95", "0.89", "1.00", "0.96"),
    "resident": ("0.88", "0.91", "0.93", "0.91", "0.85", "0.91", "1.00", "0.92"),
}
"""Table 1. Halves round to even here: the paper prints .98 for full's vSens (.975) and certified's vBACC (.975), and .92 for the
resident's tBACC (.9146, the mean of the rounded rates)."""


def calls(counts: tuple[int, int]) -> np.ndarray:
    right_positive, right_negative = counts
    return np.r_[np.arange(POSITIVE) < right_positive, np.arange(NEGATIVE) >= right_negative]


def write(folder, name, counts, prefix):
    header = ["case_id", "patient_id", "label", "score", "score:full", "score:certified", "score:resident"]
    own = {key: calls(value) for key, value in counts.items()}
    rng = np.random.default_rng(0)
    rows = [
        (
            f"{prefix}{i}", f"{prefix}{i}", "cirrhosis" if TRUTH[i] else "control",
            *(f"{0.2 + 0.5 * own[key][i] + 0.2 * rng.random():.4f}" for key in ("segmented", "full")),
            *(int(own[key][i]) for key in ("certified", "resident")),
        )
        for i in range(len(TRUTH))
    ]  # fmt: skip
    reading = {"positive": "cirrhosis", "method_name": "segmented"}
    return read_predictions(write_csv(folder / f"{name}.csv", header, rows), **reading)


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nowak")
    return write(folder, "test", TEST, "t"), write(folder, "validation", VALIDATION, "v")


def options(**more):
    section = list_papers()["nowak2021"].load_paper_section()
    return Options(paper=section, method_name="segmented", replicates=100, rule=Rule("fixed", 0.5), **more)


def table(evaluation, name):
    return next((one for section in evaluation.sections for one in section.tables if one.name == name), None)


def test_table_1_has_both_halves_in_the_papers_layout(cohorts):
    test, validation = cohorts
    evaluation = evaluate(test, options(), validation_cases=validation)
    found = table(evaluation, "paper_table1")
    assert found.columns == (
        "reader or method", "vACC", "p (vACC)", "tACC", "p (tACC)", "vBACC", "tBACC", "vSens", "tSens", "vSpec", "tSpec",
    )  # fmt: skip
    for name, *cells in found.rows:
        rates = (cells[0], cells[2], *cells[4:])
        assert rates == PRINTED[name], name
    p = {row[0]: (row[2], row[4]) for row in found.rows}
    assert p["segmented"] == ("-", "-")
    assert p["full"] == (".044", ".610")  # printed: .04 and .61
    assert p["certified"] == (".003", ".002")
    assert p["resident"] == ("<.001", ".011")
    section = next(one for one in evaluation.sections if "Nowak" in one.title)
    assert any("chose the state of the networks" in text for text in section.text)


def test_the_papers_p_values_of_the_validation_half():
    own = {name: calls(counts) for name, counts in VALIDATION.items()}
    scores = {name: own[name].astype(float) for name in ("segmented", "full")}
    half = table1_half(TRUTH, scores, {name: own[name] for name in ("certified", "resident")})
    p = {one.first: one.p_value for one in half.tests if one.as_in_paper}
    assert round(p["full"], 4) == 0.0445
    assert round(p["certified"], 4) == 0.0026


def test_validation_cases_alone_fill_their_half_and_are_marked(cohorts):
    evaluation = evaluate(cohorts[1], options(validation=True))
    first = table(evaluation, "paper_table1").rows[0]
    assert first == ("segmented", "0.99", "-", "", "", "0.99", "", "0.99", "", "1.00", "")
    assert any("on which the state of the model was chosen" in text for text in evaluation.warnings)
    assert evaluation.record["run"]["cases"] == "validation"


def test_without_validation_cases_their_half_is_empty(cohorts):
    evaluation = evaluate(cohorts[0], options())
    assert table(evaluation, "paper_table1").rows[0][1] == ""
    assert table(evaluation, "paper_comparisons_validation") is None


def test_figure_3_has_the_precision_recall_curve_of_the_controls_with_the_readers(cohorts):
    evaluation = evaluate(cohorts[0], options())
    section = next(one for one in evaluation.sections if "Nowak" in one.title)
    axes = section.pictures[0].figure.axes
    assert [one.get_title(loc="left") for one in axes] == [
        "Receiver operating characteristic", "Precision-recall: cirrhosis", "Precision-recall: control",
    ]  # fmt: skip
    # The certified radiologist found 23 of 24 controls, among 23 + 9 called so.
    single = [line.get_xydata()[0] for line in axes[2].get_lines() if len(line.get_xydata()) == 1]
    markers = [tuple(np.round(point, 4).tolist()) for point in single]
    assert (round(23 / 24, 4), round(23 / 32, 4)) in markers


def test_table_2_says_what_each_stage_reached():
    """The paper's segmented pipeline: stage 1 .99 and .1452, no improvement in 2 to 4, then .1450 and .1339."""
    entropies = {"1": 0.1452, "2": 0.15, "3": 0.146, "4": 0.1453, "5": 0.1450, "6": 0.1339}
    history = [
        {"stage": name, "epoch": 1, "loss": 0.1, "lr": [], "seconds": 1.0, "score": -value, "validation_accuracy": 0.99}
        for name, value in entropies.items()
    ]
    card = {"training_stages": {"segmented_224": stage_summary(history, NOWAK2021_CLASSIFICATION)}}
    dice = {"name": "1", "epochs": 80, "max_lr_last": 1e-3, "max_lr_first": None, "improved": True}
    found = stage_table(card, {"training_stages": {"": [{**dice, "validation": {"dice_liver": 0.9828, "score": 0.9}}]}})
    assert [row[1:] for row in found.rows] == [
        ("1", "80", "0.001", "frozen", "Dice 0.9828"),
        ("1", "80", "0.1", "frozen", "accuracy 0.99, cross entropy 0.1452"),
        ("2", "40", "0.01", "frozen", "no improvement"),
        ("3", "40", "0.001", "frozen", "no improvement"),
        ("4", "40", "0.0001", "1e-06", "no improvement"),
        ("5", "40", "0.0001", "1e-05", "accuracy 0.99, cross entropy 0.1450"),
        ("6", "40", "0.0001", "0.0001", "accuracy 0.99, cross entropy 0.1339"),
    ]
    assert {row[0] for row in found.rows} == {"segmentation", "segmented, 224 pixels"}
    assert stage_table({}) is None
