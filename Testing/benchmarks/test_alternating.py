"""The timings of the benchmarks, with functions whose measurements are planted."""

from __future__ import annotations

import sys

import pytest

from Testing.conftest import ROOT


@pytest.fixture(scope="module")
def alternating():
    """The module that the benchmarks share."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import alternating
    finally:
        sys.path.pop(0)
    return alternating


def test_every_contender_is_the_first_of_a_round_and_starts_from_the_same_state(alternating):
    calls = []
    contenders = {name: lambda name=name: calls.append(name) for name in "abc"}
    seconds = alternating.alternate(contenders, 3, before=lambda: calls.append("-"))
    assert "".join(calls) == "abc" + "-a-b-c" + "-b-c-a" + "-c-a-b"
    assert {name: len(values) for name, values in seconds.items()} == {"a": 3, "b": 3, "c": 3}


def test_ratios_are_taken_within_a_round(alternating):
    """The machine slows down threefold after the first round: the ratios do not notice."""
    found = alternating.ratios({"base": [1.0, 3.0, 3.0], "other": [2.0, 6.0, 7.5]}, "base")
    assert found["base"] == alternating.Spread(1.0, 1.0, 1.0)
    assert found["other"] == alternating.Spread(2.0, 2.0, 2.5)
    assert found["other"].text() == "2.00 (2.00-2.50)"


def test_a_measure_of_its_own_takes_the_place_of_the_clock(alternating):
    found = alternating.alternate({"a": lambda: 1, "b": lambda: 2}, 2, measure=lambda run: run(), warm_up=False)
    assert found == {"a": [1, 1], "b": [2, 2]}
