"""The picture of the measurements: what is drawn, where, and in which slice of the input."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.data.assessment import Assessment
from LiverAILib.data.measurement import Drawing, Mark
from LiverAILib.morphometry import measure
from LiverAILib.results.measurement_picture import measurement_figure
from LiverAILib.results.pictures import png_bytes
from Testing.morphometry.phantoms import box_organs


def assessment(drawings: tuple[Drawing, ...]) -> Assessment:
    image, segmentation = box_organs()
    return Assessment(
        case_id="box", images={"ct": (image,)}, method="", model="", segmentation=segmentation, outcomes={}, primary="",
        chosen_slice=None, drawings=drawings,
    )  # fmt: skip


def test_a_panel_for_each_drawing_with_title_and_slice_of_the_input():
    found = measure(*box_organs())
    figure = measurement_figure(assessment(found.drawings))
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert titles[0].startswith("Volumes: liver 240 mL, spleen 27 mL\nslice ")
    assert titles[1].startswith("Surface nodularity")
    assert titles[2].startswith("Attenuation: liver 60.0 HU, spleen 50.0 HU")
    assert png_bytes(figure).startswith(b"\x89PNG")


def test_a_width_is_a_line_with_its_length_where_it_was_measured():
    line = np.array([[10.5, 20.0], [30.5, 20.0]])
    figure = measurement_figure(assessment((Drawing("Width", 3, marks=(Mark(line, "40 mm"),)),)))
    axis = figure.axes[0]
    np.testing.assert_array_equal(axis.lines[0].get_xydata(), line)
    assert [text.get_text() for text in axis.texts] == ["40 mm"]
    left, right = axis.get_xlim()
    assert left < 10.5 < 30.5 < right
    bottom, top = axis.get_ylim()
    assert bottom > top, "anterior is up"


def test_points_are_colored_by_their_value():
    points = np.array([[10.0, 10.0], [20.0, 11.0], [30.0, 12.0]])
    mark = Mark(points, "edge", np.array([0.1, 0.5, 1.9]))
    figure = measurement_figure(assessment((Drawing("Edge", 3, marks=(mark,), color_label="distance, mm"),)))
    dots = figure.axes[0].collections[0]
    np.testing.assert_array_equal(dots.get_offsets(), points)
    assert list(dots.get_array()) == pytest.approx([0.1, 0.5, 1.9])
    assert figure.axes[1].get_ylabel() == "distance, mm"


def test_nothing_drawn_is_no_picture():
    assert measurement_figure(assessment(())) is None
