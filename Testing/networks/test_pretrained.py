"""Pretrained weights from a local file: taken over exactly, or refused with what does not fit."""

from __future__ import annotations

import pickle

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from LiverAILib.errors import UserError
from LiverAILib.networks.classifier import ResNet50Classifier
from LiverAILib.networks.pretrained import download
from LiverAILib.networks.unet import build_unet


@pytest.fixture(scope="module")
def states():
    """Random state dicts as torchvision publishes them."""
    torch.manual_seed(11)
    return {name: getattr(torchvision.models, name)().state_dict() for name in ("resnet34", "resnet50")}


def test_the_classifier_begins_with_the_weights_of_the_file(states, tmp_path):
    save_file(states["resnet50"], tmp_path / "weights.safetensors")
    network = ResNet50Classifier(2, weights=tmp_path / "weights.safetensors").eval()
    reference = torchvision.models.resnet50()
    reference.load_state_dict(states["resnet50"])
    reference.fc = torch.nn.Identity()
    images = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(network.features(images).mean((2, 3)), reference.eval()(images))


def test_the_encoder_of_the_unet_begins_with_the_weights_of_the_file(states, tmp_path):
    save_file(states["resnet34"], tmp_path / "weights.safetensors")
    network = build_unet(2, encoder_weights=str(tmp_path / "weights.safetensors"))
    own = network.encoder.state_dict()
    assert len(own) == len(states["resnet34"]) - 2
    assert all(torch.equal(value, states["resnet34"][name]) for name, value in own.items())


def test_what_does_not_fit_is_named(states, tmp_path):
    save_file(states["resnet34"], tmp_path / "other.safetensors")
    with pytest.raises(UserError, match=r"missing: layer1\.0\.bn3\.bias.*of another shape: layer1"):
        ResNet50Classifier(2, weights=tmp_path / "other.safetensors")


def test_a_pickle_is_not_loaded(tmp_path):
    (tmp_path / "weights.pth").write_bytes(pickle.dumps({"conv1.weight": [1.0]}))
    with pytest.raises(UserError, match="not a readable safetensors file"):
        build_unet(2, encoder_weights=str(tmp_path / "weights.pth"))
    with pytest.raises(UserError, match="not a readable safetensors file"):
        build_unet(2, encoder_weights=str(tmp_path / "absent.safetensors"))


def test_published_weights_that_cannot_be_fetched_are_a_plain_error():
    def build():
        raise ConnectionError("no route to host\nTraceback ...")

    with pytest.raises(UserError, match="cannot be fetched \\(no route to host\\)") as caught:
        download(build)
    assert "\n" not in str(caught.value)
