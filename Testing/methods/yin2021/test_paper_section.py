"""Table 2 of Yin 2021: means over folds, one threshold for folds and pooled results."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.evaluation.delong import auc
from LiverAILib.evaluation.intervals import proportion
from LiverAILib.evaluation.report.evaluate import evaluate
from LiverAILib.evaluation.report.options import Options
from LiverAILib.evaluation.report.predictions import read_predictions
from LiverAILib.evaluation.thresholds import Rule
from LiverAILib.methods import list_papers
from LiverAILib.methods.yin2021.fold_means import METRICS, fold_means
from Testing.evaluation.report.conftest import write_csv

COUNTS = {0: 134, 1: 8, 2: 10, 3: 18, 4: 82}
"""The paper's cohort."""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """252 predictions with the paper's stages in five folds, and the evaluation."""
    rng = np.random.default_rng(3)
    stage = rng.permutation(np.repeat(list(COUNTS), list(COUNTS.values())))
    table = np.exp(-0.5 * (np.arange(5) - (stage + 1.5 * rng.normal(size=252))[:, None]) ** 2) + 0.02
    table /= table.sum(axis=1, keepdims=True)
    header = ["case_id", "patient_id", "label", "fold", *(f"score:F{s}" for s in range(5))]
    rows = [(f"c{i}", f"p{i}", f"F{stage[i]}", 1 + i % 5, *(f"{value:.6f}" for value in table[i])) for i in range(252)]
    path = write_csv(tmp_path_factory.mktemp("yin") / "predictions.csv", header, rows)
    options = Options(
        paper=list_papers()["yin2021"].load_paper_section(), replicates=200, rule=Rule("fixed", 0.5), method_name="LFS"
    )
    predictions = read_predictions(path, method_name="LFS")
    return evaluate(predictions, options), predictions


def table(evaluation, name):
    return next(one for section in evaluation.sections for one in section.tables if one.name == name)


def test_the_papers_table_2_is_not_pooled():
    """Known answers of PROTOCOLS.md: accuracies that its rates imply, and the pooled interval of the first sensitivity."""
    sizes = {2: 110, 3: 100, 4: 82}
    rates = {2: (83.0, 91.7), 3: (79.5, 88.2), 4: (75.1, 86.5)}
    implied = [round((rates[cut][0] * n + rates[cut][1] * (252 - n)) / 252, 1) for cut, n in sizes.items()]
    assert implied == [87.9, 84.7, 82.8]  # 88.3, 85.2 and 83.3 are printed
    pooled = proportion("sensitivity", 91, 110)
    assert (round(100 * pooled.interval.low, 1), round(100 * pooled.interval.high, 1)) == (74.3, 89.3)  # 71.7 to 94.7


def test_fold_means_and_pooled_results_come_from_the_same_calls(found):
    evaluation, predictions = found
    record = evaluation.record["as_in_the_paper"]
    pooled = record["metrics"]["Advanced fibrosis (>=F3)"]
    means = record["fold_means"]["Advanced fibrosis (>=F3)"]
    truth = predictions.truth >= 3
    size = np.array([(predictions.folds == fold).sum() for fold in "12345"])
    of_folds = np.array([means["accuracy"]["values"][fold] for fold in "12345"])
    # The accuracy of the folds, weighted by their size, is the pooled one: so the calls are the same.
    assert (size * of_folds).sum() == pytest.approx(pooled["accuracy"]["numerator"])
    area = auc(truth[predictions.folds == "2"], predictions.probabilities[predictions.folds == "2", 3:].sum(1))
    assert means["auc"]["values"]["2"] == pytest.approx(area.value)
    assert means["auc"]["mean"] == pytest.approx(np.mean(list(means["auc"]["values"].values())))
    assert means["auc"]["sd"] == pytest.approx(np.std(list(means["auc"]["values"].values()), ddof=1))
    assert means["auc"]["interval"]["low"] < means["auc"]["mean"] < means["auc"]["interval"]["high"]


def test_the_table_has_the_papers_rows_with_mean_interval_and_pooled(found):
    shown = table(found[0], "paper_table2")
    assert [row[0] for row in shown.compact.rows] == ["AUC", "specificity", "sensitivity", "accuracy"]
    assert [name.split(" (")[-1] for name in shown.compact.columns[1:]] == [">=F2)", ">=F3)", "F4)"]
    assert all("SD" in cell and "pooled" in cell for row in shown.compact.rows for cell in row[1:])
    assert len(table(found[0], "paper_folds").rows) == 15


def test_a_fold_without_one_of_the_classes_does_not_count_for_what_it_cannot_tell():
    truth = np.array([0, 1, 0, 1, 0, 0], bool)
    scores, folds = np.array([0.1, 0.9, 0.8, 0.2, 0.3, 0.4]), np.array(list("112233"))
    means = fold_means(truth, scores, scores >= 0.5, folds=folds, replicates=50)
    assert set(means) == set(METRICS)
    assert means["auc"].mean == pytest.approx((1 + 0) / 2)
    assert np.isnan(means["auc"].values["3"])
    assert means["accuracy"].mean == pytest.approx((1 + 0 + 1) / 3)


def test_the_interval_covers_the_mean_of_the_population():
    """Sensitivity .8 in five folds of 20: the 95 % interval of the fold mean holds .8 in about 95 of 100 studies."""
    rng = np.random.default_rng(4)
    folds, truth = np.repeat(np.arange(5), 40), np.tile([True, False], 100)
    hits = 0
    for seed in range(100):
        calls = np.where(truth, rng.random(200) < 0.8, rng.random(200) < 0.1)
        mean = fold_means(truth, calls.astype(float), calls, folds=folds, replicates=200, seed=seed)["sensitivity"]
        hits += mean.interval.low <= 0.8 <= mean.interval.high
    assert 88 <= hits <= 99
