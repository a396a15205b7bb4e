"""Repeatability of the volumes, against planted spreads."""

from __future__ import annotations

import statistics

import numpy as np
import pytest

from LiverAILib.data.assessment import Segmentation
from LiverAILib.data.structures import LIVER, SPLEEN
from LiverAILib.imaging.geometry import axis_order
from LiverAILib.segmentation.repeatability import measure_repeatability, scan_variant
from Testing.conftest import reoriented
from Testing.segmentation.planted import phantom, planted_segmenter


@pytest.fixture(scope="module")
def case():
    return phantom((16, 40, 50), (6.0, 6.0, 9.0))


def test_a_variant_is_the_same_anatomy_on_another_grid(case):
    image, _ = case
    variant = scan_variant(image, 3)
    assert variant.array.shape != image.array.shape
    assert variant.spacing[2] == image.spacing[2]
    assert not np.allclose(variant.origin, image.origin)
    centers = []
    for one in (image, variant):  # of the spine, which is far brighter than the noise
        index = np.array(np.nonzero(one.array > 300)).mean(1)[::-1]
        centers.append(one.index_to_lps @ [*index, 1])
    np.testing.assert_allclose(*centers, atol=3.0)  # mm, half a voxel
    np.testing.assert_array_equal(scan_variant(image, 3).array, variant.array)


def test_the_slices_keep_their_distance_in_any_axis_order(case):
    moved = reoriented(case[0], (2, 0, 1), (False, True, False))
    variant = scan_variant(moved, 1)
    axis = axis_order(moved).slice_axis
    assert variant.spacing[axis] == moved.spacing[axis] == 9.0
    assert variant.size[axis] == moved.size[axis]


def test_the_coefficient_is_277_standard_deviations_of_planted_volumes(case):
    image, _ = case
    counts = iter([1000, 1100, 900])

    def planted(variant):
        labels = np.zeros(variant.array.shape, np.uint8)
        labels.ravel()[: round(next(counts) / variant.voxel_volume_ml)] = LIVER.label
        return Segmentation(variant.with_array(labels), (LIVER, SPLEEN), "planted")

    found = measure_repeatability(planted, image, variants=2)
    assert set(found.organs) == {"liver"}  # no spleen was found: nothing to repeat
    liver = found.organs["liver"]
    np.testing.assert_allclose(liver.volumes_ml, [1000, 1100, 900], atol=0.4)
    assert liver.standard_deviation_ml == pytest.approx(100, abs=0.5)
    assert liver.coefficient_ml == pytest.approx(277, abs=1)
    assert liver.coefficient_percent == pytest.approx(27.7, abs=0.1)


def test_a_network_that_knows_the_organ_repeats_its_volume(case, tmp_path):
    segmenter = planted_segmenter(tmp_path)
    found = measure_repeatability(lambda image: segmenter.segment(image)[0], case[0], variants=3)
    liver = found.organs["liver"]
    assert liver.coefficient_ml == pytest.approx(2.77 * statistics.stdev(liver.volumes_ml), rel=0.01)
    # The planted network judges pixel by pixel, so that noise moves its borders; it still finds the same organ.
    assert 0 < liver.coefficient_percent < 30
    assert "3 variants" in found.record()["how"]


def test_no_variant_is_no_repeatability(case):
    with pytest.raises(ValueError, match="at least one"):
        measure_repeatability(lambda image: None, case[0], variants=0)
