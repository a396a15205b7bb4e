"""Out-of-distribution detection on an encoder's features: sources, storage, and pictures unlike the training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from LiverAILib.data.cohort import CohortRow
from LiverAILib.data.outcome import DistributionDistance
from LiverAILib.errors import UserError
from LiverAILib.methods.encoder_distance import (
    encoder_distance_state,
    encoder_features,
    farther,
    read_encoder_distance,
    source_of,
)
from LiverAILib.methods.yin2021.method import judged_slices
from LiverAILib.networks.backbones import build_backbone


def textures(rng, count, *, grain):
    """Slices (count, 64, 64) in 0..1: a disk with a texture of the given grain in pixels."""
    j, i = np.indices((64, 64)) - 31.5
    noise = np.stack([gaussian_filter(rng.normal(size=(64, 64)), grain) for _ in range(count)])
    noise /= noise.std((1, 2), keepdims=True)
    return torch.from_numpy(np.clip(0.5 + 0.1 * noise, 0, 1) * (j**2 + i**2 < 28**2)).float()


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    return {grain: textures(rng, 75, grain=grain) for grain in (1.0, 3.0)}


@pytest.fixture(scope="module")
def features(drawn):
    return {grain: encoder_features(slices) for grain, slices in drawn.items()}


def fitted(features, grains):
    """A detector of cases of these grains, each a source, 40 to train on and 25 to set the limit."""
    training = np.concatenate([features[grain][:40] for grain in grains])
    validation = np.concatenate([features[grain][40:65] for grain in grains])
    names = [[str(int(grain)) for grain in grains for _ in range(count)] for count in (40, 25)]
    state = encoder_distance_state(training, validation, "x.", training_sources=names[0], validation_sources=names[1])
    return state, read_encoder_distance(state, "x.", where="model")


def test_the_features_are_the_means_of_the_encoder_s_early_maps(drawn, features):
    encoder = build_backbone("tf_efficientnet_lite0", weights="bundled").eval()
    maps = (drawn[1.0][:2, None].expand(-1, 3, -1, -1) - 0.5) / 0.5
    with torch.no_grad():
        early = torch.nn.Sequential(*encoder.layer_groups[:4])(maps)
        late = torch.nn.Sequential(*encoder.layer_groups[4:6])(early)
    expected = torch.cat([early.mean((2, 3)), late.mean((2, 3))], 1)
    np.testing.assert_allclose(features[1.0][:2], expected, rtol=1e-4, atol=1e-4)


def test_what_is_like_one_of_the_sources_is_familiar_and_the_rest_is_not(drawn, features):
    _, one = fitted(features, [1.0])
    _, both = fitted(features, [1.0, 3.0])
    assert set(both.distributions) == {"1", "3"}

    def flagged(detector, slices):
        return np.mean([detector.judge(one[None]).out_of_distribution for one in slices])

    fine, coarse = drawn[1.0][65:], drawn[3.0][65:]
    assert flagged(one, fine) <= 0.2
    assert flagged(one, coarse) == 1
    assert flagged(both, coarse) <= 0.2
    for strange in (1 - fine, torch.rand(10, 64, 64), fine.flip(0)[:, :32].repeat(1, 2, 1)):
        assert flagged(both, strange) == 1


def test_too_few_cases_of_a_source_are_fitted_with_the_others(features):
    state = encoder_distance_state(
        features[1.0][:40],
        features[1.0][40:65],
        "x.",
        training_sources=["a"] * 35 + ["b"] * 5,
        validation_sources=["a"] * 25,
    )
    assert set(read_encoder_distance(state, "x.", where="model").distributions) == {"all"}


def test_a_model_of_another_encoder_is_refused_and_one_without_says_nothing(features):
    state, _ = fitted(features, [1.0])
    state["x.encoder.sha256"][0] ^= 1
    with pytest.raises(UserError, match="another version of tf_efficientnet_lite0"):
        read_encoder_distance(state, "x.", where="model")
    assert read_encoder_distance({}, "x.", where="model") is None


def test_the_source_of_a_case_is_told_by_the_column_planted():
    assert source_of(CohortRow("a", "a", covariates={"planted": "untouched"})) == "planted"
    assert source_of(CohortRow("a", "a", covariates={"scanner": "1.5 T"})) == "other"


def test_of_two_distances_the_one_farther_beyond_its_limit_counts():
    near, far = DistributionDistance(3, 4, 0.99, 30), DistributionDistance(2, 1, 0.99, 30)
    assert farther(near, None, far) is far
    assert farther(None, None) is None


def test_empty_slices_of_a_stack_are_not_judged():
    stack = torch.zeros(12, 4, 4)
    stack[3:11] = 1
    assert judged_slices(stack).shape == (2, 4, 4)
    assert judged_slices(torch.zeros(5, 4, 4)).shape == (1, 4, 4)
