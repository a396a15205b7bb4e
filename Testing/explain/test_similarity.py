"""Similarity of maps, each against a second way to compute it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import rankdata

from LiverAILib.explain.similarity import rank_correlation, structural_similarity, top_overlap


@pytest.fixture
def maps():
    rng = np.random.default_rng(0)
    first = rng.random((9, 11)) * (rng.random((9, 11)) < 0.6)
    return first, 0.5 * first + rng.random((9, 11))


def test_rank_correlation_is_that_of_the_ranks(maps):
    first, second = maps
    expected = np.corrcoef(rankdata(first), rankdata(second))[0, 1]
    assert rank_correlation(first, second) == pytest.approx(expected)
    assert rank_correlation(first, np.exp(3 * first)) == pytest.approx(1)
    assert np.isnan(rank_correlation(first, np.ones_like(first)))


@pytest.mark.parametrize("shape", [(9, 11), (4, 11), (5, 8, 6)])
def test_structural_similarity_is_the_mean_over_all_windows(shape):
    rng = np.random.default_rng(1)
    first, second = rng.random(shape), rng.random(shape) ** 3
    a, b = ((m - m.min()) / (m.max() - m.min()) for m in (first, second))
    size = [min(3, n - 1 + n % 2) for n in shape]
    local = []
    for corner in itertools.product(*(range(n - s + 1) for n, s in zip(shape, size, strict=True))):
        window = tuple(slice(c, c + s) for c, s in zip(corner, size, strict=True))
        x, y = a[window].ravel(), b[window].ravel()
        covariance = np.cov(x, y, bias=True)
        top = (2 * x.mean() * y.mean() + 1e-4) * (2 * covariance[0, 1] + 9e-4)
        local.append(top / ((x.mean() ** 2 + y.mean() ** 2 + 1e-4) * (covariance[0, 0] + covariance[1, 1] + 9e-4)))
    assert structural_similarity(first, second, window=3) == pytest.approx(np.mean(local))


def test_structural_similarity_does_not_see_the_scale(maps):
    first, _ = maps
    assert structural_similarity(first, 5 * first + 2) == pytest.approx(1)
    assert structural_similarity(first, first.max() - first) < 0
    assert np.isfinite(structural_similarity(first, np.zeros_like(first)))
    with pytest.raises(ValueError, match="shapes"):
        structural_similarity(first, first.T)


def test_overlap_is_the_common_part_of_the_strongest_positions():
    first = np.arange(10.0)
    second = np.array([0, 1, 2, 3, 4, 5, 6, 9, 8, 7.0])  # strongest two: 7 and 8, instead of 8 and 9
    assert top_overlap(first, second) == 0.5
    assert top_overlap(first, first[::-1]) == 0
    assert top_overlap(first, first, share=0.01) == 1
    assert np.isnan(top_overlap(first, np.ones(10)))
