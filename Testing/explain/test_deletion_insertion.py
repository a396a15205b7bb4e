"""Deletion and insertion curves of a network whose evidence is planted in one corner, so that they are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from LiverAILib.explain.deletion_insertion import cells_of_map, deletion_insertion
from LiverAILib.explain.map_family import MapFamily
from Testing.explain.planted import CornerNetwork, PatternNetwork

WITH, WITHOUT = 1 / (1 + np.exp(-3.0)), 1 / (1 + np.exp(1.0))
"""Probability of class 1 with the corner (score 64 / 16 - 1) and without it (score -1)."""


@pytest.mark.parametrize("axes", [2, 3])
def test_the_curves_are_those_of_the_planted_evidence(axes):
    gain = 4.0 * 4**axes
    family = MapFamily("corner", CornerNetwork(axes, gain=gain))
    cells = 4**axes
    inputs = torch.ones(1, 1, *(32,) * axes)
    [curves] = deletion_insertion(
        family, inputs, targets=[1], steps=cells, random_orders=3, baseline=torch.zeros(1, 1, *(32,) * axes)
    )
    assert curves.cells == cells
    np.testing.assert_allclose(curves.deletion, [WITH] + [WITHOUT] * cells, rtol=1e-5)
    np.testing.assert_allclose(curves.insertion, [WITHOUT] + [WITH] * cells, rtol=1e-5)
    # The trapezoid of one step.
    assert curves.deletion_auc == pytest.approx(WITHOUT + (WITH - WITHOUT) / (2 * cells), rel=1e-5)
    assert curves.insertion_auc == pytest.approx(WITH - (WITH - WITHOUT) / (2 * cells), rel=1e-5)
    for order in curves.random:
        lost = int((order > 0.5).sum())  # the corner is the cell of this number in the order
        np.testing.assert_allclose(order, [WITH] * lost + [WITHOUT] * (cells + 1 - lost), rtol=1e-5)


def test_random_orders_lie_half_way_on_average():
    family = MapFamily("corner", CornerNetwork())
    inputs = torch.ones(1, 1, 32, 32)
    [curves] = deletion_insertion(
        family, inputs, targets=[1], steps=16, random_orders=400, baseline=torch.zeros(1, 1, 1, 1)
    )
    assert curves.random_auc == pytest.approx((WITH + WITHOUT) / 2, abs=0.03)
    assert curves.deletion_gain == pytest.approx(curves.random_auc - curves.deletion_auc)
    assert curves.insertion_gain == pytest.approx(curves.insertion_auc - curves.random_auc)


def test_batches_equal_one_by_one_and_the_seed_decides():
    family = MapFamily("patterns", PatternNetwork())
    inputs = torch.randn(3, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    runs = [deletion_insertion(family, inputs, batch_size=size, seed=seed) for size, seed in ((16, 0), (1, 0), (16, 1))]
    for one, alone, other in zip(*runs, strict=True):
        for name in ("deletion", "insertion", "random"):
            np.testing.assert_allclose(getattr(one, name), getattr(alone, name), atol=1e-6)
        assert not np.allclose(one.random, other.random)


def test_each_point_is_the_probability_of_the_input_without_its_strongest_cells():
    family = MapFamily("patterns", PatternNetwork())
    image = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(2))
    [curves] = deletion_insertion(family, image, targets=[1], steps=8, baseline="mean", max_cells=64)
    heatmap = family.maps(image, torch.tensor([1]))[0]
    ranks = heatmap.flatten().argsort(descending=True, stable=True)
    assert heatmap.shape == (8, 8)
    for point, count in enumerate(range(0, 65, 8)):
        changed = image.clone()
        for cell in ranks[:count].tolist():
            row, column = divmod(cell, 8)
            changed[..., 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = image.mean()
        expected = family.probabilities(changed)[0, 1]
        ties = heatmap.flatten()[ranks[count - 1]] == 0 if count else False
        if not ties:
            assert curves.deletion[point] == pytest.approx(float(expected), abs=1e-6)


def test_cells_whose_removal_changes_nothing_are_in_no_order():
    inputs = torch.zeros(1, 1, 32, 32)
    inputs[..., :16, :16] = 1
    family = MapFamily("corner", CornerNetwork())
    [curves] = deletion_insertion(family, inputs, targets=[1], baseline=torch.zeros(1))
    assert curves.cells == 4


def test_a_map_that_points_elsewhere_does_worse_than_random():
    def elsewhere(network, inputs, targets):
        return (1 - network.corner)[None].expand(len(inputs), -1, -1)

    family = MapFamily("elsewhere", CornerNetwork(), elsewhere)
    [curves] = deletion_insertion(
        family, torch.ones(1, 1, 32, 32), targets=[1], random_orders=20, baseline=torch.zeros(1)
    )
    assert curves.deletion_gain < 0
    assert curves.insertion_gain < 0


@pytest.mark.parametrize(
    ("shape", "spatial", "limit", "grid"),
    [
        ((7, 7), (224, 224), 64, (7, 7)),
        ((32, 32), (256, 256), 64, (8, 8)),
        ((8, 16, 16), (32, 64, 64), 64, (4, 4, 4)),
        ((3, 5), (10, 11), 64, (3, 5)),
    ],
)
def test_cells_cover_the_input_evenly_and_hold_the_mean_of_the_map(shape, spatial, limit, grid):
    heatmap = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    strength, cell_of = cells_of_map(heatmap, spatial, limit)
    assert len(strength) == np.prod(grid)
    sizes = torch.bincount(cell_of.flatten(), minlength=len(strength))
    assert cell_of.shape == spatial
    assert sizes.min() > 0
    assert sizes.max() <= np.prod([-(-s // g) for s, g in zip(spatial, grid, strict=True)])
    assert strength.mean() == pytest.approx(float(heatmap.mean()), abs=1e-6)
    for axis in range(len(spatial)):  # cell numbers rise along every axis, as the map's positions do
        assert (cell_of.diff(dim=axis) >= 0).all()


def test_the_blurred_baseline_keeps_an_even_image_and_takes_detail_away():
    from LiverAILib.explain.deletion_insertion import _replacement

    even = torch.full((1, 1, 40, 40), 3.0)
    torch.testing.assert_close(_replacement(even, "blur"), even)
    detail = torch.randn(1, 1, 40, 40, generator=torch.Generator().manual_seed(0))
    assert _replacement(detail, "blur").std() < 0.3 * detail.std()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"baseline": "black"}, "baseline"),
        ({"case_ids": ["a", "b"]}, "2 case_ids for 1"),
        ({"targets": [0, 1]}, "2 targets for 1"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, text):
    with pytest.raises(ValueError, match=text):
        deletion_insertion(MapFamily("corner", CornerNetwork()), torch.ones(1, 1, 32, 32), **settings)


def test_nothing_to_perturb_is_refused():
    with pytest.raises(ValueError, match="no input"):
        deletion_insertion(MapFamily("corner", CornerNetwork()), torch.ones(0, 1, 32, 32), targets=[])
