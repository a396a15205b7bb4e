"""HiResCAM against captum, against Grad-CAM where both are the same, and on a planted truth that Grad-CAM misses."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from captum.attr import LayerGradientXActivation
from torch import nn

from LiverAILib.explain.gradcam import grad_cam
from LiverAILib.explain.hirescam import SHIFTS, hires_cam
from LiverAILib.methods.yin2021.network import Yin2021Network

UNMOVED = ((0, 0),)


def test_2d_maps_are_captums_gradient_times_activation_of_the_second_stage(resnet, images):
    _, maps = hires_cam(resnet, images, 1, shifts=UNMOVED, relu=False)
    expected = LayerGradientXActivation(resnet, resnet.layer2).attribute(images, 1).sum(1, keepdim=True)
    large = F.interpolate(expected, size=(64, 96), mode="bilinear", align_corners=False)[:, 0]
    torch.testing.assert_close(maps, large.detach(), atol=1e-6, rtol=1e-4)


def test_3d_maps_are_captums_gradient_times_activation_of_the_third_convolution():
    torch.manual_seed(0)
    network = Yin2021Network(channels=(2, 3, 4, 5), hidden=6).eval()
    volume = torch.rand(1, 1, 8, 24, 32)
    _, maps = hires_cam(network, volume, 3, shifts=UNMOVED, relu=False)
    expected = LayerGradientXActivation(network, network.convolutions[2]).attribute(volume, 3).sum(1, keepdim=True)
    large = F.interpolate(expected, size=(8, 24, 32), mode="trilinear", align_corners=False)[:, 0]
    torch.testing.assert_close(maps, large.detach(), atol=1e-7, rtol=1e-4)


class LastStageOnly(nn.Module):
    """A network whose early stage is its last, followed by pooling and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.output = nn.Conv2d(3, 6, 3, padding=1), nn.Linear(6, 2)

    def features(self, inputs):
        return self.body(inputs)

    def classify(self, features):
        return self.output(features.mean((2, 3)))

    early_features, classify_early = features, classify


def test_before_pooling_and_a_linear_layer_it_is_grad_cam(images):
    torch.manual_seed(0)
    network = LastStageOnly().eval()
    _, fine = hires_cam(network, images, 1, shifts=UNMOVED)
    _, coarse = grad_cam(network, images, 1)
    torch.testing.assert_close(fine, coarse, atol=1e-7, rtol=1e-5)


class RightHalfOnly(nn.Module):
    """Two equal spots in one channel, of which only the right one raises the score."""

    def features(self, inputs):
        return inputs

    def classify(self, features):
        raised = features[..., 16:].sum((1, 2, 3))
        return torch.stack([torch.zeros_like(raised), raised], 1)

    early_features, classify_early = features, classify


def test_it_shows_the_place_that_is_used_where_grad_cam_shows_all_that_look_alike():
    image = torch.zeros(1, 1, 32, 32)
    image[..., 14:18, 6:10] = image[..., 14:18, 22:26] = 1
    network = RightHalfOnly().eval()
    _, fine = hires_cam(network, image, 1, shifts=UNMOVED)
    _, coarse = grad_cam(network, image, 1)
    assert fine[..., :16].sum() == 0
    assert fine[..., 16:].sum() > 0
    assert coarse[..., :16].sum() == coarse[..., 16:].sum() > 0


def test_the_mean_over_shifts_is_that_of_the_maps_one_by_one(resnet, images):
    scores, maps = hires_cam(resnet, images, 1, shifts=((0, 0), (5, -3)), relu=False)
    _, still = hires_cam(resnet, images, 1, shifts=UNMOVED, relu=False)
    padded = F.pad(images, (3, 3, 5, 5), mode="replicate")
    moved = padded[..., 0:64, 6:102]  # 5 rows down, 3 columns to the left
    _, other = hires_cam(resnet, moved, 1, shifts=UNMOVED, relu=False)
    back = F.pad(other[:, None], (3, 3, 5, 5), mode="replicate")[:, 0, 10:74, 0:96]
    torch.testing.assert_close(maps, (still + back) / 2, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(scores, resnet(images).detach(), atol=1e-5, rtol=1e-4)


def test_the_class_is_chosen_once_by_the_unmoved_image(resnet, images):
    predicted = resnet(images).argmax(1)
    torch.testing.assert_close(hires_cam(resnet, images)[1], hires_cam(resnet, images, predicted)[1])


def test_the_shifts_differ_modulo_the_width_of_a_last_position():
    assert len({(rows % 32, columns % 32) for rows, columns in SHIFTS}) == len(SHIFTS)
    assert len({rows % 32 for rows, _ in SHIFTS}) == len({columns % 32 for _, columns in SHIFTS}) == len(SHIFTS)


def test_training_mode_and_a_first_shift_are_refused(images):
    with pytest.raises(ValueError, match="evaluation mode"):
        hires_cam(LastStageOnly(), images)
    with pytest.raises(ValueError, match="first shift"):
        hires_cam(LastStageOnly().eval(), images, shifts=((1, 0),))
