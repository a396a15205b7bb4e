"""Table 3 of Xue 2020 from a predictions file: its rows, against scikit-learn and DeLong's test."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from LiverAILib.evaluation.delong import compare_paired
from LiverAILib.evaluation.report.options import Options
from LiverAILib.evaluation.report.predictions import read_predictions
from LiverAILib.evaluation.report.tasks import run_task
from LiverAILib.methods.xue2020.paper_section import SECTION
from LiverAILib.methods.xue2020.settings import CLASSES, OUTCOMES
from LiverAILib.methods.xue2020.stages import stage_probabilities

N = 60


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A predictions file as `liverai evaluate` writes it, and its content: FIB-4 is not known of the last ten patients."""
    rng = np.random.default_rng(0)
    stages = np.arange(N) % 5
    rows = []
    for number, stage in enumerate(stages):
        cells = {"case_id": f"c{number}", "patient_id": f"p{number}", "label": CLASSES[max(0, stage - 1)]}
        for strength, name in zip((3, 2.2, 1.2, 1.6), OUTCOMES, strict=True):
            cuts = [1 / (1 + np.exp(-strength * (stage - cut + 0.5) - rng.normal())) for cut in (2, 3, 4)]
            prefix = "score:" if name == OUTCOMES[0] else f"score:{name}:"
            cells |= {f"{prefix}{key}": value for key, value in stage_probabilities(cuts).items()}
            cells |= {f"{prefix}>=S{cut}": value for cut, value in zip((2, 3, 4), cuts, strict=True)}
        cells["score:apri"] = 0.5 + 0.1 * stage + 0.3 * rng.random()
        cells["score:fib4"] = "" if number >= N - 10 else 1 + 0.2 * stage + rng.random()
        cells["score:stiffness"] = 5 + 2 * stage + 4 * rng.random()
        rows.append(cells)
    path = Path(tmp_path_factory.mktemp("xue")) / "predictions.csv"
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path, rows, stages


@pytest.fixture(scope="module")
def section(given):
    options = Options(method_name=OUTCOMES[0], replicates=100)
    read = read_predictions(given[0], method_name=OUTCOMES[0], baselines=("apri", "fib4", "stiffness"))
    return SECTION.make(read, options, run_task(read, options))


def column(rows, name):
    return np.array([float(row[name]) for row in rows])


def test_it_has_the_rows_of_table_3(section):
    [table, *_] = section[0].tables
    assert [row[:2] for row in table.rows] == [
        (stage, method)
        for stage in ("S4", ">=S3", ">=S2")
        for method in ("APRI", "FIB-4", "LSM", "GM", "EM", "GM + LSM", "GM + EM")
    ]


@pytest.mark.parametrize(("cut", "title"), [(2, ">=S2"), (3, ">=S3"), (4, "S4")])
def test_every_auc_is_that_of_the_binary_models_own_score(section, given, cut, title):
    _, rows, stages = given
    metrics = section[1]["metrics"]
    expected = {
        "GM + EM": f"score:>=S{cut}",
        "GM": f"score:gray_scale:>=S{cut}",
        "LSM": "score:stiffness",
        "APRI": "score:apri",
    }
    for method, name in expected.items():
        area = roc_auc_score(stages >= cut, column(rows, name))
        assert metrics[f"{title}: {method}"]["auc"]["value"] == pytest.approx(area)
    known = rows[: N - 10]
    area = roc_auc_score(stages[: N - 10] >= cut, column(known, "score:fib4"))
    assert metrics[f"{title}: FIB-4"]["auc"]["value"] == pytest.approx(area)
    assert f"{title}: FIB-4 is known of 50 of 60 patients." in section[0].text


def test_every_row_is_tested_against_both_combinations_once(section, given):
    _, rows, stages = given
    tests = section[1]["comparisons"][:11]  # of S4
    pairs = [(one["first"], one["second"]) for one in tests]
    others = ["APRI", "FIB-4", "LSM", "GM", "EM"]
    assert pairs == [("GM + LSM", one) for one in others] + [("GM + EM", one) for one in [*others, "GM + LSM"]]
    expected = compare_paired(
        stages >= 4, column(rows, "score:>=S4"), second=column(rows, "score:gray_scale_stiffness:>=S4")
    )
    assert tests[-1]["p_value"] == pytest.approx(expected.p_value)
    [table, *_] = section[0].tables
    cells = {row[1]: dict(zip(table.columns, row, strict=True)) for row in table.rows[:7]}
    assert cells["GM + LSM"]["p, GM + LSM"] == cells["GM + EM"]["p, GM + EM"] == "/"


def test_ratios_follow_from_sensitivity_and_specificity(section):
    for metrics in section[1]["metrics"].values():
        sensitivity, specificity = metrics["sensitivity"]["value"], metrics["specificity"]["value"]
        if specificity < 1:
            assert metrics["lr_positive"]["value"] == pytest.approx(sensitivity / (1 - specificity))
        assert metrics["lr_negative"]["value"] == pytest.approx((1 - sensitivity) / specificity)
