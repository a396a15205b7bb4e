"""Yin 2021's mean weight in the parenchyma, counted by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from LiverAILib.explain.parenchyma import box_plot_data, compare_groups, parenchyma_table, parenchyma_weight
from Testing.explain.planted import a_case


@pytest.fixture
def liver():
    mask = np.zeros((3, 6, 6), bool)
    mask[1:, 2:5, 1:5] = True
    return mask


def test_vessels_and_lesions_are_left_out_and_both_scales_reported(liver):
    rng = np.random.default_rng(0)
    heatmap, vessels, lesions = rng.random(liver.shape), rng.random(liver.shape) < 0.2, rng.random(liver.shape) < 0.2
    found = parenchyma_weight(a_case(heatmap, mask_liver=liver, mask_vessels=vessels, mask_lesions=lesions))
    values = [
        v
        for v, a, b, c in zip(*(x.ravel() for x in (heatmap, liver, vessels, lesions)), strict=True)
        if a and not (b or c)
    ]
    assert found.raw == pytest.approx(sum(values) / len(values))
    assert found.relative == pytest.approx(found.raw / heatmap.mean())
    assert (found.voxels, found.excluded) == (len(values), ("vessels", "lesions"))


def test_only_what_the_network_sees_counts(liver):
    seen = np.zeros(liver.shape, bool)
    seen[1] = True
    heatmap = np.where(seen, 2.0, 0.0)
    found = parenchyma_weight(a_case(heatmap, mask_liver=liver, seen=seen))
    assert (found.raw, found.relative) == (2.0, 1.0)


def test_scaling_a_map_scales_the_raw_weight_only(liver):
    heatmap = np.random.default_rng(1).random(liver.shape)
    one, other = (parenchyma_weight(a_case(s * heatmap, mask_liver=liver)) for s in (1, 7))
    assert other.raw == pytest.approx(7 * one.raw)
    assert other.relative == pytest.approx(one.relative)


def test_without_a_liver_there_is_no_weight_and_an_empty_map_has_no_relative_one(liver):
    assert parenchyma_weight(a_case(np.ones((2, 2)))) is None
    assert parenchyma_weight(a_case(np.ones(liver.shape), mask_liver=liver, mask_lesions=liver)) is None
    empty = parenchyma_weight(a_case(np.zeros(liver.shape), mask_liver=liver))
    assert (empty.raw, empty.relative) == (0.0, None)


def weights(liver, **groups):
    return [
        parenchyma_weight(a_case(np.full(liver.shape, value), predicted=group, mask_liver=liver))
        for group, values in groups.items()
        for value in values
    ]


def test_groups_have_median_and_quartiles(liver):
    table = parenchyma_table(weights(liver, F0=[0.5, 0.1, 0.3, 0.2, 0.4], F4=[1.0]))
    raw = {row.group: row for row in table if row.scale == "raw"}
    assert (raw["F0"].n, raw["F0"].median, raw["F0"].q1, raw["F0"].q3) == pytest.approx((5, 0.3, 0.2, 0.4))
    data = box_plot_data(table, pipeline="full", scale="raw")
    assert list(data) == ["F0", "F4"]
    assert data["F0"] == pytest.approx((0.5, 0.1, 0.3, 0.2, 0.4))


def test_the_test_is_that_of_all_orders_of_the_cases(liver):
    first, second = [0.43, 0.58, 0.75, 0.6], [1.22, 0.7, 1.63]
    [test] = [t for t in compare_groups(parenchyma_table(weights(liver, F0=first, F4=second))) if t.scale == "raw"]
    pairs = sum(b > a for a in first for b in second)
    assert (test.u, test.superiority) == (pairs, pairs / 12)
    values = first + second
    extremes = []
    for chosen in itertools.combinations(range(7), 3):
        others = [values[n] for n in range(7) if n not in chosen]
        u = sum(values[n] > a for n in chosen for a in others)
        extremes.append(abs(u - 6) >= abs(pairs - 6))
    assert test.p == pytest.approx(np.mean(extremes))


def test_without_one_of_the_groups_nothing_is_compared(liver):
    assert compare_groups(parenchyma_table(weights(liver, F0=[0.1, 0.2], F3=[0.3]))) == []
