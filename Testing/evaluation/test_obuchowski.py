import numpy as np
import pytest
from scipy.stats import somersd

from LiverAILib.evaluation.delong import auc
from LiverAILib.evaluation.obuchowski import linear_penalty, obuchowski_index


def staged(rng, n=150):
    stages = rng.integers(0, 5, n)
    return stages, np.round(stages + 1.5 * rng.normal(size=n), 1)


def test_penalty_of_lambert_2008():
    penalty = linear_penalty(5)
    assert penalty[0].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert (penalty == penalty.T).all()


def test_equal_penalties_are_somers_d(rng):
    """With every confusion as bad as any other, the index is the share of pairs in the right order."""
    stages, scores = staged(rng)
    found = obuchowski_index(stages, scores, penalty=1 - np.eye(5))
    assert found.value == pytest.approx((somersd(stages, scores).statistic + 1) / 2)


def test_brute_force_over_all_pairs(rng):
    stages, scores = staged(rng, 60)
    lost = total = 0.0
    for i in range(60):
        for j in range(60):
            if stages[i] < stages[j]:
                wrong = float(scores[i] > scores[j]) + 0.5 * float(scores[i] == scores[j])
                lost += wrong * (stages[j] - stages[i]) / 4
                total += 1
    assert obuchowski_index(stages, scores).value == pytest.approx(1 - lost / total)


def test_two_stages_are_the_auc_with_delongs_error(rng):
    stages, scores = staged(rng)
    chosen = np.isin(stages, (0, 4))
    found = obuchowski_index(stages[chosen], scores[chosen])
    plain = auc(stages[chosen] == 4, scores[chosen])
    assert found.value == pytest.approx(plain.value)
    assert found.standard_error == pytest.approx(plain.standard_error)


def test_standard_error_matches_redrawn_studies():
    values, errors = [], []
    for seed in range(300):
        generator = np.random.default_rng(seed)
        stages = np.repeat(np.arange(5), 20)
        found = obuchowski_index(stages, stages + 1.5 * generator.normal(size=100))
        values.append(found.value)
        errors.append(found.standard_error)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.1)


def test_prevalence_of_another_population_changes_the_weights(rng):
    stages, scores = staged(rng)
    scores = np.where(stages == 0, scores - 10, scores)  # F0 is always recognized
    mostly_f0 = obuchowski_index(stages, scores, prevalence=[0.8, 0.05, 0.05, 0.05, 0.05])
    assert mostly_f0.value > obuchowski_index(stages, scores).value


def test_a_missing_stage_keeps_its_place_in_the_penalty(rng):
    stages, scores = staged(rng)
    chosen = stages != 2
    with_order = obuchowski_index(stages[chosen], scores[chosen], order=range(5))
    squeezed = obuchowski_index(stages[chosen], scores[chosen])
    assert with_order.value != pytest.approx(squeezed.value)


def test_degenerate_input():
    assert obuchowski_index([0, 1, 2], [1, 2, 3]).value == 1
    assert "no interval" in obuchowski_index([0, 1, 2], [1, 2, 3]).note
    with pytest.raises(ValueError, match="at least two stages"):
        obuchowski_index([1, 1], [1, 2])
    with pytest.raises(ValueError, match="stage 7 is not in the order"):
        obuchowski_index([1, 7], [1, 2], order=range(5))
    with pytest.raises(ValueError, match=r"penalty has shape \(2, 2\)"):
        obuchowski_index([0, 1, 2], [1, 2, 3], penalty=np.eye(2))
