"""Repeatability under shifts of maps that follow the image, and of maps that do not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from LiverAILib.explain.map_family import MapFamily
from LiverAILib.explain.repeatability import repeatability, shifts_of
from Testing.explain.planted import CornerNetwork, PatternNetwork


def smooth(shape, seed=0):
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    pool = {4: F.avg_pool2d, 5: F.avg_pool3d}[noise.ndim]
    for _ in range(3):
        noise = pool(noise, 5, stride=1, padding=2)
    return noise


def follows(network, inputs, targets):
    return inputs[:, 0]


def stays(network, inputs, targets):
    return smooth((1, 1, *inputs.shape[2:]))[:, 0].expand(len(inputs), *inputs.shape[2:])


@pytest.mark.parametrize("shape", [(2, 1, 64, 80), (1, 1, 16, 32, 32)])
def test_a_map_that_moves_with_the_image_is_repeated_exactly(shape):
    network = CornerNetwork(len(shape) - 2)
    found = repeatability(MapFamily("follows", network, follows), smooth(shape), targets=[0] * shape[0], shift=0.1)
    assert [entry.shifts for entry in found] == [2 * (len(shape) - 2)] * shape[0]
    for entry in found:
        assert (entry.spearman, entry.lowest_spearman, entry.overlap) == pytest.approx((1, 1, 1))


def test_a_map_that_stays_where_it_is_loses_what_the_shift_takes():
    image = smooth((1, 1, 64, 64))
    [found] = repeatability(MapFamily("stays", CornerNetwork(), stays), image, targets=[0], shift=0.1)
    fixed = stays(None, image, None)[0].numpy()
    # Moved back by hand: what lay at p + 6 is compared with what lies at p.
    pairs = [(fixed[:-6], fixed[6:]), (fixed[:, :-6], fixed[:, 6:])]
    by_hand = [np.corrcoef(*(np.argsort(np.argsort(m.ravel())) for m in pair))[0, 1] for pair in pairs]
    assert found.spearman == pytest.approx(np.mean(by_hand), abs=1e-6)
    assert found.lowest_spearman == pytest.approx(min(by_hand), abs=1e-6)
    assert found.spearman < 0.5


def test_shifts_go_to_both_sides_by_a_share_of_the_side_and_at_least_one():
    assert shifts_of((224, 50), 0.02) == [(-4, 0), (4, 0), (0, -1), (0, 1)]
    assert shifts_of((1, 10), 0.02) == [(0, -1), (0, 1)]


def test_a_case_without_a_map_is_left_out():
    def empty(network, inputs, targets):
        return torch.zeros(len(inputs), 4, 4)

    assert repeatability(MapFamily("empty", PatternNetwork(), empty), torch.rand(2, 1, 32, 32)) == []
