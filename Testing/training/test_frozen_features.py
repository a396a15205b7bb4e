"""A frozen trunk that works once on each input gives what one gives that works in every epoch."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from LiverAILib.methods.nowak2021.slices import fixed_views
from LiverAILib.methods.nowak2021.training import PipelineOptions, SliceSet, frozen_task, pipeline_task
from LiverAILib.networks.classifier import ResNet50Classifier
from LiverAILib.training.fit import FitOptions, fit
from LiverAILib.training.frozen_features import FeatureCache
from LiverAILib.training.precision import Precision
from LiverAILib.training.schedule import Stage

OPTIONS = PipelineOptions(size=32, batch_size=4, steps=2, frozen_views=2, fit=FitOptions(freeze_batch_norm=True))
STAGES = (Stage("1", 2, 0.1, None), Stage("2", 1, 0.01, None, from_best=True))


@pytest.fixture(scope="module")
def slices():
    """Six slices to train on and two to validate on."""
    generator = torch.Generator().manual_seed(0)
    make = [torch.rand(n, 40, 40, generator=generator).half() for n in (6, 2)]
    return [SliceSet(part, torch.arange(len(part)) % 2, torch.arange(len(part))) for part in make]


def test_the_cached_loop_equals_the_plain_loop(slices, tmp_path):
    torch.manual_seed(0)
    network = ResNet50Classifier(2)
    start = copy.deepcopy(network.state_dict())
    ended = {}
    for cached in (True, False):
        network.load_state_dict(start)
        task = frozen_task(network, *slices, OPTIONS, cached=cached)
        history = fit(task, STAGES, output=tmp_path / str(cached), options=OPTIONS.fit, log=lambda line: None)
        ended[cached] = (
            network.output.weight.detach().clone(),
            [r["loss"] for r in history],
            [r["score"] for r in history],
        )
        trunk = {name: value for name, value in network.state_dict().items() if not name.startswith("output")}
        assert all(torch.equal(value, start[name]) for name, value in trunk.items())
    torch.testing.assert_close(ended[True][0], ended[False][0], atol=1e-5, rtol=1e-4)
    assert ended[True][1] == pytest.approx(ended[False][1], rel=1e-4)
    assert ended[True][2] == pytest.approx(ended[False][2], rel=1e-4)
    assert (ended[True][0] - start["output.weight"]).abs().max() > 1e-3


def test_a_view_is_the_same_whenever_it_is_made(slices):
    first, again, other = (fixed_views(slices[0], 2, size=32, seed=seed) for seed in (1, 1, 2))
    torch.testing.assert_close(first.inputs([3, 4]), again.inputs([3, 4]))
    assert not torch.equal(first.inputs([3]), other.inputs([3]))
    assert not torch.equal(first.inputs([2]), first.inputs([3]))


def test_an_input_goes_through_the_trunk_once_and_again_when_the_trunk_has_changed():
    trunk = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    inputs = torch.randn(5, 3)
    cache = FeatureCache([trunk], trunk, lambda numbers: inputs[list(numbers)], Precision())
    cache.check()
    trunk.train()
    first = cache([0, 2, 2])
    assert trunk.training
    assert cache.computed == 2
    torch.testing.assert_close(first, trunk.eval()(inputs[[0, 2, 2]]).detach())
    trunk.load_state_dict(copy.deepcopy(trunk.state_dict()))
    cache.check()
    cache([0, 2])
    assert cache.computed == 2  # the same state was loaded: nothing has changed
    with torch.no_grad():
        trunk[0].weight += 1
    cache.check()
    assert not torch.allclose(cache([0, 2]), first[:2])
    assert cache.computed == 4


def test_fixed_views_without_frozen_batch_norm_are_refused(slices):
    with pytest.raises(ValueError, match="freeze_batch_norm"):
        pipeline_task(ResNet50Classifier(2), *slices, replace(OPTIONS, fit=FitOptions()))
