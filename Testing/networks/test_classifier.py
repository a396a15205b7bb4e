"""The heads of the classifier."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from LiverAILib.errors import UserError
from LiverAILib.networks.backbones import build_backbone
from LiverAILib.networks.classifier import ResNet50Classifier, build_classifier, fastai_head


def test_fastai_s_head_is_what_its_layers_compute_one_by_one():
    """AdaptiveConcatPool2d (maxima, then means), then twice batch norm, dropout and a linear layer, as fastai 2 stacks them."""
    torch.manual_seed(0)
    network = ResNet50Classifier(2, head="fastai").eval()
    shapes = {name: tuple(value.shape) for name, value in network.output.named_parameters()}
    assert list(shapes.values()) == [(4096,), (4096,), (512, 4096), (512,), (512,), (2, 512)]
    assert [layer.p for layer in network.output if isinstance(layer, nn.Dropout)] == [0.25, 0.5]
    features = torch.randn(3, 2048, 4, 5)
    pooled = torch.cat([nn.AdaptiveMaxPool2d(1)(features), nn.AdaptiveAvgPool2d(1)(features)], 1).flatten(1)
    first, second = (layer for layer in network.output if isinstance(layer, nn.Linear))
    shift, scale = 1e-3, (1 + 1e-5) ** -0.5  # of batch normalization that has seen nothing yet
    hidden = ((pooled * scale + shift) @ first.weight.T).clamp_min(0)
    expected = (hidden * scale + shift) @ second.weight.T
    torch.testing.assert_close(network.classify(features), expected, atol=1e-4, rtol=1e-4)


def test_fastai_s_head_starts_as_he_initialization_has_it():
    torch.manual_seed(0)
    first, second = (layer for layer in fastai_head(2048, 2) if isinstance(layer, nn.Linear))
    assert float(first.weight.detach().std()) == pytest.approx((2 / 4096) ** 0.5, rel=0.02)
    assert float(second.weight.detach().std()) == pytest.approx((2 / 512) ** 0.5, rel=0.1)


@pytest.mark.parametrize("head", ["softmax", "corn", "fastai"])
def test_the_output_layer_is_a_group_of_its_own(head):
    network = ResNet50Classifier(5, head=head).eval()
    grouped = [parameter for group in network.layer_groups for parameter in group.parameters()]
    assert {id(one) for one in grouped} == {id(one) for one in network.parameters()}
    assert network.layer_groups[-1] is network.output
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 5)


def test_a_classifier_on_another_backbone_has_its_features_and_groups():
    backbone = build_backbone("tf_efficientnet_lite0", weights="bundled").eval()
    network = build_classifier("tf_efficientnet_lite0", 2, weights="bundled").eval()
    inputs = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        torch.testing.assert_close(network.features(inputs), backbone.features(inputs))
        torch.testing.assert_close(network(inputs), network.classify_early(network.early_features(inputs)))
        assert network.early_features(inputs).shape[2:] == (12, 12)  # a stride of 8
    assert len(network.layer_groups) == len(backbone.layer_groups) + 1
    assert network.layer_groups[-1] is network.output


def test_fewer_layer_groups_give_finer_maps():
    network = build_classifier("tf_efficientnet_lite0", 2, groups=6).eval()
    with torch.no_grad():
        assert network.features(torch.zeros(1, 3, 224, 224)).shape == (1, 112, 14, 14)
    with pytest.raises(UserError, match="has 9 layer groups; give 5 to 9"):
        build_classifier("tf_efficientnet_lite0", 2, groups=3)


def test_the_published_network_keeps_the_names_of_its_tensors():
    assert isinstance(build_classifier("resnet50", 2), ResNet50Classifier)
