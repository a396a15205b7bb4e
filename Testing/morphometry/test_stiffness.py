"""The given stiffness, and what is measured without a segmentation."""

import pytest

from LiverAILib.errors import UserError
from LiverAILib.morphometry import baseline_scores, measure_covariates

LABORATORY = {"age_years": 60, "ast_u_per_l": 80, "alt_u_per_l": 64, "platelets_1e9_per_l": 100}


def test_stiffness_apri_and_fib4_need_no_image():
    found = measure_covariates({**LABORATORY, "stiffness_kpa": "9.4"})
    assert {one.key: (one.value, one.unit) for one in found.measurements} == {
        "apri": (2.0, ""), "fib4": (6.0, ""), "stiffness": (9.4, "kPa"),
    }  # fmt: skip
    assert baseline_scores(found) == {"apri": 2.0, "fib4": 6.0, "stiffness": 9.4}


def test_nothing_is_said_where_no_value_is_given():
    assert measure_covariates({"scanner": "A"}) == measure_covariates({})
    assert not measure_covariates({}).not_assessed


def test_missing_values_are_named_where_some_are_given():
    found = measure_covariates({"stiffness_kpa": 5})
    assert [one.name for one in found.not_assessed] == ["APRI", "FIB-4"]


@pytest.mark.parametrize("value", [8600, 0.2, "soft"])
def test_a_stiffness_in_another_unit_is_refused(value):
    with pytest.raises(UserError, match="Give the liver stiffness in kPa"):
        measure_covariates({"stiffness_kpa": value})
