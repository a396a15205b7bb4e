"""Surface nodularity: planted ripples of known amplitude, simulated nodules, and what cannot be measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from LiverAILib.morphometry.findings import Anatomy
from LiverAILib.morphometry.nodularity import nodularity, nodularity_findings
from LiverAILib.morphometry.surface import Surface, deviations, outer_surface
from LiverAILib.simulation import simulate_t2_mr
from Testing.morphometry.phantoms import by_key, rippled_liver


def test_a_smooth_cylinder_is_smooth_to_a_fraction_of_a_pixel():
    assert nodularity(rippled_liver(0.0)).mean_mm < 1.25 / 10


@pytest.mark.parametrize("amplitude", [0.5, 1.0, 1.5])
def test_the_mean_distance_of_a_sine_from_its_middle_is_two_by_pi_of_its_amplitude(amplitude):
    assert nodularity(rippled_liver(amplitude)).mean_mm == pytest.approx(2 / np.pi * amplitude, rel=0.25)


def test_coarse_ripples_are_the_form_of_the_liver_and_not_nodules():
    fine, coarse = (nodularity(rippled_liver(1.0, wavelength_mm=w)).mean_mm for w in (15, 150))
    assert coarse < fine / 4


def test_half_of_the_nodules_are_still_seen_where_the_mask_is_smoother_than_the_liver():
    nodular, smooth = rippled_liver(1.0), rippled_liver(0.0)
    too_smooth = replace(nodular, structures=smooth.structures, source="network")
    share = nodularity(too_smooth).mean_mm / nodularity(nodular).mean_mm
    assert 0.5 < share < 0.8
    assert nodularity(too_smooth, use_image=False).mean_mm < 0.2


def test_noise_does_not_pass_for_nodules():
    assert nodularity(rippled_liver(0.0, noise=8.0)).mean_mm < 0.25


def test_deviations_are_distances_in_mm_out_of_the_liver():
    """One point pushed 2 mm out of a straight edge: that far, less the 8 % that it pulls the curve along."""
    x = np.arange(0, 100, 1.25)
    points = np.stack([x, np.zeros_like(x)], axis=1)
    points[40, 1] = -2.0
    surface = Surface(points, np.tile([0.0, -1.0], (len(x), 1)))
    found = deviations(surface)
    assert found[40] == pytest.approx(0.92 * 2.0, abs=0.02)
    assert np.nanmax(np.abs(np.delete(found, 40))) < 0.2
    assert np.isnan(found[0])


def test_only_the_surface_against_the_wall_of_the_body_is_taken():
    """A disc with a cleft from the front: nothing of the back, the left or the cleft's walls."""
    y, x = np.mgrid[-90:91, -90:91]
    mask = (np.hypot(x, y) < 75) & ~((np.abs(x + 20) < 6) & (y < -20))
    points = outer_surface(mask, (1.0, 1.0)).points - 90
    assert len(points) > 50
    assert (points.sum(axis=1) < 10).all()
    assert (np.hypot(*points.T) > 68).all()


def test_it_rises_with_the_planted_nodules_of_simulated_livers():
    """Small images of the same patients without fibrosis and with cirrhosis; reference masks."""
    amplitudes, scores = [], []
    for seed in (11, 12):
        for stage in (0, 4):
            case = simulate_t2_mr(stage, seed=seed, size=(200, 200, 8), spacing=(1.6, 1.6, 24))
            anatomy = Anatomy(case.image.array, case.image.spacing, "MR", {"liver": case.labels.array == 1})
            amplitudes.append(case.parameters["nodule_amplitude_mm"])
            scores.append(nodularity(anatomy).mean_mm)
    assert max(scores[0::2]) * 1.5 < min(scores[1::2])
    assert max(amplitudes[0::2]) == 0 < min(amplitudes[1::2])


def test_a_number_has_its_unit_interval_and_warning():
    found = nodularity_findings(replace(rippled_liver(1.0, pixel_mm=2.0), source="liver-mr-ct"))
    measured = by_key(found)["surface_nodularity"]
    assert measured.unit == "0.1 mm"
    assert measured.interval[0] <= measured.value <= measured.interval[1]
    assert measured.cutoffs == ()
    assert {warning.code for warning in found.warnings} == {"surface_nodularity"}
    assert "2.00 mm" in found.warnings[0].text
    assert "network" in found.warnings[0].text
    assert nodularity_findings(rippled_liver(1.0)).warnings == ()


def test_a_liver_without_a_visible_edge_is_not_assessed():
    anatomy = rippled_liver(1.0)
    blank = np.random.default_rng(0).normal(50, 10, anatomy.array.shape)
    found = nodularity_findings(replace(anatomy, array=blank))
    assert found.measurements == ()
    assert found.not_assessed[0].key == "surface_nodularity"
    assert nodularity_findings(rippled_liver(1.0, slices=2)).measurements == ()


def test_the_drawing_shows_edge_and_curve_in_the_slice():
    drawing = nodularity_findings(rippled_liver(1.0)).drawings[0]
    curve, edge = drawing.marks
    assert edge.values.shape == (len(edge.points),)
    radius = np.hypot(*(edge.points - 80).T) * 1.25
    assert np.abs(radius - 75).max() < 2
    assert np.nanmax(np.abs(np.hypot(*(curve.points - 80).T) * 1.25 - 75)) < 1
