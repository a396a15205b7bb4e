"""Surface against center on a ball, whose depth is known."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.explain.depth import depth_profile, depth_table, liver_depth
from Testing.explain.planted import a_case

SPACING = (4.0, 2.0, 2.0)
RADIUS = 40.0


@pytest.fixture(scope="module")
def ball():
    k, j, i = np.meshgrid(
        *(np.arange(-n, n + 1) * s for n, s in zip((12, 24, 24), SPACING, strict=True)), indexing="ij"
    )
    radius = np.sqrt(k**2 + j**2 + i**2)
    return radius < RADIUS, radius


def test_depth_is_measured_in_mm_from_the_nearest_surface(ball):
    liver, radius = ball
    depth = liver_depth(liver, SPACING)
    assert np.abs(depth - (RADIUS - radius))[liver].max() < 3.2  # a voxel is 2 to 4 mm
    assert not depth[~liver].any()


def test_bands_hold_the_means_of_their_shells(ball):
    liver, radius = ball
    profile = depth_profile(a_case(np.where(liver, radius, 0), spacing=SPACING, mask_liver=liver))
    depth = liver_depth(liver, SPACING)
    for low, high, found, voxels in zip((0, 10, 20), (10, 20, np.inf), profile.means, profile.voxels, strict=True):
        shell = liver & (depth > low) & (depth <= high)
        assert found == pytest.approx(radius[shell].mean())
        assert voxels == shell.sum()
    assert profile.surface_to_center == pytest.approx(profile.means[0] / profile.means[2])
    assert profile.surface_higher


def test_a_slice_takes_its_depth_from_the_whole_liver(ball):
    liver, _ = ball
    seen = np.zeros(liver.shape, bool)
    seen[2] = True  # 40 mm below the center: near the pole all is surface
    assert depth_profile(a_case(seen * 1.0, spacing=SPACING, mask_liver=liver, seen=seen)) is None
    seen[:] = False
    seen[4] = True
    profile = depth_profile(a_case(seen * 1.0, spacing=SPACING, mask_liver=liver, seen=seen))
    assert profile.voxels[0] > 0
    assert profile.voxels[2] == 0
    assert profile.surface_higher is None
    assert profile.surface_to_center is None


def test_the_table_counts_the_cases_whose_surface_is_higher(ball):
    liver, radius = ball
    surface = np.where(liver, radius, 0)
    center = np.where(liver, RADIUS - radius, 0)
    cases = [a_case(surface, predicted="F0", spacing=SPACING, mask_liver=liver)] * 2
    cases += [a_case(center, predicted="F0", spacing=SPACING, mask_liver=liver)]
    cases += [a_case(center, predicted="F4", spacing=SPACING, mask_liver=liver)]
    cases += [a_case(0 * center, predicted="F4", spacing=SPACING, mask_liver=liver)]  # nothing to compare
    f0, f4 = depth_table([depth_profile(case) for case in cases])
    assert (f0.predicted_class, f0.surface_higher, f0.n) == ("F0", 2, 3)
    assert (f0.low, f0.high) == pytest.approx((0.0943, 0.9916), abs=1e-4)
    assert (f4.surface_higher, f4.n) == (0, 1)
    assert f0.median_ratio > 1 > f4.median_ratio
    assert f0.bands == "within 10 mm of the surface against deeper than 20 mm"


def test_edges_that_make_no_bands_are_refused(ball):
    case = a_case(np.ones((3, 3)), mask_liver=np.eye(3, dtype=bool))
    for edges in ((0, 10), (5, 10, 20), (0, 10, 10)):
        with pytest.raises(ValueError, match="edges_mm"):
            depth_profile(case, edges_mm=edges)
    with pytest.raises(ValueError, match="no surface"):
        liver_depth(np.ones((3, 3), bool), (1, 1))
    assert depth_profile(a_case(np.ones((3, 3)))) is None
