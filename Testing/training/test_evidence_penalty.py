"""The penalty on evidence outside of the liver, against hand-made maps, Grad-CAM and a planted shortcut."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from LiverAILib.explain.gradcam import grad_cam
from LiverAILib.methods.yin2021.method import build_network
from LiverAILib.methods.yin2021.settings import NetworkSettings
from LiverAILib.networks.classifier import ResNet50Classifier
from LiverAILib.training.evidence_penalty import class_activation_maps, evidence_penalty, liver_cells, outside_share


class Linear(nn.Module):
    """Means of the feature maps and a linear layer; the features are the inputs."""

    def __init__(self, channels=3, classes=2):
        super().__init__()
        self.output = nn.Linear(channels, classes)

    def features(self, inputs):
        return inputs

    def classify(self, features):
        return self.output(features.mean((2, 3)))


def test_with_a_linear_head_the_maps_are_its_weights_times_the_features():
    torch.manual_seed(0)
    network, features = Linear(), torch.randn(2, 3, 4, 5, requires_grad=True)
    maps = class_activation_maps(network, features)
    expected = torch.einsum("kc,bchw->bkhw", network.output.weight, features) / 20
    torch.testing.assert_close(maps, expected)
    # Their sum is the score but for the intercept.
    torch.testing.assert_close(maps.sum((2, 3)) + network.output.bias, network.classify(features))


@pytest.mark.parametrize("volume", [False, True])
def test_the_positive_part_of_the_maps_is_grad_cam_also_while_training(volume):
    torch.manual_seed(1)
    if volume:
        settings = NetworkSettings(channels=(4, 4, 8, 8), hidden=8, normalization="batch")
        network, inputs = build_network(settings), torch.rand(2, 1, 4, 32, 32)
    else:
        network, inputs = ResNet50Classifier(3, head="fastai"), torch.randn(2, 3, 64, 64)
    network.eval()
    with torch.no_grad():
        features = network.features(inputs)
    expected = torch.stack([grad_cam(network, inputs, number)[1] for number in range(3)], 1)
    network.train()
    maps = class_activation_maps(network, features.clone().requires_grad_())
    torch.testing.assert_close(maps[:, :3].relu(), expected)
    assert all(module.training for module in network.modules())


def test_liver_cells_are_those_that_the_liver_touches_and_their_neighbors():
    liver = torch.zeros(1, 8, 8)
    liver[0, 2, 2] = 1  # cell (1, 1) of 4 x 4
    touched = torch.zeros(4, 4, dtype=torch.bool)
    touched[1, 1] = True
    assert torch.equal(liver_cells(liver, (4, 4))[0], touched)
    touched[:3, :3] = True
    assert torch.equal(liver_cells(liver, (4, 4), dilation=1)[0], touched)
    assert torch.equal(
        liver_cells(liver[:, None].expand(1, 2, 8, 8), (2, 4, 4), dilation=1)[0], touched.expand(2, 4, 4)
    )


def test_the_share_counts_evidence_for_and_against_every_class():
    maps = torch.tensor([[[[3.0, -1.0]], [[0.0, 2.0]]]])  # one sample, two classes, 1 x 2 positions
    allowed = torch.tensor([[[True, False]]])
    assert outside_share(maps, allowed).item() == pytest.approx((1 / 4 + 2 / 2) / 2)
    assert outside_share(maps, ~allowed).item() == pytest.approx((3 / 4 + 0 / 2) / 2)


def test_samples_without_a_liver_do_not_count():
    torch.manual_seed(0)
    network, features = Linear(), torch.randn(2, 3, 4, 4, requires_grad=True)
    liver = torch.zeros(2, 4, 4)
    liver[0, 0, 0] = 1
    alone = evidence_penalty(network, features[:1], liver[:1])
    torch.testing.assert_close(evidence_penalty(network, features, liver), alone)
    assert evidence_penalty(network, features, torch.zeros(2, 4, 4)).item() == 0


def test_it_moves_the_evidence_from_a_shortcut_beside_the_liver_into_it():
    """Channel 0 tells the classes apart beside the liver, channel 1 within it: without the penalty both are used."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(64) % 2
    features = 0.05 * torch.rand(64, 2, 4, 4, generator=generator)
    features[:, 0, 3, 3] += 16 * labels
    features[:, 1, 0, 0] += 16 * labels
    liver = torch.zeros(64, 4, 4)
    liver[:, 0, 0] = 1
    shares = {}
    for weight in (0.0, 0.5):
        torch.manual_seed(1)
        network = Linear(2)
        optimizer = torch.optim.Adam(network.parameters(), 0.05)
        for _ in range(300):
            loss = F.cross_entropy(network.classify(features), labels)
            if weight:
                loss = loss + weight * evidence_penalty(network, features, liver)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert (network.classify(features).argmax(1) == labels).all()
        # In class 0 there is nothing but noise.
        shares[weight] = evidence_penalty(network, features[labels == 1], liver[labels == 1]).item()
    assert shares[0.0] > 0.4
    assert shares[0.5] < 0.1
