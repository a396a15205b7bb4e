"""Grad-CAM against captum, against its closed form, and one by one against batched."""

from __future__ import annotations

import pytest
import torch
from captum.attr import LayerGradCam
from torch import nn

from LiverAILib.explain.gradcam import grad_cam
from LiverAILib.networks.classifier import ResNet50Classifier


class Small3D(nn.Module):
    """A 3D network with a head that is not linear in the pooled features."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv3d(1, 6, 3, padding=1), nn.Tanh(), nn.MaxPool3d(2), nn.Conv3d(6, 8, 3, padding=1)
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(8 * 4 * 5 * 6, 12), nn.Tanh(), nn.Linear(12, 5))

    def features(self, inputs):
        return self.body(inputs)

    def classify(self, features):
        return self.head(features)

    def forward(self, inputs):
        return self.head(self.body(inputs))


@pytest.mark.parametrize("target", [0, 1])
def test_2d_maps_equal_captum(resnet, images, target):
    _, maps = grad_cam(resnet, images, target)
    expected = LayerGradCam(resnet, resnet.layer4).attribute(images, target, relu_attributions=True)
    torch.testing.assert_close(maps, expected[:, 0].detach(), atol=1e-5, rtol=1e-5)


def test_3d_maps_equal_captum():
    torch.manual_seed(0)
    network = Small3D().eval()
    volume = torch.randn(2, 1, 8, 10, 12)
    for relu in (True, False):
        _, maps = grad_cam(network, volume, 3, relu=relu)
        expected = LayerGradCam(network, network.body).attribute(volume, 3, relu_attributions=relu)
        torch.testing.assert_close(maps, expected[:, 0].detach(), atol=1e-5, rtol=1e-5)


def test_for_pooling_and_a_linear_layer_the_map_is_the_weighted_sum_of_features(resnet, images):
    _, maps = grad_cam(resnet, images, 1)
    with torch.no_grad():
        features = resnet.features(images)
    positions = features.shape[-1] * features.shape[-2]
    expected = torch.einsum("c,bchw->bhw", resnet.output.weight[1], features).relu() / positions
    torch.testing.assert_close(maps, expected.detach(), atol=1e-5, rtol=1e-5)


def test_a_batch_gives_what_each_image_gives_alone(resnet, images):
    scores, maps = grad_cam(resnet, images)
    for number in range(len(images)):
        one_score, one_map = grad_cam(resnet, images[number : number + 1])
        torch.testing.assert_close(maps[number : number + 1], one_map, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(scores[number : number + 1], one_score, atol=1e-5, rtol=1e-5)


def test_scores_are_those_of_the_plain_forward_pass(resnet, images):
    with torch.no_grad():
        torch.testing.assert_close(grad_cam(resnet, images)[0], resnet(images))


def test_without_a_target_the_predicted_class_is_explained(resnet, images):
    scores, maps = grad_cam(resnet, images)
    _, expected = grad_cam(resnet, images, scores.argmax(1).tolist())
    torch.testing.assert_close(maps, expected)


def test_a_function_of_the_scores_chooses_the_class(resnet, images):
    """As where a calibration shifts the call: here always to the class with the lowest score."""
    scores, maps = grad_cam(resnet, images, lambda scores: scores.argmin(1))
    _, expected = grad_cam(resnet, images, scores.argmin(1).tolist())
    torch.testing.assert_close(maps, expected)


def test_a_frozen_network_is_explained_and_left_as_it_was(images):
    network = ResNet50Classifier(2).eval().requires_grad_(False)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    grad_cam(network, images)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_network_in_training_mode_is_refused(images):
    with pytest.raises(ValueError, match="evaluation mode"):
        grad_cam(ResNet50Classifier(2).train(), images)
