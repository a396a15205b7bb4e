"""Measurements in words."""

from __future__ import annotations

import pytest

from LiverAILib.data.measurement import Condition, Measurement
from LiverAILib.morphometry import cutoffs
from LiverAILib.results.measurement_rows import conditions_text, cutoff_text, reached_text, state_text, value_text


@pytest.mark.parametrize(
    ("value", "met", "words"),
    [
        (40.0, True, "reached"),
        (40.0, None, "reached, if it applies"),
        (60.0, True, "not reached"),
        (40.0, False, "does not apply"),
    ],
)
def test_a_cutoff_says_what_it_can_about_this_case(value, met, words):
    cutoff = cutoffs.under(cutoffs.UNENHANCED_LIVER, Condition("unenhanced CT", met))
    measured = Measurement("Liver attenuation", value, "HU", cutoffs=(cutoff,))
    assert state_text(measured, cutoff) == words
    assert bool(reached_text(measured)) == words.startswith("reached")


def test_words_have_unit_relation_and_interval():
    cutoff = cutoffs.under(cutoffs.UNENHANCED_LIVER, Condition("unenhanced CT", False), Condition("adult", None))
    assert cutoff_text(cutoff, "HU") == "< 48 HU: moderate to severe steatosis (30 % or more) likely"
    assert conditions_text(cutoff) == "unenhanced CT: not met; adult: not known"
    assert value_text(Measurement("x", 1.5, "mm", interval=(1.0, 2.0))) == "1.5 (1 to 2)"
