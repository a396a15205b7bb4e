"""Caudate to right lobe ratio: blocks of known width, and the volumes that the simulation knows."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.morphometry.caudate import caudate_findings
from LiverAILib.morphometry.findings import Anatomy
from LiverAILib.simulation import simulate_t2_mr
from Testing.morphometry.phantoms import by_key


def blocks(**more: np.ndarray) -> Anatomy:
    """Liver from column 10 to 69; caudate lobe from 40 to 54 in slices 2 to 4, largest in slice 3; pixels of 2 mm."""
    liver = np.zeros((6, 50, 80), bool)
    liver[:, 10:40, 10:70] = True
    caudate = np.zeros_like(liver)
    caudate[2:5, 30:36, 40:55] = True
    caudate[3, 36:40, 42:50] = True
    return Anatomy(np.zeros(liver.shape), (2.0, 2.0, 8.0), "MR", {"liver": liver, "caudate": caudate, **more})


def test_widths_are_divided_at_the_right_border_of_the_caudate_mask():
    measured = by_key(caudate_findings(blocks()))["caudate_to_right_lobe_width_ratio"]
    assert measured.value == pytest.approx((15 * 2) / (30 * 2), abs=1e-3)
    assert measured.cutoffs[0].applies is False


def test_a_portal_vein_gives_the_dividing_line_of_harbin():
    portal = np.zeros((6, 50, 80), bool)
    portal[3, 20:26, 35:42] = True
    measured = by_key(caudate_findings(blocks(portal_vein=portal)))["caudate_to_right_lobe_width_ratio"]
    assert measured.value == pytest.approx((20 * 2) / (25 * 2), abs=1e-3)
    assert measured.cutoffs[0].applies is None  # the level of the bifurcation is not known


def test_the_lines_are_drawn_where_they_were_measured():
    drawing = caudate_findings(blocks()).drawings[0]
    assert drawing.position == 3
    lines = {mark.label: mark.points[:, 0] for mark in drawing.marks}
    assert list(lines["1"]) == [39.5, 39.5]
    assert list(lines["2"]) == [54.5, 54.5]
    assert list(lines["3"]) == [9.5, 9.5]
    assert "30 mm" in lines
    assert "60 mm" in lines


def test_without_a_mask_of_the_caudate_lobe_nothing_is_said():
    found = caudate_findings(Anatomy(np.zeros((2, 5, 5)), (1, 1, 1), "MR", {"liver": np.ones((2, 5, 5), bool)}))
    assert found.measurements == ()
    assert len(found.not_assessed) == 2
    assert "--mask caudate=FILE" in found.not_assessed[0].reason


def test_volume_ratio_is_the_simulations_and_the_widths_rise_with_the_growth_of_the_lobe():
    ratios = {}
    for stage in (0, 4):
        case = simulate_t2_mr(stage, seed=5, size=(96, 96, 12), spacing=(3.4, 3.4, 20))
        lobes = case.lobes.array
        masks = {"liver": lobes > 0, "caudate": lobes == 3, "right_lobe": lobes == 1}
        found = by_key(caudate_findings(Anatomy(case.image.array, case.image.spacing, "MR", masks)))
        truth = case.parameters["caudate_to_right_lobe_ratio"]
        assert found["caudate_to_right_lobe_volume_ratio"].value == pytest.approx(truth, abs=1e-4)
        ratios[stage] = found["caudate_to_right_lobe_width_ratio"].value
    assert ratios[4] > 1.1 * ratios[0]
