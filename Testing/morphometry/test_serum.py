"""APRI and FIB-4 against numbers worked out by hand, and against the histological stage of real patients."""

from __future__ import annotations

import csv

import pytest
from scipy.stats import spearmanr

from LiverAILib.errors import UserError
from LiverAILib.morphometry.serum import apri, fib4, serum_findings
from Testing.morphometry.phantoms import by_key

BLOOD = {"age_years": 54, "ast_u_per_l": 80, "alt_u_per_l": 64, "platelets_1e9_per_l": 120}


def test_known_answers():
    assert apri(ast=80, platelets=100, ast_uln=40) == pytest.approx(2.0)
    assert fib4(age=54, ast=80, alt=64, platelets=120) == pytest.approx(54 * 80 / (120 * 8))


def test_indices_say_from_what_they_were_made():
    found = by_key(serum_findings({**BLOOD, "ast_uln_u_per_l": "35"}))
    assert found["apri"].value == pytest.approx(80 / 35 / 120 * 100, abs=1e-3)
    assert "35 U/L" in found["apri"].how
    assert found["fib4"].value == 4.5


def test_an_assumed_limit_of_normal_breaks_the_condition_of_the_cutoffs():
    assumed = by_key(serum_findings(BLOOD))["apri"]
    assert "assumed" in assumed.how
    assert all(cutoff.applies is False for cutoff in assumed.cutoffs)
    known = by_key(serum_findings({**BLOOD, "ast_uln_u_per_l": 40}))["apri"]
    assert all(cutoff.applies is None for cutoff in known.cutoffs)


@pytest.mark.parametrize(
    ("age", "thresholds", "applies"), [(30, [1.45, 3.25], False), (54, [1.45, 3.25], None), (65, [2.0], None)]
)
def test_cutoffs_of_fib4_go_by_age(age, thresholds, applies):
    cutoffs = by_key(serum_findings({**BLOOD, "age_years": age}))["fib4"].cutoffs
    assert [cutoff.threshold for cutoff in cutoffs] == thresholds
    assert all(cutoff.applies is applies for cutoff in cutoffs)


def test_what_is_missing_is_named():
    found = serum_findings({"age_years": 54, "ast_u_per_l": ""})
    assert found.measurements == ()
    reasons = {missing.key: missing.reason for missing in found.not_assessed}
    assert reasons["apri"] == "Not given: AST (ast_u_per_l), platelets (platelets_1e9_per_l)."
    assert "ALT" in reasons["fib4"]
    assert "age" not in reasons["fib4"]


def test_platelets_in_the_wrong_unit_are_refused():
    with pytest.raises(UserError, match=r"platelets_1e9_per_l: 120000 .* 10\^9/L"):
        serum_findings({**BLOOD, "platelets_1e9_per_l": 120000})


def test_apri_rises_with_the_histological_stage_of_primary_biliary_cholangitis(data_folder):
    with (data_folder / "tabular" / "pbc.csv").open(newline="") as stream:
        rows = [{key.lower(): value for key, value in row.items()} for row in csv.DictReader(stream)]
    known = [r for r in rows if all(r[name] not in ("", "NA") for name in ("stage", "ast", "platelet"))]
    scores = [
        by_key(serum_findings({"ast_u_per_l": r["ast"], "platelets_1e9_per_l": r["platelet"]}))["apri"].value
        for r in known
    ]
    assert len(known) > 250
    assert spearmanr(scores, [int(r["stage"]) for r in known]).statistic > 0.25
