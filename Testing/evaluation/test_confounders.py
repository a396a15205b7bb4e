"""Confounding by the scanner: planted in data where it is known, checked against scipy."""

import numpy as np
import pytest
from scipy.stats.contingency import association as scipy_association

from LiverAILib.evaluation.confounders import association, auc_of_variables


def test_cramers_v_is_scipys():
    rng = np.random.default_rng(0)
    stage = rng.integers(0, 5, 200)
    scanner = np.where(rng.random(200) < 0.3, stage % 2, rng.integers(0, 3, 200))
    found = association(stage, scanner)
    assert found.cramers_v == pytest.approx(scipy_association(found.table, method="cramer"))
    assert found.table.sum() == 200
    assert found.p_value < 0.01


def test_a_variable_that_decides_the_label_has_a_v_of_1_and_an_auc_of_1():
    label = np.repeat([0, 1], 30)
    scanner = np.where(label, "A", "B")
    assert association(label, scanner).cramers_v == pytest.approx(1)
    assert association(label, scanner).p_value == pytest.approx(1 / 2001)
    assert auc_of_variables(label, {"scanner": scanner}).value == 1


def test_an_unrelated_variable_keeps_to_chance():
    """Over many cohorts: p is uniform, the mean AUC is .5 (no bias by the folds' own prevalence)."""
    rng = np.random.default_rng(1)
    small, areas = 0, []
    for seed in range(60):
        label, scanner = rng.integers(0, 2, 80), rng.integers(0, 3, 80)
        small += association(label, scanner, permutations=200, seed=seed).p_value < 0.1
        areas.append(auc_of_variables(label, {"scanner": scanner}, seed=seed).value)
    assert 1 <= small <= 13
    assert np.mean(areas) == pytest.approx(0.5, abs=0.04)


def test_two_variables_tell_more_than_one():
    rng = np.random.default_rng(2)
    scanner, year = rng.integers(0, 2, 300), rng.integers(0, 2, 300)
    label = rng.random(300) < 0.2 + 0.3 * scanner + 0.3 * year
    alone = auc_of_variables(label, {"scanner": scanner}).value
    both = auc_of_variables(label, {"scanner": scanner, "year": year}).value
    assert 0.6 < alone < both


def test_one_value_is_no_association():
    assert np.isnan(association([0, 1, 0], ["A", "A", "A"]).cramers_v)


def test_a_patient_is_never_fitted_on_and_tested():
    """Every patient has two rows and a scanner of its own: nothing of the other patients predicts it."""
    label = np.repeat(np.arange(40) % 2, 2)
    patients = np.repeat(np.arange(40), 2)
    found = auc_of_variables(label, {"scanner": patients}, patients=patients)
    assert found.value == pytest.approx(0.5, abs=0.15)
