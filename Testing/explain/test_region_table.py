"""Nowak 2021, Table 3, on maps whose highlights are planted."""

from __future__ import annotations

import numpy as np
import pytest

from LiverAILib.explain.region_table import (
    NOWAK_REGIONS,
    HighlightRule,
    caudate_border,
    is_highlighted,
    region_table,
)
from Testing.explain.planted import a_case

SHAPE = (8, 20)


def part(columns: slice) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[2:6, columns] = True
    return mask


RIGHT, CAUDATE, LEFT = part(slice(0, 8)), part(slice(8, 11)), part(slice(11, 15))
LOBES = {
    "mask_right_lobe": RIGHT,
    "mask_caudate": CAUDATE,
    "mask_left_lobe": LEFT,
    "mask_liver": RIGHT | CAUDATE | LEFT,
}


def rows_of(table, pipeline, true):
    return {row.region: row for row in table if (row.pipeline, row.true_class) == (pipeline, true)}


def test_each_cell_counts_the_cases_in_which_its_region_is_highlighted():
    cases = [a_case(1.0 * RIGHT, name=str(n), **LOBES) for n in range(3)]
    cases += [a_case(1.0 * CAUDATE + 0.8 * LEFT, name="c", **LOBES)]
    cases += [a_case(1.0 * CAUDATE, name="d", true="no cirrhosis", **LOBES)]
    table = region_table(cases)
    found = rows_of(table, "full", "cirrhosis")
    assert [(found[name].highlighted, found[name].cases) for name in ("right_lobe", "left_lobe", "caudate")] == [
        (3, 4),
        (1, 4),
        (1, 4),
    ]
    # 3 of 4 by Clopper-Pearson, from tables
    assert (found["right_lobe"].low, found["right_lobe"].high) == pytest.approx((0.1941, 0.9937), abs=1e-4)
    assert found["right_lobe"].text == "75.0 % (19.4-99.4; 3/4)"
    assert rows_of(table, "full", "no cirrhosis")["caudate"].highlighted == 1


def test_a_region_without_a_mask_is_not_assessed_and_never_zero():
    row = rows_of(region_table([a_case(1.0 * RIGHT, **LOBES)]), "full", "cirrhosis")["stomach"]
    assert (row.highlighted, row.share, row.cases, row.without_mask) == (None, None, 0, 1)
    assert row.text == "not assessed"


def test_a_region_outside_of_what_the_network_sees_does_not_count():
    seen = np.ones(SHAPE, bool)
    seen[:, 11:] = False
    spleen = part(slice(16, 19))
    cases = [
        a_case(1.0 * RIGHT, seen=seen, mask_spleen=spleen, **LOBES),
        a_case(1.0 * RIGHT, mask_spleen=spleen, **LOBES),
    ]
    found = rows_of(region_table(cases), "full", "cirrhosis")
    assert (found["spleen"].cases, found["spleen"].not_in_view) == (1, 1)
    assert (found["left_lobe"].cases, found["left_lobe"].not_in_view) == (1, 1)


def test_the_regions_are_those_of_the_paper():
    cases = [a_case(1.0 * RIGHT, pipeline=pipeline, **LOBES) for pipeline in NOWAK_REGIONS]
    table = region_table(cases)
    for pipeline, regions in NOWAK_REGIONS.items():
        assert tuple(rows_of(table, pipeline, "cirrhosis")) == regions
    assert "caudate_border" in rows_of(table, "segmented", "cirrhosis")


def test_a_case_without_a_true_class_is_left_out():
    assert region_table([a_case(1.0 * RIGHT, true=None, **LOBES)]) == []


@pytest.mark.parametrize(("share", "expected"), [(0.3, True), (0.26, True), (0.24, False)])
def test_the_rule_is_a_share_of_hot_pixels(share, expected):
    heatmap = np.zeros((10, 10))
    heatmap.ravel()[: round(100 * share)] = 0.5
    heatmap[0, 0] = 1
    assert is_highlighted(heatmap, np.ones((10, 10), bool)) is expected
    assert not is_highlighted(heatmap, np.ones((10, 10), bool), rule=HighlightRule(level=0.6))


def test_scaling_a_map_changes_nothing_and_an_empty_map_highlights_nothing():
    heatmap = np.random.default_rng(0).random(SHAPE)
    one, other = (region_table([a_case(scale * heatmap, **LOBES)]) for scale in (1, 1e-6))
    assert one == other
    empty = rows_of(region_table([a_case(np.zeros(SHAPE), **LOBES)]), "full", "cirrhosis")
    assert (empty["right_lobe"].highlighted, empty["right_lobe"].cases) == (0, 1)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.0, 0.7)])
def test_the_border_is_what_lies_near_both_the_caudate_lobe_and_the_outside(spacing):
    liver = RIGHT | CAUDATE | LEFT
    found = caudate_border(CAUDATE, liver, spacing, width_mm=2.0)
    places = np.argwhere(np.ones(SHAPE, bool)) * spacing
    for place, is_liver, is_caudate, inside in zip(places, liver.ravel(), CAUDATE.ravel(), found.ravel(), strict=True):
        other = ~liver if is_caudate else CAUDATE
        nearest = np.linalg.norm(places[other.ravel()] - place, axis=1).min()
        assert inside == ((is_caudate or not is_liver) and nearest <= 2.0)
    assert not (found & (RIGHT | LEFT)).any()


@pytest.mark.parametrize("settings", [{"level": 0.0}, {"share": 1.5}])
def test_a_rule_that_means_nothing_is_refused(settings):
    with pytest.raises(ValueError, match="level and share"):
        HighlightRule(**settings)
