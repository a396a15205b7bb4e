import pytest

from LiverAILib.evaluation.estimate import Estimate
from LiverAILib.evaluation.figures.forest import forest_figure
from LiverAILib.evaluation.intervals import proportion


def test_every_estimate_is_drawn_at_its_value_with_its_limits():
    groups = {
        "marginal": {"all": proportion("all", 18, 20), "F4": proportion("F4", 3, 5)},
        "conditional": {"all": proportion("all", 19, 20), "F4": Estimate("F4", float("nan"))},
    }
    axes = forest_figure(groups, label="coverage", reference=0.9).axes[0]
    points = {round(float(one.get_xdata()[0]), 6) for one in axes.lines if len(one.get_xdata()) == 1}
    assert points == {0.9, 0.6, 0.95}
    spans = [tuple(one.get_xdata()) for one in axes.lines if len(one.get_xdata()) == 2 and one.get_linestyle() == "-"]
    limits = groups["marginal"]["F4"].interval
    assert any(span == pytest.approx((limits.low, limits.high)) for span in spans)
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["all", "F4"]
