"""The network of Yin 2021: its layers, its two halves, its options."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from LiverAILib.explain.gradcam import grad_cam
from LiverAILib.methods.yin2021.network import Yin2021Network

SMALL = {"channels": (2, 3, 4, 5), "hidden": 6}


def windows(batch=2, slices=8, size=32):
    return torch.rand(batch, 1, slices, size, size, generator=torch.Generator().manual_seed(0))


def test_it_has_the_published_layers():
    """Four convolutions of kernel 5x5, three max-poolings between them, two fully connected layers, five stages."""
    calls = []
    network = Yin2021Network()
    for module in network.modules():
        if isinstance(module, (nn.Conv3d, nn.MaxPool3d, nn.Linear)):
            module.register_forward_hook(lambda module, *_: calls.append(type(module).__name__))
    assert network(windows(1)).shape == (1, 5)
    assert calls == ["Conv3d", "MaxPool3d"] * 3 + ["Conv3d", "Linear", "Linear"]
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv3d)]
    assert [c.out_channels for c in convolutions] == [16, 32, 64, 128]
    assert all(c.kernel_size == (1, 5, 5) for c in convolutions)


@pytest.mark.parametrize(("explained", "shape"), [(3, (4, 2, 8, 8)), (4, (5, 1, 4, 4))])
def test_features_end_at_the_explained_convolution(explained, shape):
    torch.manual_seed(0)
    network = Yin2021Network(explained_convolution=explained, **SMALL).eval()
    assert network.features(windows()).shape == (2, *shape)


def test_the_scores_do_not_depend_on_where_the_network_is_split():
    scores = []
    for explained in (3, 4):
        torch.manual_seed(0)
        scores.append(Yin2021Network(explained_convolution=explained, **SMALL).eval()(windows()))
    torch.testing.assert_close(*scores)


def test_grad_cam_is_the_weighted_sum_that_hooks_give():
    """The formula of Selvaraju 2017, written out with hooks on the third convolution."""
    torch.manual_seed(1)
    network = Yin2021Network(normalization="batch", **SMALL).eval()
    inputs = windows(1)
    found = {}
    third = network.convolutions[2]
    third.register_forward_hook(lambda _, __, output: found.update(activation=output))
    score = network(inputs)[0, 4]
    gradient = torch.autograd.grad(score, found["activation"])[0]
    expected = (gradient.mean((2, 3, 4), keepdim=True) * found["activation"]).sum(1).relu().detach()
    _, maps = grad_cam(network, inputs, 4)
    assert maps.shape == (1, 2, 8, 8)
    torch.testing.assert_close(maps, expected)


@pytest.mark.parametrize("kernel", [(1, 5, 5), (5, 5, 5)])
def test_flat_kernels_see_one_slice_and_cubic_ones_its_neighbors(kernel):
    torch.manual_seed(2)
    first = Yin2021Network(kernel=kernel, pooling=(1, 2, 2)).convolutions[0]
    plain, changed = torch.zeros(2, 1, 1, 8, 16, 16)
    changed[0, 0, 4] = 1
    difference = (first(changed) - first(plain)).abs().amax((0, 1, 3, 4))
    reached = torch.nonzero(difference > 0).flatten().tolist()
    assert reached == ([4] if kernel[0] == 1 else [2, 3, 4, 5, 6])


def test_all_parameters_are_in_one_layer_group():
    network = Yin2021Network(normalization="batch", **SMALL)
    grouped = [id(p) for group in network.layer_groups for p in group.parameters()]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters())


@pytest.mark.parametrize(
    "wrong", [{"channels": (1, 2, 3)}, {"kernel": (1, 4, 5)}, {"normalization": "group"}, {"explained_convolution": 5}]
)
def test_refuses_what_is_no_such_network(wrong):
    with pytest.raises(ValueError, match=r"needed|must be"):
        Yin2021Network(**wrong)
