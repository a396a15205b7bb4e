import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from LiverAILib.evaluation.stages import (
    check_stages,
    expected_stage,
    macro_micro_auc,
    probability_at_least,
    stage_metrics,
)


@pytest.fixture
def staged(rng):
    truth = np.repeat(np.arange(5), [30, 8, 10, 12, 25])
    logits = -0.6 * (np.arange(5)[None] - (truth + rng.normal(size=truth.size))[:, None]) ** 2
    table = np.exp(logits)
    return truth, table / table.sum(axis=1, keepdims=True)


def test_cut_offs_are_sums_of_probabilities():
    table = [[0.1, 0.2, 0.3, 0.25, 0.15]]
    assert probability_at_least(table, 2)[0] == pytest.approx(0.7)
    assert probability_at_least(table, 4)[0] == pytest.approx(0.15)
    assert expected_stage(table)[0] == pytest.approx(0.2 + 0.6 + 0.75 + 0.6)


def test_metrics_are_scikit_learns(staged):
    truth, table = staged
    found = stage_metrics(truth, table, replicates=100)
    predicted = table.argmax(axis=1)
    assert found["accuracy"].numerator == int((predicted == truth).sum())
    assert found["kappa"].value == pytest.approx(cohen_kappa_score(truth, predicted))
    weighted = cohen_kappa_score(truth, predicted, weights="quadratic")
    assert found["quadratic_weighted_kappa"].value == pytest.approx(weighted)
    macro = roc_auc_score(truth, table, multi_class="ovr", average="macro")
    hot = truth[:, None] == np.arange(5)
    assert found["macro_auc"].value == pytest.approx(macro)
    assert found["micro_auc"].value == pytest.approx(roc_auc_score(hot.ravel(), table.ravel()))
    for one in found.values():
        assert one.interval.low < one.value < one.interval.high


def test_a_stage_without_cases_is_left_out(staged):
    truth, table = staged
    chosen = truth != 2
    macro, micro = macro_micro_auc(truth[chosen], table[chosen])
    each = [roc_auc_score(truth[chosen] == s, table[chosen, s]) for s in (0, 1, 3, 4)]
    assert macro == pytest.approx(np.mean(each))
    assert 0.5 < micro < 1
    assert stage_metrics(truth[chosen], table[chosen], replicates=20)["quadratic_weighted_kappa"].value > 0


def test_one_stage_only_is_undefined_not_an_exception(staged):
    truth, table = staged
    found = stage_metrics(truth[:20], table[:20], replicates=20)
    assert math.isnan(found["obuchowski_index"].value)
    assert found["accuracy"].denominator == 20


@pytest.mark.parametrize(
    ("labels", "table", "text"),
    [
        ([5], [[0.2] * 5], "stage 5 at index 0 is none of"),
        ([1], [[0.2] * 4], r"shape \(1, 4\)"),
        ([1], [[0.3] * 5], "row 0 add up to 1.5000"),
        ([1], [[1.2, -0.2, 0, 0, 0]], "outside 0..1"),
        ([1], [[np.nan, 0, 0, 0, 0]], "missing or infinite"),
        ([1, 2], [[0.2] * 5], "lengths differ"),
    ],
)
def test_faults(labels, table, text):
    with pytest.raises(ValueError, match=text):
        check_stages(labels, table)
