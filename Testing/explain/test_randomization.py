"""Cascading randomization on maps that depend on the weights, and on maps that cannot."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from LiverAILib.explain.map_family import MapFamily, layer_groups
from LiverAILib.explain.randomization import cascading_randomization, randomize
from LiverAILib.explain.similarity import rank_correlation
from Testing.explain.planted import PatternNetwork


@pytest.fixture
def inputs():
    return torch.randn(40, 1, 32, 32, generator=torch.Generator().manual_seed(0))


def of_the_image(network, inputs, targets):
    """A map of the image alone: it looks like an explanation and knows nothing of the network."""
    return nn.functional.avg_pool2d(inputs.abs(), 4)[:, 0]


def test_the_cascade_goes_from_the_last_layer_to_the_first(inputs):
    steps = cascading_randomization(MapFamily("patterns", PatternNetwork()), inputs[:2], case_ids=["a", "b"])
    assert [(s.case_id, s.layer, s.depth, s.complete) for s in steps] == [
        (case, *step) for case in "ab" for step in (("output", 1, False), ("patterns", 2, True))
    ]


def test_maps_that_depend_on_the_weights_become_uncorrelated(inputs):
    steps = cascading_randomization(MapFamily("patterns", PatternNetwork()), inputs)
    found = [step.spearman for step in steps if step.complete]
    assert len(found) == 40
    assert abs(np.mean(found)) < 0.15


def test_maps_of_the_image_alone_stay_as_they_are(inputs):
    steps = cascading_randomization(MapFamily("image", PatternNetwork(), of_the_image), inputs[:3])
    assert [step.spearman for step in steps] == pytest.approx([1.0] * 6)
    assert [step.ssim for step in steps] == pytest.approx([1.0] * 6)


def test_the_trained_network_and_the_global_random_state_stay_as_they_are(inputs):
    network = PatternNetwork()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    torch.manual_seed(11)
    expected = torch.rand(1)
    torch.manual_seed(11)
    cascading_randomization(MapFamily("patterns", network), inputs[:2])
    assert torch.rand(1) == expected
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_a_step_is_the_map_of_a_network_randomized_by_hand(inputs):
    family = MapFamily("patterns", PatternNetwork())
    target = family.targets(inputs[:1])
    steps = cascading_randomization(family, inputs[:1], seed=4)
    twin = PatternNetwork()
    for depth, name in enumerate(("output", "patterns"), 1):
        own_seed = int(np.random.SeedSequence([4, 0, depth]).generate_state(1)[0])
        randomize(getattr(twin, name), seed=own_seed)
        trained, found = family.maps(inputs[:1], target), MapFamily("twin", twin).maps(inputs[:1], target)
        expected = rank_correlation(trained.numpy(), found.numpy())
        assert steps[depth - 1].spearman == pytest.approx(0.0 if np.isnan(expected) else expected)


def test_every_weight_is_randomized_also_those_without_an_initialization():
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.linspace(2, 4, 50))

    group = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), Scale())
    with torch.no_grad():
        group[1].weight.fill_(5)
        group[1].running_mean.fill_(5)
    before = [value.clone() for value in group.state_dict().values()]
    randomize(group, seed=0)
    changed = [not torch.equal(a, b) for a, b in zip(before, group.state_dict().values(), strict=True)]
    assert changed == [True, True, True, False, True, False, False, True]  # bias, variance and count were new already
    first = group[2].weight.detach().clone()
    randomize(group, seed=0)
    assert not torch.equal(first, group[2].weight)  # drawn around what was there
    assert float(first.detach().mean()) == pytest.approx(3, abs=0.3)


def test_a_constant_map_has_nothing_to_compare_and_a_randomized_one_counts_as_unlike(inputs):
    def constant(network, inputs, targets):
        return torch.ones(len(inputs), 4, 4)

    assert cascading_randomization(MapFamily("constant", PatternNetwork(), constant), inputs[:2]) == []
    trained = PatternNetwork()

    def fades(network, inputs, targets):
        same = torch.equal(network.output.weight, trained.output.weight)
        return torch.arange(16.0).reshape(1, 4, 4) * float(same)

    steps = cascading_randomization(MapFamily("fades", trained, fades), inputs[:1])
    assert [(step.spearman, step.constant) for step in steps] == [(0.0, True)] * 2


def test_groups_are_those_that_the_network_names_else_its_children():
    network = PatternNetwork()
    assert [name for name, _ in layer_groups(network)] == ["patterns", "output"]
    network.layer_groups = [network.output]
    assert [name for name, _ in layer_groups(network)] == ["output"]


def test_a_family_needs_evaluation_mode():
    with pytest.raises(ValueError, match="evaluation mode"):
        MapFamily("training", PatternNetwork().train())
