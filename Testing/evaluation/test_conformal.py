"""The guarantee by simulation, the sets one by one from the papers' definitions."""

import math

import numpy as np
import pytest
from scipy.special import softmax

from LiverAILib.evaluation.conformal import (
    conformal_quantile,
    coverage_range,
    nonconformity,
    prediction_sets,
    set_metrics,
)
from LiverAILib.evaluation.held_out import Labeled


def cases(rng, n, *, k=4, prefix="p", wrong=1.0):
    """Classes drawn from a network whose probabilities are too extreme by ``wrong``."""
    logits = rng.normal(size=(n, k)) * 1.5
    labels = (softmax(logits, axis=1).cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(0, k - 1)
    return Labeled(softmax(wrong * logits, axis=1), labels, [f"{prefix}{i}" for i in range(n)])


def one_by_one(probabilities, calibration, level, score, class_conditional):
    """Sets as Sadinle 2019 and Romano 2020 define them, in plain loops."""

    def fit(row, c):
        if score == "lac":
            return 1 - row[c]
        return sum(p for p in row if p > row[c]) + row[c]

    sets = []
    for row in probabilities:
        found = set()
        for c in range(len(row)):
            scores = sorted(
                fit(other, label)
                for other, label in zip(calibration.probabilities, calibration.labels, strict=True)
                if not class_conditional or label == c
            )
            rank = math.ceil((len(scores) + 1) * level)
            if rank > len(scores) or fit(row, c) <= scores[rank - 1]:
                found.add(c)
        sets.append(found)
    return sets


@pytest.mark.parametrize("score", ["lac", "aps"])
@pytest.mark.parametrize("class_conditional", [False, True])
def test_sets_are_those_of_the_definition_one_by_one(rng, score, class_conditional):
    test, calibration = cases(rng, 60), cases(rng, 83, prefix="c")
    settings = {"level": 0.85, "score": score, "class_conditional": class_conditional}
    found = prediction_sets(test, calibration=calibration, **settings)
    expected = one_by_one(test.probabilities, calibration, 0.85, score, class_conditional)
    assert [set(np.flatnonzero(row).tolist()) for row in found.sets] == expected


@pytest.mark.parametrize(("score", "randomized"), [("lac", False), ("aps", True)])
def test_coverage_is_exactly_what_the_theorem_says(rng, score, randomized):
    """ceil((n + 1) * level) / (n + 1) on average, for a network that is far too sure of itself."""
    hits = []
    for seed in range(400):
        calibration, test = cases(rng, 24, prefix="c", wrong=3), cases(rng, 100, wrong=3)
        found = prediction_sets(test, calibration=calibration, level=0.8, score=score, randomized=randomized, seed=seed)
        hits.append(found.sets[np.arange(100), test.labels].mean())
    error = np.std(hits) / math.sqrt(len(hits))
    assert np.mean(hits) == pytest.approx(20 / 25, abs=3.5 * error)
    assert error < 0.006


def test_class_conditional_sets_cover_the_rare_class_that_marginal_ones_miss(rng):
    """A rare class that the network hardly ever sees: marginal coverage is kept at its expense."""
    marginal, conditional = [], []
    for _ in range(60):
        blocks = []
        for prefix in ("c", "p"):
            labels = np.repeat([0, 1], [270, 30])
            said = np.clip(0.15 + 0.25 * labels + 0.1 * rng.normal(size=300), 0.01, 0.99)
            blocks.append(Labeled(np.column_stack([1 - said, said]), labels, [f"{prefix}{i}" for i in range(300)]))
        calibration, test = blocks
        rare = test.labels == 1
        for found, kept in ((False, marginal), (True, conditional)):
            sets = prediction_sets(test, calibration=calibration, level=0.9, class_conditional=found).sets
            kept.append(sets[rare, 1].mean())
    assert np.mean(marginal) < 0.5
    assert np.mean(conditional) == pytest.approx(28 / 31, abs=0.03)


def test_cross_conformal_sets_take_quantiles_from_the_other_folds(rng):
    test = cases(rng, 40, k=3)
    folds = np.arange(40) % 4
    found = prediction_sets(test, folds=folds, level=0.8)
    for fold in range(4):
        own = folds == fold
        fit = Labeled(test.probabilities[~own], test.labels[~own], test.patients[~own])
        alone = prediction_sets(test.take(own), calibration=fit, level=0.8)
        np.testing.assert_array_equal(found.sets[own], alone.sets)
    assert found.n_calibration == (30, 30, 30, 30)


def test_quantile_is_the_ceil_n_plus_1_th_and_infinite_with_too_few():
    assert conformal_quantile(np.arange(1, 20), 0.9) == 18  # (19 + 1) * 0.9 = 18
    assert conformal_quantile(np.arange(1, 10), 0.9) == 9
    assert conformal_quantile(np.arange(1, 9), 0.9) == math.inf
    assert conformal_quantile([], 0.5) == math.inf


def test_aps_adds_up_from_the_most_probable_class():
    found = nonconformity([[0.2, 0.5, 0.3]], score="aps")
    np.testing.assert_allclose(found, [[1.0, 0.5, 0.8]])
    np.testing.assert_allclose(nonconformity([[0.2, 0.5, 0.3]], score="aps", uniform=[0.0]), [[0.8, 0.0, 0.5]])
    np.testing.assert_allclose(nonconformity([[0.2, 0.5, 0.3]]), [[0.8, 0.5, 0.7]])


def test_metrics_of_planted_sets(rng):
    test = cases(rng, 6, k=2)
    found = prediction_sets(test, calibration=cases(rng, 30, k=2, prefix="c"), level=0.8)
    planted = np.array([[1, 0], [1, 1], [0, 0], [0, 1], [1, 0], [1, 1]], dtype=bool)
    metrics = set_metrics(
        type(found)("lac", 0.8, False, planted, (), (), ""), [0, 1, 0, 0, 0, 1], names=("control", "cirrhosis")
    )
    counts = {name: (one.numerator, one.denominator) for name, one in metrics.items() if one.numerator is not None}
    assert counts == {
        "coverage": (4, 6),
        "coverage, control": (2, 4),
        "coverage, cirrhosis": (2, 2),
        "sets of one class": (3, 6),
        "right among sets of one": (2, 3),
        "empty sets": (1, 6),
    }
    assert metrics["mean set size"].value == pytest.approx(7 / 6)
    assert metrics["coverage"].interval.method == "Clopper-Pearson"


def test_the_range_of_coverage_given_one_calibration_is_that_of_simulation(rng):
    """Uniform scores: the coverage of a calibration is its quantile itself."""
    drawn = [conformal_quantile(rng.random(50), 0.9) for _ in range(4000)]
    assert np.quantile(drawn, [0.025, 0.975]) == pytest.approx(coverage_range(50, 0.9), abs=0.006)
    assert coverage_range(5, 0.9) is None


def test_never_empty_and_degenerate_input(rng):
    sure = Labeled([[0.99, 0.01]] * 4, [0] * 4, list("abcd"))
    calibration = Labeled([[0.6, 0.4]] * 30, [0] * 30, [f"c{i}" for i in range(30)])
    settings = {"calibration": calibration, "level": 0.8, "score": "aps"}
    assert not prediction_sets(sure, **settings).sets.any()
    assert prediction_sets(sure, never_empty=True, **settings).sets.tolist() == [[True, False]] * 4
    with pytest.raises(ValueError, match="leakage: patient 'a' and 3 more"):
        prediction_sets(sure, calibration=sure)
    with pytest.raises(ValueError, match="impossible"):
        prediction_sets(sure, level=1.0, calibration=calibration)
    with pytest.raises(ValueError, match="is unknown"):
        nonconformity([[1.0, 0.0]], score="raps")
