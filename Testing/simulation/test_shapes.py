import numpy as np
import pytest

from LiverAILib.simulation.canvas import Canvas, occupancy
from LiverAILib.simulation.grid import Grid, Pose
from LiverAILib.simulation.shapes import difference, ellipsoid, intersection, plane, tube, union


@pytest.fixture(scope="module")
def grid():
    pose = Pose(warp_mm=0.0, caudate_position=0.5)
    return Grid((81, 81, 41), (1.0, 1.0, 2.0), pose=pose, rng=np.random.default_rng(0))


def volume(shape):
    return (shape < 0).sum() * 2.0


def test_volumes_of_known_solids(grid):
    assert volume(ellipsoid(grid.points, (0, 0, 0), (20, 15, 25))) == pytest.approx(
        4 / 3 * np.pi * 20 * 15 * 25, rel=0.02
    )
    capsule = tube(grid.points, (0.3, 0.2, -19.6), (0.3, 0.2, 20.4), (8, 8))
    assert volume(capsule) == pytest.approx(np.pi * 64 * 40 + 4 / 3 * np.pi * 512, rel=0.03)


def test_turning_keeps_the_volume(grid):
    straight = volume(ellipsoid(grid.points, (0, 0, 0), (25, 12, 18)))
    turned = volume(ellipsoid(grid.points, (0, 0, 0), (25, 12, 18), z_deg=30, y_deg=20, x_deg=-15))
    assert turned == pytest.approx(straight, rel=0.02)


def test_distance_near_a_sphere_is_in_mm(grid):
    x, y, z = grid.points
    exact = np.sqrt(x**2 + y**2 + z**2) - 20
    assert np.abs(ellipsoid(grid.points, (0, 0, 0), (20, 20, 20)) - exact).max() < 0.01


def test_set_operations(grid):
    a, b = ellipsoid(grid.points, (-8, 0, 0), (15, 15, 15)), plane(grid.points, (0, 0, 0), (1, 0, 0))
    assert ((union(a, b) < 0) == ((a < 0) | (b < 0))).all()
    assert ((intersection(a, b) < 0) == ((a < 0) & (b < 0))).all()
    assert not ((difference(a, b) < 0) & (b < 0)).any()
    assert volume(union(a, b, 10)) > volume(union(a, b))


def test_occupancy_sums_to_the_volume_across_thick_slices():
    pose = Pose(warp_mm=0.0, caudate_position=0.5)
    thick = Grid((101, 101, 21), (1.0, 1.0, 8.0), pose=pose, rng=np.random.default_rng(0))
    share = occupancy(ellipsoid(thick.points, (0, 0, 1.5), (35, 35, 40)), 1.0)
    assert share.sum() * 8.0 == pytest.approx(4 / 3 * np.pi * 35 * 35 * 40, rel=0.03)
    assert ((share > 0.2) & (share < 0.8)).sum() > 100


def test_box_holds_everything_that_lies_in_it():
    pose = Pose(scale=(1.1, 0.9, 1.05), shift_mm=(6, -9), rotation_deg=5, warp_mm=2.5)
    warped = Grid((128, 128, 30), (2.5, 2.5, 8.0), pose=pose, rng=np.random.default_rng(5))
    inside = ellipsoid(warped.points, (40, -30, 20), (25, 30, 35)) < 0
    region = warped.box((40, -30, 20), (25, 30, 35))
    assert inside.sum() > 500
    assert inside[region].sum() == inside.sum()
    assert np.prod([s.stop - s.start for s in region]) < inside.size / 2


def test_fat_is_kept_apart_and_covered(grid):
    canvas = Canvas(grid, {"visceral_fat": 0.3, "liver": 1.0})
    canvas.paint("visceral_fat", ellipsoid(grid.points, (0, 0, 0), (30, 30, 30)))
    canvas.paint("liver", ellipsoid(grid.points, (0, 0, 0), (15, 15, 15)))
    assert canvas.signal[20, 40, 40] == pytest.approx(1.0)
    assert canvas.fat[20, 40, 40] == pytest.approx(0.0)
    assert canvas.signal[20, 40, 62] == canvas.fat[20, 40, 62] == pytest.approx(0.3)
