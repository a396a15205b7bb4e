"""Covariates from texts: what is known is checked, what is wrong is named with the unit."""

from __future__ import annotations

import pytest

from LiverAILib.errors import UserError
from LiverAILib.morphometry.covariates import check_covariates, contrast, number, parse_covariates


def test_texts_become_numbers():
    assert parse_covariates(["age_years=54", " height_cm = 175.5 ", "contrast=no"]) == {
        "age_years": 54.0, "height_cm": 175.5, "contrast": "no",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["age_years"], "not NAME=VALUE"),
        (["age=54"], "'age' is not known. Use one of age_years"),
        (["age_years=old"], "'old' is no number. Give the age in years"),
        (["height_cm=1.75"], "not between 40 and 250. Give the height in cm"),
        (["age_years=nan"], "not between"),
        (["age_years=1", "age_years=2"], "given twice"),
        (["contrast=maybe"], "neither yes nor no"),
    ],
)
def test_bad_texts_are_refused_in_one_line(texts, message):
    with pytest.raises(UserError, match=message) as error:
        parse_covariates(texts)
    assert "\n" not in str(error.value)


def test_a_manifest_may_have_other_columns_and_empty_cells():
    row = {"scanner": "A", "age_years": "", "weight_kg": "80"}
    check_covariates(row)
    assert number(row, "age_years") is None
    assert number(row, "weight_kg") == 80
    assert contrast(row) is None
    assert contrast({"contrast": "Yes"}) is True
