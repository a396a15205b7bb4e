"""Linear heads: their maps add up to the score, and are those of captum."""

from __future__ import annotations

import pytest
import torch
from captum.attr import LayerGradientXActivation

from LiverAILib.errors import UserError
from LiverAILib.methods.byra2021.heads import LinearHead, ViewClassifier, head_names, read_heads
from LiverAILib.networks.backbones import build_backbone


@pytest.fixture(scope="module")
def backbone():
    torch.manual_seed(3)
    return build_backbone("resnet18").eval()


@pytest.fixture(scope="module")
def head(backbone):
    generator = torch.Generator().manual_seed(4)
    return LinearHead(torch.randn(backbone.channels, generator=generator), torch.tensor(-0.7))


@pytest.fixture(scope="module")
def inputs():
    return torch.randn(2, 3, 96, 128, generator=torch.Generator().manual_seed(5))


@torch.no_grad()
def test_maps_are_signed_and_add_up_to_the_score(backbone, head, inputs):
    maps = head.maps(backbone.features(inputs))
    assert maps.shape == (2, 3, 4)
    assert maps.min() < 0 < maps.max()
    scores = ViewClassifier(backbone, head)(inputs)[:, 0]
    torch.testing.assert_close(maps.mean((1, 2)) + head.bias, scores)


def test_maps_are_gradient_times_activation_of_the_last_feature_maps(backbone, head, inputs):
    network = ViewClassifier(backbone, head)
    attribution = LayerGradientXActivation(network, backbone.stages[-1]).attribute(inputs, target=0)
    positions = attribution[0, 0].numel()
    # The gradient of the mean over the positions is the weight divided by their number.
    torch.testing.assert_close(attribution.sum(1).detach() * positions, head.maps(backbone.features(inputs)).detach())


def test_heads_are_stored_exactly_and_missing_ones_are_refused(head):
    names = head_names((5.0, 10.0))
    assert names == ("pdff", "from_5", "from_10")
    state = {key: value for name in names for key, value in head.tensors(f"liver_kidney.{name}").items()}
    found = read_heads(state, "liver_kidney", names, len(head.weight), where="model")
    assert torch.equal(found["from_10"].weight, head.weight)
    with pytest.raises(UserError, match=r"model: the weights of liver_kidney\.pdff are missing or not for 4 features"):
        read_heads(state, "liver_kidney", names, 4, where="model")
    with pytest.raises(UserError, match="hepatic_veins"):
        read_heads(state, "hepatic_veins", names, len(head.weight), where="model")
