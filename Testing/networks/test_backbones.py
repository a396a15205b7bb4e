"""Backbones give the features that torchvision and timm give, with the weights that were asked for."""

from __future__ import annotations

import json
import shutil

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file

from benchmarks.convert_efficientnet_lite0 import reference_image
from LiverAILib import resources
from LiverAILib.errors import UserError
from LiverAILib.networks.backbones import backbone_card, backbone_checksum, build_backbone, bundled_backbones

LITE0 = "tf_efficientnet_lite0"


@pytest.fixture
def images():
    """Two random color images in 0..1."""
    return torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["resnet50", "inception_v3", "densenet121", "mobilenet_v3_small"])
def test_features_are_those_of_torchvision(name, images, tmp_path):
    torch.manual_seed(5)
    more = {"init_weights": False, "transform_input": True} if name == "inception_v3" else {}
    reference = torchvision.models.get_model(name, **more).eval()
    save_file(reference.state_dict(), tmp_path / "weights.safetensors")
    backbone = build_backbone(name, weights=tmp_path / "weights.safetensors").eval()
    setattr(reference, "classifier" if hasattr(reference, "classifier") else "fc", torch.nn.Identity())
    # What torchvision's own recipe does to an image before its network.
    recipe = torchvision.models.get_model_weights(name).IMAGENET1K_V1.transforms()
    given = torchvision.transforms.functional.normalize(images, recipe.mean, recipe.std)
    ours = torchvision.transforms.functional.normalize(images, backbone.mean, backbone.std)
    with torch.no_grad():
        pooled, maps = backbone(ours), backbone.features(ours)
        torch.testing.assert_close(pooled, reference(given), rtol=1e-4, atol=1e-5)
    assert pooled.shape == (2, backbone.channels)
    torch.testing.assert_close(maps.mean((2, 3)), pooled)
    assert backbone.image_size == (299 if name == "inception_v3" else 224)


def test_features_are_those_of_timm(images, tmp_path):
    torch.manual_seed(6)
    reference = timm.create_model("resnet10t", num_classes=0).eval()
    save_file(reference.state_dict(), tmp_path / "weights.safetensors")
    backbone = build_backbone("resnet10t", weights=tmp_path / "weights.safetensors").eval()
    with torch.no_grad():
        torch.testing.assert_close(backbone(images), reference(images))
    assert backbone_checksum(backbone) == backbone_checksum(reference)


@pytest.mark.parametrize("name", ["resnet50", "inception_v3", LITE0])
def test_layer_groups_hold_every_layer_once_first_to_last(name):
    backbone = build_backbone(name)
    parameters = [one for group in backbone.layer_groups for one in group.parameters()]
    auxiliary = list(getattr(backbone, "auxiliary", None).parameters()) if name == "inception_v3" else []
    assert len(backbone.layer_groups) > 3
    assert {id(one) for one in parameters + auxiliary} == {id(one) for one in backbone.parameters()}
    assert len(parameters + auxiliary) == len(list(backbone.parameters()))
    assert parameters[0] is next(backbone.parameters())


def test_inception_ends_in_three_named_stages():
    backbone = build_backbone("inception_v3").eval()
    stages = dict(backbone.stages.named_children())
    assert list(stages)[-3:] == ["Mixed_5", "Mixed_6", "Mixed_7"]
    with torch.no_grad():
        middle = backbone.stages[:-1](torch.zeros(1, 3, 299, 299))
        assert middle.shape == (1, 768, 17, 17)
        assert backbone.auxiliary(middle).shape == (1, 1000)


def test_the_bundled_weights_give_the_features_of_the_published_ones():
    """float16 kernels: 1 % of the largest feature, where the published weights were used in float32."""
    assert LITE0 in bundled_backbones()
    backbone, card = build_backbone(LITE0, weights="bundled").eval(), backbone_card(LITE0)
    with torch.no_grad():
        found = backbone(reference_image())[0, ::20]
    expected = torch.tensor(card["float32_features"])
    assert (expected > 0.05).sum() >= 8
    assert (found - expected).abs().max() < 0.01 * expected.max()
    assert (found - expected).norm() < 0.01 * expected.norm()
    assert card["license"] == "Apache-2.0"
    assert (backbone.image_size, backbone.mean, backbone.std) == (224, (0.5,) * 3, (0.5,) * 3)
    assert backbone.interpolation == "bicubic"


def test_the_checksum_tells_weights_apart():
    backbone = build_backbone(LITE0, weights="bundled")
    before = backbone_checksum(backbone)
    assert before == backbone_checksum(build_backbone(LITE0, weights="bundled").train())
    with torch.no_grad():
        next(backbone.parameters()).view(-1)[0] += 1e-3
    assert backbone_checksum(backbone) != before


def test_damaged_bundled_weights_are_refused(tmp_path, monkeypatch):
    folder = shutil.copytree(resources.backbones_folder() / LITE0, tmp_path / LITE0)
    card = json.loads((folder / "backbone.json").read_text())
    (folder / "backbone.json").write_text(json.dumps({**card, "sha256": "0" * 64}))
    monkeypatch.setattr("LiverAILib.networks.backbones.backbones_folder", lambda: tmp_path)
    with pytest.raises(UserError, match="wrong checksum"):
        build_backbone(LITE0, weights="bundled")


def test_what_is_not_there_or_does_not_fit_is_refused(tmp_path):
    with pytest.raises(UserError, match="neither torchvision nor timm"):
        build_backbone("resnet5000")
    with pytest.raises(UserError, match="has no feature maps"):
        build_backbone("vit_b_16")
    with pytest.raises(UserError, match=f"no weights of resnet18 come with LiverAI, those of {LITE0} do"):
        build_backbone("resnet18", weights="bundled")
    with pytest.raises(UserError, match=r"Download model\.safetensors"):
        build_backbone(LITE0, weights="imagenet")
    save_file(torchvision.models.resnet18().state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="does not fit this encoder"):
        build_backbone("resnet34", weights=tmp_path / "other.safetensors")
