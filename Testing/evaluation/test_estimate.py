import math

import pytest

from LiverAILib.evaluation.estimate import Estimate, Interval, format_number, format_p


def test_estimate_reads_like_a_paper():
    one = Estimate("accuracy", 100 / 104, Interval(0.9044, 0.9894, 0.95, "Clopper-Pearson"), 100, 104)
    assert one.text() == "0.962 (0.904 to 0.989), 100/104"


def test_undefined_and_infinite_are_words():
    assert format_number(math.nan) == "undefined"
    assert format_number(math.inf) == "infinite"
    assert format_number(-math.inf) == "-infinite"
    assert format_number(-0.0001) == "0.000"


@pytest.mark.parametrize(
    ("p", "text"), [(0.0004, "<.001"), (0.0108, ".011"), (0.6101, ".610"), (1.0, "1.000"), (math.nan, "undefined")]
)
def test_p_values(p, text):
    assert format_p(p) == text


def test_an_interval_is_valid_by_construction():
    with pytest.raises(ValueError, match="lower limit above its upper one"):
        Interval(0.9, 0.1, 0.95, "x")
    with pytest.raises(ValueError, match="between 0 and 1"):
        Interval(0.1, 0.9, 95, "x")
    assert 0.5 in Interval(0.1, 0.9, 0.95, "x")
    assert 0.95 not in Interval(0.1, 0.9, 0.95, "x")
