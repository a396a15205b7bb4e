"""What stands in the figures, read back from the drawing: lines, points, texts and limits."""

import numpy as np
import pytest

from LiverAILib.evaluation.agreement import bland_altman
from LiverAILib.evaluation.calibration import calibration
from LiverAILib.evaluation.curves import curve
from LiverAILib.evaluation.decision import decision_curve
from LiverAILib.evaluation.figures.calibration import decision_figure, reliability_figure
from LiverAILib.evaluation.figures.curves import Reader, pr_figure, roc_figure, roc_panels
from LiverAILib.evaluation.figures.explanation import Panel, explanation_figure
from LiverAILib.evaluation.figures.matrix import confusion_figure
from LiverAILib.evaluation.figures.values import bland_altman_figure, box_figure, scatter_figure
from LiverAILib.evaluation.metrics import Counts, metrics_from_counts


def reader(name="resident", table=None):
    found = metrics_from_counts(table or Counts(tp=73, fp=2, fn=7, tn=22))
    return Reader(name, found["sensitivity"], found["specificity"], found["ppv"])


def lines(axes):
    return {line.get_label(): line for line in axes.lines}


def texts(axes):
    return [text.get_text() for text in axes.texts]


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


@pytest.fixture
def roc(binary):
    truth, good, poor = binary
    return {"A": curve(truth, good, replicates=50), "B": curve(truth, poor, replicates=0)}


def test_roc_has_curves_band_and_readers_where_they_belong(roc):
    axes = roc_figure(roc, labels={"A": "A, AUC .91"}, readers=[reader()], title="Cirrhosis").axes[0]
    assert legend(axes) == ["A, AUC .91", "B", "resident"]
    drawn = lines(axes)["A, AUC .91"]
    assert drawn.get_xdata() == pytest.approx(roc["A"].x)
    assert drawn.get_ydata() == pytest.approx(roc["A"].y)
    point = next(line for line in axes.lines if line.get_marker() == "^")
    assert (point.get_xdata()[0], point.get_ydata()[0]) == pytest.approx((1 - 22 / 24, 73 / 80))
    assert (
        sum("FillBetween" in type(one).__name__ or "PolyCollection" in type(one).__name__ for one in axes.collections)
        == 1
    )
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("1 - specificity", "sensitivity")


def test_pr_has_the_prevalence_and_the_readers_precision(binary):
    truth, good, _ = binary
    pr = {"A": curve(truth, good, kind="pr", replicates=0)}
    axes = pr_figure(pr, readers=[reader(), Reader("no PPV", reader().sensitivity, reader().specificity)]).axes[0]
    assert axes.lines[0].get_ydata()[0] == pytest.approx(25 / 60)
    point = next(line for line in axes.lines if line.get_marker() == "s")
    assert (point.get_xdata()[0], point.get_ydata()[0]) == pytest.approx((73 / 80, 73 / 75))
    assert "no PPV" not in legend(axes)


def test_panels_are_lettered_and_share_one_y_label(roc):
    figure = roc_panels({"S4": roc, ">=S3": roc, ">=S2": roc})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["a  S4", "b  >=S3", "c  >=S2"]
    assert [axes.get_ylabel() for axes in figure.axes] == ["sensitivity", "", ""]


def test_confusion_matrix_shows_counts_and_row_percentages():
    figure = confusion_figure([[20, 4], [0, 80]], ["control", "cirrhosis"])
    assert texts(figure.axes[0]) == ["20\n83 %", "4\n17 %", "0\n0 %", "80\n100 %"]
    assert "control\n(n = 24)" in [label.get_text() for label in figure.axes[0].get_yticklabels()]
    empty = confusion_figure([[0, 0], [1, 2]], ["a", "b"])
    assert texts(empty.axes[0])[:2] == ["0\n0 %", "0\n0 %"]
    with pytest.raises(ValueError, match=r"give \(2, 2\)"):
        confusion_figure([[1, 2, 3]], ["a", "b"])


def test_reliability_and_decision(binary):
    truth, good, poor = binary
    found = calibration(truth, good, n_bins=4, replicates=20)
    axes = reliability_figure({"A": found}).axes
    drawn = axes[0].containers[0].lines[0]
    assert drawn.get_xdata() == pytest.approx([one.predicted for one in found.bins])
    assert drawn.get_ydata() == pytest.approx([one.observed for one in found.bins])
    curves = {"A": decision_curve(truth, good, replicates=20), "B": decision_curve(truth, poor, replicates=20)}
    axes = decision_figure(curves).axes[0]
    assert set(legend(axes)) == {"act on all", "act on none", "A", "B"}
    assert lines(axes)["B"].get_ydata() == pytest.approx(curves["B"].net_benefit)


def test_bland_altman_names_its_three_lines():
    found = bland_altman([11, 13, 12, 16, 9], [10, 11, 12, 13, 10])
    axes = bland_altman_figure(found, quantity="PDFF", unit="%").axes[0]
    heights = [line.get_ydata()[0] for line in axes.lines]
    assert heights == pytest.approx([found.upper.value, found.bias.value, found.lower.value])
    assert f"bias\n{found.bias.value:.2f}" in texts(axes)
    assert axes.get_ylabel() == "predicted - reference (%)"
    low, high = axes.get_ylim()
    assert low < found.lower.interval.low
    assert high > found.upper.interval.high


def test_scatter_and_boxes():
    axes = scatter_figure([1, 2, 3], [1, 2, 4], quantity="PDFF", unit="%").axes[0]
    assert axes.collections[0].get_offsets().tolist() == [[1, 1], [2, 2], [4, 3]]
    assert axes.get_xlim() == axes.get_ylim()
    axes = box_figure({"F0": [0.5, 0.6], "F2": [], "F4": [1.2, 1.5, 1.4]}, p_text="p < .001").axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["F0\n(n = 2)", "F2\n(n = 0)", "F4\n(n = 3)"]
    assert "p < .001" in texts(axes)


def panel(title="case", strength=1.0):
    heat = np.zeros((8, 12))
    heat[2, 3] = strength
    return Panel(np.arange(96.0).reshape(8, 12), heat, title)


def test_explanations_share_one_scale_and_leave_zero_transparent():
    figure = explanation_figure([("right", [panel(), panel(strength=0.5)]), ("wrong", [panel()])], with_image=False)
    maps = [axes.images[-1] for axes in figure.axes if len(axes.images) == 2]
    assert len(maps) == 3
    assert {(one.norm.vmin, one.norm.vmax) for one in maps} == {(0, 1.0)}
    alpha = maps[1].get_alpha()
    assert alpha[0, 0] == 0
    assert alpha[2, 3] == pytest.approx(0.375)


def test_signed_maps_are_centered_on_zero():
    figure = explanation_figure([("", [panel(strength=-2.0)])], signed=True)
    shown = figure.axes[1].images[-1]
    assert (shown.norm.vmin, shown.norm.vmax) == (-2, 2)


def test_a_map_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="resample the map to the image"):
        Panel(np.zeros((4, 4)), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="differ in shape"):
        Panel(np.zeros((4, 4)), np.zeros((4, 4)), mask=np.zeros((2, 2)))
    with pytest.raises(ValueError, match="no panel"):
        explanation_figure([("empty", [])])
