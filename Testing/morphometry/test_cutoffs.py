"""Every published cut-off says where it comes from, and the record of a measurement comes back whole."""

from __future__ import annotations

import json
import re

import pytest

from LiverAILib.data.measurement import Condition, Cutoff, Measurement
from LiverAILib.morphometry import cutoffs
from Testing.conftest import ROOT

ALL = [
    *cutoffs.APRI, *cutoffs.FIB4, cutoffs.FIB4_FROM_65, cutoffs.SPLEEN_VOLUME, cutoffs.CAUDATE_WIDTH_RATIO,
    cutoffs.UNENHANCED_LIVER, *cutoffs.LIVER_MINUS_SPLEEN,
]  # fmt: skip


@pytest.mark.parametrize("cutoff", ALL, ids=lambda c: f"{c.source.split()[0]} {c.relation} {c.threshold}")
def test_source_population_and_accuracy_are_there(cutoff):
    assert re.search(r"[A-Z]\w+ et al\., .* \d{4};\d+:\d+-\d+", cutoff.source) or re.search(r"et al\.", cutoff.source)
    assert re.search(r"\b(19|20)\d\d;\d+:\d+", cutoff.source)
    assert re.search(r"\d+", cutoff.population)
    assert cutoff.accuracy
    assert cutoff.meaning


@pytest.mark.parametrize("cutoff", ALL, ids=lambda c: f"{c.source.split()[0]} {c.relation} {c.threshold}")
def test_the_guide_names_every_cutoff_with_its_source(cutoff):
    rows = [line for line in (ROOT / "docs" / "morphometry.md").read_text().splitlines() if cutoff.source in line]
    assert any(f"{cutoff.relation} {cutoff.threshold:g}" in row for row in rows)


@pytest.mark.parametrize(
    ("relation", "at", "below", "above"),
    [("<", False, True, False), ("<=", True, True, False), (">", False, False, True), (">=", True, False, True)],
)
def test_which_side_of_the_threshold_is_meant(relation, at, below, above):
    cutoff = Cutoff(relation, 2.0, "", "", "", "")
    assert (cutoff.reached(2.0), cutoff.reached(1.9), cutoff.reached(2.1)) == (at, below, above)


def test_one_broken_condition_is_enough_and_an_unknown_one_leaves_it_open():
    plain = Cutoff("<", 1.0, "", "", "", "")
    met, broken, unknown = Condition("a", True), Condition("b", False), Condition("c", None)
    assert plain.applies is True
    assert cutoffs.under(plain, met).applies is True
    assert cutoffs.under(plain, met, unknown).applies is None
    assert cutoffs.under(plain, unknown, broken).applies is False
    assert cutoffs.under(plain, met, unknown, broken).open_conditions == (unknown, broken)


def test_a_record_comes_back_from_json_and_from_before_there_were_cutoffs():
    cutoff = cutoffs.under(cutoffs.UNENHANCED_LIVER, Condition("unenhanced CT", False))
    measured = Measurement("Liver attenuation", 40.0, "HU", "by hand", (38.0, 42.0), "liver_attenuation", (cutoff,))
    stored = json.loads(json.dumps(measured.record()))
    assert (stored["cutoffs"][0]["reached"], stored["cutoffs"][0]["applies"]) == (True, False)
    assert Measurement.from_record(stored) == measured
    old = {"name": "Liver volume", "value": 1.0, "unit": "mL", "how": "", "interval": None}
    assert Measurement.from_record(old) == Measurement("Liver volume", 1.0, "mL")
