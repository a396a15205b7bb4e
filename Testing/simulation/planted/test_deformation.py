"""Flows with known answers, and what they do to a liver."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from LiverAILib.simulation.fibrosis import draw_fibrosis
from LiverAILib.simulation.planted import deformation
from LiverAILib.simulation.planted.coarse_grid import CoarseGrid
from Testing.simulation.planted import scans

GRID = CoarseGrid((21, 41, 41), (2.5, 2.5, 5.0))


def test_the_flow_of_growth_about_a_point_is_an_exponential():
    middle = GRID.lengths / 2
    away = GRID.points - middle[:, None, None, None].astype(np.float32)
    inner = (slice(None), *(slice(n // 4, n - n // 4) for n in GRID.shape))
    grown = deformation.flow(np.float32(0.2) * away, GRID)
    # What is seen at a place comes from nearer to the middle, by e^-0.2.
    assert grown[inner] == pytest.approx(away[inner] * (np.exp(-0.2) - 1), abs=0.05)


def test_the_flow_of_a_shift_is_the_shift():
    velocity = np.zeros_like(GRID.points)
    velocity[1] = 6.0
    assert deformation.flow(velocity, GRID)[1] == pytest.approx(-6.0)


def test_the_jacobian_of_stretching_and_of_folding():
    place = np.stack(np.meshgrid(*(np.arange(6.0) * 2,) * 3, indexing="ij"))
    stretched = place * np.array([0.1, -0.2, 0.0])[:, None, None, None]
    assert deformation.jacobian(stretched, (2.0, 2.0, 2.0)) == pytest.approx(1.1 * 0.8)
    folded = place * np.array([0.0, 0.0, -1.5])[:, None, None, None]
    assert deformation.jacobian(folded, (2.0, 2.0, 2.0)).max() < 0


def test_smooth_fields_come_back_from_the_coarse_grid():
    z, y, x = np.meshgrid(
        *(np.linspace(0, length, n) for length, n in zip(GRID.lengths, GRID.voxels, strict=True)), indexing="ij"
    )
    wave = np.sin(GRID.points[0] / 20) + np.cos(GRID.points[1] / 25) + GRID.points[2] / 50
    assert GRID.upsample(wave) == pytest.approx(np.sin(z / 20) + np.cos(y / 25) + x / 50, abs=0.01)


@pytest.mark.parametrize("made", [scans.mr, scans.ct], ids=["mr", "ct"])
def test_healthy_variation_neither_folds_nor_leaves_the_image(made):
    scan, anatomy = made()
    for seed in range(3):
        velocity = deformation.healthy_velocity(anatomy, np.random.default_rng(seed), thick_slices=scan.thick_slices)
        displacement = deformation.flow(velocity, anatomy.grid)
        assert deformation.jacobian(displacement, anatomy.grid.step).min() > 0.3
        assert np.abs(displacement[1:]).max() > 2
        for axis in (1, 2):  # nothing comes from beyond the edge
            source = anatomy.grid.points[axis] + displacement[axis]
            assert source.min() > -0.1
            assert source.max() < anatomy.grid.lengths[axis] + 0.1
    if scan.thick_slices:
        assert not displacement[0].any()


@pytest.mark.parametrize(("made", "axes"), [(scans.mr, 2), (scans.ct, 3)], ids=["mr", "ct"])
def test_parts_reach_their_volumes_where_the_surroundings_allow_it(made, axes):
    scan, anatomy = made()
    # Mild enough for no limit to be hit.
    mild = replace(
        draw_fibrosis(2, np.random.default_rng(1)),
        right_lobe_scale=0.95,
        left_lobe_scale=1.06,
        caudate_scale=1.12,
        spleen_volume_scale=1.2,
        fissure_widening_mm=0.0,
    )
    healthy = deformation.healthy_velocity(anatomy, np.random.default_rng(2), thick_slices=scan.thick_slices)
    velocity, reached = deformation.remodeling_velocity(anatomy, mild, healthy, thick_slices=scan.thick_slices)
    wanted = {"right": 0.95**axes, "left": 1.06**axes, "caudate": 1.12**axes, "spleen": 1.2 ** (axes / 3)}
    for part, factor in wanted.items():
        assert reached[part] == pytest.approx(factor, rel=0.05), part
    displacement = deformation.flow(healthy + velocity, anatomy.grid)
    assert deformation.jacobian(displacement, anatomy.grid.step).min() >= deformation.LEAST_JACOBIAN


def test_disease_moves_neither_skin_nor_what_lies_far_away():
    _, anatomy = scans.mr()
    still = np.zeros_like(anatomy.grid.points)
    severe = draw_fibrosis(4, np.random.default_rng(1))
    velocity, _ = deformation.remodeling_velocity(anatomy, severe, still, thick_slices=True)
    displacement = deformation.flow(velocity, anatomy.grid)
    moved = np.sqrt((displacement**2).sum(0))
    organs = anatomy.shares["right"] + anatomy.shares["left"] + anatomy.shares["spleen"]
    assert moved[organs > 0.5].max() > 5
    assert moved[(anatomy.skin < 5) & (organs == 0)].max() < 1
