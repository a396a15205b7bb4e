"""The segmentation network: its layers in order, and what it does to the input."""

from __future__ import annotations

import torch

from LiverAILib.networks.backbones import build_backbone
from LiverAILib.networks.unet import build_unet, pretrained_normalization, unet_layer_groups


def test_the_layer_groups_hold_every_parameter_once_first_to_last():
    network = build_unet(5)
    groups, encoder_groups = unet_layer_groups(network)
    assert (len(groups), encoder_groups) == (11, 5)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    listed = [names[id(parameter)] for group in groups for parameter in group.parameters()]
    assert sorted(listed) == sorted(names.values())
    # The order in which the parts are defined is the one in which an image passes them.
    assert listed == [name for name, _ in network.named_parameters()]
    encoder = {names[id(p)].split(".")[0] for group in groups[:encoder_groups] for p in group.parameters()}
    assert encoder == {"encoder"}


def test_a_network_from_imagenet_normalizes_its_input_itself():
    torch.manual_seed(0)
    plain = build_unet(2).eval()
    normalized = build_unet(2, normalization="imagenet").eval()
    normalized.load_state_dict(plain.state_dict())
    images = torch.rand(1, 3, 32, 32)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    by_hand = (images - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
    with torch.no_grad():
        torch.testing.assert_close(normalized(images), plain(by_hand))
        assert not torch.allclose(normalized(images), plain(images))


def test_the_bundled_encoder_gives_the_maps_of_timms_network():
    network = build_unet(2, encoder="tu-tf_efficientnet_lite0", encoder_weights="bundled").eval()
    backbone = build_backbone("tf_efficientnet_lite0", weights="bundled").eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        network_of_timm = backbone.network
        maps = network_of_timm.blocks(network_of_timm.bn1(network_of_timm.conv_stem(images)))
        torch.testing.assert_close(network.encoder(images)[-1], maps)
    groups, encoder_groups = unet_layer_groups(network)
    listed = [id(parameter) for group in groups for parameter in group.parameters()]
    assert sorted(listed) == sorted(id(parameter) for parameter in network.parameters())
    assert encoder_groups == 8  # the stem and seven stages


def test_each_encoder_gets_the_input_that_its_weights_expect():
    assert pretrained_normalization("resnet34") == "imagenet"
    assert pretrained_normalization("tu-tf_efficientnet_lite0") == "minus one to one"
    images = torch.rand(1, 3, 32, 32)
    network = build_unet(2, encoder="resnet18", normalization="minus one to one").eval()
    plain = build_unet(2, encoder="resnet18").eval()
    plain.load_state_dict(network.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(network(images), plain(2 * images - 1))
